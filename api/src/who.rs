//! What an operator says about who a machine is.

use serde::{Deserialize, Serialize};

use crate::id::{Hostname, Mac};

/// The machine that the one in the path really is; itself where all its parts were replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MergeInto {
    pub into: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Split {
    /// The ports that are another machine's; of one in quarantine, none means those that put it there.
    #[serde(default)]
    pub macs: Vec<Mac>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rename {
    pub hostname: Hostname,
}
