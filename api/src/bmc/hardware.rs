//! What a BMC tells of the machine that it belongs to. The agent's facts are the kernel's view of the same hardware.

use serde::{Deserialize, Serialize};

use crate::facts::{MemoryModule, Product};

/// A part that the BMC does not name has an empty name; a number that it does not give is None or 0, as told below.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BmcHardware"))]
pub struct Hardware {
    pub system: Product,
    pub board: Product,
    pub chassis_serial: String,
    /// What its owner wrote into it.
    pub asset_tag: String,
    /// SMBIOS UUID as the BMC spells it, in lower case. Some swap the bytes of its first three fields.
    pub uuid: Option<String>,
    pub firmware_version: String,
    pub bmc: Controller,
    pub processors: Vec<Processor>,
    /// Bytes, by the BMC's own sum; None where it gives none.
    pub memory: Option<u64>,
    pub modules: Vec<MemoryModule>,
    pub drives: Vec<Drive>,
    pub interfaces: Vec<Port>,
    pub firmware: Vec<Component>,
    /// Watts, at the moment of the question; None where nothing measures it.
    pub draw: Option<f64>,
    /// What could not be read, a sentence each: the list is longer in truth than it is here.
    pub unread: Vec<String>,
}

/// The BMC itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BmcController"))]
pub struct Controller {
    /// Over IPMI, which knows no name of it: the numbers of its maker and of its product, and IPMI's own version.
    pub model: String,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BmcProcessor"))]
pub struct Processor {
    pub socket: String,
    /// `CPU`, `GPU`, as Redfish's `ProcessorType` names it.
    pub kind: String,
    pub model: String,
    /// 0 when the BMC does not say.
    pub cores: u32,
    pub threads: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BmcDrive"))]
pub struct Drive {
    pub name: String,
    pub model: String,
    pub serial: String,
    /// Bytes; 0 when the BMC does not say.
    pub size: u64,
    /// `HDD`, `SSD`.
    pub media: String,
    /// `SATA`, `SAS`, `NVMe`.
    pub protocol: String,
    /// The BMC's own judgement, in its words.
    pub health: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BmcPort"))]
pub struct Port {
    pub name: String,
    /// As six pairs with colons, in lower case.
    pub mac: String,
    /// Megabits a second; None where the link is down or the BMC does not say.
    pub speed: Option<u64>,
    pub link: Option<String>,
}

/// A piece of firmware and the version that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BmcComponent"))]
pub struct Component {
    pub id: String,
    pub name: String,
    pub version: String,
    /// Whether the BMC says that it can write another version.
    pub updateable: bool,
}
