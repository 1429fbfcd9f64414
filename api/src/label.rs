//! Labels that operators give to machines: a key and a value of few characters, so that `key=value` needs no
//! quoting in a shell, a URL or a spreadsheet.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ParseError;

pub type Labels = BTreeMap<String, String>;

/// What changes about a machine's labels; the others stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabelChange {
    #[serde(default)]
    pub set: Labels,
    #[serde(default)]
    pub remove: Vec<String>,
}

/// Reads `key=value`, or a bare `key` for one without a value.
pub fn label(text: &str) -> Result<(String, String), ParseError> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if is_key(key) && is_value(value) {
        return Ok((key.into(), value.into()));
    }
    Err(ParseError { text: text.into(), expected: "a label: key=value, of letters, digits and . _ - /" })
}

pub fn is_key(key: &str) -> bool {
    !key.is_empty() && is_value(key) && !key.starts_with('-')
}

pub fn is_value(value: &str) -> bool {
    value.len() <= 63 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
}

/// As they are typed: `zone=a;gpu`.
pub fn joined(labels: &Labels) -> String {
    let pair = |(key, value): (&String, &String)| match value.is_empty() {
        true => key.clone(),
        false => format!("{key}={value}"),
    };
    labels.iter().map(pair).collect::<Vec<_>>().join(";")
}

/// A condition on labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    pub key: String,
    pub wants: Wants,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    Any,
    Value(String),
    /// Also holds where the label is not there.
    NotValue(String),
}

impl FromStr for Selector {
    type Err = String;
    fn from_str(text: &str) -> Result<Selector, String> {
        let (key, wants) = match (text.split_once("!="), text.split_once('=')) {
            (Some((key, value)), _) => (key, Wants::NotValue(value.into())),
            (None, Some((key, value))) => (key, Wants::Value(value.trim_start_matches('=').into())),
            (None, None) => (text, Wants::Any),
        };
        let fits = match &wants {
            Wants::Any => true,
            Wants::Value(value) | Wants::NotValue(value) => is_value(value),
        };
        match is_key(key) && fits {
            true => Ok(Selector { key: key.into(), wants }),
            false => Err("write KEY, KEY=VALUE or KEY!=VALUE, of letters, digits and . _ - /".into()),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wants {
            Wants::Any => f.write_str(&self.key),
            Wants::Value(value) => write!(f, "{}={value}", self.key),
            Wants::NotValue(value) => write!(f, "{}!={value}", self.key),
        }
    }
}

impl Selector {
    pub fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.wants {
            Wants::Any => value.is_some(),
            Wants::Value(wanted) => value == Some(wanted),
            Wants::NotValue(unwanted) => value != Some(unwanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_as_it_is_written() {
        let labels: Labels = ["zone=a", "gpu"].iter().map(|text| label(text).unwrap()).collect();
        assert_eq!(joined(&labels), "gpu;zone=a");
        for text in ["", "=a", "a b=c", "a=b=c", "a=b;c", "-a=b", &"a".repeat(64)] {
            assert!(label(text).is_err(), "{text}");
        }
    }

    #[test]
    fn selectors_are_read_as_they_are_written() {
        for text in ["gpu", "zone=a", "zone!=a", "zone="] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        assert_eq!("zone==a".parse::<Selector>(), "zone=a".parse());
        for text in ["", "=a", "!=a", "a b", "zone=a b"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
