//! Erasure for release or retirement: what a person wants erased, the frozen plan of it, and the record of what was
//! done and what was not.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::facts::Disk;
use crate::id::MachineId;
use crate::words;

/// Which disks a person means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WipeScope {
    /// Those that an install of ours was written to.
    #[default]
    Ours,
    /// Every disk that is built in.
    All,
    /// None: they are kept as they are.
    None,
}

impl WipeScope {
    pub const fn as_str(self) -> &'static str {
        match self {
            WipeScope::Ours => "ours",
            WipeScope::All => "all",
            WipeScope::None => "none",
        }
    }
}

/// What a person wants, and the disks that they saw when they said so. Others are never written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct WipeWish {
    pub scope: WipeScope,
    /// Where a disk cannot forget by itself: zeros over all of it, not only over tables and signatures.
    pub full: bool,
    /// Also what another site, another machine or a newer generation installed.
    pub erase_foreign: bool,
    /// Go on though a disk could not be erased.
    pub skip_failed: bool,
    pub disks: Vec<DiskName>,
}

/// Asks for a preview of a wipe with this wish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct WipeQuery {
    pub scope: WipeScope,
    /// As one who would also let somebody else's install go.
    pub erase_foreign: bool,
}

/// A disk as it is found again after a reboot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiskName {
    pub model: String,
    pub serial: String,
    pub wwn: String,
    /// Bytes.
    pub size: u64,
}

impl DiskName {
    pub fn of(disk: &Disk) -> DiskName {
        let Disk { model, serial, wwn, size, .. } = disk.clone();
        DiskName { model, serial, wwn, size }
    }

    /// Whether both are the same disk: a model is a name for many.
    pub fn is(&self, other: &DiskName) -> bool {
        (&self.serial, &self.wwn, self.size) == (&other.serial, &other.wwn, other.size)
    }
}

/// What a wipe would do, for a person who is about to say yes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WipePreview {
    pub machine: MachineId,
    pub erased: Vec<Disk>,
    pub left: Vec<LeftDisk>,
    /// Goes back with the yes, as [`crate::order::Order::shown`].
    #[serde(default)]
    pub digest: String,
}

/// Frozen before the first write, from the facts of one RAM boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WipePlan {
    pub machine: MachineId,
    /// Counts the wipes of this machine: each is done once.
    pub number: i64,
    pub boot_id: String,
    pub full: bool,
    pub disks: Vec<WipeDisk>,
    pub left: Vec<LeftDisk>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WipeDisk {
    #[serde(flatten)]
    pub name: DiskName,
    pub sector_size: u32,
    /// See [`crate::facts::Disk::fingerprint`].
    pub fingerprint: String,
}

/// A disk that is not erased, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeftDisk {
    #[serde(flatten)]
    pub name: DiskName,
    pub why: String,
    /// A person wanted it erased.
    pub wanted: bool,
}

/// What became of a disk of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WipedDisk {
    #[serde(flatten)]
    pub name: DiskName,
    pub outcome: WipeOutcome,
    /// In the order in which they were tried.
    pub steps: Vec<WipeStep>,
    /// Microseconds since 1970.
    pub at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WipeOutcome {
    /// Told before the first write: from here on the disk need not be as it was planned.
    Begun,
    Erased,
    Failed,
}

/// One way to erase that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WipeStep {
    /// In words, such as `discard of all blocks`.
    pub method: String,
    /// Why it did not work; None where it did.
    pub error: Option<String>,
}

/// A wipe with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wipe {
    pub number: i64,
    pub at: i64,
    pub who: String,
    pub wish: WipeWish,
    pub plan: Option<WipePlan>,
    pub record: Vec<WipedDisk>,
}

impl WipePlan {
    /// SHA-256 of the plan's JSON, hex.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(serde_json::to_vec(self).unwrap_or_default()))
    }
}

impl Wipe {
    /// What became of a disk so far.
    pub fn outcome(&self, disk: &WipeDisk) -> Option<&WipedDisk> {
        self.record.iter().find(|wiped| wiped.name.is(&disk.name))
    }

    /// Disks that a person wanted erased and that are not, with the reason.
    pub fn undone(&self) -> Vec<(DiskName, String)> {
        let Some(plan) = &self.plan else { return Vec::new() };
        let left =
            plan.left.iter().filter(|left| left.wanted).map(|left| (left.name.clone(), left.why.clone()));
        let failed = plan.disks.iter().filter_map(|disk| match self.outcome(disk) {
            None => Some((disk.name.clone(), "nothing of it was begun".to_string())),
            Some(wiped) if wiped.outcome == WipeOutcome::Erased => None,
            Some(wiped) => Some((disk.name.clone(), last_error(wiped))),
        });
        left.chain(failed).collect()
    }
}

impl Wipe {
    /// Why the wipe cannot count as done; None where it can, be it because a person let it.
    pub fn unfinished(&self) -> Option<String> {
        let undone = self.undone();
        let reasons: Vec<String> = undone.iter().map(|(disk, why)| format!("{disk}: {why}")).collect();
        (!undone.is_empty() && !self.wish.skip_failed).then(|| format!("not erased: {}", reasons.join("; ")))
    }
}

impl fmt::Display for DiskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [("", &self.model), ("serial ", &self.serial), ("wwn ", &self.wwn)];
        let known = named.into_iter().filter(|(_, text)| !text.trim().is_empty());
        let mut words: Vec<String> = known.map(|(what, text)| format!("{what}{}", text.trim())).collect();
        words.push(words::size(self.size));
        f.write_str(&words.join(", "))
    }
}

/// For the history: the disks, and what was allowed beside.
impl fmt::Display for WipeWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disks: Vec<String> = self.disks.iter().map(DiskName::to_string).collect();
        f.write_str(if disks.is_empty() { "no disk" } else { "" })?;
        f.write_str(&disks.join("; "))?;
        let flags = [
            (self.full, " --full"),
            (self.erase_foreign, " --erase-foreign"),
            (self.skip_failed, " --skip-failed"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, flag)| f.write_str(flag))
    }
}

fn last_error(wiped: &WipedDisk) -> String {
    let last = wiped.steps.iter().rev().find_map(|step| step.error.clone());
    last.unwrap_or_else(|| "its erasure was begun and not ended".into())
}
