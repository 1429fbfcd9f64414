//! Actions: which one is meant by a path, and what it does. Pure.

use serde_json::{Map, Value};

use super::document::Scene;
use super::media;
use super::message::{self, Message};
use super::request::Reply;
use super::reset;
use super::service;
use super::state::{Effect, State, View};
use super::vendor::Manners;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Reset,
    ResetManager,
    ClearLog,
    Insert,
    Eject,
    Update,
}

/// Of the parts of a path below `/redfish/v1`.
pub fn named(scene: &Scene, path: &[&str]) -> Option<Act> {
    let (log_owner, log) = scene.manners.log;
    let (drive_owner, drive) = scene.manners.media;
    if path == ["UpdateService", "Actions", "UpdateService.SimpleUpdate"] {
        return Some(Act::Update);
    }
    if scene.below_system(path) == Some(&["Actions", "ComputerSystem.Reset"]) {
        return Some(Act::Reset);
    }
    if scene.below_manager(path) == Some(&["Actions", "Manager.Reset"]) {
        return Some(Act::ResetManager);
    }
    if let Some(["LogServices", id, "Actions", "LogService.ClearLog"]) = scene.below(log_owner, path)
        && *id == log
    {
        return Some(Act::ClearLog);
    }
    match scene.below(drive_owner, path) {
        Some(["VirtualMedia", id, "Actions", action]) if *id == drive && !scene.manners.media_by_patch => {
            match *action {
                "VirtualMedia.InsertMedia" => Some(Act::Insert),
                "VirtualMedia.EjectMedia" => Some(Act::Eject),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What is answered, and what is done.
pub type Done = (Reply, Vec<Effect>);

pub fn act(
    act: Act,
    manners: &Manners,
    state: &mut State,
    view: &View,
    members: &Map<String, Value>,
) -> Result<Done, Reply> {
    match act {
        Act::Reset => {
            let power = state.told.power.or(view.board.power);
            let action = reset::reset(manners, power, members)?;
            let effects = action.map(Effect::Act).into_iter().collect();
            let reply = match manners.reset_by_task {
                true => state.tasks.begin("System Reset", view.now, None, None),
                false => done(manners),
            };
            Ok((reply, effects))
        }
        Act::ResetManager => reset_manager(manners, state, view, members).map(|reply| (reply, Vec::new())),
        Act::ClearLog => match members.keys().find(|name| *name != "LogEntriesETag") {
            Some(name) => Err(message::error(
                400,
                &[Message::base("ActionParameterUnknown", &["LogService.ClearLog", name])],
            )),
            None => Ok((done(manners), vec![Effect::ClearLog])),
        },
        Act::Insert => {
            state.media = Some(media::inserted(members)?);
            Ok((done(manners), Vec::new()))
        }
        Act::Eject => {
            state.media = None;
            Ok((done(manners), Vec::new()))
        }
        Act::Update => {
            let (version, trouble) = match service::update(members)? {
                Ok(version) => (Some(version), None),
                Err(trouble) => (None, Some(trouble)),
            };
            Ok((state.tasks.begin("Firmware Update", view.now, trouble, version), Vec::new()))
        }
    }
}

fn reset_manager(
    manners: &Manners,
    state: &mut State,
    view: &View,
    members: &Map<String, Value>,
) -> Result<Reply, Reply> {
    // One that offers no words takes any, or none.
    if !manners.manager_resets.is_empty() {
        reset::kind("Manager.Reset", manners.manager_resets, members)?;
    }
    state.restart();
    Ok(match manners.manager_by_task {
        true => state.tasks.begin("Manager Reset", view.now, None, None),
        false => done(manners),
    })
}

/// The answer to what was done and has nothing to show.
pub fn done(manners: &Manners) -> Reply {
    match manners.success_told {
        true => Reply::json(200, message::body(&[Message::base("Success", &[])])),
        false => Reply::empty(204),
    }
}
