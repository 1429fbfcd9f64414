//! Virtual media and firmware: what is sent to have a BMC fetch an image from an address. Pure.

use api::bmc::Fault;
use api::bmc::media::VirtualDrive;
use api::mask::mask_address;
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

/// All virtual drives, the one for CDs that images are put into in front.
pub fn drives(tree: &Tree, places: &Places) -> Result<Vec<VirtualDrive>, Fault> {
    let mut slots = slots(tree, places);
    if slots.is_empty() {
        return Err(none());
    }
    slots.sort_by_key(|(_, slot)| !takes_cds(slot));
    Ok(slots.into_iter().map(|(_, slot)| drive(slot)).collect())
}

fn drive(slot: &Value) -> VirtualDrive {
    VirtualDrive {
        name: doc::first_of(slot, &["Id", "Name"]),
        kinds: doc::texts(slot, "MediaTypes").into_iter().map(str::to_string).collect(),
        inserted: inserted(slot),
        // Somebody else may have named a share with its password, and whoever may look sees this.
        image: doc::text(slot, "Image").map(mask_address),
    }
}

/// What should lie in the drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An image, in the place of the other one that lay there.
    Image {
        before: Option<String>,
    },
    Nothing,
}

/// What is wanted once `image` was put in. The same address with another key behind its `?` may be shown without.
pub fn wanted(tree: &Tree, places: &Places, image: &str) -> Result<Wanted, Fault> {
    let (_, slot) = slot(tree, places)?;
    let bare = |address: &str| address.split('?').next().unwrap_or_default().to_string();
    let before = doc::text(slot, "Image").filter(|before| bare(before) != bare(image));
    Ok(Wanted::Image { before: before.map(str::to_string) })
}

/// Whether that lies in the drive. Its address is not compared with what was asked for: some BMCs show it in another
/// spelling.
pub fn judge(tree: &Tree, places: &Places, wanted: &Wanted) -> Result<(), Fault> {
    let (path, slot) = slot(tree, places)?;
    let image = doc::text(slot, "Image");
    let wrong = match wanted {
        Wanted::Image { .. } if !inserted(slot) && image.is_none() => {
            "it took the image, and shows an empty drive"
        }
        Wanted::Image { before } if before.is_some() && before.as_deref() == image => {
            "it took the image, and still shows the one before: take that out first, by `metalctl bmc media NAME eject`"
        }
        Wanted::Nothing if inserted(slot) => "told to eject, it still shows an image",
        _ => return Ok(()),
    };
    Err(Fault::NotObeyed(format!("{path}: {wrong}")))
}

/// The drive that takes CDs.
fn slot<'a>(tree: &'a Tree, places: &Places) -> Result<(String, &'a Value), Fault> {
    slots(tree, places).into_iter().find(|(_, slot)| takes_cds(slot)).ok_or_else(none)
}

/// Newer services have them at the system, others at the manager.
fn slots<'a>(tree: &'a Tree, places: &Places) -> Vec<(String, &'a Value)> {
    let owners = std::iter::once(&places.system).chain(&places.manager).filter_map(|path| tree.get(path));
    let collections = owners.filter_map(|owner| tree.follow(owner, "VirtualMedia"));
    let members = collections.flat_map(|collection| tree.paged(collection, 20));
    let mut slots: Vec<(String, &Value)> = Vec::new();
    for (path, slot) in members.filter_map(|member| Some((doc::id(member)?, tree.member(member)?))) {
        // Some link the same collection from both.
        if !slots.iter().any(|(known, _)| *known == path) {
            slots.push((path, slot));
        }
    }
    slots
}

fn takes_cds(slot: &Value) -> bool {
    let kinds = doc::texts(slot, "MediaTypes");
    kinds.contains(&"CD") || kinds.contains(&"DVD")
}

fn none() -> Fault {
    Fault::Unsupported("it has no virtual drive for CDs".into())
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
