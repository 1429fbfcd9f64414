//! What an operator declares about disks: how one is divided, and by which rule it is chosen.

use serde::{Deserialize, Serialize};

/// A declared layout. ESP, BIOS boot and root are always there, so that a disk boots on any firmware and
/// always carries its identity file; a swap partition only where one is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Bytes.
    pub esp: u64,
    pub root: Volume,
    pub extra: Vec<ExtraPartition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Bytes at least.
    pub size: u64,
    /// Takes a share of what is left on the disk.
    pub grow: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraPartition {
    /// GPT partition name.
    pub name: String,
    pub volume: Volume,
    pub fs: Fs,
    /// Where it is mounted; None for swap.
    pub mount: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Fs {
    Vfat,
    Ext4,
    Swap,
}

impl Fs {
    pub const fn as_str(self) -> &'static str {
        match self {
            Fs::Vfat => "vfat",
            Fs::Ext4 => "ext4",
            Fs::Swap => "swap",
        }
    }
}

/// Which disk. Every condition given must hold; of several that fit, the smallest is taken, and of
/// equally small ones none: two disks that a rule cannot tell apart are a question to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskRule {
    pub serial: Option<String>,
    pub wwn: Option<String>,
    /// Bytes.
    pub min_size: Option<u64>,
    pub max_size: Option<u64>,
    pub kind: Option<DiskKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskKind {
    Nvme,
    Ssd,
    Hdd,
}
