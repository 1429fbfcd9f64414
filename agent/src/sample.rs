//! A plan and a disk for the tests, small enough for a plain file, and an order to join.

use api::cluster::{self, JoinOrder, Needs};
use api::facts::{Disk, DiskContent, Transport};
use api::id::MachineId;
use api::layout::Fs;
use api::plan::{Plan, PlannedDisk, PlannedImage, PlannedPartition, Role};

pub const MIB: u64 = 1 << 20;

pub const ROOT_UUID: &str = "6a1c7f50-7e1c-4c43-9a4e-0d3a4b5c6d03";

/// BIOS boot, ESP, root and swap on `size` bytes.
pub fn planned_disk(size: u64, sector_size: u32) -> PlannedDisk {
    let sector = u64::from(sector_size);
    let mib = MIB / sector;
    let last = size / sector - mib;
    let partition =
        |number: u32, name: &str, role, first: u64, end: u64, fs, uuid: Option<&str>, mount: Option<&str>| {
            PlannedPartition {
                number,
                name: name.into(),
                role,
                guid: format!("b0f5a2c4-1111-4222-8333-00000000000{number}"),
                first,
                last: end - 1,
                fs,
                fs_uuid: uuid.map(Into::into),
                mount: mount.map(Into::into),
            }
        };
    PlannedDisk {
        model: "QEMU HARDDISK".into(),
        serial: "DISK-A".into(),
        wwn: String::new(),
        size,
        sector_size,
        fingerprint: String::new(),
        guid: "c3d2e1f0-aaaa-4bbb-8ccc-001122334455".into(),
        partitions: vec![
            partition(1, "bios", Role::BiosBoot, mib, 2 * mib, None, None, None),
            partition(
                2,
                "esp",
                Role::Esp,
                2 * mib,
                36 * mib,
                Some(Fs::Vfat),
                Some("A1B2-C3D4"),
                Some("/boot/efi"),
            ),
            partition(
                3,
                "root",
                Role::Root,
                36 * mib,
                last - 8 * mib,
                Some(Fs::Ext4),
                Some(ROOT_UUID),
                Some("/"),
            ),
            partition(
                4,
                "swap",
                Role::Extra,
                last - 8 * mib,
                last,
                Some(Fs::Swap),
                Some("6a1c7f50-7e1c-4c43-9a4e-0d3a4b5c6d04"),
                None,
            ),
        ],
    }
}

pub fn plan(disk: PlannedDisk) -> Plan {
    Plan {
        machine: MachineId("m-1".into()),
        generation: 3,
        boot_id: "boot-1".into(),
        image: PlannedImage {
            name: "debian-12".into(),
            version: "1".into(),
            file: "root.ext4.zst".into(),
            format: "ext4.zst".into(),
            size: 0,
            unpacked: 0,
            sha256: String::new(),
        },
        disk,
    }
}

pub fn disk(name: &str, serial: &str, size: u64) -> Disk {
    Disk {
        name: name.into(),
        model: "QEMU HARDDISK".into(),
        serial: serial.into(),
        wwn: String::new(),
        size,
        sector_size: 512,
        rotational: true,
        removable: false,
        read_only: false,
        transport: Transport::Virtio,
        content: DiskContent::default(),
        fingerprint: String::new(),
    }
}

pub fn order(role: cluster::Role) -> JoinOrder {
    JoinOrder {
        cluster: "prod".into(),
        node: "node07".parse().unwrap(),
        role,
        address: "10.77.0.107".into(),
        init: false,
        kubernetes: "1.36.3".into(),
        endpoint: "10.77.0.10:8443".into(),
        documents: vec![],
        files: vec![],
        services: vec![],
        grant: None,
        needs: Needs { memory: 700 << 20, cpus: 1, disk: 2 << 30 },
    }
}
