//! Known machines and the rules for unknown ones: no two claim the same thing, and each can be met.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use super::{Findings, one_of};
use crate::config::{Rule, Site};

pub fn machines(site: &Site, found: &mut Findings) {
    let (mut names, mut macs, mut serials, mut positions) =
        (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    for (i, machine) in site.machines.iter().enumerate() {
        let path = format!("machine.{i}");
        let name = machine.name.as_str();
        if let Some(first) = names.insert(name, i) {
            let message = format!("two machines are named `{name}`, number {} and {}", first + 1, i + 1);
            found.error(&format!("{path}.name"), message, "a host name belongs to one machine");
        }
        for (j, mac) in machine.macs.iter().enumerate() {
            claim(&mut macs, *mac, name, &format!("{path}.macs.{j}"), found);
        }
        if let Some(serial) = &machine.serial {
            claim(&mut serials, serial, name, &format!("{path}.serial"), found);
        }
        if let Some(position) = &machine.position {
            let place = format!("unit {} of rack {}", position.unit, position.rack);
            claim(&mut positions, place, name, &format!("{path}.unit"), found);
        }
        if machine.macs.is_empty() && machine.serial.is_none() {
            let message = format!("nothing tells `{name}` from other machines");
            found.error(&path, message, "give it macs or a serial");
        }
        let given = |setting: &str| found.places.has(&format!("{path}.{setting}"));
        if given("rack") != given("unit") {
            let message = format!("a rack and a unit make a position, and `{name}` has only one of them");
            found.error(&path, message, "write rack = \"a\" and unit = 7, or neither");
        }
        if let Some(profile) = &machine.profile {
            known_profile(site, profile, &format!("{path}.profile"), found);
        }
    }
}

/// What only one machine can have.
fn claim<'a, K: Hash + Eq + Display + Clone>(
    owners: &mut HashMap<K, &'a str>,
    what: K,
    name: &'a str,
    path: &str,
    found: &mut Findings,
) {
    match owners.insert(what.clone(), name) {
        Some(first) if first == name => {
            found.warning(path, format!("`{name}` lists {what} twice"), "once is enough");
        }
        Some(first) => {
            found.error(path, format!("`{first}` and `{name}` both have {what}"), "only one of them can");
        }
        None => {}
    }
}

pub fn rules(site: &Site, found: &mut Findings) {
    let mut catch_all = None;
    for (i, rule) in site.rules.iter().enumerate() {
        let path = format!("rule.{i}");
        known_profile(site, &rule.profile, &format!("{path}.profile"), found);
        if let Some(mac) = rule.mac.as_ref().filter(|mac| !is_mac_prefix(mac)) {
            let message = format!("`{mac}` is not the beginning of an Ethernet address");
            found.error(&format!("{path}.mac"), message, "whole bytes, such as 52:54:00");
        }
        if let Some(first) = catch_all {
            let message = format!("rule {} is never reached: rule {first} matches every machine", i + 1);
            found.warning(&path, message, "put the rule without conditions last");
        }
        if is_catch_all(rule) && catch_all.is_none() {
            catch_all = Some(i + 1);
        }
    }
}

fn is_catch_all(rule: &Rule) -> bool {
    *rule == Rule { profile: rule.profile.clone(), ..Rule::default() }
}

fn known_profile(site: &Site, profile: &str, path: &str, found: &mut Findings) {
    if !site.profiles.contains_key(profile) {
        let names: Vec<&str> = site.profiles.keys().map(String::as_str).collect();
        found.error(path, format!("there is no profile `{profile}`"), &one_of("profile", &names));
    }
}

fn is_mac_prefix(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    digits.len().is_multiple_of(2)
        && (2..=12).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
}
