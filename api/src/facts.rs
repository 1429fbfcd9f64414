//! What an agent found in a machine. All of it is a report: hardware lies, so every text may be empty
//! and nothing here is trusted before the server has looked at it.

use serde::{Deserialize, Serialize};

use crate::id::Mac;
use crate::state::Home;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facts {
    /// The kernel's boot_id: facts are of one boot, and a plan is frozen only from those of the running one.
    pub boot_id: String,
    pub home: Home,
    pub boot_mode: BootMode,
    /// UEFI's Secure Boot is on. None where the firmware does not say.
    #[serde(default)]
    pub secure_boot: Option<bool>,
    pub kernel: String,
    pub firmware: Firmware,
    pub system: Product,
    pub board: Product,
    pub chassis: Product,
    /// SMBIOS UUID in its canonical form; None where the table has none.
    pub uuid: Option<String>,
    pub cpus: Vec<Cpu>,
    pub memory: Memory,
    pub disks: Vec<Disk>,
    pub interfaces: Vec<Interface>,
    pub bmc: Option<Bmc>,
    /// The machine's clock minus the server's at first contact, in milliseconds, before the agent set it.
    pub clock_error_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum BootMode {
    Bios,
    Uefi,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Firmware {
    pub vendor: String,
    pub version: String,
    pub date: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Product {
    pub manufacturer: String,
    pub product: String,
    pub serial: String,
}

/// One socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cpu {
    pub model: String,
    pub cores: u32,
    pub threads: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Memory {
    /// Bytes that the kernel sees.
    pub total: u64,
    pub modules: Vec<MemoryModule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemoryModule {
    pub slot: String,
    /// Bytes.
    pub size: u64,
    /// Megatransfers a second; 0 when the table does not say.
    pub speed: u32,
    pub serial: String,
    pub manufacturer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Disk {
    /// The kernel's name in this boot, without `/dev/`. Never an identity.
    pub name: String,
    pub model: String,
    pub serial: String,
    /// World wide name (`naa.…`, `eui.…`, `t10.…`), empty when the disk has none.
    pub wwn: String,
    /// Bytes.
    pub size: u64,
    pub sector_size: u32,
    pub rotational: bool,
    pub removable: bool,
    pub read_only: bool,
    pub transport: Transport,
    pub content: DiskContent,
    /// SHA-256 over the first and the last mebibyte, hex: two equal fingerprints mean that tables and
    /// signatures there are untouched.
    pub fingerprint: String,
}

impl Disk {
    /// Whether two reports are of one disk. A kernel that does not tell one of its two numbers contradicts nothing.
    pub fn is_same(&self, other: &Disk) -> bool {
        let numbers = [(&self.serial, &other.serial), (&self.wwn, &other.wwn)];
        let told =
            numbers.iter().map(|(a, b)| (a.trim(), b.trim())).filter(|(a, b)| !a.is_empty() && !b.is_empty());
        let mut agree = told.map(|(a, b)| a == b).peekable();
        agree.peek().is_some() && agree.all(|agrees| agrees)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Nvme,
    Sata,
    Sas,
    Virtio,
    Usb,
    Other,
}

/// What lies on a disk, as far as tables and signatures tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiskContent {
    /// `gpt`, `mbr`, or None for a disk without a table.
    pub table: Option<String>,
    /// Of a GPT: the disk's GUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// Found by blkid on the whole disk and on each partition: "vda3 ext4 root".
    pub signatures: Vec<String>,
    /// The identity file of one of our installs, if there is one.
    pub identity: Option<Identity>,
}

impl DiskContent {
    /// Neither table nor signature: nothing that anybody could miss.
    pub fn is_untouched(&self) -> bool {
        self.table.is_none() && self.signatures.is_empty() && self.identity.is_none()
    }
}

/// Written to the ESP by every install, as JSON, at [`Identity::PATH`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DiskIdentity"))]
pub struct Identity {
    pub site: String,
    pub machine: String,
    pub hostname: String,
    pub generation: i64,
}

impl Identity {
    /// Where it lies on the ESP.
    pub const PATH: &str = "EFI/metal/identity.json";

    /// What stands for a file that is there and cannot be read: somebody's, and nobody's that we know.
    pub fn unreadable() -> Identity {
        let unknown = || "unreadable".to_string();
        Identity { site: unknown(), machine: unknown(), hostname: unknown(), generation: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interface {
    pub name: String,
    pub mac: Mac,
    /// PCI address such as `0000:00:03.0`; empty for an interface without one.
    pub pci: String,
    pub driver: String,
    /// Megabits a second; 0 when unknown or down.
    pub speed: u32,
    pub link: bool,
    pub addresses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bmc {
    pub address: String,
    pub mac: Option<Mac>,
}
