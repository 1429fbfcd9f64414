//! What the installed system is told about itself, as files: path, mode and text. Pure.

use api::id::{Hostname, Mac};
use api::layout::Fs;
use api::plan::{PlannedPartition, Role};
use api::task::Setup;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFile {
    /// Below the root, without a leading slash.
    pub path: String,
    pub mode: u32,
    pub text: String,
}

/// Where the ESP is mounted if the layout does not say.
pub const ESP_MOUNT: &str = "/boot/efi";

pub const AGENT: &str = "usr/local/sbin/metal-agent";
pub const UNIT: &str = "metal-agent.service";

/// A kernel that hangs is reset by the hardware, and so is one that hangs while it restarts: systemd's own ten
/// minutes for that are longer than anyone waits. It goes on through kexec, so that a machine whose new kernel hangs comes
/// back; the agent in RAM strokes it. Where there is no watchdog, this changes nothing.
const WATCHDOG: &str = "[Manager]\nRuntimeWatchdogSec=60\nRebootWatchdogSec=2min\nKExecWatchdogSec=5min\n";

/// `machine_id`: 32 hex digits, new for each install, or two machines would share one DHCP client id.
pub fn files(setup: &Setup, partitions: &[PlannedPartition], machine_id: &str) -> Vec<SystemFile> {
    let mut files = vec![
        file("etc/fstab", fstab(partitions)),
        file("etc/hostname", format!("{}\n", setup.hostname)),
        file("etc/hosts", hosts(&setup.hostname)),
        file("etc/machine-id", format!("{machine_id}\n")),
        file(&format!("etc/systemd/system/{UNIT}"), unit(esp_mount(partitions))),
        file("etc/systemd/system.conf.d/metal.conf", WATCHDOG.into()),
    ];
    let keys: String = setup.authorized_keys.iter().map(|k| format!("{}\n", k.trim())).collect();
    files.push(SystemFile { path: "root/.ssh/authorized_keys".into(), mode: 0o600, text: keys });
    for (number, mac) in setup.interfaces.iter().enumerate() {
        let name = format!("net{number}");
        files.push(file(&format!("etc/systemd/network/10-metal-{name}.link"), link(*mac, &name)));
        files.push(file(&format!("etc/systemd/network/10-metal-{name}.network"), network(*mac)));
    }
    if !setup.ntp.is_empty() {
        let text = format!("[Time]\nNTP={}\n", setup.ntp.join(" "));
        files.push(file("etc/systemd/timesyncd.conf.d/metal.conf", text));
    }
    files
}

/// Where the running system finds its identity file.
pub fn esp_mount(partitions: &[PlannedPartition]) -> &str {
    let esp = partitions.iter().find(|p| p.role == Role::Esp);
    esp.and_then(|p| p.mount.as_deref()).unwrap_or(ESP_MOUNT)
}

fn file(path: &str, text: String) -> SystemFile {
    SystemFile { path: path.into(), mode: 0o644, text }
}

fn fstab(partitions: &[PlannedPartition]) -> String {
    partitions.iter().filter_map(fstab_line).collect()
}

fn fstab_line(p: &PlannedPartition) -> Option<String> {
    let uuid = p.fs_uuid.as_deref()?;
    let fs = p.fs?;
    let mount = p.mount.as_deref();
    let line = match (p.role, fs) {
        (Role::BiosBoot, _) => return None,
        (Role::Root, _) => format!("UUID={uuid} / {} errors=remount-ro 0 1", fs.as_str()),
        // The identity file is for root alone; and a broken ESP must not keep a machine from serving.
        (Role::Esp, _) => {
            format!("UUID={uuid} {} vfat umask=0077,nofail 0 2", mount.unwrap_or(ESP_MOUNT))
        }
        (Role::Extra, Fs::Swap) => format!("UUID={uuid} none swap sw 0 0"),
        (Role::Extra, _) => format!("UUID={uuid} {} {} defaults 0 2", mount?, fs.as_str()),
    };
    Some(line + "\n")
}

fn hosts(hostname: &Hostname) -> String {
    format!(
        "127.0.0.1 localhost\n\
         127.0.1.1 {hostname}\n\
         ::1 localhost ip6-localhost ip6-loopback\n"
    )
}

/// By MAC: the kernel's order of interfaces is not the same on each boot.
fn link(mac: Mac, name: &str) -> String {
    format!("[Match]\nPermanentMACAddress={mac}\n\n[Link]\nName={name}\n")
}

/// The client id is the MAC, as in firmware and RAM, so that the machine keeps its one address.
fn network(mac: Mac) -> String {
    format!(
        "[Match]\nPermanentMACAddress={mac}\n\n\
         [Network]\nDHCP=ipv4\n\n\
         [DHCPv4]\nClientIdentifier=mac\nUseNTP=yes\n"
    )
}

/// Not after network-online.target: that waits two minutes for a port without a cable, and the agent asks again anyway.
/// After the ESP, which holds the generation that it tells; but without needing it.
fn unit(esp: &str) -> String {
    let esp = mount_unit(esp);
    format!(
        "[Unit]\n\
         Description=Agent of this machine's provisioning server\n\
         After=network.target {esp}\n\n\
         [Service]\n\
         ExecStart=/{AGENT}\n\
         Restart=always\n\
         RestartSec=2\n\n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

/// systemd's name for a place in the tree (systemd.unit(5), "string escaping").
fn mount_unit(place: &str) -> String {
    let mut name = String::new();
    for byte in place.trim_matches('/').bytes() {
        match byte {
            b'/' => name.push('-'),
            b if b.is_ascii_alphanumeric() || b":_.".contains(&b) => name.push(char::from(b)),
            b => name += &format!("\\x{b:02x}"),
        }
    }
    name + ".mount"
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::image::Bootloader;

    fn partition(number: u32, role: Role, fs: Option<Fs>, mount: Option<&str>) -> PlannedPartition {
        PlannedPartition {
            number,
            name: "p".into(),
            role,
            guid: String::new(),
            first: 0,
            last: 0,
            fs,
            fs_uuid: fs.map(|_| format!("u{number}")),
            mount: mount.map(Into::into),
        }
    }

    fn setup() -> Setup {
        Setup {
            site: "lab".into(),
            hostname: "node07".parse().unwrap(),
            authorized_keys: vec!["ssh-ed25519 AAAA a\n".into(), "ssh-ed25519 BBBB b".into()],
            consoles: vec![],
            kernel_arguments: vec![],
            interfaces: vec!["52:54:00:00:00:01".parse().unwrap(), "52:54:00:00:00:02".parse().unwrap()],
            ntp: vec!["10.77.0.1".into(), "10.77.0.2".into()],
            boot: Bootloader {
                efi: vec![],
                efi_config: String::new(),
                bios: String::new(),
                kernel_path: String::new(),
                initrd_path: String::new(),
            },
            image_path: String::new(),
            ram: None,
        }
    }

    fn text(path: &str, partitions: &[PlannedPartition]) -> SystemFile {
        let all = files(&setup(), partitions, "0123");
        all.into_iter().find(|f| f.path == path).unwrap()
    }

    #[test]
    fn a_system_that_hangs_is_reset_by_its_hardware() {
        let file = text("etc/systemd/system.conf.d/metal.conf", &[]);
        assert_eq!(file.text.lines().next(), Some("[Manager]"));
        for word in ["RuntimeWatchdogSec=60", "RebootWatchdogSec=2min", "KExecWatchdogSec=5min"] {
            assert!(file.text.lines().any(|line| line == word), "{word}");
        }
    }

    #[test]
    fn fstab_names_file_systems_by_uuid_and_swap_only_if_planned() {
        let mut partitions = vec![
            partition(1, Role::BiosBoot, None, None),
            partition(2, Role::Esp, Some(Fs::Vfat), None),
            partition(3, Role::Root, Some(Fs::Ext4), Some("/")),
            partition(4, Role::Extra, Some(Fs::Ext4), Some("/var/lib/data")),
        ];
        assert_eq!(
            text("etc/fstab", &partitions).text,
            "UUID=u2 /boot/efi vfat umask=0077,nofail 0 2\n\
             UUID=u3 / ext4 errors=remount-ro 0 1\n\
             UUID=u4 /var/lib/data ext4 defaults 0 2\n"
        );
        partitions.push(partition(5, Role::Extra, Some(Fs::Swap), None));
        assert!(text("etc/fstab", &partitions).text.ends_with("UUID=u5 none swap sw 0 0\n"));
    }

    #[test]
    fn keys_are_roots_alone_and_interfaces_are_matched_by_mac() {
        let keys = text("root/.ssh/authorized_keys", &[]);
        assert_eq!((keys.mode, keys.text.as_str()), (0o600, "ssh-ed25519 AAAA a\nssh-ed25519 BBBB b\n"));
        let network = text("etc/systemd/network/10-metal-net1.network", &[]).text;
        assert!(network.contains("PermanentMACAddress=52:54:00:00:00:02\n"), "{network}");
        assert!(network.contains("ClientIdentifier=mac\n"), "{network}");
        assert_eq!(
            text("etc/systemd/timesyncd.conf.d/metal.conf", &[]).text,
            "[Time]\nNTP=10.77.0.1 10.77.0.2\n"
        );
        let unit = text("etc/systemd/system/metal-agent.service", &[]).text;
        assert!(unit.contains("After=network.target boot-efi.mount\n"), "{unit}");
        assert_eq!(mount_unit("/srv/my-esp/"), "srv-my\\x2desp.mount");
        assert!(text("etc/hosts", &[]).text.contains("127.0.1.1 node07\n"));
    }
}
