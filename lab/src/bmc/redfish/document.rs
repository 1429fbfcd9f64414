//! The tree: which document lies at a path, what is allowed there, and what all documents have in common. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::User;
use super::super::board::{Boot, Power};
use super::state::{State, View};
use super::vendor::{Manners, Owner};
use super::{chassis, controller, logs, media, parts, root, sensing, service, system};

/// All that a document is made from.
pub struct Scene<'a> {
    pub manners: &'static Manners,
    pub users: &'a [User],
    pub state: &'a State,
    pub view: &'a View,
}

pub struct Document {
    pub body: Value,
    /// Beside GET, HEAD and OPTIONS.
    pub allow: &'static [&'static str],
}

impl Document {
    pub fn read_only(body: Value) -> Option<Document> {
        Some(Document { body, allow: &[] })
    }

    pub fn with(body: Value, allow: &'static [&'static str]) -> Option<Document> {
        Some(Document { body, allow })
    }
}

/// Of the parts of a path below `/redfish/v1`.
pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let places = [
        root::find,
        service::find,
        system::find,
        parts::find,
        chassis::find,
        sensing::find,
        controller::find,
        logs::find,
        media::find,
    ];
    places.iter().find_map(|place| place(scene, path))
}

impl Scene<'_> {
    pub fn system(&self) -> String {
        format!("/redfish/v1/Systems/{}", self.manners.system)
    }

    pub fn chassis(&self) -> String {
        format!("/redfish/v1/Chassis/{}", self.manners.chassis)
    }

    pub fn manager(&self) -> String {
        format!("/redfish/v1/Managers/{}", self.manners.manager)
    }

    pub fn owner(&self, owner: Owner) -> String {
        match owner {
            Owner::System => self.system(),
            Owner::Manager => self.manager(),
        }
    }

    /// What is left of a path below the system, the chassis or the manager.
    pub fn below_system<'p>(&self, path: &'p [&'p str]) -> Option<&'p [&'p str]> {
        below(path, "Systems", self.manners.system)
    }

    pub fn below_chassis<'p>(&self, path: &'p [&'p str]) -> Option<&'p [&'p str]> {
        below(path, "Chassis", self.manners.chassis)
    }

    pub fn below_manager<'p>(&self, path: &'p [&'p str]) -> Option<&'p [&'p str]> {
        below(path, "Managers", self.manners.manager)
    }

    pub fn below<'p>(&self, owner: Owner, path: &'p [&'p str]) -> Option<&'p [&'p str]> {
        match owner {
            Owner::System => self.below_system(path),
            Owner::Manager => self.below_manager(path),
        }
    }

    /// As it is told, which is how it is unless the BMC lies.
    pub fn power(&self) -> Option<Power> {
        self.state.told.power.or(self.view.board.power)
    }

    pub fn boot(&self) -> Boot {
        self.state.told.boot.unwrap_or(self.view.board.boot)
    }
}

fn below<'p>(path: &'p [&'p str], collection: &str, member: &str) -> Option<&'p [&'p str]> {
    match path {
        [first, second, rest @ ..] if *first == collection && *second == member => Some(rest),
        _ => None,
    }
}

pub fn link(path: impl Into<String>) -> Value {
    json!({"@odata.id": path.into()})
}

/// A collection of a type that is named without its end: `Processor`.
pub fn collection(path: &str, kind: &str, name: &str, members: Vec<Value>) -> Value {
    json!({
        "@odata.id": path,
        "@odata.type": format!("#{kind}Collection.{kind}Collection"),
        "Name": name,
        "Members@odata.count": members.len(),
        "Members": members,
    })
}

/// As [`collection`], of links to members by their ids.
pub fn links(path: &str, kind: &str, name: &str, ids: impl IntoIterator<Item = String>) -> Value {
    let members = ids.into_iter().map(|id| link(format!("{path}/{id}"))).collect();
    collection(path, kind, name, members)
}

/// The member of a list that an id counts from 1.
pub fn nth<'a, T>(list: &'a [T], id: &str) -> Option<(usize, &'a T)> {
    let number: usize = id.parse().ok()?;
    // `01` is no id of the first.
    (number.to_string() == id).then(|| list.get(number.checked_sub(1)?).map(|each| (number, each)))?
}

/// Where the schema of a document is published, as its `Link` says.
pub fn described_by(body: &Value) -> Option<String> {
    let kind = body.get("@odata.type")?.as_str()?.trim_start_matches('#');
    let (schema, _) = kind.rsplit_once('.')?;
    Some(format!("<http://redfish.dmtf.org/schemas/v1/{schema}.json>; rel=describedby"))
}

pub fn enabled() -> Value {
    json!({"State": "Enabled", "Health": "OK"})
}

/// Seconds since 1970 as Redfish writes a time.
pub fn stamp(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
}

/// The version of a document, for `ETag` and `If-Match`: FNV-1a of its text, without its clock (DSP0266, 6.5).
pub fn tag(body: &Value, weak: bool) -> String {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("DateTime");
    }
    let hash = body
        .to_string()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    if weak { format!("W/\"{hash:08X}\"") } else { format!("\"{hash:08x}\"") }
}

/// Ends each path in a document with a slash, as some services do.
pub fn slash(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(path) if PATHS.contains(&name.as_str()) => *path = slashed(path),
                    value => slash(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(slash),
        _ => {}
    }
}

const PATHS: &[&str] = &["@odata.id", "target", "@Redfish.ActionInfo", "TaskMonitor", "DataSourceUri"];

pub fn slashed(path: &str) -> String {
    let (path, fragment) = path.split_once('#').map_or((path, None), |(path, rest)| (path, Some(rest)));
    let end = if path.ends_with('/') { "" } else { "/" };
    fragment.map_or(format!("{path}{end}"), |fragment| format!("{path}{end}#{fragment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_added_to_paths_alone() {
        let mut document = json!({"@odata.id": "/a", "Name": "/b", "Members": [{"@odata.id": "/a/1/"}, {"@odata.id": "/a#/F/0"}]});
        slash(&mut document);
        let expected = json!({"@odata.id": "/a/", "Name": "/b", "Members": [{"@odata.id": "/a/1/"}, {"@odata.id": "/a/#/F/0"}]});
        assert_eq!(document, expected);
    }

    #[test]
    fn an_id_has_one_spelling() {
        assert_eq!(nth(&["a", "b"], "2"), Some((2, &"b")));
        for id in ["0", "3", "02", "x", ""] {
            assert_eq!(nth(&["a", "b"], id), None, "{id}");
        }
    }

    #[test]
    fn a_version_is_of_the_document_and_not_of_its_clock() {
        let of = |text: &str, time: &str| tag(&json!({"Name": text, "DateTime": time}), false);
        assert_eq!(of("a", "1"), of("a", "2"));
        assert_ne!(of("a", "1"), of("b", "1"));
        assert!(tag(&json!({}), true).starts_with("W/\""));
    }

    #[test]
    fn a_time_is_written_as_redfish_does() {
        assert_eq!(stamp(1_700_000_000), "2023-11-14T22:13:20Z");
    }
}
