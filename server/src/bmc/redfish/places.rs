//! Where the parts of one machine lie in a BMC's tree: found by links, since the paths are the vendor's. Pure.

use api::bmc::Fault;
use serde_json::Value;

use super::doc;
use super::quirks::Vendor;
use super::tree::Tree;

/// DSP0266 fixes this path and no other.
pub const ROOT: &str = "/redfish/v1/";

/// Which of a chassis' systems is meant. Nothing known: the only one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub uuid: Option<String>,
    pub serial: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    pub vendor: Vendor,
    pub system: String,
    pub manager: Option<String>,
    pub chassis: Vec<String>,
    pub update: Option<String>,
}

pub fn places(tree: &Tree, identity: &Identity) -> Result<Places, Fault> {
    let root = tree.need(ROOT)?;
    let (system, doc) = system(tree, root, identity)?;
    Ok(Places {
        vendor: Vendor::of(root, doc),
        manager: manager(tree, root, &system, doc),
        chassis: chassis(tree, root, &system, doc),
        update: doc::link(root, "UpdateService"),
        system,
    })
}

fn system<'a>(tree: &'a Tree, root: &'a Value, identity: &Identity) -> Result<(String, &'a Value), Fault> {
    let collection = doc::link(root, "Systems").unwrap_or_else(|| format!("{ROOT}Systems"));
    let members = tree.paged(tree.need(&collection)?, 100);
    let mut systems = Vec::new();
    let mut fault = None;
    for member in members {
        let Some(path) = doc::id(member) else { continue };
        match tree.member(member) {
            Some(doc) => systems.push((path, doc)),
            None => fault = fault.or(tree.need(&path).err()),
        }
    }
    match choose(&systems, identity) {
        // What could not be read may have been the one.
        Err(unfound) => Err(fault.unwrap_or(unfound)),
        chosen => chosen,
    }
}

fn choose<'a>(systems: &[(String, &'a Value)], identity: &Identity) -> Result<(String, &'a Value), Fault> {
    let seen = || {
        let each = systems.iter().map(|(path, doc)| {
            let word = |field| doc::text(doc, field).unwrap_or("none");
            format!("{path} with UUID {} and serial {}", word("UUID"), word("SerialNumber"))
        });
        each.collect::<Vec<_>>().join(", ")
    };
    let ours: Vec<_> = systems.iter().filter(|(_, doc)| is(doc, identity) == Some(true)).cloned().collect();
    // A baseboard of accelerators is a system, too, and no machine.
    let physical = |doc: &Value| doc::text(doc, "SystemType").is_none_or(|kind| kind == "Physical");
    let unknown: Vec<_> = systems
        .iter()
        .filter(|(_, doc)| is(doc, identity).is_none() && (systems.len() == 1 || physical(doc)))
        .cloned()
        .collect();
    match (&ours[..], &unknown[..]) {
        ([one], _) => Ok(one.clone()),
        ([], [one]) if systems.len() == 1 || *identity == Identity::default() => Ok(one.clone()),
        _ if systems.is_empty() => Err(Fault::Unsupported("it has no systems".into())),
        _ if *identity == Identity::default() => Err(Fault::Unsupported(format!(
            "it has several systems, and nothing says which is meant: {}",
            seen()
        ))),
        _ => Err(Fault::Unsupported(format!(
            "the machine with UUID {} and serial {} is not behind it: it has {}",
            identity.uuid.as_deref().unwrap_or("none"),
            identity.serial.as_deref().unwrap_or("none"),
            seen()
        ))),
    }
}

/// None where there is nothing to compare.
fn is(system: &Value, identity: &Identity) -> Option<bool> {
    let serials = [doc::text(system, "SerialNumber"), doc::text(system, "SKU")];
    let serial = identity.serial.as_deref().filter(|serial| !serial.trim().is_empty());
    let by_serial = serial
        .filter(|_| serials[0].is_some())
        .map(|ours| serials.iter().flatten().any(|theirs| theirs.eq_ignore_ascii_case(ours.trim())));
    let uuids = (identity.uuid.as_deref().and_then(uuid), doc::text(system, "UUID").and_then(uuid));
    let by_uuid = match uuids {
        (Some(ours), Some(theirs)) => Some(ours == theirs || swapped(&ours) == theirs),
        _ => None,
    };
    match (by_serial, by_uuid) {
        (None, None) => None,
        (serial, uuid) => Some(serial == Some(true) || uuid == Some(true)),
    }
}

/// As 32 digits; one of equal digits alone is a filler.
fn uuid(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect();
    let filler = digits.chars().all(|digit| digits.starts_with(digit));
    (digits.len() == 32 && !filler).then_some(digits)
}

/// SMBIOS stores the first three fields little-endian (DSP0134, 7.2.1); some BMCs print them as they lie.
fn swapped(uuid: &str) -> String {
    let pair = |at: usize| &uuid[at * 2..at * 2 + 2];
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    order.into_iter().map(pair).collect()
}

/// The BMC: linked from the system, or the one that says it manages it, or the only one.
fn manager(tree: &Tree, root: &Value, system: &str, doc: &Value) -> Option<String> {
    let linked = doc.get("Links").map(|links| doc::links(links, "ManagedBy")).unwrap_or_default();
    let found = if linked.is_empty() {
        back_links(tree, root, "Managers", "ManagerForServers", system)
    } else {
        linked
    };
    let bmc = |path: &&String| {
        tree.get(path).and_then(|doc| doc::text(doc, "ManagerType")).is_some_and(|kind| kind == "BMC")
    };
    if found.len() > 1 {
        return found.iter().find(bmc).or(found.first()).cloned();
    }
    found.into_iter().next()
}

fn chassis(tree: &Tree, root: &Value, system: &str, doc: &Value) -> Vec<String> {
    let linked = doc.get("Links").map(|links| doc::links(links, "Chassis")).unwrap_or_default();
    if linked.is_empty() { back_links(tree, root, "Chassis", "ComputerSystems", system) } else { linked }
}

/// Members of a collection that say they belong to the system, or the only member.
fn back_links(tree: &Tree, root: &Value, collection: &str, link: &str, system: &str) -> Vec<String> {
    let path = doc::link(root, collection).unwrap_or_else(|| format!("{ROOT}{collection}"));
    let Some(collection) = tree.get(&path) else { return Vec::new() };
    let members: Vec<_> = tree
        .paged(collection, 100)
        .into_iter()
        .filter_map(|member| Some((doc::id(member)?, tree.member(member)?)))
        .collect();
    let same = |path: &String| path.trim_end_matches('/') == system.trim_end_matches('/');
    let belongs =
        |doc: &Value| doc.get("Links").is_some_and(|links| doc::links(links, link).iter().any(same));
    let belonging: Vec<_> =
        members.iter().filter(|(_, doc)| belongs(doc)).map(|(path, _)| path.clone()).collect();
    match &members[..] {
        [(only, _)] if belonging.is_empty() => vec![only.clone()],
        _ => belonging,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chosen(systems: &[Value], uuid: Option<&str>, serial: Option<&str>) -> Result<String, Fault> {
        let identity = Identity { uuid: uuid.map(Into::into), serial: serial.map(Into::into) };
        let systems: Vec<_> = (1..).map(|n: u32| n.to_string()).zip(systems).collect();
        choose(&systems, &identity).map(|(path, _)| path)
    }

    #[test]
    fn the_only_system_is_meant_unless_it_is_another() {
        let one = [json!({"UUID": "30313436-3631-5a43-3332-353130384c37", "SerialNumber": "CZ325108L7"})];
        assert_eq!(chosen(&one, None, None), Ok("1".into()));
        assert_eq!(chosen(&one, None, Some("cz325108l7")), Ok("1".into()));
        assert!(chosen(&one, None, Some("OTHER")).is_err());
        let other = "11111111-2222-3333-4444-555555555555";
        assert!(chosen(&one, Some(other), None).is_err());
        // One that agrees is enough: a board was changed.
        assert_eq!(chosen(&one, Some(other), Some("CZ325108L7")), Ok("1".into()));
        // As it lies in memory.
        assert_eq!(chosen(&one, Some("36343130-3136-435a-3332-353130384C37"), None), Ok("1".into()));
        let silent = [json!({"UUID": "00000000-0000-0000-0000-000000000000", "SerialNumber": " "})];
        assert_eq!(chosen(&silent, Some(other), Some("X")), Ok("1".into()));
    }

    #[test]
    fn one_of_several_is_named_or_refused() {
        let two = [json!({"SerialNumber": "A"}), json!({"SerialNumber": "B"})];
        assert_eq!(chosen(&two, None, Some("B")), Ok("2".into()));
        assert!(chosen(&two, None, None).is_err());
        assert!(chosen(&two, None, Some("C")).is_err());
        assert!(chosen(&[json!({}), json!({})], None, Some("C")).is_err());
        let board = [json!({"SystemType": "Physical"}), json!({"SystemType": "DPU"})];
        assert_eq!(chosen(&board, None, None), Ok("1".into()));
    }
}
