//! What a person types and ticks in the question before a verb.

use std::collections::BTreeMap;

/// An answer that was not given is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub csrf: String,
    /// The machine's name, or the number of machines.
    pub typed: String,
    /// Only show what the other answers would mean.
    pub again: bool,
    pub erase_foreign: bool,
    pub powered_off: bool,
    pub force: bool,
    pub all_disks: bool,
    pub full: bool,
    pub skip_failed: bool,
    pub keep_disks: bool,
    /// Public keys, one a line.
    pub keys: String,
    pub profile: String,
    pub hostname: String,
    /// Labels to give and keys to take away, as typed: with spaces or commas between them.
    pub set: String,
    pub remove: String,
    /// The machine that it is.
    pub into: String,
    pub macs: Vec<String>,
    /// Not the chosen machines, but all that the list's filter means.
    pub all: bool,
    /// The machines, as they were chosen in the list.
    pub machines: Vec<String>,
    /// By machine, a digest of the disks that this person was shown.
    pub shown: BTreeMap<String, String>,
}

impl Answers {
    /// From the pairs of a form or of an address.
    pub fn read(pairs: &[(String, String)]) -> Answers {
        let mut answers = Answers::default();
        for (name, value) in pairs {
            answers.take(name, value.trim());
        }
        answers
    }

    fn take(&mut self, name: &str, value: &str) {
        let yes = !value.is_empty();
        match name {
            "csrf" => self.csrf = value.into(),
            "typed" => self.typed = value.into(),
            "all" => self.all = yes,
            "again" => self.again = yes,
            "erase_foreign" => self.erase_foreign = yes,
            "powered_off" => self.powered_off = yes,
            "force" => self.force = yes,
            "all_disks" => self.all_disks = yes,
            "full" => self.full = yes,
            "skip_failed" => self.skip_failed = yes,
            "keep_disks" => self.keep_disks = yes,
            "keys" => self.keys = value.into(),
            "profile" => self.profile = value.into(),
            "hostname" => self.hostname = value.into(),
            "set" => self.set = value.into(),
            "remove" => self.remove = value.into(),
            "into" => self.into = value.into(),
            "mac" if yes => self.macs.push(value.into()),
            "machine" if yes => self.machines.push(value.into()),
            "shown" => {
                let (machine, digest) = value.split_once(' ').unwrap_or((value, ""));
                self.shown.insert(machine.into(), digest.into());
            }
            _ => {}
        }
    }
}

/// What was typed with spaces or commas between.
pub fn apart(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', ';', '\n', '\r']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_field_by_field() {
        let pairs = [
            ("machine", "m1"),
            ("machine", "m2"),
            ("shown", "m1 abc"),
            ("full", "yes"),
            ("force", ""),
            ("typed", " 2 "),
            ("state", "active"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_string(), value.to_string()));
        let answers = Answers::read(&pairs);
        assert_eq!(answers.machines, ["m1", "m2"]);
        assert_eq!(answers.shown.get("m1").map(String::as_str), Some("abc"));
        assert!(answers.full && !answers.force && !answers.all_disks);
        assert_eq!(answers.typed, "2");
        assert_eq!(apart("zone=a, gpu;x").collect::<Vec<_>>(), ["zone=a", "gpu", "x"]);
    }
}
