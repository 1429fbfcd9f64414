//! What an operator can order of a machine, and what comes with the verbs that need more than their name.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ParseError;
use crate::wipe::WipeWish;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Approve,
    Assign,
    Reprovision,
    Retry,
    Hold,
    Release,
    Inspect,
    Rescue,
    Leave,
    Wipe,
    Retire,
    Delete,
}

impl Verb {
    pub const ALL: [Verb; 12] = [
        Verb::Approve,
        Verb::Assign,
        Verb::Reprovision,
        Verb::Retry,
        Verb::Hold,
        Verb::Release,
        Verb::Inspect,
        Verb::Rescue,
        Verb::Leave,
        Verb::Wipe,
        Verb::Retire,
        Verb::Delete,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Approve => "approve",
            Verb::Assign => "assign",
            Verb::Reprovision => "reprovision",
            Verb::Retry => "retry",
            Verb::Hold => "hold",
            Verb::Release => "release",
            Verb::Inspect => "inspect",
            Verb::Rescue => "rescue",
            Verb::Leave => "leave",
            Verb::Wipe => "wipe",
            Verb::Retire => "retire",
            Verb::Delete => "delete",
        }
    }
}

impl FromStr for Verb {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Verb, ParseError> {
        let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == text);
        verb.ok_or_else(|| ParseError { text: text.into(), expected: "a verb of machines" })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// `approve`, `reprovision`, `wipe` and `retire`: the `digest` of the preview that was shown before the yes.
    pub shown: String,
    /// `assign`: the profile that it gets.
    pub profile: Option<String>,
    /// `rescue`: public keys that may log in, beside those of its profile.
    pub keys: Vec<String>,
    /// `wipe` and `retire`: which disks. Without `disks` those that the wish means now.
    pub wipe: WipeWish,
}

impl Order {
    /// A yes to what this preview showed.
    pub fn yes_to(digest: &str) -> Order {
        Order { shown: digest.into(), ..Order::default() }
    }
}
