//! NVMe's own ways to erase (NVM Express Base Specification 2.0, Format NVM and Sanitize): what this disk has of them, and
//! the commands for it.

mod admin;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::facts::{Disk, Transport};

use self::admin::{Admin, Command, FORMAT_NVM, GET_LOG_PAGE, IDENTIFY, SANITIZE};
use super::sanitize::{self, EXIT_FAILURE, Sanitize, Status};
use super::ways::{Barred, Format};
use crate::report::Report;
use crate::sysfs::Tree;

const PAGE: usize = 4096;

/// What IDENTIFY is asked for (its CNS field).
const OF_NAMESPACE: u32 = 0;
const OF_CONTROLLER: u32 = 1;
const ACTIVE_NAMESPACES: u32 = 2;
const ALLOCATED_NAMESPACES: u32 = 0x10;

/// Of log pages and identifiers that are the whole controller's.
const ALL_NAMESPACES: u32 = u32::MAX;

/// The log page "Sanitize Status", 512 bytes of it; counted in dwords, from 0.
const SANITIZE_STATUS: u32 = 0x81 | (512 / 4 - 1) << 16;

/// A large disk without a key to throw away takes long.
const FORMAT_MS: u32 = 4 * 3600 * 1000;

/// Between two looks at how far a sanitize is.
const PACE: Duration = Duration::from_secs(1);

/// What this disk can erase by itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    pub sanitize: Vec<Sanitize>,
    /// None where it cannot, or where it would erase a neighbour, too.
    pub format: Option<Format>,
    /// Ways that it has and that would erase a neighbour, too.
    pub barred: Vec<Barred>,
}

pub fn abilities(tree: &Tree, path: &Path, disk: &Disk) -> Abilities {
    let namespace = u32::try_from(tree.number(format!("sys/block/{}/nsid", disk.name))).unwrap_or(0);
    if disk.transport != Transport::Nvme || namespace == 0 {
        return Abilities::default();
    }
    // A controller that does not answer such questions has other ways.
    File::open(path).ok().and_then(|file| ask(&file, namespace).ok()).unwrap_or_default()
}

fn ask(device: &impl Admin, namespace: u32) -> Result<Abilities> {
    let controller = identify(device, 0, OF_CONTROLLER)?;
    let of_namespace = identify(device, namespace, OF_NAMESPACE)?;
    let active = identify(device, 0, ACTIVE_NAMESPACES)?;
    // Known only to controllers that manage namespaces: also those that are attached to nobody, or to another one.
    let allocated = manages(&controller).then(|| identify(device, 0, ALLOCATED_NAMESPACES).ok());
    let alone = is_alone(&active, allocated.as_ref().map(Option::as_deref));
    let (mut sanitize, mut barred) = (sanitize::offered(&controller), Vec::new());
    if let Some(best) = sanitize.first().filter(|_| !alone) {
        // It erases the whole subsystem.
        barred.push(neighbours(best.to_string()));
        sanitize.clear();
    }
    let mut format = choose(namespace, &controller, &of_namespace);
    if format.is_some() && reaches_all(&controller) && !alone {
        barred.push(neighbours("NVMe format".into()));
        format = None;
    }
    Ok(Abilities { sanitize, format, barred })
}

fn neighbours(way: String) -> Barred {
    Barred { way, why: "it would erase the controller's other namespaces, too".into() }
}

/// Whether this disk is all that there is of its subsystem. `allocated` is None where namespaces are not managed, and
/// Some(None) where they are and the list of them was not to be had.
fn is_alone(active: &[u8], allocated: Option<Option<&[u8]>>) -> bool {
    count(active) == 1 && allocated.is_none_or(|list| list.is_some_and(|list| count(list) == 1))
}

/// OACS bit 3.
fn manages(controller: &[u8]) -> bool {
    controller.get(256).is_some_and(|oacs| oacs & 0b1000 != 0)
}

/// FNA bits 0 and 1: a format, or its erasure, is one of all namespaces of the subsystem.
fn reaches_all(controller: &[u8]) -> bool {
    controller.get(524).is_none_or(|reach| reach & 0b11 != 0)
}

/// Of a list of namespaces, which ends with zeros.
fn count(list: &[u8]) -> usize {
    list.chunks(4).take_while(|id| id.iter().any(|byte| *byte != 0)).count()
}

/// The command that erases this namespace, with the layout of blocks that it has.
fn choose(namespace: u32, controller: &[u8], of_namespace: &[u8]) -> Option<Format> {
    // OACS bit 1: the controller can format at all.
    if controller.get(256)? & 0b10 == 0 {
        return None;
    }
    // FNA bit 2: it can throw the key away.
    let cryptographic = controller.get(524)? & 0b100 != 0;
    let (flbas, dps) = (u32::from(*of_namespace.get(26)?), u32::from(*of_namespace.get(29)?));
    let blocks = (flbas & 0xf) | (flbas >> 4 & 1) << 4 | (flbas >> 5 & 0b11) << 12;
    let protection = (dps & 0b111) << 5 | (dps >> 3 & 1) << 8;
    let erase = if cryptographic { 2 } else { 1 };
    Some(Format { namespace, setting: blocks | protection | erase << 9, cryptographic })
}

fn identify(device: &impl Admin, namespace: u32, what: u32) -> Result<Vec<u8>> {
    let mut page = vec![0u8; PAGE];
    device.send(Command { opcode: IDENTIFY, namespace, setting: what, timeout_ms: 0 }, &mut page)?;
    Ok(page)
}

pub fn format(device: &impl Admin, format: Format) -> Result<()> {
    let Format { namespace, setting, .. } = format;
    device.send(Command { opcode: FORMAT_NVM, namespace, setting, timeout_ms: FORMAT_MS }, &mut [])
}

pub fn sanitize(device: &impl Admin, how: Sanitize, size: u64, report: &Report) -> Result<()> {
    sanitize_with(device, how, (size, report), || thread::sleep(PACE))
}

/// It cannot be stopped, and goes on by itself after a power cut: whoever comes back waits for its end.
fn sanitize_with(
    device: &impl Admin,
    how: Sanitize,
    (size, report): (u64, &Report),
    mut pause: impl FnMut(),
) -> Result<()> {
    if !matches!(status(device)?, Status::Runs(_)) {
        of_controller(device, how.setting())?;
    }
    loop {
        match status(device)? {
            Status::Done => return Ok(()),
            Status::Runs(part) => report.done(size / 0x1_0000 * u64::from(part)),
            Status::Never => bail!("the controller took the command and did nothing"),
            Status::Failed => {
                // What comes next has to be able to write.
                let left = of_controller(device, EXIT_FAILURE);
                left.context("the sanitize failed, and the controller takes no other command")?;
                bail!("the sanitize failed");
            }
        }
        report.still_wanted()?;
        pause();
    }
}

fn of_controller(device: &impl Admin, setting: u32) -> Result<()> {
    device.send(Command { opcode: SANITIZE, namespace: 0, setting, timeout_ms: 0 }, &mut [])
}

fn status(device: &impl Admin) -> Result<Status> {
    let mut page = vec![0u8; 512];
    let (namespace, setting) = (ALL_NAMESPACES, SANITIZE_STATUS);
    let command = Command { opcode: GET_LOG_PAGE, namespace, setting, timeout_ms: 0 };
    device.send(command, &mut page).context("cannot ask how the sanitize goes")?;
    sanitize::status(&page).context("the controller's word on the sanitize is none that is known")
}
