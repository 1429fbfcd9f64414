//! BMCs as they are listed, and what operators say of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MachinePower;
use crate::bmc::DriverKind;
use crate::bmc::update::FirmwareUpdate;
use crate::id::{Mac, MachineId};

/// A BMC as listed: one that is in use, or one that an agent found and nobody has adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BmcView {
    pub machine: MachineId,
    /// What people call the machine.
    pub name: String,
    /// None for one that was only found.
    pub in_use: Option<BmcInUse>,
    /// As the agent in RAM saw it.
    pub found: Option<FoundBmc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BmcInUse {
    #[serde(flatten)]
    pub power: MachinePower,
    pub port: Option<u16>,
    /// The credentials' name in the site file; None where they are its own.
    pub credentials: Option<String>,
    pub user: String,
    /// SHA-256 of the certificate that it must present, in hex; None before the first contact.
    pub certificate: Option<String>,
    /// The last one since the server started; None where there was none.
    #[serde(default)]
    pub update: Option<FirmwareUpdate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FoundBmc {
    pub address: String,
    pub mac: Option<Mac>,
    /// When, in microseconds since 1970.
    pub at: i64,
}

/// What an operator says of a machine's BMC. What is left out stays as it is, or comes from what was found.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BmcSettings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<DriverKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// A `[bmc.NAME]` of the site file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Sealed before it is kept, and never shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// IPMI's key of the BMC (Kg), as text or as 0x and hexadecimal digits. Sealed likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bmc_key: Option<String>,
    /// The six bytes that some network cards want behind a magic packet, in hexadecimal. Sealed likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure_on: Option<String>,
    /// Use what the agent in RAM found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopt: bool,
}

impl fmt::Debug for BmcSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |secret: &Option<String>| secret.as_ref().map(|_| "…");
        f.debug_struct("BmcSettings")
            .field("driver", &self.driver)
            .field("address", &self.address)
            .field("port", &self.port)
            .field("credentials", &self.credentials)
            .field("user", &self.user)
            .field("password", &hidden(&self.password))
            .field("bmc_key", &hidden(&self.bmc_key))
            .field("secure_on", &hidden(&self.secure_on))
            .field("adopt", &self.adopt)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_no_debug_output() {
        let secret = || Some("calvin".to_string());
        let settings = BmcSettings {
            password: secret(),
            bmc_key: secret(),
            secure_on: secret(),
            ..BmcSettings::default()
        };
        assert!(!format!("{settings:?}").contains("calvin"));
    }
}
