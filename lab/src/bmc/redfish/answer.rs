//! The answer to one request: who asks, what is meant, whether it may be done, and what is done to the board. Pure.

use serde_json::json;

use super::super::User;
use super::super::board::{Action, Boot, Power};
use super::act::{self, Act, Done, done};
use super::boot::{self, Place};
use super::document::{self, Document, Scene, described_by, slash, slashed, tag};
use super::media;
use super::message::{self, Message};
use super::metadata;
use super::request::{Body, Reply, Request};
use super::root;
use super::service;
use super::session;
use super::state::{Effect, State, Told, View};
use super::vendor::{Condition, Manners};

pub fn answer(
    manners: &'static Manners,
    users: &[User],
    state: &mut State,
    view: &View,
    request: &Request,
) -> Done {
    if !view.lying {
        state.told = Told::default();
    }
    state.sessions.expire(view.now);
    let (mut reply, effects) = match respond(manners, users, state, view, request) {
        Ok((reply, effects)) => (reply, carried_out(state, view, effects)),
        Err(reply) => (reply, Vec::new()),
    };
    if manners.slashes {
        if let Body::Json(body) = &mut reply.body {
            slash(body);
        }
        for (name, value) in &mut reply.headers {
            if *name == "location" {
                *value = slashed(value);
            }
        }
    }
    (reply, effects)
}

fn respond(
    manners: &'static Manners,
    users: &[User],
    state: &mut State,
    view: &View,
    request: &Request,
) -> Result<Done, Reply> {
    if let Some(reply) = open(request) {
        return Ok((reply, Vec::new()));
    }
    let below = request.path.strip_prefix("/redfish/v1");
    let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
    let below = below.ok_or_else(|| missing(request))?;
    if manners.slashes && !below.ends_with('/') {
        return Ok((Reply::empty(308).with("location", slashed(&request.path)), Vec::new()));
    }
    let parts: Vec<&str> = below.trim_end_matches('/').split('/').skip(1).collect();
    let sessions = matches!(
        parts.as_slice(),
        ["SessionService", "Sessions"] | ["SessionService", "Sessions", "Members"]
    );
    if sessions && request.method == "POST" {
        return Ok((session::log_in(&mut state.sessions, users, view, manners, request), Vec::new()));
    }
    let root = parts.is_empty() && matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    if !root {
        session::admit(&mut state.sessions, users, view, manners, request)?;
    }
    sane(request)?;
    if let Some(reply) = monitored(state, request, &parts) {
        return Ok((reply, Vec::new()));
    }
    let scene = Scene { manners, users, state, view };
    if let Some(named) = act::named(&scene, &parts) {
        return posted(named, manners, state, view, request);
    }
    let found = document::find(&scene, &parts).ok_or_else(|| missing(request))?;
    on_document(manners, users, state, view, request, &parts, found)
}

/// What is refused whatever it is about.
fn sane(request: &Request) -> Result<(), Reply> {
    if let Some(version) = request.header("odata-version")
        && version != "4.0"
    {
        return Err(message::error(412, &[Message::base("HeaderInvalid", &["OData-Version"])]));
    }
    // DSP0266, 7.3.1: a query that is not known by its `$` is not answered as if it were not there.
    if request.query.split('&').any(|part| part.starts_with('$') || part.starts_with("%24")) {
        return Err(message::error(501, &[Message::base("QueryNotSupportedOnResource", &[])]));
    }
    Ok(())
}

/// The documents beside the root that everybody may read (DSP0266, 13.3.2).
fn open(request: &Request) -> Option<Reply> {
    let reply = match request.path.as_str() {
        "/redfish" | "/redfish/" => Reply::json(200, root::versions()),
        "/redfish/v1/odata" | "/redfish/v1/odata/" => Reply::json(200, metadata::odata()),
        "/redfish/v1/$metadata" | "/redfish/v1/$metadata/" => {
            Reply { status: 200, headers: Vec::new(), body: Body::Xml(metadata::metadata()) }
        }
        _ => return None,
    };
    Some(match request.method.as_str() {
        "GET" | "HEAD" => reply.with("allow", allowed(&[])),
        "OPTIONS" => Reply::empty(204).with("allow", allowed(&[])),
        _ => not_allowed(&allowed(&[])),
    })
}

/// A look at a task's monitor, or at the task: both take it further.
fn monitored(state: &mut State, request: &Request, parts: &[&str]) -> Option<Reply> {
    let ["TaskService", place @ ("TaskMonitors" | "Tasks"), id] = parts else { return None };
    if request.method == "GET"
        && let Some(version) = state.tasks.look(id)
    {
        state.version = version;
    }
    match (*place, request.method.as_str()) {
        ("TaskMonitors", "GET") => Some(state.tasks.monitor(id).unwrap_or_else(|| missing(request))),
        ("TaskMonitors", _) => Some(not_allowed("GET")),
        _ => None,
    }
}

fn posted(
    named: Act,
    manners: &'static Manners,
    state: &mut State,
    view: &View,
    request: &Request,
) -> Result<Done, Reply> {
    match request.method.as_str() {
        "POST" => act::act(named, manners, state, view, &request.members()?),
        "OPTIONS" => Ok((Reply::empty(204).with("allow", "POST, OPTIONS"), Vec::new())),
        _ => Err(not_allowed("POST, OPTIONS")),
    }
}

fn on_document(
    manners: &'static Manners,
    users: &[User],
    state: &mut State,
    view: &View,
    request: &Request,
    parts: &[&str],
    found: Document,
) -> Result<Done, Reply> {
    let allow = allowed(found.allow);
    let version = tag(&found.body, manners.weak_tags);
    match request.method.as_str() {
        "GET" | "HEAD" => Ok((shown(request, found, &version, allow), Vec::new())),
        "OPTIONS" => Ok((Reply::empty(204).with("allow", allow), Vec::new())),
        method if !found.allow.contains(&method) => Err(not_allowed(&allow)),
        "DELETE" => {
            state.sessions.end(parts.last().copied().unwrap_or_default());
            Ok((Reply::empty(204), Vec::new()))
        }
        _ => {
            conditional(manners, request, &version)?;
            changed(manners, users, state, view, request, parts)
        }
    }
}

fn shown(request: &Request, mut found: Document, version: &str, allow: String) -> Reply {
    if request.header("if-none-match").is_some_and(|tags| listed(tags, version)) {
        return Reply::empty(304).with("etag", version);
    }
    let schema = described_by(&found.body);
    found.body["@odata.etag"] = json!(version);
    let reply = Reply::json(200, found.body).with("etag", version).with("allow", allow);
    match schema {
        Some(schema) => reply.with("link", schema),
        None => reply,
    }
}

/// DSP0266, 6.5: the version that a change is for.
fn conditional(manners: &Manners, request: &Request, version: &str) -> Result<(), Reply> {
    match request.header("if-match") {
        None if manners.condition == Condition::Demanded => {
            Err(message::error(428, &[Message::base("PreconditionRequired", &[])]))
        }
        Some(tags) if !listed(tags, version) => {
            Err(message::error(412, &[Message::base("PreconditionFailed", &[])]))
        }
        _ => Ok(()),
    }
}

fn listed(tags: &str, version: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_string();
    tags.trim() == "*" || tags.split(',').any(|tag| strong(tag) == strong(version))
}

fn changed(
    manners: &'static Manners,
    users: &[User],
    state: &mut State,
    view: &View,
    request: &Request,
    parts: &[&str],
) -> Result<Done, Reply> {
    let mut members = request.members()?;
    members.retain(|name, _| !name.starts_with('@'));
    if members.is_empty() {
        return Err(message::error(400, &[Message::base("NoOperation", &[])]));
    }
    let place = match parts {
        ["SessionService"] => {
            state.sessions.timeout = service::timeout(&members)?;
            return Ok((done(manners), Vec::new()));
        }
        [.., "VirtualMedia", _] => {
            state.media = media::changed(&members)?;
            return Ok((done(manners), Vec::new()));
        }
        ["Chassis", ..] => Place::Chassis,
        ["Systems", _] => Place::System,
        _ => Place::Settings,
    };
    let scene = Scene { manners, users, state, view };
    let change = boot::change(&scene, place, &members);
    if change.refused.is_empty() {
        return Ok((done(manners), change.effects));
    }
    if change.effects.is_empty() || manners.whole_or_nothing {
        let messages: Vec<Message> = change.refused.into_iter().map(|(_, message)| message).collect();
        return Err(message::error(400, &messages));
    }
    // DSP0266, 7.6.2: what was refused is told beside what was done.
    let after = after(view, &change.effects);
    let scene = Scene { manners, users, state, view: &after };
    let mut found = document::find(&scene, parts).ok_or_else(|| missing(request))?;
    for (name, message) in &change.refused {
        found.body[format!("{name}@Message.ExtendedInfo")] = json!([message.json()]);
    }
    Ok((Reply::json(200, found.body), change.effects))
}

/// What will be seen once these are done.
fn after(view: &View, effects: &[Effect]) -> View {
    let mut after = view.clone();
    for effect in effects {
        match effect {
            Effect::Boot(boot) => after.board.boot = *boot,
            Effect::Light(light) => after.board.light = *light,
            Effect::Act(_) | Effect::ClearLog => {}
        }
    }
    after
}

/// What of the effects reaches the board: a BMC that lies says instead that they did, and one that forgets has no
/// override afterwards.
fn carried_out(state: &mut State, view: &View, effects: Vec<Effect>) -> Vec<Effect> {
    let mut out = Vec::new();
    for effect in effects {
        match effect {
            Effect::Act(action) if view.lying => {
                state.told.power = match action {
                    Action::On | Action::Reset | Action::Cycle => Some(Power::On),
                    Action::Off | Action::Shutdown => Some(Power::Off),
                    Action::Nmi => state.told.power,
                };
            }
            Effect::Boot(boot) if view.lying => state.told.boot = Some(boot),
            Effect::Boot(_) if view.forgetful => out.push(Effect::Boot(Boot::NONE)),
            effect => out.push(effect),
        }
    }
    out
}

fn allowed(beside: &[&str]) -> String {
    [&["GET", "HEAD", "OPTIONS"], beside].concat().join(", ")
}

fn not_allowed(allow: &str) -> Reply {
    message::error(405, &[Message::base("OperationNotAllowed", &[])]).with("allow", allow)
}

fn missing(request: &Request) -> Reply {
    message::error(404, &[Message::base("ResourceMissingAtURI", &[&request.path])])
}
