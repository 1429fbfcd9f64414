//! The parts of the site file that `metald init` writes.

pub const HEAD: &str = r#"# The site: networks, disks, profiles and machines. `metald check` says what is wrong with it.

# Written to every disk that is installed: a disk of another site is not erased. Choose it now and keep it.
name = "site"

# Clients that nobody announced: "ignore" them, "record" them (they are listed, and boot their own disk
# until somebody approves them), or "enroll" them (they boot the agent and are inventoried).
unknown = "record"

[server]
# state = "/var/lib/metald"        # database, CA, keys, the first operator's token
# images = "/var/lib/metald/images"
# database = "sqlite:///var/lib/metald/metald.db"   # or postgres://host/metald
# http_port = 8080                 # boot scripts, kernels, images
# https_port = 8443                # agents, metalctl, dashboard
# heartbeat = "30s"                # between two signs of life of an installed machine
# back_to_ram = "15m"              # each way back to RAM, in silence: longer than the slowest firmware takes

# A network on which machines boot. This server is its only DHCP server.
"#;

pub const NO_INTERFACE: &str = r#"
# No interface with an IPv4 address was found. Give one an address, then write it here:
# [[network]]
# name = "boot"
# interface = "eth1"
# address = "10.77.0.1/24"
# pool = ["10.77.0.100-10.77.0.199"]
"#;

pub const OUTSIDE: &str = "# This one has the default route, so another DHCP server probably serves it: two of them disturb\n\
                       # each other. Take the # away only where this server is to be the one.\n";

pub const NETWORK_MORE: &str = r#"# dns = ["…"]
# domain = "rack1.example.org"
# ntp = ["…"]                    # metald itself answers no NTP; without one, clocks are set at each boot only
# lease = "1h"
# router_advertisements = false  # true lets old iPXE boot some 13 seconds sooner, where no IPv6 router is
"#;

pub const TAIL: &str = r#"
# An address that only this MAC gets. Take it from outside the pools.
# [[reservation]]
# mac = "52:54:00:12:34:09"
# address = "10.77.0.9"

# How a disk is divided. An ESP (esp = "512M") and a BIOS boot partition are always there; there is no
# swap unless a partition with fs = "swap" asks for it. K, M, G and T are powers of 1024.
[layout.plain]
root = { size = "8G", grow = true }
# [[layout.plain.extra]]
# name = "data"
# size = "20G"
# grow = true                      # what is left is shared by all that grow
# fs = "ext4"                      # ext4, vfat or swap
# mount = "/srv"

# What a machine becomes.
[profile.standard]
image = "debian-12"
layout = "plain"
hostname = "node{:02}"             # node01, node02, …
authorized_keys = [
KEYS]
# Every console gets the kernel's messages; the last one is the main console.
consoles = ["ttyS0,115200n8", "tty0"]
# kernel_arguments = ["nomodeset"]
# "untouched": a disk without table and signatures is erased by itself, all else waits for a person.
# "person": every erasure waits for a person.
approve = "untouched"
# Its machines become nodes of a Kubernetes cluster, with an image such as debian-12-kubernetes-1.36.
# cluster = "prod"
# role = "worker"                  # or "control-plane"
# labels = { "example.org/zone" = "a" }
# taints = ["dedicated=gpu:NoSchedule"]
# Which disk: all conditions hold, the smallest of several is taken. Never a stick, unless by serial or wwn.
[profile.standard.disk]
# serial = "S4EVNX0R123456"
# wwn = "eui.0025385b01234567"
# min_size = "100G"
# max_size = "2T"
# kind = "nvme"                    # nvme, ssd or hdd
# [profile.standard.deadlines]     # where a state needs more patience on this hardware
# installing = "45m"

# Machines that are known before they are seen: by MAC or by serial.
# [[machine]]
# name = "node07"
# macs = ["52:54:00:12:34:56"]
# serial = "CZ12345678"
# rack = "a"
# unit = 7
# profile = "standard"
# address = "10.77.0.7"
# role = "control-plane"           # in its profile's cluster, instead of the profile's role
# bmc = "10.0.0.7"                 # its BMC, which this server has to reach
# bmc_set = "supermicro"           # how that is logged in to; before its first inspection no set fits by vendor

# Which profile the others get: the first rule whose conditions all hold. Without conditions: every machine.
# [[rule]]
# manufacturer = "Dell"            # how the text begins, upper or lower case
# product = "PowerEdge R640"
# serial = "CZ"
# mac = "52:54:00"
# min_memory = "64G"
# min_disks = 2
# profile = "standard"
[[rule]]
profile = "standard"

# Who is told of changes of state, by a signed POST.
# [[webhook]]
# name = "chat"
# url = "https://hooks.example.org/metal"
# secret_file = "/etc/metald/chat.key"   # one line: openssl rand -hex 32
# states = ["failed"]              # all without it

# How BMCs are logged in to. Passwords are in files or in credentials of systemd, never here.
# [bmc.supermicro]
# driver = "ipmi"                  # redfish, ipmi, wake-on-lan or command
# vendor = "Supermicro"            # of machines whose manufacturer begins so
# default = true                   # and of those that no other set fits
# user = "metald"
# password_credential = "supermicro"   # LoadCredential=supermicro:/etc/metald/bmc.key in the unit
# cold_reset = true                # one that hangs is restarted, at most once an hour

# In which order machines are switched on after an outage: a group waits for those before it.
# [power]
# at_once = 4                      # so many within inrush
# inrush = "2s"
# [[power.group]]
# name = "storage"
# checks = ["tcp:10.77.0.5:2049"]  # what must answer, such as an NFS server beside the rack
# [[power.group]]
# name = "nodes"
# profiles = ["standard"]

# A Kubernetes cluster, whose machines join it and leave it by themselves.
# [cluster.prod]
# kubernetes = "1.36"              # any 1.36.x that the image holds, or exactly 1.36.3
# endpoint = "10.77.0.10:8443"     # of the API server: a name, or an address that nobody has, outside the pools
# load_balancer = "nodes"          # HAProxy and keepalived on the control planes; "external": the site's own
# api_server_port = 6443
# pods = "10.244.0.0/16"
# services = "10.96.0.0/16"
# fabric = "host-gw"               # Flannel's plain routes, in one subnet; "vxlan" across several; or "none"
# schedule_on_control_planes = false
# min_memory = "2G"                # of a node
# [cluster.prod.kubeadm.cluster_configuration]   # laid over what metald gives to kubeadm
# certificateValidityPeriod = "8760h"
# [cluster.prod.kubeadm.patches]   # of kubeadm's components: file name and text
# "kubeletconfiguration+merge.json" = '{"maxPods": 150}'
"#;
