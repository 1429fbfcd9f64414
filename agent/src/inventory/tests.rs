//! Inventories of folders that look like a machine's /sys: as captured, sparse, and lying.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use api::facts::{BootMode, Transport};
use api::state::Home;
use tempfile::TempDir;

use super::*;
use crate::sample::MIB;

struct Machine(TempDir);

impl Machine {
    fn new() -> Machine {
        Machine(tempfile::tempdir().unwrap())
    }

    fn file(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Machine {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Machine {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    /// As sysfs has it: /sys/block/NAME leads into /sys/devices, and `device` from there to the parent.
    fn disk(&self, name: &str, parents: &str, sectors: u64) -> String {
        let place = format!("sys/devices/{parents}/block/{name}");
        self.file(&format!("{place}/size"), format!("{sectors}\n"));
        self.link(&format!("sys/block/{name}"), &format!("../devices/{parents}/block/{name}"));
        self.link(&format!("{place}/device"), &format!("../../../{}", parents.rsplit('/').next().unwrap()));
        place
    }

    fn facts(&self) -> Facts {
        let seen = Seen { boot_id: "b".into(), home: Home::Ram, clock_error_ms: -5 };
        facts(&self.tree(), seen, &Log::default())
    }

    fn tree(&self) -> Tree {
        Tree::new(self.0.path())
    }
}

/// One structure: the fields from byte 4 on, then the strings.
fn structure(kind: u8, fields: &[u8], strings: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![kind, (fields.len() + 4) as u8, 0, 0];
    bytes.extend(fields);
    for s in strings {
        bytes.extend(*s);
        bytes.push(0);
    }
    bytes.resize(bytes.len() + if strings.is_empty() { 2 } else { 1 }, 0);
    bytes
}

fn module(slot: &[u8], size: u16, extended: u32) -> Vec<u8> {
    let mut fields = vec![0; 0x58 - 4];
    fields[0x0c - 4..0x0e - 4].copy_from_slice(&size.to_le_bytes());
    fields[0x10 - 4] = 1;
    fields[0x15 - 4..0x17 - 4].copy_from_slice(&3200u16.to_le_bytes());
    fields[0x17 - 4] = 2;
    fields[0x18 - 4] = 3;
    fields[0x1c - 4..0x20 - 4].copy_from_slice(&extended.to_le_bytes());
    structure(17, &fields, &[slot, b"Samsung", b"S-1"])
}

/// A server as most are.
fn table() -> Vec<u8> {
    let mut system = vec![1, 2, 3, 4];
    system.extend([0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]);
    system.extend([0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 6, 0, 0]);
    [
        structure(0, &[1, 2, 0, 0xe8, 3], &[b"American Megatrends", b"3.4", b"10/30/2020"]),
        structure(1, &system, &[b"Supermicro", b"SYS-1029P  ", b"v1", b"S123"]),
        structure(2, &[1, 2, 3, 4], &[b"Supermicro", b"X11DDW", b"1.0", b"B456"]),
        structure(3, &[1, 1, 2, 3], &[b"Supermicro", b"0123456789", b"C789"]),
        module(b"P1-DIMMA1", 0x7fff, 65_536),
        module(b"P1-DIMMB1", 16_384, 0),
        module(b"P1-DIMMC1", 0, 0),
        structure(38, &[1, 0x20], &[]),
        structure(127, &[], &[]),
        structure(1, &[1, 1, 1, 1], &[b"behind the end"]),
    ]
    .concat()
}

#[test]
fn a_server_is_read() {
    let machine = Machine::new();
    machine
        .file("sys/firmware/dmi/tables/DMI", table())
        .file("sys/firmware/efi/fw_platform_size", "64\n")
        .file("proc/sys/kernel/osrelease", "6.1.0-32-amd64\n")
        .file("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n")
        .file("proc/cpuinfo", "processor: 0\nmodel name: Xeon\nphysical id: 0\ncpu cores: 1\n");
    let facts = machine.facts();
    assert_eq!((facts.boot_mode, facts.memory.total), (BootMode::Uefi, 16 * MIB));
    assert_eq!(facts.uuid.as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
    assert_eq!((facts.system.product.as_str(), facts.system.serial.as_str()), ("SYS-1029P", "S123"));
    assert_eq!((facts.board.product.as_str(), facts.board.serial.as_str()), ("X11DDW", "B456"));
    assert_eq!(facts.chassis.serial, "C789");
    assert_eq!(facts.firmware.date, "10/30/2020");
    let modules: Vec<(&str, u64)> = facts.memory.modules.iter().map(|m| (m.slot.as_str(), m.size)).collect();
    assert_eq!(modules, [("P1-DIMMA1", 65_536 * MIB), ("P1-DIMMB1", 16_384 * MIB)]);
    assert_eq!((facts.memory.modules[0].speed, facts.memory.modules[0].serial.as_str()), (3200, "S-1"));
    assert_eq!((facts.cpus.len(), facts.bmc), (1, None));
}

#[test]
fn factory_texts_and_uuids_are_dropped() {
    let mut system = vec![1, 2, 0, 3];
    system.extend([0; 16]);
    let lying: &[&[u8]] = &[b"To Be Filled By O.E.M.", b"System Product Name", b"00000000"];
    let bytes = [
        structure(1, &system, lying),
        structure(2, &[1, 2, 0, 9], &[b"\xff\xfe\x01 ok", b"Default string"]),
        structure(17, &[0; 4], &[]),
    ]
    .concat();
    let machine = Machine::new();
    let facts = machine.file("sys/firmware/dmi/tables/DMI", bytes).facts();
    assert_eq!(facts.system, Default::default());
    assert_eq!(facts.uuid, None);
    assert_eq!(facts.board.manufacturer, "\u{fffd}\u{fffd} ok");
    assert_eq!((facts.board.product.as_str(), facts.board.serial.as_str()), ("", ""));
    assert!(facts.memory.modules.is_empty());
    system[4..].fill(0xff);
    assert_eq!(smbios::parse(&structure(1, &system, &[])).uuid, None);
}

#[test]
fn no_table_of_any_shape_stops_the_inventory() {
    let whole = table();
    for length in 0..whole.len() {
        smbios::parse(&whole[..length]);
    }
    for at in 0..whole.len() {
        for value in [0, 1, 3, 4, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            smbios::parse(&bytes);
        }
    }
}

#[test]
fn a_machine_without_any_files_has_empty_facts() {
    let facts = Machine::new().facts();
    assert_eq!(facts.boot_mode, BootMode::Bios);
    assert!(facts.disks.is_empty() && facts.interfaces.is_empty() && facts.cpus.is_empty());
    assert_eq!((facts.uuid, facts.memory.total, facts.clock_error_ms), (None, 0, -5));
}

#[test]
fn disks_are_told_apart_by_what_they_say() {
    let machine = Machine::new();
    let vda = machine.disk("vda", "pci0000:00/0000:00:04.0/virtio1", 2048);
    machine.file(&format!("{vda}/serial"), "DISK-A\n").file(&format!("{vda}/queue/rotational"), "1\n");
    machine.file("sys/devices/pci0000:00/0000:00:04.0/virtio1/vendor", "0x1af4\n");
    let sata = "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0";
    let sda = machine.disk("sda", sata, 4096);
    machine
        .file(&format!("{sda}/queue/logical_block_size"), "4096\n")
        .file(&format!("sys/devices/{sata}/vendor"), "ATA     \n")
        .file(&format!("sys/devices/{sata}/model"), "QEMU HARDDISK   \n")
        .file(&format!("sys/devices/{sata}/vpd_pg80"), b"\0\x80\0\x14            SATA-SN1")
        .file(&format!("sys/devices/{sata}/wwid"), "t10.ATA     QEMU HARDDISK         SATA-SN1\n");
    let sas = "pci0000:00/0000:02:00.0/host1/port-1:0/end_device-1:0/target1:0:0/1:0:0:0";
    machine.disk("sdb", sas, 4096);
    machine
        .file(&format!("sys/devices/{sas}/vendor"), "SEAGATE \n")
        .file(&format!("sys/devices/{sas}/model"), "ST300MM\n")
        // The length lies.
        .file(&format!("sys/devices/{sas}/vpd_pg80"), b"\0\x80\xff\xffW0K1")
        .file(&format!("sys/devices/{sas}/wwid"), "naa.5000c5006a1b2c3d\n");
    let nvme = machine.disk("nvme0n1", "pci0000:00/0000:03:00.0/nvme/nvme0", 8192);
    machine
        .file("sys/devices/pci0000:00/0000:03:00.0/nvme/nvme0/serial", "S4EV\u{0}  \n")
        .file("sys/devices/pci0000:00/0000:03:00.0/nvme/nvme0/model", "Samsung 970\n")
        .file(&format!("{nvme}/wwid"), "eui.0025385b01\n");
    let usb = "pci0000:00/0000:00:14.0/usb1/1-1/host2/target2:0:0/2:0:0:0";
    let sdc = machine.disk("sdc", usb, 64);
    machine.file(&format!("{sdc}/removable"), "1\n").file(&format!("{sdc}/ro"), "1\n");
    machine.disk("sdd", "pci0000:00/0000:00:14.0/usb1/1-2/host3/target3:0:0/3:0:0:0", 0);
    for name in ["loop0", "ram0", "zram0", "sr0", "dm-0", "md0", "mmcblk0boot0"] {
        machine.disk(name, &format!("virtual/{name}"), 100);
    }
    let hidden = machine.disk("nvme1c0n1", "pci0000:00/0000:04:00.0/nvme/nvme1", 100);
    machine.file(&format!("{hidden}/hidden"), "1\n");

    let disks = disks::identities(&machine.tree());
    let names: Vec<&str> = disks.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["nvme0n1", "sda", "sdb", "sdc", "vda"]);
    let of = |name: &str| disks.iter().find(|d| d.name == name).unwrap();
    let transports: Vec<Transport> = disks.iter().map(|d| d.transport).collect();
    use Transport::{Nvme, Sas, Sata, Usb, Virtio};
    assert_eq!(transports, [Nvme, Sata, Sas, Usb, Virtio]);
    assert_eq!((of("vda").serial.as_str(), of("vda").model.as_str()), ("DISK-A", ""));
    assert!(of("vda").rotational && !of("sda").rotational);
    assert_eq!((of("sda").serial.as_str(), of("sda").model.as_str()), ("SATA-SN1", "QEMU HARDDISK"));
    assert_eq!((of("sda").sector_size, of("sda").size), (4096, 4096 * 512));
    assert_eq!(of("sda").wwn, "t10.ATA QEMU HARDDISK SATA-SN1");
    assert_eq!((of("sdb").serial.as_str(), of("sdb").model.as_str()), ("W0K1", "SEAGATE ST300MM"));
    assert_eq!((of("nvme0n1").serial.as_str(), of("nvme0n1").wwn.as_str()), ("S4EV", "eui.0025385b01"));
    assert!(of("sdc").removable && of("sdc").read_only && of("sdc").serial.is_empty());
}

#[test]
fn contents_and_fingerprint_are_of_the_bytes() {
    let machine = Machine::new();
    machine.disk("vda", "pci0000:00/0000:00:04.0/virtio1", 4 * MIB / 512);
    let mut bytes = vec![0; 4 * MIB as usize];
    machine.file("dev/vda", &bytes);
    let blank = machine.facts().disks[0].clone();
    assert!(blank.content.is_untouched());
    bytes[2 << 20] = 1;
    machine.file("dev/vda", &bytes);
    assert_eq!(machine.facts().disks[0].fingerprint, blank.fingerprint, "the middle does not count");
    bytes[512..520].copy_from_slice(b"EFI PART");
    machine.file("dev/vda", &bytes);
    let used = machine.facts().disks[0].clone();
    assert_eq!(used.content.table.as_deref(), Some("gpt"));
    assert_ne!(used.fingerprint, blank.fingerprint);
    assert_eq!(used.fingerprint.len(), 64);
    // Shorter than it says.
    machine.file("dev/vda", &bytes[..MIB as usize]);
    assert_eq!(machine.facts().disks[0].fingerprint, "");
}

#[test]
fn a_file_system_on_the_whole_disk_is_seen() {
    let machine = Machine::new();
    machine.disk("vda", "pci0000:00/0000:00:04.0/virtio1", 16 * MIB / 512);
    machine.file("dev/vda", vec![0; 16 * MIB as usize]);
    let path = machine.0.path().join("dev/vda");
    crate::command::run("mkfs.ext4", ["-q", "-F", "-L", "old data", path.to_str().unwrap()]).unwrap();
    let content = machine.facts().disks[0].content.clone();
    assert_eq!(content.signatures, ["vda ext4 old data"]);
    assert!(!content.is_untouched());
}

#[test]
fn ports_are_those_with_hardware() {
    let machine = Machine::new();
    let port = |name: &str, parents: &str| {
        let place = format!("sys/devices/{parents}/net/{name}");
        machine.file(&format!("{place}/ifindex"), "2\n");
        machine
            .link(&format!("{place}/device"), &format!("../../../{}", parents.rsplit('/').next().unwrap()));
        machine.link(&format!("sys/class/net/{name}"), &format!("../../devices/{parents}/net/{name}"));
        place
    };
    let eth0 = port("eth0", "pci0000:00/0000:00:03.0/virtio0");
    machine.file(&format!("{eth0}/address"), "52:54:00:12:34:56\n").file(&format!("{eth0}/carrier"), "1\n");
    machine.file(&format!("{eth0}/speed"), "-1\n");
    machine.link("sys/devices/pci0000:00/0000:00:03.0/virtio0/driver", "../../bus/virtio/drivers/virtio_net");
    let eth1 = port("eth1", "pci0000:00/0000:05:00.1");
    machine
        .file(&format!("{eth1}/address"), "02:00:00:00:00:01\n")
        .file(&format!("{eth1}/bonding_slave/perm_hwaddr"), "52:54:00:12:34:57\n")
        .file(&format!("{eth1}/speed"), "10000\n");
    let eth2 = port("eth2", "pci0000:00/0000:06:00.0");
    machine.file(&format!("{eth2}/address"), b"\xff\xff");
    machine.file("sys/class/net/lo/address", "00:00:00:00:00:00\n");

    let ports = interfaces::read(&machine.tree());
    assert_eq!(ports.len(), 2);
    let [first, second] = &ports[..] else { panic!() };
    assert_eq!((first.pci.as_str(), first.driver.as_str(), first.speed), ("0000:00:03.0", "virtio_net", 0));
    assert!(first.link && !second.link);
    assert_eq!((second.mac.to_string().as_str(), second.speed), ("52:54:00:12:34:57", 10_000));
    assert_eq!(second.pci, "0000:05:00.1");
    assert_eq!(interfaces::macs(&machine.tree()).len(), 2);
}

#[test]
fn names_that_are_no_text_are_passed_over() {
    let machine = Machine::new();
    let blocks = machine.0.path().join("sys/block");
    fs::create_dir_all(blocks.join(Path::new(std::ffi::OsStr::from_bytes(b"\xff\xfe")))).unwrap();
    assert!(machine.facts().disks.is_empty());
}
