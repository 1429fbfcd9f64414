//! The event log: of the system and of its BMC, which vendors keep at either. Pure.

use std::collections::BTreeSet;

use api::bmc::LogEntry;
use serde_json::Value;

use super::doc;
use super::places::Places;
use super::quirks::Bend;
use super::tree::Tree;

/// Entries that have to be fetched one by one are many requests to a slow BMC: the newest are enough.
const SINGLE: usize = 100;
const MOST: usize = 2_000;

pub fn log(tree: &Tree, places: &Places) -> Vec<LogEntry> {
    let owners = std::iter::once(&places.system).chain(&places.manager).filter_map(|path| tree.get(path));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for service in owners.flat_map(|owner| tree.members_of(owner, "LogServices")) {
        let name = doc::first_of(service, &["Id", "Name"]);
        let chatter = places.vendor.bends().any(|bend| matches!(bend, Bend::Chatter(id) if id == name));
        // Dell lists its log at the manager and at the system.
        let Some(entries) = doc::link(service, "Entries") else { continue };
        if chatter || !seen.insert(entries.trim_end_matches('/').to_string()) {
            continue;
        }
        if let Some(collection) = tree.get(&entries) {
            found.extend(read(tree, &name, collection));
        }
    }
    found
}

fn read(tree: &Tree, service: &str, collection: &Value) -> Vec<LogEntry> {
    let members = tree.paged(collection, MOST);
    let inline = |member: &&&Value| member.get("Message").is_some() || member.get("Created").is_some();
    let (whole, mut links): (Vec<&Value>, Vec<&Value>) = members.into_iter().partition(|m| inline(&m));
    links.sort_by_key(|member| std::cmp::Reverse(doc::id(member).as_deref().map_or(0, number)));
    links.truncate(SINGLE);
    let singles = links.into_iter().filter_map(|member| tree.member(member));
    whole.into_iter().chain(singles).filter_map(|doc| entry(service, doc)).collect()
}

fn entry(service: &str, doc: &Value) -> Option<LogEntry> {
    let message = doc::first_of(doc, &["Message", "Description", "EntryCode"]);
    let own = match doc.get("Id") {
        Some(Value::Number(number)) => number.to_string(),
        _ => doc::owned(doc, "Id"),
    };
    (!message.is_empty()).then(|| LogEntry {
        id: format!("{service}/{own}"),
        at: doc::first_of(doc, &["Created", "EventTimestamp"]),
        severity: doc::first_of(doc, &["Severity", "EntryType"]),
        message,
    })
}

/// The number that a path ends in: a later entry has a greater one.
fn number(path: &str) -> u64 {
    let path = path.trim_end_matches('/');
    let digits = path.len() - path.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    path[path.len() - digits..].parse().unwrap_or(0)
}
