//! Which disks a wipe erases and which it leaves, each with the reason: shown before a person says yes, and frozen
//! from the facts of one RAM boot before the first write.

use api::facts::{Disk, Facts, Identity, Transport};
use api::wipe::{
    DiskName, LeftDisk, Wipe, WipeDisk, WipeOutcome, WipePlan, WipePreview, WipeScope, WipeWish,
};

use crate::freeze::Owner;
use crate::freeze::shown::{Erased, digest};

/// What is done to the disks, in the words of an [`Erased`].
pub const WIPE: &str = "a wipe";

/// What makes a disk one of ours.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    pub owner: Owner<'a>,
    /// Disks that its plans named.
    pub planned: &'a [DiskName],
}

/// By the newest facts, for a person who is about to say yes.
pub fn preview(ours: &Ours<'_>, wish: &WipeWish, facts: &Facts) -> WipePreview {
    let (mut erased, mut left) = (Vec::new(), Vec::new());
    for disk in &facts.disks {
        match kept(ours, wish, &facts.disks, disk) {
            None => erased.push(disk.clone()),
            Some(why) => left.push(LeftDisk { name: DiskName::of(disk), why, wanted: false }),
        }
    }
    let digest = digest(&Erased { machine: ours.owner.machine, what: WIPE, disks: &erased });
    WipePreview { machine: ours.owner.machine.clone(), erased, left, digest }
}

/// The disks that a person was shown, as far as this boot finds them as they were; every other one is left.
pub fn freeze(ours: &Ours<'_>, wipe: &Wipe, facts: Option<&Facts>) -> WipePlan {
    let (mut disks, mut left) = (Vec::new(), Vec::new());
    let found = facts.map_or(&[][..], |facts| &facts.disks);
    for disk in found {
        let name = DiskName::of(disk);
        let wanted = wipe.wish.disks.iter().any(|shown| shown.is(&name));
        let why = kept(ours, &wipe.wish, found, disk)
            .or_else(|| (!wanted).then(|| "nobody was shown it when the wipe was wanted".into()));
        match why {
            Some(why) => left.push(LeftDisk { name, why, wanted }),
            None => disks.push(WipeDisk {
                name,
                sector_size: disk.sector_size,
                fingerprint: disk.fingerprint.clone(),
            }),
        }
    }
    let here = |shown: &&DiskName| found.iter().any(|disk| shown.is(&DiskName::of(disk)));
    for shown in wipe.wish.disks.iter().filter(|shown| !here(shown)) {
        let why = "it is not there: was it taken out, or does it not answer?".into();
        left.push(LeftDisk { name: shown.clone(), why, wanted: true });
    }
    WipePlan {
        machine: ours.owner.machine.clone(),
        number: wipe.number,
        boot_id: facts.map(|facts| facts.boot_id.clone()).unwrap_or_default(),
        full: wipe.wish.full,
        disks,
        left,
    }
}

/// Why a wipe that was frozen earlier must not go on: a disk of its plan that is not erased yet holds an install that was
/// not on it then, of which a database from before that knows nothing. What was begun need not be as it was planned, so
/// its agent alone could not tell.
pub fn overtaken(owner: Owner<'_>, name: &str, wipe: &Wipe, found: &[Disk]) -> Option<String> {
    let plan = wipe.plan.as_ref().filter(|_| !wipe.wish.erase_foreign)?;
    let is_due =
        |planned: &&WipeDisk| wipe.outcome(planned).is_none_or(|wiped| wiped.outcome != WipeOutcome::Erased);
    plan.disks.iter().filter(is_due).find_map(|planned| {
        let disk = found.iter().find(|disk| planned.name.is(&DiskName::of(disk)))?;
        let identity = disk.content.identity.as_ref()?;
        owner.foreign(identity)?;
        let Identity { site, hostname, generation, .. } = identity;
        Some(format!(
            "the disk {} holds `{hostname}` of site `{site}`, generation {generation}, which was not on it when the wipe \
             was wanted (was the database restored?): if that may go, `metalctl machine wipe {name} --erase-foreign`",
            planned.name
        ))
    })
}

/// Why a disk is not erased; None when it is.
fn kept(ours: &Ours<'_>, wish: &WipeWish, all: &[Disk], disk: &Disk) -> Option<String> {
    if wish.scope == WipeScope::None {
        return Some("no disk was to be erased".into());
    }
    if disk.read_only {
        return Some("it is read-only".into());
    }
    // Sticks, card readers and virtual media of a BMC are somebody's.
    if disk.removable || disk.transport == Transport::Usb {
        return Some("it is removable or on USB".into());
    }
    if nameless(all, disk) {
        return Some("no serial and no WWN tell it from another disk".into());
    }
    if let Some(identity) = &disk.content.identity
        && ours.owner.foreign(identity).is_some()
        && !wish.erase_foreign
    {
        let Identity { site, hostname, generation, .. } = identity;
        return Some(format!(
            "it holds `{hostname}` of site `{site}`, generation {generation}, which is not this machine's: if that may go, \
             say --erase-foreign"
        ));
    }
    let installed =
        disk.content.identity.as_ref().is_some_and(|identity| ours.owner.foreign(identity).is_none());
    let planned = ours.planned.iter().any(|planned| planned.is(&DiskName::of(disk)));
    (wish.scope == WipeScope::Ours && !installed && !planned)
        .then(|| "no install of ours was on it: --all-disks erases it, too".into())
}

/// An agent could not find it again.
fn nameless(all: &[Disk], disk: &Disk) -> bool {
    let same =
        |other: &&Disk| (other.serial.trim(), other.wwn.trim()) == (disk.serial.trim(), disk.wwn.trim());
    (disk.serial.trim().is_empty() && disk.wwn.trim().is_empty()) || all.iter().filter(same).count() > 1
}

#[cfg(test)]
mod tests;
