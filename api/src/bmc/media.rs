//! A BMC's virtual drive: an image from an address lies in it as a CD would.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VirtualDrive {
    pub name: String,
    /// What it stands for, in the BMC's words: `CD`, `DVD`, `USBStick`.
    pub kinds: Vec<String>,
    /// Whether something lies in it.
    pub inserted: bool,
    /// Where the BMC fetches that from, without names, passwords and what is behind a `?`; None where it does not say.
    pub image: Option<String>,
}

/// What is put into the drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MediaOrder {
    /// An `http://` or `https://` address that the BMC itself reaches.
    pub image: String,
}
