//! A list of machines as operators keep it: what is imported, and what of it contradicts itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::bmc::DriverKind;
use crate::id::{Hostname, Mac};
use crate::label::Labels;

/// One machine of the list. What is None is not said there, and stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    /// Of the file, from 1: what is wrong is told by it.
    pub line: u64,
    pub hostname: Option<Hostname>,
    /// Of its network cards, the one that boots first in front.
    pub macs: Vec<Mac>,
    /// That DHCP is to keep for its first card.
    pub address: Option<Ipv4Addr>,
    pub switch: Option<String>,
    pub port: Option<String>,
    pub rack: Option<String>,
    /// Rack unit, from the bottom.
    pub unit: Option<u32>,
    pub profile: Option<String>,
    pub labels: Option<Labels>,
    /// Address or name of its BMC. Its password is in no list: that is the set's of the site file, or set by itself.
    #[serde(default)]
    pub bmc: Option<String>,
    #[serde(default)]
    pub bmc_driver: Option<DriverKind>,
    /// In the place of the name that the set of the site file has.
    #[serde(default)]
    pub bmc_user: Option<String>,
}

impl ImportRow {
    /// Whether it says anything of what switches the machine.
    pub fn has_bmc(&self) -> bool {
        self.bmc.is_some() || self.bmc_driver.is_some() || self.bmc_user.is_some()
    }
}

/// How an import is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImportQuery {
    /// Only say what it would do.
    #[serde(default)]
    pub dry_run: bool,
}

/// Something wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    pub line: u64,
    pub message: String,
}

impl Problem {
    pub fn new(line: u64, message: impl Into<String>) -> Problem {
        Problem { line, message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Imported {
    pub new: usize,
    pub changed: usize,
    pub unchanged: usize,
}

/// What the list alone can tell: a row that is nobody, half a place, and what two rows both claim.
pub fn contradictions(rows: &[ImportRow]) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut claims: HashMap<String, u64> = HashMap::new();
    for row in rows {
        found.extend(alone(row).into_iter().map(|message| Problem::new(row.line, message)));
        for claim in claimed(row) {
            if let Some(first) = claims.get(&claim) {
                found.push(Problem::new(row.line, format!("{claim} is on line {first}, too")));
                continue;
            }
            claims.insert(claim, row.line);
        }
    }
    found
}

fn alone(row: &ImportRow) -> Vec<String> {
    let mut found = Vec::new();
    if row.macs.is_empty() {
        found.push("it has no MAC: nothing else tells machines apart before they boot".into());
    }
    for mac in &row.macs {
        // The lowest bit of the first byte marks groups, which no card is.
        if mac.0[0] & 1 == 1 || mac.0 == [0; 6] {
            found.push(format!("{mac} is no network card's address"));
        }
    }
    if row.rack.is_some() != row.unit.is_some() {
        found.push("a rack and a position make a place, and it has only one of them".into());
    }
    if row.unit.is_some_and(|unit| !(1..=100).contains(&unit)) {
        found.push("a rack has units 1 to 100".into());
    }
    found.extend(bmc_alone(row));
    let texts = [("switch", &row.switch), ("port", &row.port), ("rack", &row.rack)];
    for (what, text) in texts.into_iter().filter_map(|(what, text)| Some((what, text.as_ref()?))) {
        if text.is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
            found.push(format!("its {what} is not 1 to 64 printable characters"));
        }
    }
    found
}

/// An address or a name, without scheme and port.
fn is_host(text: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    text.parse::<IpAddr>().is_ok() || (!text.is_empty() && text.len() <= 253 && text.chars().all(name))
}

fn bmc_alone(row: &ImportRow) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(bmc) = row.bmc.as_ref().filter(|bmc| !is_host(bmc)) {
        found.push(format!("`{bmc}` is no address or name of a BMC: neither scheme nor port belong to it"));
    }
    match (row.bmc_driver, &row.bmc) {
        (Some(driver), None) if driver.has_address() => {
            found.push(format!("the driver {driver} speaks to a BMC, and there is no address of one"));
        }
        (Some(DriverKind::WakeOnLan), Some(_)) => {
            found.push("wake-on-lan is for machines without a BMC, and it has the address of one".into());
        }
        (None, None) if row.bmc_user.is_some() => {
            found.push("it has the user of a BMC, and no address of one".into());
        }
        _ => {}
    }
    // IPMI has room for no more (22.28); other tables of users have.
    let longest = if row.bmc_driver == Some(DriverKind::Ipmi) { 16 } else { 64 };
    if row.bmc_user.as_ref().is_some_and(|user| user.len() > longest || user.chars().any(char::is_control)) {
        found.push(format!("the user of its BMC is not 1 to {longest} printable characters"));
    }
    found
}

/// What one machine alone can have, in words.
fn claimed(row: &ImportRow) -> Vec<String> {
    let mut claims: Vec<String> = row.macs.iter().map(|mac| format!("MAC {mac}")).collect();
    claims.extend(row.hostname.as_ref().map(|name| format!("hostname {name}")));
    claims.extend(row.address.map(|address| format!("address {address}")));
    claims.extend(row.rack.as_ref().zip(row.unit).map(|(rack, unit)| format!("unit {unit} of rack {rack}")));
    claims.extend(row.bmc.as_ref().map(|bmc| format!("the BMC {bmc}")));
    claims.extend(row.switch.as_ref().zip(row.port.as_ref()).map(|(s, p)| format!("port {p} of switch {s}")));
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: u64, mac: &str) -> ImportRow {
        ImportRow { line, macs: vec![mac.parse().unwrap()], ..ImportRow::default() }
    }

    #[test]
    fn what_two_rows_claim_is_told_once_each() {
        let full = |line, mac| ImportRow {
            hostname: Some("node01".parse().unwrap()),
            address: Some("10.77.0.11".parse().unwrap()),
            switch: Some("sw1".into()),
            port: Some("7".into()),
            rack: Some("A".into()),
            unit: Some(7),
            bmc: Some("10.0.0.7".into()),
            ..row(line, mac)
        };
        assert!(contradictions(&[full(2, "52:54:00:00:00:01")]).is_empty());
        let found = contradictions(&[full(2, "52:54:00:00:00:01"), full(3, "52:54:00:00:00:01")]);
        let found: Vec<String> = found.iter().map(Problem::to_string).collect();
        assert_eq!(
            found,
            [
                "line 3: MAC 52:54:00:00:00:01 is on line 2, too",
                "line 3: hostname node01 is on line 2, too",
                "line 3: address 10.77.0.11 is on line 2, too",
                "line 3: unit 7 of rack A is on line 2, too",
                "line 3: the BMC 10.0.0.7 is on line 2, too",
                "line 3: port 7 of switch sw1 is on line 2, too",
            ]
        );
    }

    #[test]
    fn half_a_bmc_is_told() {
        use DriverKind::{Command, Ipmi, WakeOnLan};
        let bmc = |bmc: Option<&str>, bmc_driver, bmc_user: Option<&str>| {
            let (bmc, bmc_user) = (bmc.map(String::from), bmc_user.map(String::from));
            contradictions(&[ImportRow { bmc, bmc_driver, bmc_user, ..row(2, "52:54:00:00:00:01") }]).len()
        };
        assert_eq!(bmc(Some("10.0.0.7"), None, None), 0);
        assert_eq!(bmc(Some("fd00::7"), Some(Ipmi), Some("metald")), 0);
        assert_eq!(bmc(Some("bmc07.example.org"), Some(Command), None), 0);
        assert_eq!(bmc(None, Some(WakeOnLan), None), 0);
        assert_eq!(bmc(None, Some(Ipmi), None), 1);
        assert_eq!(bmc(Some("10.0.0.7"), Some(WakeOnLan), None), 1);
        assert_eq!(bmc(None, None, Some("metald")), 1);
        assert_eq!(bmc(Some("https://10.0.0.7"), Some(Ipmi), Some("seventeen-letters")), 2);
    }

    #[test]
    fn a_row_that_is_nobody_or_nowhere_is_told() {
        let lost =
            ImportRow { line: 4, unit: Some(0), switch: Some("a\u{7}".into()), ..ImportRow::default() };
        let mut found = contradictions(&[lost, row(5, "01:00:5e:00:00:01"), row(6, "00:00:00:00:00:00")]);
        found.sort();
        let lines: Vec<u64> = found.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [4, 4, 4, 4, 5, 6], "{found:?}");
    }
}
