//! Which machines a verb is about: names and patterns, labels, states, profiles, or all.

use std::fmt;
use std::str::FromStr;

use api::label::{Selector, is_key};
use api::state::State;

use crate::select::is_pattern;

#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Selection")]
pub struct Filter {
    /// Only machines with this label: KEY, KEY=VALUE or KEY!=VALUE. Given again, all have to hold
    #[arg(short = 'l', long = "label", value_name = "LABEL")]
    pub labels: Vec<Selector>,
    /// Only machines in this state
    #[arg(long, value_name = "STATE")]
    pub state: Option<State>,
    /// Only machines with this profile
    #[arg(long = "profile", value_name = "PROFILE")]
    pub of_profile: Option<String>,
}

/// What a list shows; all machines where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Listed {
    /// Hostnames or patterns such as `node0?` or `web-*`, or beginnings of MACs, serials or ids
    #[arg(value_name = "MACHINE")]
    pub machines: Vec<String>,
    #[command(flatten)]
    pub filter: Filter,
}

/// What a verb changes; it has to be said.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Selection {
    /// Hostnames or patterns such as `node0?` or `web-*`, or beginnings of MACs, serials or ids
    #[arg(value_name = "MACHINE", required_unless_present_any = ["labels", "state", "of_profile", "all"])]
    pub machines: Vec<String>,
    #[command(flatten)]
    pub filter: Filter,
    /// All machines
    #[arg(long, conflicts_with_all = ["machines", "labels", "state", "of_profile"])]
    pub all: bool,
}

impl Selection {
    /// One machine, by a name of its own: whoever typed that has said which.
    pub fn is_one(&self) -> bool {
        matches!(self.machines.as_slice(), [one] if !is_pattern(one))
    }
}

/// As it is typed, for a hint that can be typed again.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Filter { labels, state, of_profile } = &self.filter;
        // What a shell would take for its own is quoted.
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:/=".contains(c));
        let word = |text: &String| if plain(text) { text.clone() } else { format!("'{text}'") };
        let mut words: Vec<String> = self.machines.iter().map(word).collect();
        words.extend(labels.iter().map(|label| format!("-l {}", word(&label.to_string()))));
        words.extend(state.map(|state| format!("--state {state}")));
        words.extend(of_profile.iter().map(|profile| format!("--profile {}", word(profile))));
        words.extend(self.all.then(|| "--all".into()));
        f.write_str(&words.join(" "))
    }
}

#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Sure {
    /// Do it to several machines without asking
    #[arg(long)]
    pub yes: bool,
}

/// A change of a label as it is typed: `zone=a` gives it, `zone-` takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marking {
    Set(String, String),
    Remove(String),
}

impl FromStr for Marking {
    type Err = String;
    fn from_str(text: &str) -> Result<Marking, String> {
        if let Some(key) = text.strip_suffix('-').filter(|key| is_key(key)) {
            return Ok(Marking::Remove(key.into()));
        }
        let (key, value) = api::label::label(text).map_err(|error| error.to_string())?;
        Ok(Marking::Set(key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markings() {
        assert_eq!("zone=a".parse(), Ok(Marking::Set("zone".into(), "a".into())));
        assert_eq!("gpu".parse(), Ok(Marking::Set("gpu".into(), String::new())));
        assert_eq!("gpu-".parse(), Ok(Marking::Remove("gpu".into())));
        assert!("zone=a b".parse::<Marking>().is_err());
    }
}
