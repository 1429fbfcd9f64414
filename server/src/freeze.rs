//! Destruction is a plan: from the facts of this boot and what the operator declared to the one disk
//! that will be erased, cut how and with which GUIDs, or a refusal that says what to do.

mod choose;
mod cut;
mod judge;
mod refusal;
pub mod shown;
#[cfg(test)]
mod tests;

use api::facts::{Disk, Facts};
use api::id::MachineId;
use api::image::{FileRole, ImageKind, Manifest};
use api::layout::Layout;
use api::machine::Erasure;
use api::plan::{Plan, PlannedDisk, PlannedImage};
use uuid::Uuid;

use crate::config::Profile;

use shown::{Erased, digest};

pub use cut::smallest_disk;
pub use judge::Owner;
pub use refusal::{Foreign, Refusal};

/// An install that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub site: &'a str,
    pub machine: &'a MachineId,
    /// What an operator types to mean this machine, and the verb that allows its erasure where it stands now.
    pub name: &'a str,
    pub verb: &'static str,
    /// Of the install that is to begin.
    pub generation: i64,
    /// Of the RAM boot that is running.
    pub facts: &'a Facts,
    pub profile: &'a Profile,
    pub layout: &'a Layout,
    pub image: &'a Manifest,
    /// The disks that a person saw before saying yes.
    pub shown: &'a [Disk],
    /// Disk GUIDs of all plans that were ever frozen for this machine.
    pub own_guids: &'a [String],
}

impl Wanted<'_> {
    fn typed(&self) -> String {
        format!("metalctl machine {} {}", self.verb, self.name)
    }

    /// The generation that is to begin is on no disk yet.
    fn owner(&self) -> Owner<'_> {
        Owner { site: self.site, machine: self.machine, generation: self.generation - 1 }
    }
}

/// Who allowed the erasure. Each allows all that the one before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authorisation {
    /// The site's rule: only a disk without table or signature.
    Rule,
    /// A person who saw what is on the disks.
    Person,
    /// A person who saw that a disk belongs to somebody else's install.
    EraseForeign,
}

/// Freezes the decision. `guids` gives a new random GUID at each call.
pub fn freeze(
    wanted: &Wanted,
    authorisation: Authorisation,
    guids: &mut impl FnMut() -> Uuid,
) -> Result<Plan, Refusal> {
    let image = image(wanted.image)?;
    let disk = choose::choose(&wanted.facts.disks, &wanted.profile.disk)?;
    let cuts = cut::cut(disk, wanted.layout)?;
    cut::holds(disk, &cuts, &image)?;
    judge::judge(wanted, disk, authorisation)?;
    let guid = guids().to_string();
    let partitions = cuts.into_iter().map(|cut| cut.planned(guids)).collect();
    Ok(Plan {
        machine: wanted.machine.clone(),
        generation: wanted.generation,
        boot_id: wanted.facts.boot_id.clone(),
        image,
        disk: PlannedDisk {
            model: disk.model.clone(),
            serial: disk.serial.clone(),
            wwn: disk.wwn.clone(),
            size: disk.size,
            sector_size: disk.sector_size,
            fingerprint: disk.fingerprint.clone(),
            guid,
            partitions,
        },
    })
}

/// What an operator is shown before saying yes: the disk, and what would still refuse to erase it.
pub fn erasure(wanted: &Wanted, authorisation: Authorisation) -> Erasure {
    let (machine, what) = (wanted.machine, install(wanted.profile));
    let chosen = choose::choose(&wanted.facts.disks, &wanted.profile.disk);
    let refusal = freeze(wanted, authorisation, &mut Uuid::nil).err();
    let disks: Vec<Disk> = chosen.into_iter().cloned().collect();
    let digest = digest(&Erased { machine, what: &what, disks: &disks });
    Erasure {
        machine: machine.clone(),
        profile: Some(wanted.profile.name.clone()),
        disks,
        // Nobody says yes to what is refused.
        digest: if refusal.is_none() { digest } else { String::new() },
        refusal: refusal.map(|refusal| refusal.to_string()),
    }
}

/// What is done to the disks, in the words of a [`shown::Erased`].
pub fn install(profile: &Profile) -> String {
    let Profile { name, image, layout, .. } = profile;
    format!("an install of `{image}` as `{name}`, laid out as `{layout}`")
}

/// Why a plan that was frozen earlier must not be carried out on what is in the machine now.
pub fn overtaken(site: &str, name: &str, plan: &Plan, disks: &[Disk]) -> Option<Refusal> {
    let identity = judge::overtaken(site, plan, disks)?;
    let (name, planned) = (name.into(), plan.generation);
    Some(Refusal::Overtaken { name, serial: plan.disk.serial.clone(), planned, found: identity.generation })
}

fn image(manifest: &Manifest) -> Result<PlannedImage, Refusal> {
    let root = manifest.file(FileRole::Root).filter(|_| manifest.kind == ImageKind::Os);
    let root = root.ok_or_else(|| Refusal::NoOperatingSystem { image: manifest.name.clone() })?;
    Ok(PlannedImage {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        file: root.name.clone(),
        format: root.format.clone(),
        size: root.size,
        unpacked: root.unpacked,
        sha256: root.sha256.clone(),
    })
}
