//! Hardware for tests: disks with nothing on them and with an install, and the facts of a boot that found them.

use api::facts::{BootMode, Disk, DiskContent, Facts, Firmware, Identity, Memory, Product, Transport};
use api::state::Home;

/// A 20 GiB SATA SSD with a name of its own and nothing on it.
pub fn disk(name: &str) -> Disk {
    Disk {
        name: name.into(),
        model: "TESTDISK".into(),
        serial: format!("S-{name}"),
        wwn: String::new(),
        size: 20 << 30,
        sector_size: 512,
        rotational: false,
        removable: false,
        read_only: false,
        transport: Transport::Sata,
        content: DiskContent::default(),
        fingerprint: format!("f-{name}"),
    }
}

/// It carries a machine's install of a generation.
pub fn installed(name: &str, site: &str, machine: &str, generation: i64) -> Disk {
    let identity =
        Identity { site: site.into(), machine: machine.into(), hostname: "node01".into(), generation };
    let (table, signatures) = (Some("gpt".into()), vec![format!("{name}2 vfat esp")]);
    let content = DiskContent { table, signatures, identity: Some(identity), ..DiskContent::default() };
    Disk { content, ..disk(name) }
}

pub fn facts(disks: Vec<Disk>) -> Facts {
    Facts {
        boot_id: "boot-1".into(),
        home: Home::Ram,
        boot_mode: BootMode::Uefi,
        secure_boot: None,
        kernel: "6.1".into(),
        firmware: Firmware::default(),
        system: Product::default(),
        board: Product::default(),
        chassis: Product::default(),
        uuid: None,
        cpus: Vec::new(),
        memory: Memory::default(),
        disks,
        interfaces: Vec::new(),
        bmc: None,
        clock_error_ms: 0,
    }
}
