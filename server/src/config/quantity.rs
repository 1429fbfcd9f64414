//! Sizes, times and name patterns, as the site file writes them: `20G`, `1h30m`, `node{:02}`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use api::id::{Hostname, ParseError};
use serde::{Deserialize, Deserializer};

/// Bytes. K, M, G and T are powers of 1024, as for sfdisk, lvcreate and qemu-img.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let error = || format!("`{text}` is not a size such as 512M, 20G or 1T");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "k" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err(error()),
    };
    let number: u64 = digits.parse().map_err(|_| error())?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` is larger than any disk"))
}

/// A length of time: numbers, each with d, h, m or s.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let error = || format!("`{text}` is not a length of time such as 90s, 45m, 1h30m or 7d");
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let number: u64 = rest[..unit_at].parse().map_err(|_| error())?;
        let unit = match rest.as_bytes()[unit_at] {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return Err(error()),
        };
        let part = number.checked_mul(unit).ok_or_else(error)?;
        seconds = seconds.checked_add(part).ok_or_else(error)?;
        rest = &rest[unit_at + 1..];
    }
    // A century is a slip of the finger, and times are added to clocks later on.
    if seconds == 0 || seconds > 36_500 * 86_400 {
        return Err(error());
    }
    Ok(Duration::from_secs(seconds))
}

pub fn size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    parse_size(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

pub fn size_option<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    size(from).map(Some)
}

pub fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// How machines of a profile are named: a host name with one `{}`, or `{:02}` to pad with zeros.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostnamePattern {
    before: String,
    width: usize,
    after: String,
}

impl HostnamePattern {
    /// The name of the machine with this number.
    pub fn name(&self, number: u64) -> Result<Hostname, ParseError> {
        format!("{}{number:0width$}{}", self.before, self.after, width = self.width).parse()
    }
}

impl FromStr for HostnamePattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not a host name pattern such as node{{:02}}");
        let (before, rest) = text.split_once('{').ok_or_else(error)?;
        let (format, after) = rest.split_once('}').ok_or_else(error)?;
        let width = match format.strip_prefix(":0") {
            None if format.is_empty() => 0,
            None => return Err(error()),
            Some(digits) => digits.parse().ok().filter(|w| (1..=9).contains(w)).ok_or_else(error)?,
        };
        let pattern = HostnamePattern { before: before.into(), width, after: after.into() };
        // The longest number that a fleet of ours can need still has to give a valid name.
        pattern.name(99_999).map_err(|e| format!("`{text}`: {e}"))?;
        Ok(pattern)
    }
}

impl TryFrom<String> for HostnamePattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for HostnamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.width {
            0 => write!(f, "{}{{}}{}", self.before, self.after),
            width => write!(f, "{}{{:0{width}}}{}", self.before, self.after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("512M", 512 << 20), ("20G", 20 << 30), ("1T", 1 << 40), ("4096", 4096), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "20 G", "20GB", "-1G", "1.5G", "99999999T", "20g", "é"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_of_time() {
        for (text, seconds) in [("90s", 90), ("45m", 2700), ("1h30m", 5400), ("7d", 604_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0s", "1", "h", "1h30", "1.5h", "99999999999999999999d", "40000d", "1é"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn host_name_patterns() {
        let name =
            |text: &str, number| text.parse::<HostnamePattern>().unwrap().name(number).unwrap().to_string();
        assert_eq!(name("node{:02}", 7), "node07");
        assert_eq!(name("node{:02}", 107), "node107");
        assert_eq!(name("n{}-rack-a", 3), "n3-rack-a");
        for text in ["node", "node{", "node{:2}", "node{:0}", "node{:0x}", "Node{}", "{}-", "a{}b{}"] {
            assert!(text.parse::<HostnamePattern>().is_err(), "{text}");
        }
    }
}
