//! What is not ours is not erased: whose the content of a disk is, who may allow that it goes, and whether
//! that is what they were shown.

use api::facts::{Disk, DiskContent, Identity};
use api::id::MachineId;
use api::plan::Plan;

use super::refusal::{Foreign, Refusal};
use super::{Authorisation, Wanted};
use crate::config::Approve;

pub fn judge(wanted: &Wanted, disk: &Disk, authorisation: Authorisation) -> Result<(), Refusal> {
    let typed = wanted.typed();
    let refused =
        |needs: Authorisation, refusal: Refusal| if authorisation < needs { Err(refusal) } else { Ok(()) };
    let found = Box::new(disk.clone());
    match disk.content.identity.as_ref().map(|identity| (identity, wanted.owner().foreign(identity))) {
        Some((identity, Some(foreign))) => {
            let identity = Box::new(identity.clone());
            refused(Authorisation::EraseForeign, Refusal::Foreign { typed, disk: found, identity, foreign })?;
        }
        _ if !disk.content.is_untouched() => {
            refused(Authorisation::Person, Refusal::Content { typed, disk: found })?;
        }
        _ if wanted.profile.approve == Approve::Person => {
            let profile = wanted.profile.name.clone();
            refused(Authorisation::Person, Refusal::Unapproved { typed, disk: found, profile })?;
        }
        _ => {}
    }
    if authorisation == Authorisation::Rule { Ok(()) } else { shown(wanted, disk) }
}

/// A person's yes is to the disk they saw, with what was on it. Less may be there now, and what this machine
/// itself has written since; nothing else.
fn shown(wanted: &Wanted, disk: &Disk) -> Result<(), Refusal> {
    let same = |shown: &&Disk| shown.is_same(disk) && shown.size == disk.size;
    let (typed, found) = (wanted.typed(), Box::new(disk.clone()));
    let Some(then) = wanted.shown.iter().find(same) else {
        return Err(Refusal::NotShown { typed, disk: found, shown: wanted.shown.to_vec() });
    };
    if disk.content.is_untouched() || on_it(disk) == on_it(then) || is_own(wanted, disk) {
        return Ok(());
    }
    Err(Refusal::Changed { typed, disk: found, then: Box::new(then.clone()) })
}

/// Without the kernel's name of the disk, which changes from boot to boot.
pub fn on_it(disk: &Disk) -> (DiskContent, Vec<&str>) {
    let found = disk.content.signatures.iter();
    let signatures = found.map(|found| found.strip_prefix(&disk.name).unwrap_or(found)).collect();
    (DiskContent { signatures: Vec::new(), ..disk.content.clone() }, signatures)
}

/// An install of this machine that the row knows of, finished or not.
fn is_own(wanted: &Wanted, disk: &Disk) -> bool {
    match &disk.content.identity {
        Some(identity) => wanted.owner().foreign(identity).is_none(),
        None => disk.content.guid.as_ref().is_some_and(|guid| wanted.own_guids.contains(guid)),
    }
}

/// What tells a machine's own installs from others.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub site: &'a str,
    pub machine: &'a MachineId,
    /// That the row has reached.
    pub generation: i64,
}

impl Owner<'_> {
    /// Why an install on a disk is not this machine's own; None when it is.
    pub fn foreign(&self, identity: &Identity) -> Option<Foreign> {
        if identity.site != self.site {
            return Some(Foreign::Site);
        }
        if identity.machine != self.machine.0 {
            return Some(Foreign::Machine);
        }
        // The database knows less than the disk: it was restored from a backup.
        (identity.generation > self.generation).then_some(Foreign::Newer { row: self.generation })
    }
}

/// A plan is frozen in one boot and carried out in a later one, if power went in between. By then its disk must
/// not hold what that very plan has installed, which a database from before that does not know of.
pub fn overtaken<'a>(site: &str, plan: &Plan, disks: &'a [Disk]) -> Option<&'a Identity> {
    let carries = |disk: &&Disk| disk.content.guid.as_ref() == Some(&plan.disk.guid);
    let identity = disks.iter().find(carries)?.content.identity.as_ref()?;
    // To a row from before the plan, what the plan has installed is newer than all it knows.
    let before = Owner { site, machine: &plan.machine, generation: plan.generation - 1 };
    matches!(before.foreign(identity), Some(Foreign::Newer { .. })).then_some(identity)
}
