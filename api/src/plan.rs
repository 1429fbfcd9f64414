//! A frozen decision to destroy and rebuild: which disks, cut how, with which GUIDs, for which generation.
//! Its hash travels with every task, and an agent that finds a named disk different refuses.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::MachineId;
use crate::layout::Fs;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    pub machine: MachineId,
    pub generation: i64,
    /// The RAM boot whose facts it was frozen from.
    pub boot_id: String,
    pub image: PlannedImage,
    pub disk: PlannedDisk,
}

/// The bytes that will be written, named by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedImage {
    pub name: String,
    pub version: String,
    /// File name within the image.
    pub file: String,
    /// `ext4.zst` or `tar.zst`.
    pub format: String,
    /// Bytes as it travels.
    pub size: u64,
    /// Bytes unpacked.
    pub unpacked: u64,
    /// Hex, of the file as it travels.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedDisk {
    pub model: String,
    pub serial: String,
    pub wwn: String,
    /// Bytes.
    pub size: u64,
    pub sector_size: u32,
    /// Of tables and signatures when the plan was frozen (see [`crate::facts::Disk::fingerprint`]).
    pub fingerprint: String,
    /// GUID of the whole disk, chosen in advance.
    pub guid: String,
    pub partitions: Vec<PlannedPartition>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedPartition {
    /// From 1, as in `/dev/sda1`.
    pub number: u32,
    pub name: String,
    pub role: Role,
    pub guid: String,
    /// In sectors of the disk.
    pub first: u64,
    pub last: u64,
    pub fs: Option<Fs>,
    /// File-system UUID (for vfat: the 32-bit volume id as `XXXX-XXXX`).
    pub fs_uuid: Option<String>,
    pub mount: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PartitionRole"))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    BiosBoot,
    Esp,
    Root,
    Extra,
}

impl Role {
    /// GPT partition type (UEFI specification 5.3.3; Discoverable Partitions Specification).
    pub const fn type_guid(self, fs: Option<Fs>) -> &'static str {
        match (self, fs) {
            (Role::BiosBoot, _) => "21686148-6449-6e6f-744e-656564454649",
            (Role::Esp, _) => "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            (Role::Root, _) => "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
            (Role::Extra, Some(Fs::Swap)) => "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
            (Role::Extra, _) => "0fc63daf-8483-4772-8e79-3d69d8477de4",
        }
    }
}

impl Plan {
    /// SHA-256 of the plan's JSON, hex. Field order is the struct's, so equal plans have equal hashes.
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(json))
    }

    pub fn partition(&self, role: Role) -> Option<&PlannedPartition> {
        self.disk.partitions.iter().find(|p| p.role == role)
    }
}
