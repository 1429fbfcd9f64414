//! A change of the system: its boot override and its light, and what of it is refused. Pure.

use serde_json::{Map, Value};

use super::super::board::{Boot, Light, Mode, Persistence, Target};
use super::document::Scene;
use super::message::Message;
use super::state::Effect;
use super::system::TARGETS;
use super::vendor::{self, BootMode};

/// Where a change is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    System,
    Settings,
    Chassis,
}

/// What a change comes to.
#[derive(Debug, Default)]
pub struct Change {
    pub effects: Vec<Effect>,
    /// By the name of the property.
    pub refused: Vec<(String, Message)>,
}

pub fn change(scene: &Scene, place: Place, members: &Map<String, Value>) -> Change {
    let mut change = Change::default();
    for (name, value) in members {
        let effect = match name.as_str() {
            "Boot" if place != Place::Chassis => boot(scene, place, value).map(Effect::Boot),
            "IndicatorLED" if place != Place::Settings => led(scene, value).map(Effect::Light),
            "LocationIndicatorActive" if place != Place::Settings => active(scene, value).map(Effect::Light),
            "PowerState" | "Name" | "Id" | "SerialNumber" | "UUID" | "AssetTag" => {
                Err(Message::base("PropertyNotWritable", &[name]))
            }
            _ => Err(Message::base("PropertyUnknown", &[name])),
        };
        match effect {
            Ok(effect) => change.effects.push(effect),
            Err(message) => change.refused.push((name.clone(), message)),
        }
    }
    change
}

fn boot(scene: &Scene, place: Place, value: &Value) -> Result<Boot, Message> {
    let manners = scene.manners;
    if let (Some(settings), Place::System) = (manners.settings, place) {
        let moved = format!("{}/{settings}", scene.system());
        return Err(Message::named("Ami.1.0.OperationSupportedInFutureStateURI", &["Boot", &moved]));
    }
    let type_error = || Message::base("PropertyValueTypeError", &[&value.to_string(), "Boot"]);
    let members = value.as_object().ok_or_else(type_error)?;
    let known = ["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"];
    if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Message::base("PropertyUnknown", &[name]));
    }
    let target = word(members, known[1], &TARGETS)?;
    let enabled = word(members, known[0], &ENABLED)?;
    let mode = mode(manners.boot_mode, word(members, known[2], &MODES)?, scene.boot().mode)?;
    let target = target.unwrap_or(scene.boot().target);
    if manners.keeps_target && enabled.is_some() && target == Target::Usual {
        return Err(Message::base("PropertyValueNotInList", &["None", known[1]]));
    }
    let persistence = match enabled {
        Some(None) => return Ok(Boot { target: Target::Usual, mode, ..Boot::NONE }),
        _ if target == Target::Usual => return Ok(Boot { mode, ..Boot::NONE }),
        Some(Some(Persistence::Once)) if manners.once_stays => Persistence::Always,
        Some(Some(persistence)) => persistence,
        // A target alone is for one start.
        None => Persistence::Once,
    };
    Ok(Boot { target, persistence, mode })
}

/// None is `Disabled`.
const ENABLED: [(&str, Option<Persistence>); 3] =
    [("Disabled", None), ("Once", Some(Persistence::Once)), ("Continuous", Some(Persistence::Always))];

const MODES: [(&str, Mode); 2] = [("UEFI", Mode::Uefi), ("Legacy", Mode::Bios)];

fn mode(manners: BootMode, asked: Option<Mode>, now: Option<Mode>) -> Result<Option<Mode>, Message> {
    match (manners, asked) {
        (BootMode::ReadOnly, Some(_)) => {
            Err(Message::base("PropertyNotWritable", &["BootSourceOverrideMode"]))
        }
        (BootMode::ReadOnly, None) => Ok(None),
        (BootMode::Falls, None) => Ok(Some(Mode::Bios)),
        (_, Some(mode)) => Ok(Some(mode)),
        (BootMode::Writable, None) => Ok(now),
    }
}

fn word<T: Copy>(
    members: &Map<String, Value>,
    name: &str,
    known: &[(&str, T)],
) -> Result<Option<T>, Message> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let Some(text) = value.as_str() else {
        return Err(Message::base("PropertyValueTypeError", &[&value.to_string(), name]));
    };
    let found = known.iter().find(|(word, _)| *word == text);
    found
        .map(|(_, meaning)| Some(*meaning))
        .ok_or_else(|| Message::base("PropertyValueNotInList", &[text, name]))
}

fn led(scene: &Scene, value: &Value) -> Result<Light, Message> {
    let name = "IndicatorLED";
    let values: &[&str] = match scene.manners.light {
        vendor::Light::Active => return Err(Message::base("PropertyUnknown", &[name])),
        vendor::Light::Led(values) => values,
        vendor::Light::Both => &["Off", "Lit", "Blinking"],
    };
    match value.as_str() {
        Some("Off") => Ok(Light::Off),
        Some("Lit") if values.contains(&"Lit") => Ok(Light::Lit),
        Some("Blinking") => Ok(Light::Blinking),
        Some(text) => Err(Message::base("PropertyValueNotInList", &[text, name])),
        None => Err(Message::base("PropertyValueTypeError", &[&value.to_string(), name])),
    }
}

fn active(scene: &Scene, value: &Value) -> Result<Light, Message> {
    let name = "LocationIndicatorActive";
    if matches!(scene.manners.light, vendor::Light::Led(_)) {
        return Err(Message::base("PropertyUnknown", &[name]));
    }
    match value.as_bool() {
        Some(true) => Ok(Light::Lit),
        Some(false) => Ok(Light::Off),
        None => Err(Message::base("PropertyValueTypeError", &[&value.to_string(), name])),
    }
}
