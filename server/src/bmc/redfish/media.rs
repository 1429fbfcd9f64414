//! Virtual media and firmware: what is sent to have a BMC fetch an image from an address. Pure.

use api::bmc::Fault;
use serde_json::{Value, json};

use super::action::{Action, Call};
use super::doc;
use super::places::Places;
use super::tree::Tree;

/// What puts an image into the drive, the best first. Nothing where it lies in it.
pub fn insert(tree: &Tree, places: &Places, image: &str) -> Result<Vec<Call>, Fault> {
    address(image)?;
    let (path, slot) = slot(tree, places)?;
    if inserted(slot) && doc::text(slot, "Image") == Some(image) {
        return Ok(Vec::new());
    }
    let whole = json!({"Image": image, "Inserted": true, "WriteProtected": true});
    Ok(match Action::of(slot, "#VirtualMedia.InsertMedia") {
        // Some take no more than the image.
        Some(action) => {
            vec![Call::post(&action.target, whole), Call::post(&action.target, json!({"Image": image}))]
        }
        None => vec![Call::patch(&path, whole), Call::patch(&path, json!({"Image": image}))],
    })
}

pub fn eject(tree: &Tree, places: &Places) -> Result<Vec<Call>, Fault> {
    let (path, slot) = slot(tree, places)?;
    if !inserted(slot) && doc::text(slot, "Image").is_none() {
        return Ok(Vec::new());
    }
    Ok(match Action::of(slot, "#VirtualMedia.EjectMedia") {
        Some(action) => vec![Call::post(&action.target, json!({}))],
        None => vec![Call::patch(&path, json!({"Image": Value::Null, "Inserted": false}))],
    })
}

/// A drive that takes CDs; newer services have it at the system, others at the manager.
fn slot<'a>(tree: &'a Tree, places: &Places) -> Result<(String, &'a Value), Fault> {
    let owners = std::iter::once(&places.system).chain(&places.manager).filter_map(|path| tree.get(path));
    for collection in owners.filter_map(|owner| tree.follow(owner, "VirtualMedia")) {
        for member in tree.paged(collection, 20) {
            let (Some(path), Some(slot)) = (doc::id(member), tree.member(member)) else { continue };
            let kinds = doc::texts(slot, "MediaTypes");
            if kinds.contains(&"CD") || kinds.contains(&"DVD") {
                return Ok((path, slot));
            }
        }
    }
    Err(Fault::Unsupported("it has no virtual drive for CDs".into()))
}

fn inserted(slot: &Value) -> bool {
    doc::flag(slot, "Inserted").unwrap_or(false)
}

/// What makes the BMC fetch and write firmware.
pub fn update(tree: &Tree, places: &Places, image: &str) -> Result<Call, Fault> {
    let scheme = address(image)?;
    let none = || Fault::Unsupported("it offers no #UpdateService.SimpleUpdate".into());
    let service = tree.need(places.update.as_deref().ok_or_else(none)?)?;
    let action = Action::of(service, "#UpdateService.SimpleUpdate").ok_or_else(none)?;
    let protocol = scheme.to_ascii_uppercase();
    let body = match action.allowed(tree, "TransferProtocol") {
        None => json!({"ImageURI": image}),
        Some(all) if all.iter().any(|each| each.eq_ignore_ascii_case(&protocol)) => {
            json!({"ImageURI": image, "TransferProtocol": protocol})
        }
        Some(all) => {
            return Err(Fault::Unsupported(format!(
                "it fetches firmware by {}, and not by {protocol}",
                all.join(", ")
            )));
        }
    };
    Ok(Call::post(&action.target, body))
}

/// The scheme. A password in an address would be in the BMC's log, and in ours.
fn address(image: &str) -> Result<&str, Fault> {
    let refuse =
        |what: &str| Err(Fault::Unsupported(format!("an image is fetched from http:// or https://, {what}")));
    let Some((scheme, rest)) = image.split_once("://") else { return refuse("and this is no address") };
    let host = rest.split('/').next().unwrap_or_default();
    match scheme {
        "http" | "https" if host.contains('@') => refuse("without a name or password in it"),
        "http" | "https" if !host.is_empty() => Ok(scheme),
        _ => refuse("and not from this one"),
    }
}
