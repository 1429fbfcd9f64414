//! `ComputerSystem.Reset`: what it does to a board in its state, and what a vendor says where it does nothing. Pure.

use serde_json::{Map, Value};

use super::super::board::{Action, Power};
use super::message::{self, Message};
use super::request::Reply;
use super::vendor::{Again, Manners};

/// None where there is nothing to do.
pub fn reset(
    manners: &Manners,
    power: Option<Power>,
    members: &Map<String, Value>,
) -> Result<Option<Action>, Reply> {
    let kind = kind("ComputerSystem.Reset", manners.resets, members)?;
    let off = power == Some(Power::Off);
    let on = power == Some(Power::On);
    match kind {
        "On" | "ForceOn" if on => again(manners, Power::On),
        "On" | "ForceOn" => Ok(Some(Action::On)),
        "ForceOff" | "GracefulShutdown" | "Nmi" if off => again(manners, Power::Off),
        "ForceRestart" | "PowerCycle" if off && manners.again != Again::Taken => again(manners, Power::Off),
        // A restart ends with a machine that is on (DSP2046, ResetType).
        "ForceRestart" | "PowerCycle" | "PushPowerButton" if off => Ok(Some(Action::On)),
        "ForceOff" => Ok(Some(Action::Off)),
        "GracefulShutdown" | "PushPowerButton" => Ok(Some(Action::Shutdown)),
        "ForceRestart" => Ok(Some(Action::Reset)),
        "PowerCycle" => Ok(Some(Action::Cycle)),
        _ => Ok(Some(Action::Nmi)),
    }
}

/// The `ResetType` of an action, one of those that it offers.
pub fn kind(
    action: &str,
    offered: &[&'static str],
    members: &Map<String, Value>,
) -> Result<&'static str, Reply> {
    let refuse = |name: &str, arguments: &[&str]| Err(message::error(400, &[Message::base(name, arguments)]));
    if let Some(name) = members.keys().find(|name| *name != "ResetType") {
        return refuse("ActionParameterUnknown", &[action, name]);
    }
    let Some(value) = members.get("ResetType") else {
        return refuse("ActionParameterMissing", &[action, "ResetType"]);
    };
    let Some(word) = value.as_str() else {
        return refuse("ActionParameterValueTypeError", &[&value.to_string(), "ResetType", action]);
    };
    match offered.iter().find(|each| **each == word) {
        Some(kind) => Ok(kind),
        None => refuse("ActionParameterValueNotInList", &[word, "ResetType", action]),
    }
}

fn again(manners: &Manners, power: Power) -> Result<Option<Action>, Reply> {
    let dell = if power == Power::On { "IDRAC.2.8.PSU501" } else { "IDRAC.2.8.PSU502" };
    let hpe = "iLO.2.14.InvalidOperationForSystemState";
    match manners.again {
        Again::Taken => Ok(None),
        Again::Conflict => Err(message::error(409, &[Message::named(dell, &[])])),
        Again::Invalid => {
            let state = if power == Power::On { "Power is on" } else { "Power is off" };
            Err(message::error(400, &[Message::named(hpe, &[state])]))
        }
        Again::Internal => Err(message::error(500, &[Message::base("InternalError", &[])])),
    }
}
