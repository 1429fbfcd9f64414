//! The event log, at the system or at the manager. Pure.

use serde_json::{Value, json};

use super::super::board::{Entry, Severity};
use super::document::{Document, Scene, collection, enabled, link, links, stamp};

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let (owner, name) = scene.manners.log;
    let below = scene.below(owner, path)?;
    let services = format!("{}/LogServices", scene.owner(owner));
    let at = format!("{services}/{name}");
    match below {
        ["LogServices"] => {
            Document::read_only(links(&services, "LogService", "Log Service Collection", [name.to_string()]))
        }
        ["LogServices", log] if *log == name => Document::read_only(service(scene, &at, name)),
        ["LogServices", log, "Entries"] if *log == name => Document::read_only(entries(scene, &at)),
        ["LogServices", log, "Entries", id] if *log == name => {
            let entry = scene.view.board.log.iter().find(|entry| entry.id.to_string() == *id)?;
            Document::read_only(document(&at, entry))
        }
        _ => None,
    }
}

fn service(scene: &Scene, at: &str, name: &str) -> Value {
    json!({
        "@odata.id": at,
        "@odata.type": "#LogService.v1_7_0.LogService",
        "Id": name,
        "Name": "Event Log",
        "LogEntryType": "Event",
        "OverWritePolicy": "WrapsWhenFull",
        "ServiceEnabled": true,
        "DateTime": stamp(scene.view.now),
        "Status": enabled(),
        "Entries": link(format!("{at}/Entries")),
        "Actions": {"#LogService.ClearLog": {"target": format!("{at}/Actions/LogService.ClearLog")}},
    })
}

fn entries(scene: &Scene, at: &str) -> Value {
    let log = &scene.view.board.log;
    let path = format!("{at}/Entries");
    match scene.manners.whole_entries {
        true => {
            let whole = log.iter().map(|entry| document(at, entry)).collect();
            collection(&path, "LogEntry", "Log Entries", whole)
        }
        false => links(&path, "LogEntry", "Log Entries", log.iter().map(|entry| entry.id.to_string())),
    }
}

fn document(at: &str, entry: &Entry) -> Value {
    let severity = match entry.severity {
        Severity::Ok => "OK",
        Severity::Warning => "Warning",
        Severity::Critical => "Critical",
    };
    json!({
        "@odata.id": format!("{at}/Entries/{}", entry.id),
        "@odata.type": "#LogEntry.v1_16_0.LogEntry",
        "Id": entry.id.to_string(),
        "Name": format!("Entry {}", entry.id),
        "EntryType": "Event",
        "Severity": severity,
        "Created": stamp(entry.at),
        "Message": entry.message,
    })
}
