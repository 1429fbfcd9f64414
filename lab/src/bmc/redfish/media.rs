//! The virtual drive: what lies in it, and how something is put there. Pure: the image is a word that is kept, and
//! nobody fetches it.

use serde_json::{Map, Value, json};

use super::document::{Document, Scene, links};
use super::message::{self, Message};
use super::request::Reply;
use super::state::Media;

pub fn find(scene: &Scene, path: &[&str]) -> Option<Document> {
    let (owner, slot) = scene.manners.media;
    let below = scene.below(owner, path)?;
    let all = format!("{}/VirtualMedia", scene.owner(owner));
    match below {
        ["VirtualMedia"] => {
            Document::read_only(links(&all, "VirtualMedia", "Virtual Media Collection", [slot.to_string()]))
        }
        ["VirtualMedia", id] if *id == slot => {
            let allow: &[&str] = if scene.manners.media_by_patch { &["PATCH"] } else { &[] };
            Document::with(document(scene, &format!("{all}/{slot}"), slot), allow)
        }
        _ => None,
    }
}

fn document(scene: &Scene, at: &str, slot: &str) -> Value {
    let media = scene.state.media.as_ref();
    let mut drive = json!({
        "@odata.id": at,
        "@odata.type": "#VirtualMedia.v1_6_3.VirtualMedia",
        "Id": slot,
        "Name": "Virtual CD",
        "MediaTypes": ["CD", "DVD"],
        "Image": media.map(|media| &media.image),
        "ImageName": media.map(|media| file_name(&media.image)),
        "Inserted": media.is_some(),
        "WriteProtected": media.is_none_or(|media| media.write_protected),
        "ConnectedVia": if media.is_some() { "URI" } else { "NotConnected" },
    });
    if !scene.manners.media_by_patch {
        drive["Actions"] = json!({
            "#VirtualMedia.InsertMedia": {"target": format!("{at}/Actions/VirtualMedia.InsertMedia")},
            "#VirtualMedia.EjectMedia": {"target": format!("{at}/Actions/VirtualMedia.EjectMedia")},
        });
    }
    drive
}

/// Of an `InsertMedia`.
pub fn inserted(members: &Map<String, Value>) -> Result<Media, Reply> {
    let action = "VirtualMedia.InsertMedia";
    let known =
        ["Image", "Inserted", "WriteProtected", "TransferProtocolType", "MediaType", "UserName", "Password"];
    if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(refuse("ActionParameterUnknown", &[action, name]));
    }
    let Some(image) = members.get("Image") else {
        return Err(refuse("ActionParameterMissing", &[action, "Image"]));
    };
    media(members, image).map_err(|value| refuse("ActionParameterValueTypeError", &[&value, "Image", action]))
}

/// Of a change of the drive: a null image takes out what lies in it.
pub fn changed(members: &Map<String, Value>) -> Result<Option<Media>, Reply> {
    let known = ["Image", "Inserted", "WriteProtected", "TransferProtocolType"];
    if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(refuse("PropertyUnknown", &[name]));
    }
    match members.get("Image") {
        None => Err(refuse("PropertyMissing", &["Image"])),
        Some(Value::Null) => Ok(None),
        Some(image) => media(members, image)
            .map(Some)
            .map_err(|value| refuse("PropertyValueTypeError", &[&value, "Image"])),
    }
}

/// An image is named by an address that a BMC can fetch from; otherwise its text comes back.
fn media(members: &Map<String, Value>, image: &Value) -> Result<Media, String> {
    let address = image.as_str().filter(|image| is_address(image)).ok_or_else(|| image.to_string())?;
    let write_protected = members.get("WriteProtected").and_then(Value::as_bool).unwrap_or(true);
    Ok(Media { image: address.into(), write_protected })
}

pub fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        ["http", "https", "nfs", "cifs"].contains(&scheme.to_ascii_lowercase().as_str()) && rest.contains('/')
    })
}

pub fn file_name(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or_default()
}

fn refuse(name: &str, arguments: &[&str]) -> Reply {
    message::error(400, &[Message::base(name, arguments)])
}
