//! The systemd unit that `metald init --unit` writes and the Debian package installs: an account of its own, two
//! capabilities, and of the machine nothing but its state to write to.

use std::path::Path;

/// The unit for a program and a site file at these paths.
pub fn unit(program: &Path, config: &Path) -> String {
    let text = UNIT.replace("PROGRAM", &program.display().to_string());
    text.replace("CONFIG", &config.display().to_string())
}

const UNIT: &str = r#"# Written by `metald init --unit`. Changes go into `systemctl edit metald`.

[Unit]
Description=Bare-metal provisioner: DHCP, TFTP, HTTP boot, agents, dashboard
Wants=network-online.target
After=network-online.target postgresql.service
ConditionPathExists=CONFIG
# A rack waits for this server: it tries again for ever.
StartLimitIntervalSec=0

[Service]
Type=notify
# Outside the sandbox below, for there alone the process is seen that holds a port. What it finds is in the journal.
ExecStartPre=-+PROGRAM check --config CONFIG
ExecStart=PROGRAM run --config CONFIG
# The images folder is looked at again.
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
# The reconciler says that it goes round, at least every ten seconds; when it hangs, systemd starts all of it anew.
WatchdogSec=180
# A boot storm holds a socket a machine.
LimitNOFILE=65536

# An account that exists while it runs; /var/lib/metald is its own.
DynamicUser=yes
User=metald
StateDirectory=metald
StateDirectoryMode=0700
UMask=0077

# Where /etc/credstore has it, the key of the secrets in the database comes from there instead of from the state folder.
LoadCredential=metald.secret.key

# DHCP and TFTP have ports below 1024; a client without an address is answered by a raw packet.
AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_RAW
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_PACKET AF_NETLINK AF_UNIX

ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged

[Install]
WantedBy=multi-user.target
"#;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// `systemd-analyze`, and what it says.
    fn analyze(arguments: &[&str]) -> (bool, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metald.service");
        // Any program that is there.
        std::fs::write(&path, unit(Path::new("/bin/true"), Path::new("/etc/metald/site.toml"))).unwrap();
        let output = Command::new("systemd-analyze").args(arguments).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    }

    #[test]
    fn systemd_takes_the_unit_without_a_word() {
        assert_eq!(analyze(&["verify"]), (true, String::new()));
    }

    #[test]
    fn little_of_the_machine_is_exposed() {
        let (within, said) = analyze(&["security", "--offline=true", "--threshold=20", "--no-pager"]);
        assert!(within, "{said}");
    }

    #[test]
    fn it_is_watched_and_may_be_handed_its_key() {
        let text = unit(Path::new("/opt/metald"), Path::new("/srv/site.toml"));
        for line in ["Type=notify", "WatchdogSec=180", &format!("LoadCredential={}", crate::seal::CREDENTIAL)]
        {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
        let patience = crate::pulse::MOST_BETWEEN.as_secs();
        assert!(patience * 3 <= 180, "{patience} s between two signs of life are too many");
    }

    #[test]
    fn it_runs_this_program_with_that_site_file() {
        let text = unit(Path::new("/opt/metald"), Path::new("/srv/site.toml"));
        assert!(text.contains("\nExecStart=/opt/metald run --config /srv/site.toml\n"));
        assert!(!text.contains("PROGRAM") && !text.contains("CONFIG"));
    }
}
