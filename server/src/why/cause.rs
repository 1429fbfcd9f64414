//! The table of causes: what usually lies behind each wait and each failure, and what to do about it. `NAME` is the
//! machine's. docs/causes.md is this table.

/// Makes the enum, the list of all, and the words, so that no cause is without them.
macro_rules! causes {
    ($($cause:ident $name:literal: $usual:literal, $todo:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $($cause,)* }

        impl Cause {
            pub const ALL: &[Cause] = &[$(Cause::$cause,)*];

            /// How the entry is called, in JSON and in the docs.
            pub const fn name(self) -> &'static str {
                match self { $(Cause::$cause => $name,)* }
            }

            /// What usually lies behind it; empty where nothing is wrong.
            pub const fn usual(self) -> &'static str {
                match self { $(Cause::$cause => $usual,)* }
            }

            /// What to do; empty where nothing has to be done.
            pub const fn todo(self) -> &'static str {
                match self { $(Cause::$cause => $todo,)* }
            }
        }
    };
}

causes! {
    // A person is waited for.
    Held "held": "Somebody stopped it: hands may be in the chassis.",
        "`metalctl event list --machine NAME` shows who; `metalctl machine release NAME` lets it go on.";
    Quarantined "quarantined": "A card was moved, a board was replaced, or a disk was put into another machine: what it shows is partly this machine's and partly not.",
        "`metalctl machine show NAME` shows what is in question. `metalctl machine merge NAME NAME` says that it is still NAME, `metalctl machine merge NAME OTHER` that it is that one, `metalctl machine split NAME` that the interfaces in question are a machine of their own.";
    SecondSession "second-session": "Its disk was copied and the copy runs in another machine, or somebody pretends to be it: both are stopped, and neither gets work or a secret.",
        "Find the two by the boots that are named, switch one off and boot the other anew; then `metalctl machine merge NAME NAME` lets it go on. If they are two machines whose ports are in one row, `metalctl machine split NAME --mac MAC`.";
    PowerOff "power-off": "An operator wants it off.", "`metalctl machine power on NAME` takes the wish back.";
    Recorded "recorded": "Nobody announced it, and the site file says that unknown clients are only recorded.",
        "`metalctl machine approve NAME` lets it in; leave it, and it goes on booting its own disk.";
    NoProfile "no-profile": "No [[machine]] entry and no rule of the site file fits it.",
        "`metalctl machine show NAME` shows what a rule can go by; add one, or assign a profile.";
    Approval "approval": "Its profile lets no disk be erased before a person has seen what is on it.",
        "`metalctl machine approve NAME` shows the disks and asks.";
    InRescue "in-rescue": "An operator wants to look into it: its disks stay as they are.",
        "Log in as root by SSH; end the rescue when you are done.";
    Retired "retired": "", "";

    // Its power, and whatever switches that.
    Off "off": "It reads as off and should be on: it waits for its turn, or it has just gone off.",
        "It is switched on by itself; `metalctl power groups` shows for whom it waits.";
    NotObeyed "not-obeyed": "Its BMC took the request, and the power still reads otherwise: no mains, a dead power supply, or a firmware that forbids it.",
        "`metalctl machine bmc-log NAME` and `metalctl machine sensors NAME`; look at its power supplies.";
    NotOnTheWire "not-on-the-wire": "It is on, was power-cycled once, and sent no packet: no cable, network boot switched off, a firmware that waits for a key, or a dead board.",
        "Look at its console and at the switch port; `metalctl machine power cycle NAME` tries once more.";
    BmcContradicted "bmc-contradicted": "Its BMC reads off while it speaks: that address is another machine's BMC (swapped cables, a wrong line in a table), or the BMC does not tell the truth.",
        "`metalctl machine identify on NAME` lights the chassis that this BMC is in; `metalctl bmc set NAME --address ADDRESS` corrects it, `metalctl bmc reset NAME` restarts one that lies. Switch nothing by it before.";
    BootKept "boot-kept": "It was to boot from the network once, and its BMC keeps that for every start: taking it back was refused, or did not show.",
        "Set it to no override on the BMC's own page, or `metalctl bmc reset NAME`; it is tried again by itself, and the history has the BMC's words.";
    NeedsAHand "needs-a-hand": "It has no BMC, and neither a magic packet nor an agent does what is wanted: Wake-on-LAN is off in its firmware, it has no mains, or what runs there is not ours.",
        "Press its power button; then switch Wake-on-LAN on in its firmware.";
    BmcHung "bmc-hung": "Its BMC takes requests and does not answer, or has just fallen silent; the machine itself need not be hurt.",
        "`metalctl bmc reset NAME` restarts the BMC; where that does not help, take the mains away for half a minute.";
    BmcRefused "bmc-refused": "Its BMC does not take the name or the password.",
        "`metalctl bmc set NAME --user USER --password-file FILE`; until then it is asked rarely, because BMCs lock accounts.";
    BmcNoSessions "bmc-no-sessions": "Its BMC has no session left: tools that never log out, or many who look at it at once; name and password are right.",
        "End sessions on the BMC's own page, or `metalctl bmc reset NAME`; left alone they end by themselves, most within half an hour.";
    BmcCertificate "bmc-certificate": "Its BMC presents another certificate than it did: a new board, a new certificate, or somebody else at its address.",
        "If you know why, `metalctl bmc accept-certificate NAME`; no password is sent to it before that.";
    BmcUnreachable "bmc-unreachable": "Nothing answers at its BMC's address: cable, switch, or another address since.",
        "`metalctl bmc show NAME` says where it is looked for, and where its agent found it.";

    // How far its boot over the network came.
    NothingArrived "nothing-arrived": "No power, no cable, network boot switched off in the firmware, or a switch port that spanning tree still blocks.",
        "Power it on with network boot first, and set its switch port to portfast.";
    NoOffer "no-offer": "We heard it and made no offer: the pool is empty, or its address is kept by somebody else's lease.",
        "`metalctl lease list` shows who has the addresses; widen the pool in the site file.";
    OfferNotTaken "offer-not-taken": "Another DHCP server was faster, or our reply does not reach it.",
        "Look for a second DHCP server on that network, and for a firewall that drops UDP port 68.";
    NothingFetched "nothing-fetched": "It has an address and fetched nothing: TFTP or HTTP is blocked between it and us, or its firmware waits for a key.",
        "Allow UDP port 69 and the boot server's HTTP port, and look at its console.";
    LoaderCut "loader-cut": "The loader's transfer did not end: packets are lost, or an MTU differs along the way.",
        "Compare the MTU of its switch port with this server's, and look at the port's error counters.";
    LoaderSilent "loader-silent": "The loader arrived and asks for no script: it does not drive this network card, or Secure Boot refuses it.",
        "Look at its console; switch Secure Boot off, or boot from another of its cards.";
    NoKernel "no-kernel": "It has its script and fetches no kernel: HTTP is slow or blocked.",
        "Fetch /boot/ from the boot server's HTTP port out of that network, and look at its console.";
    NoInitrd "no-initrd": "The kernel arrived and the RAM image did not: too little memory, or a broken transfer.",
        "The RAM image needs 2 GB of memory; look at its console.";
    NoHello "no-hello": "Kernel and RAM image arrived and no agent said hello: the kernel does not start, lacks this card's driver, or cannot reach the HTTPS port.",
        "Look at its console and at `metalctl machine logs NAME`; allow the HTTPS port.";
    OwnDiskSilent "own-disk-silent": "It was sent to its own disk and its agent is silent: the firmware does not find the disk, or the OS has no network.",
        "Look at its console; in the firmware the disk's controller must be one that it boots from.";
    AgentLost "agent-lost": "Its agent was there and is silent: it lost power or network, or its kernel died.",
        "Look at power, link and console; its watchdog reboots it, and the step goes on where it stopped.";

    // On its way back to RAM.
    WayBack "way-back": "Its OS was told to give way to the agent in RAM, and its firmware takes minutes.", "";
    WaySilent "way-silent": "Its OS went, and neither it nor the agent in RAM came: the firmware waits for a key, or it lost power.",
        "Its BMC, where it has one, cycles its power once. Without, look at power and console; a power cycle does no harm, and the next way is tried when its OS answers.";
    BootByHand "boot-by-hand": "Its firmware boots the disk first, and no way around that worked; the evidence has each with its reason.",
        "Boot it from the network once, and put network boot first for the next time; `metalctl machine hold NAME`, then `release NAME`, tries all ways again.";
    OldOs "old-os": "An older install answers in the place of the new one: the firmware boots another disk.",
        "Put network boot first, or take the disk with the old install out.";

    // It boots again and again.
    SameBoot "same-boot": "Boot after boot ends at the same hop, with every loader that there is for its firmware.",
        "The hop says where to look: `metalctl machine why NAME` again after a `retry`, and its console; a newer firmware of card or board often helps.";

    // Somebody works on it.
    Starting "starting": "Its agent came up and its first report is due.", "";
    Inspecting "inspecting": "The agent reads firmware tables and disks; a dying disk makes that slow.",
        "`metalctl machine logs NAME` shows where it is.";
    JudgingDisks "judging-disks": "The facts of this boot are being compared with the profile's disk rule.",
        "If it stays so: `metalctl machine approve NAME` shows what would be erased.";
    Partitioning "partitioning": "The agent writes the table and makes file systems.", "";
    Installing "installing": "The agent streams the OS to the disk.", "";
    Joining "joining": "kubeadm runs, or it is not this machine's turn: control planes join one at a time.",
        "`metalctl machine logs NAME` shows kubeadm's words, `metalctl cluster show CLUSTER` whose turn it is.";
    Draining "draining": "Pods are evicted as far as their disruption budgets allow, and etcd lets go of its member.",
        "The evidence names what it waits for; --force also evicts pods without a controller, --powered-off gives up a dead node.";
    Wiping "wiping": "The agent erases the disks; large ones without a secure erase take hours.", "";

    // It serves, or should.
    Serves "serves": "", "";
    NodeAbsent "node-absent": "Its Node object was deleted, or its kubelet cannot register.",
        "Look at the kubelet's log on it: `journalctl -u kubelet`.";
    NodeNotReady "node-not-ready": "Its kubelet does not report, or its container runtime or pod network is not ready.",
        "Look at power and link first, then at the kubelet's log on it.";
    CertificateEnded "certificate-ended": "A certificate has ended and nobody believes it any more; the agent renews in time.",
        "Look at the agent's log on it: `journalctl -u metal-agent`.";
    CertificateEnds "certificate-ends": "The agent renews certificates in time, one control plane after the other.",
        "If it stays so for a day, look at the agent's log on it: `journalctl -u metal-agent`.";

    // Nothing is erased.
    HardwareUnknown "hardware-unknown": "It was never inspected, so nobody knows its disks.",
        "Boot it from the network once.";
    ProfileGone "profile-gone": "The site file no longer declares its profile, or its layout.",
        "Put the profile back, or assign another one.";
    ImageGone "image-gone": "The image that its profile names is not in the images folder, or is broken.",
        "`metalctl image list` shows what is there; import the image, or name another one in the profile.";
    NoOperatingSystem "no-operating-system": "Its profile names an image that is not an OS.",
        "Name an OS image in the profile: `metalctl image list`.";
    NoDisk "no-disk": "It shows no disk at all: cabling, a controller in RAID mode, or a missing driver.",
        "Look at the controller in its firmware (AHCI or HBA mode), then inspect it again.";
    NoDiskFits "no-disk-fits": "It has disks, and its profile's rule wants another: size, kind, serial or WWN.",
        "The reason tells what each disk lacks; correct the rule or the disks. Another disk is never taken instead.";
    Ambiguous "ambiguous": "Two of its disks are the same to the rule.",
        "Add a serial or a wwn to the profile's disk rule.";
    NoSerial "no-serial": "The disk has neither serial nor WWN, or shares them with another, so it could be taken for another one after a reboot.",
        "Name another disk in the rule, or take the twin out.";
    LayoutTooLarge "layout-too-large": "The layout, or the image's root, needs more than the disk has.",
        "Make the layout smaller, or raise min_size in the profile's disk rule.";
    ImageTooLarge "image-too-large": "The unpacked image needs more than the layout gives to root.",
        "Make root larger in the layout, or let it grow.";
    Content "content": "The disk holds somebody's table or file systems; a rule by itself erases untouched disks only.",
        "`metalctl machine approve NAME` shows what is on it and asks; take the disk out to keep it.";
    ForeignSite "foreign-site": "The disk holds an install of another site: it was moved here.",
        "Take it out to keep it; `metalctl machine approve NAME --erase-foreign` erases it.";
    ForeignMachine "foreign-machine": "The disk holds another machine's install: disks were swapped.",
        "Put it back; `metalctl machine approve NAME --erase-foreign` erases it.";
    ForeignNewer "foreign-newer": "The disk holds a newer generation than the database knows of: the database was restored from before it.",
        "Restore a newer backup; --erase-foreign erases it all the same.";
    NotShown "not-shown": "A person said yes to other disks: one was swapped since.",
        "Put that disk back, or approve again what is there now.";
    DiskChanged "disk-changed": "The disk no longer holds what it held when a person said yes, or when the plan was frozen.",
        "Find out who wrote to it; inspect the machine again, and approve what is there now.";

    // A step failed.
    DiskGone "disk-gone": "The disk of the plan is not there: it was pulled, swapped, or died.",
        "Put it back and `metalctl machine retry NAME`; with a new disk reprovision it. No other disk is ever taken.";
    DiskReadOnly "disk-read-only": "A jumper, a lock, or a disk that protects what is left of it.",
        "Replace the disk.";
    DiskInUse "disk-in-use": "Something on the disk is mounted, swapped to, or part of a RAID or volume group.",
        "Reboot it into RAM and `metalctl machine retry NAME`.";
    DiskWrites "disk-writes": "The disk takes writes and loses or refuses them: it is dying, or its cabling is bad.",
        "`metalctl machine logs NAME` has the kernel's words about it; replace disk or cable, then retry.";
    PlanAltered "plan-altered": "A plan that is not whole, or not this machine's, is no permission to write.",
        "Inspect it again: a new plan is frozen from what is there.";
    Download "download": "The image did not arrive: the boot server is unreachable from it, or slow, or was restarted for long.",
        "Look at link and switch port; `metalctl machine retry NAME` tries again.";
    ImageCorrupt "image-corrupt": "What arrived is not what the manifest promises: the image was changed while it was sent, or memory is bad.",
        "`metalctl image verify` reads the image again; if it is whole, test the machine's memory.";
    ImageIncomplete "image-incomplete": "The image lacks a file or a program that its manifest names.",
        "Build or import the image again.";
    FileSystem "file-system": "A file system could not be made, checked or mounted.",
        "`metalctl machine logs NAME` has the program's last words; a dying disk is the usual cause.";
    WrongHome "wrong-home": "An agent was given work for the other home: a disk agent never writes tables.",
        "`metalctl machine retry NAME`; if it comes again, report it with its logs.";
    EraseFailed "erase-failed": "A disk did not erase: it refused the command, or what was erased is still there.",
        "`metalctl machine logs NAME` names the disk; erase it elsewhere or destroy it. It stays out of service until then.";
    RescueKeys "rescue-keys": "No SSH key was named, so nobody could log in.",
        "Give the key with the verb, or put authorized_keys into its profile.";
    SlowInspection "slow-inspection": "The agent is there and its inspection does not end: a disk or controller that does not answer.",
        "`metalctl machine logs NAME` shows where it stopped.";
    SlowPartitioning "slow-partitioning": "Table and file systems take seconds on a healthy disk.",
        "Look at the kernel's words in `metalctl machine logs NAME`; replace the disk.";
    SlowInstallation "slow-installation": "A slow link, a slow disk, or many machines at once.",
        "`metalctl machine show NAME` shows the pace; a deadline for this hardware goes into its profile.";
    SlowJoin "slow-join": "The node did not become Ready in time: images missing, the pod network not up, or too little memory.",
        "Look at the kubelet's log on it, then `metalctl machine retry NAME`.";
    SlowDrain "slow-drain": "Pods did not leave: a disruption budget, or pods without a controller.",
        "`metalctl event list --machine NAME` names them; reprovision with --force evicts those without a controller.";
    SlowWipe "slow-wipe": "A large disk without a secure erase, or a dying one.",
        "`metalctl machine logs NAME` shows how far it is; a longer deadline goes into its profile.";

    // kubeadm failed.
    JoinChecks "join-checks": "The machine lacks what a node needs; each thing is named.",
        "Set right what the reason names, then `metalctl machine retry NAME`.";
    JoinNoToken "join-no-token": "The server gave no join token in time: it was not this machine's turn, or the cluster is not up.",
        "`metalctl cluster show CLUSTER` says whose turn it is; `metalctl machine retry NAME` tries again.";
    JoinToken "join-token": "The token expired on the way, or another cluster answers at the endpoint.",
        "Compare the clocks, then `metalctl machine retry NAME`: it gets a new token.";
    JoinCa "join-ca": "Another cluster answers at the endpoint, or somebody is in between.",
        "Look at what the endpoint's address leads to. Nothing was joined.";
    JoinKey "join-key": "The control planes' certificates lay ready for two hours only, or under another key.",
        "`metalctl machine retry NAME` has them uploaded again.";
    JoinEndpoint "join-endpoint": "No control plane is up, the load balancer has none, or a firewall is in between.",
        "`metalctl cluster health CLUSTER`, and a connection to the endpoint from this machine.";
    JoinClock "join-clock": "The clocks of this machine and of the cluster are apart.",
        "Give the site an NTP server, then `metalctl machine retry NAME`.";
    JoinKubelet "join-kubelet": "The kubelet does not run: its own words in the reason tell why.",
        "Look at `journalctl -u kubelet` on it.";
    JoinKubeletCertificate "join-kubelet-certificate": "The kubelet's request was not signed: the server approves only this machine's token and name.",
        "Is the server able to reach the API server? `metalctl cluster show CLUSTER`, then retry.";
    JoinRuntime "join-runtime": "containerd is down, or a container image is missing from the OS image.",
        "Look at `journalctl -u containerd` on it; build the image again with its preloaded containers.";
    JoinEtcd "join-etcd": "etcd's disks or network are slow, or a member before it is unhealthy or half added.",
        "`metalctl cluster health CLUSTER` names the members; retry when all are healthy.";
    JoinNameTaken "join-name-taken": "A node of this name is Ready in the cluster.",
        "Delete that node, or give this machine another name.";
    JoinPreflight "join-preflight": "kubeadm's own checks refuse this machine; the reason has their words.",
        "Set right what they name, then `metalctl machine retry NAME`.";
    JoinTimeout "join-timeout": "The control plane did not come up in time: too little memory or CPU, or a slow disk.",
        "A control plane needs 2 CPUs and 1700 MiB; look at `journalctl -u kubelet` on it.";
    JoinOther "join-other": "kubeadm failed in a way that is not in this table.",
        "Its words are in the reason and in `metalctl machine logs NAME`.";
    Other "other": "A step failed in a way that is not in this table.",
        "`metalctl machine logs NAME` has what was said; `metalctl machine retry NAME` tries the step again.";
}
