//! Which machine of the site file this is, and which profile and role a machine gets.

use api::cluster::Role;
use api::facts::Facts;
use api::id::Mac;

use super::{KnownMachine, Profile, Rule, Site};

impl Site {
    /// The profile that the site file gives a machine: its own `[[machine]]` says, else the first rule
    /// that matches. `macs` are all that are known of it, whether or not this boot saw them.
    pub fn profile_for(&self, facts: &Facts, macs: &[Mac]) -> Option<&Profile> {
        let macs: Vec<Mac> = macs.iter().copied().chain(facts.interfaces.iter().map(|i| i.mac)).collect();
        let known = self.known_machine(&macs, serial(facts)).and_then(|m| m.profile.as_ref());
        let name =
            known.or_else(|| self.rules.iter().find(|r| r.matches(facts, &macs)).map(|r| &r.profile))?;
        self.profiles.get(name)
    }

    /// The `[[machine]]` with one of these MACs, else the one with this serial number: a MAC is printed
    /// on the card, a serial number is what somebody typed into the firmware.
    pub fn known_machine(&self, macs: &[Mac], serial: Option<&str>) -> Option<&KnownMachine> {
        let by_mac = || self.machines.iter().find(|m| m.macs.iter().any(|mac| macs.contains(mac)));
        let by_serial = || {
            let serial = serial.filter(|s| !s.is_empty())?;
            self.machines.iter().find(|m| m.serial.as_deref() == Some(serial))
        };
        by_mac().or_else(by_serial)
    }

    /// What a machine of this profile and with this host name is in its cluster.
    pub fn role(&self, profile: &Profile, hostname: Option<&str>) -> Role {
        let known = self.machines.iter().find(|m| Some(m.name.as_str()) == hostname);
        known.and_then(|m| m.role).unwrap_or(profile.role)
    }
}

impl Rule {
    fn matches(&self, facts: &Facts, macs: &[Mac]) -> bool {
        let text = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|w| found.trim().to_lowercase().starts_with(&w.to_lowercase()))
        };
        text(&self.manufacturer, &facts.system.manufacturer)
            && text(&self.product, &facts.system.product)
            && text(&self.serial, serial(facts).unwrap_or_default())
            && self.mac.as_ref().is_none_or(|w| macs.iter().any(|mac| has_prefix(*mac, w)))
            && self.min_memory.is_none_or(|bytes| facts.memory.total >= bytes)
            && self.min_disks.is_none_or(|count| facts.disks.len() >= count)
    }
}

/// Of the system, else the chassis, else the board: second-hand machines often lack the first.
fn serial(facts: &Facts) -> Option<&str> {
    [&facts.system, &facts.chassis, &facts.board].map(|p| p.serial.trim()).into_iter().find(|s| !s.is_empty())
}

fn has_prefix(mac: Mac, prefix: &str) -> bool {
    let digits: String = prefix.chars().filter(char::is_ascii_hexdigit).collect();
    hex::encode(mac.0).starts_with(&digits.to_lowercase())
}
