//! What is in doubt about who a machine is, and what an operator says about it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Hostname, Mac, ParseError};

/// Why a machine is quarantined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Doubt {
    /// A boot found hardware that is partly its own and partly not.
    #[default]
    Hardware,
    /// Two systems speak in its name at the same time.
    Sessions,
}

impl Doubt {
    pub const ALL: [Doubt; 2] = [Doubt::Hardware, Doubt::Sessions];

    /// The one spelling, in SQL and JSON alike.
    pub const fn as_str(self) -> &'static str {
        match self {
            Doubt::Hardware => "hardware",
            Doubt::Sessions => "sessions",
        }
    }
}

impl FromStr for Doubt {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Doubt::ALL.into_iter().find(|doubt| doubt.as_str() == text);
        found.ok_or_else(|| ParseError { text: text.into(), expected: "what is in doubt" })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_the_same_both_ways_and_in_json() {
        for doubt in Doubt::ALL {
            assert_eq!(doubt.as_str().parse::<Doubt>().unwrap(), doubt);
            assert_eq!(serde_json::to_string(&doubt).unwrap(), format!("\"{}\"", doubt.as_str()));
        }
        assert!("ports".parse::<Doubt>().is_err());
    }
}
