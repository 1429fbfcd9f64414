//! Addresses that DHCP gives, as operators see them.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Mac, ParseError};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeaseView {
    pub address: Ipv4Addr,
    pub network: String,
    /// Who has it, or had it last.
    pub mac: Option<Mac>,
    /// What people call the machine with that MAC.
    pub machine: Option<String>,
    pub state: LeaseState,
    /// When it ends, in microseconds since 1970; when past, since when it is free.
    pub until: i64,
    /// For whom it is kept, and by whom: an operator's name, or the site file.
    pub kept_for: Option<Mac>,
    pub kept_by: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    Free,
    Offered,
    Leased,
    /// A client found it in use by someone else: given to nobody for a while.
    Declined,
}

impl LeaseState {
    pub const fn as_str(self) -> &'static str {
        match self {
            LeaseState::Free => "free",
            LeaseState::Offered => "offered",
            LeaseState::Leased => "leased",
            LeaseState::Declined => "declined",
        }
    }
}

impl fmt::Display for LeaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LeaseState {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<LeaseState, ParseError> {
        use LeaseState as L;
        let all = [L::Free, L::Offered, L::Leased, L::Declined];
        let found = all.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| ParseError { text: text.into(), expected: "a lease's state" })
    }
}
