//! Reads what the machine is made of. Nothing here fails: what cannot be read is left empty, and what firmware left as
//! a placeholder is dropped.

mod bmc;
mod content;
mod cpu;
pub mod disks;
pub mod interfaces;
mod smbios;
#[cfg(test)]
mod tests;

use api::facts::{BootMode, Facts, Memory};
use api::state::Home;

use crate::log::Log;
use crate::sysfs::Tree;

/// What only the session knows.
pub struct Seen {
    pub boot_id: String,
    pub home: Home,
    pub clock_error_ms: i64,
}

pub fn facts(tree: &Tree, seen: Seen, log: &Log) -> Facts {
    let table = smbios::read(tree);
    let mut disks = disks::identities(tree);
    for disk in &mut disks {
        content::fill(tree, disk, log);
    }
    Facts {
        boot_id: seen.boot_id,
        home: seen.home,
        boot_mode: boot_mode(tree),
        secure_boot: secure_boot(tree),
        kernel: tree.text("proc/sys/kernel/osrelease"),
        firmware: table.firmware,
        system: table.system,
        board: table.board,
        chassis: table.chassis,
        uuid: table.uuid,
        cpus: cpu::parse(&String::from_utf8_lossy(&tree.bytes("proc/cpuinfo"))),
        memory: Memory { total: memory_total(tree), modules: table.modules },
        disks,
        interfaces: interfaces::read(tree),
        bmc: bmc::read(tree),
        clock_error_ms: seen.clock_error_ms,
    }
}

pub fn boot_id(tree: &Tree) -> String {
    tree.text("proc/sys/kernel/random/boot_id")
}

pub fn boot_mode(tree: &Tree) -> BootMode {
    if tree.exists("sys/firmware/efi") { BootMode::Uefi } else { BootMode::Bios }
}

/// UEFI specification 3.3: four bytes of attributes, then 1 where only what is signed is started.
fn secure_boot(tree: &Tree) -> Option<bool> {
    let path = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    tree.bytes(path).get(4).map(|value| *value == 1)
}

/// Bytes; /proc/meminfo counts in units of 1024.
fn memory_total(tree: &Tree) -> u64 {
    let text = String::from_utf8_lossy(&tree.bytes("proc/meminfo")).into_owned();
    let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"));
    let number = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}
