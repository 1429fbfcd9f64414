//! The site file as the server read it, and a new one in its place.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SiteText {
    /// On the server; None where it was not read from a file.
    pub path: Option<String>,
    pub text: String,
}

/// What came of a new site file that has no errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SiteApplied {
    pub path: String,
    /// False: it is the one that the server runs with.
    pub changed: bool,
    pub warnings: Vec<String>,
}
