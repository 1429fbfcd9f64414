//! What a command's end means. Pure.

use api::bmc::{Fault, Power};
use api::mask::mask;

/// Exit codes; those from 64 on are those of sysexits.h.
const UNSUPPORTED: i32 = 2;
const UNREACHABLE: i32 = 69;
const BUSY: i32 = 75;
const REFUSED: i32 = 77;
/// Letters of its words that are shown.
const SHOWN: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// None: a signal ended it.
    code: Option<i32>,
    word: String,
    /// Its name with the last thing that it said, masked.
    said: String,
}

impl End {
    pub fn new(name: &str, code: Option<i32>, (out, err): (&[u8], &[u8]), secret: Option<&str>) -> End {
        let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
        let last = |text: &str| text.lines().rev().find(|line| !line.trim().is_empty()).map(String::from);
        let said = last(&err).or_else(|| last(&out)).unwrap_or_else(|| "it said nothing".into());
        let said = match secret {
            Some(secret) if !secret.is_empty() => said.replace(secret, "(masked)"),
            _ => said,
        };
        let said: String = mask(&said).chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        let word = out.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        End { code, word, said: format!("{name}: {}", said.trim()) }
    }
}

pub fn done(end: &End) -> Result<(), Fault> {
    let said = end.said.clone();
    match end.code {
        Some(0) => Ok(()),
        Some(UNSUPPORTED) => Err(Fault::Unsupported(said)),
        Some(UNREACHABLE) => Err(Fault::Unreachable(said)),
        Some(BUSY) => Err(Fault::Busy(said)),
        Some(REFUSED) => Err(Fault::Refused(said)),
        Some(code) => Err(Fault::NotObeyed(format!("{said} (exit code {code})"))),
        None => Err(Fault::NotObeyed(format!("{said} (ended by a signal)"))),
    }
}

pub fn status(end: &End) -> Result<Power, Fault> {
    done(end)?;
    match end.word.as_str() {
        "on" => Ok(Power::On),
        "off" => Ok(Power::Off),
        "unknown" => Ok(Power::Unknown),
        _ => Err(Fault::Garbled(format!(
            "{}: to METAL_ACTION=status it has to print `on`, `off` or `unknown`",
            end.said
        ))),
    }
}
