//! NVMe's own ways to erase (NVM Express Base Specification 2.0, Format NVM and Sanitize), through the kernel's
//! passthrough of administrative commands.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::facts::{Disk, Transport};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use super::sanitize::{self, EXIT_FAILURE, Sanitize, Status};
use super::ways::{Barred, Format};
use crate::report::Report;
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
const SANITIZE: u8 = 0x84;
const GET_LOG_PAGE: u8 = 0x02;
const IDENTIFY: u8 = 0x06;
const PAGE: usize = 4096;

/// What IDENTIFY is asked for (its CNS field).
const OF_NAMESPACE: u32 = 0;
const OF_CONTROLLER: u32 = 1;
const ACTIVE_NAMESPACES: u32 = 2;
const ALLOCATED_NAMESPACES: u32 = 0x10;

/// The log page "Sanitize Status", 512 bytes of it; counted in dwords, from 0.
const SANITIZE_STATUS: u32 = 0x81 | (512 / 4 - 1) << 16;

/// A large disk without a key to throw away takes long.
const FORMAT_MS: u32 = 4 * 3600 * 1000;

/// Between two looks at how far a sanitize is.
const PACE: Duration = Duration::from_secs(1);

/// What this disk can erase by itself.
#[derive(Default)]
pub struct Abilities {
    pub sanitize: Vec<Sanitize>,
    /// None where it cannot, or where it would erase a neighbour, too.
    pub format: Option<Format>,
    pub barred: Option<Barred>,
}

pub fn abilities(tree: &Tree, path: &Path, disk: &Disk) -> Abilities {
    match disk.transport {
        Transport::Nvme => ask(tree, path, disk).unwrap_or_default(),
        _ => Abilities::default(),
    }
}

fn ask(tree: &Tree, path: &Path, disk: &Disk) -> Option<Abilities> {
    let file = File::open(path).ok()?;
    let namespace =
        u32::try_from(tree.number(format!("sys/block/{}/nsid", disk.name))).ok().filter(|n| *n > 0)?;
    let controller = identify(&file, 0, OF_CONTROLLER).ok()?;
    let of_namespace = identify(&file, namespace, OF_NAMESPACE).ok()?;
    let active = identify(&file, 0, ACTIVE_NAMESPACES).ok()?;
    // Known only to controllers that manage namespaces: also those that are attached to nobody, or to another one.
    let allocated = manages(&controller).then(|| identify(&file, 0, ALLOCATED_NAMESPACES).ok());
    let format = choose(namespace, &controller, &of_namespace, &active);
    let (sanitize, barred) = sanitizes(&controller, &active, allocated.as_ref().map(Option::as_deref));
    Some(Abilities { sanitize, format, barred })
}

/// A sanitize erases the whole subsystem: only a disk that is all of it may.
fn sanitizes(
    controller: &[u8],
    active: &[u8],
    allocated: Option<Option<&[u8]>>,
) -> (Vec<Sanitize>, Option<Barred>) {
    let offered = sanitize::offered(controller);
    let alone = count(active) == 1 && allocated.is_none_or(|list| list.is_some_and(|list| count(list) == 1));
    match (alone, offered.first()) {
        (true, _) | (_, None) => (offered, None),
        (false, Some(best)) => {
            let why = "it would erase the controller's other namespaces, too".into();
            (Vec::new(), Some(Barred { way: best.to_string(), why }))
        }
    }
}

/// OACS bit 3.
fn manages(controller: &[u8]) -> bool {
    controller.get(256).is_some_and(|oacs| oacs & 0b1000 != 0)
}

/// Of a list of namespaces, which ends with zeros.
fn count(list: &[u8]) -> usize {
    list.chunks(4).take_while(|id| id.iter().any(|byte| *byte != 0)).count()
}

/// It cannot be stopped, and goes on by itself after a power cut: whoever comes back waits for its end.
pub fn sanitize(file: &File, how: Sanitize, size: u64, report: &Report) -> Result<()> {
    if !matches!(status(file)?, Status::Runs(_)) {
        send(file, of_controller(how.setting()))?;
    }
    loop {
        match status(file)? {
            Status::Done => return Ok(()),
            Status::Runs(part) => report.done(size / 0x1_0000 * u64::from(part)),
            Status::Never => bail!("the controller took the command and did nothing"),
            Status::Failed => {
                // What comes next has to be able to write.
                let left = send(file, of_controller(EXIT_FAILURE));
                left.context("the sanitize failed, and the controller takes no other command")?;
                bail!("the sanitize failed");
            }
        }
        report.still_wanted()?;
        thread::sleep(PACE);
    }
}

fn of_controller(setting: u32) -> Command {
    Command { opcode: SANITIZE, dwords_10_15: [setting, 0, 0, 0, 0, 0], ..Command::default() }
}

fn status(file: &File) -> Result<Status> {
    let mut page = vec![0u8; 512];
    let command = Command {
        opcode: GET_LOG_PAGE,
        namespace: u32::MAX,
        address: page.as_mut_ptr() as u64,
        data_length: 512,
        dwords_10_15: [SANITIZE_STATUS, 0, 0, 0, 0, 0],
        ..Command::default()
    };
    send(file, command).context("cannot ask how the sanitize goes")?;
    sanitize::status(&page).context("the controller's word on the sanitize is none that is known")
}

pub fn format(file: &File, format: Format) -> Result<()> {
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
    if reach & 0b11 != 0 && count(active) != 1 {
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
    fn a_sanitize_is_for_a_disk_without_neighbours() {
        let (one, two) = (namespaces(&[1]), namespaces(&[1, 2]));
        let mut able = controller(0b1010, 0);
        able[328] = 0b11;
        assert!(manages(&able) && !manages(&controller(0b10, 0)));
        let both = vec![Sanitize::Crypto, Sanitize::Blocks];
        assert_eq!(sanitizes(&able, &one, None), (both.clone(), None));
        assert_eq!(sanitizes(&able, &one, Some(Some(&one))), (both, None));
        for (active, allocated) in [(&two, None), (&one, Some(Some(&two[..]))), (&one, Some(None))] {
            let (ways, barred) = sanitizes(&able, active, allocated);
            assert!(ways.is_empty());
            assert!(barred.is_some_and(|barred| barred.why.contains("other namespaces")));
        }
        assert_eq!(sanitizes(&controller(0b10, 0), &two, None), (vec![], None), "it has no such thing");
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
