//! NVMe's own way to erase a namespace (NVM Express Base Specification 2.0, Format NVM), through the kernel's
//! passthrough of administrative commands.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use api::facts::{Disk, Transport};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use super::ways::Format;
use crate::sysfs::Tree;

/// As `struct nvme_passthru_cmd` of the kernel lays it out.
#[repr(C)]
#[derive(Default)]
struct Command {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    dwords_2_3: [u32; 2],
    metadata: u64,
    address: u64,
    metadata_length: u32,
    data_length: u32,
    dwords_10_15: [u32; 6],
    timeout_ms: u32,
    result: u32,
}

const ADMIN: Opcode = opcode::read_write::<Command>(b'N', 0x41);
const FORMAT_NVM: u8 = 0x80;
const IDENTIFY: u8 = 0x06;
const PAGE: usize = 4096;

/// What IDENTIFY is asked for (its CNS field).
const OF_NAMESPACE: u32 = 0;
const OF_CONTROLLER: u32 = 1;
const ACTIVE_NAMESPACES: u32 = 2;

/// A large disk without a key to throw away takes long.
const FORMAT_MS: u32 = 4 * 3600 * 1000;

/// How this disk formats itself; None where it cannot, or where it would erase a neighbour, too.
pub fn format(tree: &Tree, path: &Path, disk: &Disk) -> Option<Format> {
    if disk.transport != Transport::Nvme {
        return None;
    }
    let file = File::open(path).ok()?;
    let namespace =
        u32::try_from(tree.number(format!("sys/block/{}/nsid", disk.name))).ok().filter(|n| *n > 0)?;
    let controller = identify(&file, 0, OF_CONTROLLER).ok()?;
    let of_namespace = identify(&file, namespace, OF_NAMESPACE).ok()?;
    let active = identify(&file, 0, ACTIVE_NAMESPACES).ok()?;
    choose(namespace, &controller, &of_namespace, &active)
}

pub fn run(file: &File, format: Format) -> Result<()> {
    let command = Command {
        opcode: FORMAT_NVM,
        namespace: format.namespace,
        dwords_10_15: [format.setting, 0, 0, 0, 0, 0],
        timeout_ms: FORMAT_MS,
        ..Command::default()
    };
    send(file, command)
}

/// From the three answers to the command that erases this namespace alone, with the layout of blocks that it has.
fn choose(namespace: u32, controller: &[u8], of_namespace: &[u8], active: &[u8]) -> Option<Format> {
    // OACS bit 1: the controller can format at all.
    if controller.get(256)? & 0b10 == 0 {
        return None;
    }
    // FNA: a format (bit 0) or its erasure (bit 1) reaches all namespaces; bit 2: it can throw the key away.
    let reach = controller.get(524)?;
    let namespaces = active.chunks(4).take_while(|id| id.iter().any(|byte| *byte != 0)).count();
    if reach & 0b11 != 0 && namespaces != 1 {
        return None;
    }
    let cryptographic = reach & 0b100 != 0;
    let (flbas, dps) = (u32::from(*of_namespace.get(26)?), u32::from(*of_namespace.get(29)?));
    let blocks = (flbas & 0xf) | (flbas >> 4 & 1) << 4 | (flbas >> 5 & 0b11) << 12;
    let protection = (dps & 0b111) << 5 | (dps >> 3 & 1) << 8;
    let erase = if cryptographic { 2 } else { 1 };
    Some(Format { namespace, setting: blocks | protection | erase << 9, cryptographic })
}

fn identify(file: &File, namespace: u32, what: u32) -> Result<Vec<u8>> {
    let mut page = vec![0u8; PAGE];
    let command = Command {
        opcode: IDENTIFY,
        namespace,
        address: page.as_mut_ptr() as u64,
        data_length: PAGE as u32,
        dwords_10_15: [what, 0, 0, 0, 0, 0],
        ..Command::default()
    };
    send(file, command)?;
    Ok(page)
}

fn send(file: &File, mut command: Command) -> Result<()> {
    // SAFETY: the kernel reads this command, writes its result, and fills `data_length` bytes at `address`, which the
    // caller keeps for as long as this call lasts.
    let status = unsafe { ioctl(file, Updater::<ADMIN, Command>::new(&mut command)) };
    status.context("the controller refused the command")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller(oacs: u8, fna: u8) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        (page[256], page[524]) = (oacs, fna);
        page
    }

    fn namespaces(ids: &[u32]) -> Vec<u8> {
        let mut page: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        page.resize(PAGE, 0);
        page
    }

    fn namespace(flbas: u8, dps: u8) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        (page[26], page[29]) = (flbas, dps);
        page
    }

    #[test]
    fn the_command_is_as_the_kernel_expects_it() {
        assert_eq!(std::mem::size_of::<Command>(), 72);
        assert_eq!(std::mem::offset_of!(Command, dwords_10_15), 40);
        assert_eq!(std::mem::offset_of!(Command, timeout_ms), 64);
        assert_eq!(ADMIN, 0xc048_4e41, "_IOWR('N', 0x41, 72 bytes)");
    }

    #[test]
    fn a_neighbour_is_never_erased_with_it() {
        let (one, two) = (namespaces(&[1]), namespaces(&[1, 2]));
        let plain = namespace(0, 0);
        for reach in [0b01, 0b10, 0b11] {
            assert_eq!(choose(1, &controller(0b10, reach), &plain, &two), None);
            assert!(choose(1, &controller(0b10, reach), &plain, &one).is_some());
        }
        assert!(choose(1, &controller(0b10, 0), &plain, &two).is_some(), "each namespace for itself");
        assert_eq!(choose(1, &controller(0, 0), &plain, &one), None, "it cannot format");
        assert_eq!(choose(1, &[], &[], &[]), None);
    }

    #[test]
    fn blocks_and_protection_stay_what_they_are() {
        let one = namespaces(&[1]);
        let format =
            |fna, flbas, dps| choose(7, &controller(0b10, fna), &namespace(flbas, dps), &one).unwrap();
        assert_eq!(format(0, 0, 0), Format { namespace: 7, setting: 0x200, cryptographic: false });
        assert_eq!(format(0b100, 0, 0), Format { namespace: 7, setting: 0x400, cryptographic: true });
        // Format 2 with metadata at the end of each block, protection type 1 in its first bytes.
        assert_eq!(format(0, 0x12, 0b1001).setting, 0x200 | 0x12 | 1 << 5 | 1 << 8);
        assert_eq!(format(0, 0b0010_0001, 0).setting, 0x200 | 1 | 1 << 12, "format 17");
    }
}
