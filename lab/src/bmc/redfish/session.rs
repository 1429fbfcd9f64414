//! Who is asking: sessions with their tokens, their number and their end, and Basic authentication (DSP0266, 13.3).
//! Pure.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::super::User;
use super::document::{Scene, stamp};
use super::message::{self, Message};
use super::request::{Reply, Request};
use super::state::View;
use super::vendor::Manners;

/// Seconds.
pub const SHORTEST: u64 = 30;
pub const LONGEST: u64 = 86_400;

#[derive(Debug)]
pub struct Sessions {
    open: Vec<Session>,
    opened: u32,
    /// Seconds without a request after which one ends.
    pub timeout: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub user: String,
    pub created: u64,
    token: String,
    used: u64,
}

impl Default for Sessions {
    fn default() -> Sessions {
        Sessions { open: Vec::new(), opened: 0, timeout: 1_800 }
    }
}

impl Sessions {
    pub fn all(&self) -> &[Session] {
        &self.open
    }

    pub fn expire(&mut self, now: u64) {
        let timeout = self.timeout;
        self.open.retain(|session| now.saturating_sub(session.used) <= timeout);
    }

    pub fn clear(&mut self) {
        self.open.clear();
    }

    pub fn end(&mut self, id: &str) {
        self.open.retain(|session| session.id != id);
    }

    fn begin(&mut self, user: &str, view: &View) -> Session {
        self.opened += 1;
        let session = Session {
            id: self.opened.to_string(),
            user: user.into(),
            created: view.now,
            token: URL_SAFE_NO_PAD.encode(view.dice),
            used: view.now,
        };
        self.open.push(session.clone());
        session
    }
}

/// Lets in by token or by Basic authentication. One that opens no sessions has no room for the session of a single
/// request, either: bmcweb makes one for each, and of an iDRAC that is full nothing else is told
/// (<https://github.com/quadsproject/badfish/issues/447>).
pub fn admit(
    sessions: &mut Sessions,
    users: &[User],
    view: &View,
    manners: &Manners,
    request: &Request,
) -> Result<(), Reply> {
    if let Some(token) = request.header("x-auth-token") {
        let held = sessions.open.iter_mut().find(|session| session.token == token);
        return match held {
            Some(session) => {
                session.used = view.now;
                Ok(())
            }
            None => Err(unauthorized(Message::base("NoValidSession", &[]))),
        };
    }
    let Some((name, password)) = request.header("authorization").and_then(basic) else {
        return Err(unauthorized(Message::base("NoValidSession", &[])));
    };
    match knows(users, &name, &password) {
        true if view.no_sessions => Err(full(manners)),
        true => Ok(()),
        false => Err(refused(&request.path)),
    }
}

/// POST to the collection of sessions.
pub fn log_in(
    sessions: &mut Sessions,
    users: &[User],
    view: &View,
    manners: &Manners,
    request: &Request,
) -> Reply {
    let members = match request.members() {
        Ok(members) => members,
        Err(reply) => return reply,
    };
    let word = |field: &str| members.get(field).and_then(Value::as_str);
    let missing = |field: &str| message::error(400, &[Message::base("PropertyMissing", &[field])]);
    let Some(name) = word("UserName") else { return missing("UserName") };
    let Some(password) = word("Password") else { return missing("Password") };
    if !knows(users, name, password) {
        return refused(&request.path);
    }
    if view.no_sessions || sessions.open.len() >= manners.sessions {
        return full(manners);
    }
    let session = sessions.begin(name, view);
    let path = format!("/redfish/v1/SessionService/Sessions/{}", session.id);
    Reply::json(201, document(&session)).with("x-auth-token", session.token).with("location", path)
}

pub fn of<'a>(scene: &'a Scene<'_>, id: &str) -> Option<&'a Session> {
    scene.state.sessions.open.iter().find(|session| session.id == id)
}

pub fn document(session: &Session) -> Value {
    serde_json::json!({
        "@odata.id": format!("/redfish/v1/SessionService/Sessions/{}", session.id),
        "@odata.type": "#Session.v1_7_0.Session",
        "Id": session.id,
        "Name": "User Session",
        "UserName": session.user,
        "CreatedTime": stamp(session.created),
        "SessionType": "Redfish",
    })
}

fn full(manners: &Manners) -> Reply {
    message::error(503, &[Message::named(manners.full, &[])])
}

fn refused(path: &str) -> Reply {
    unauthorized(Message::base("ResourceAtUriUnauthorized", &[path, "Invalid username or password"]))
}

fn unauthorized(message: Message) -> Reply {
    message::error(401, &[message]).with("www-authenticate", "Basic realm=\"Redfish\"")
}

fn knows(users: &[User], name: &str, password: &str) -> bool {
    users.iter().any(|user| user.name == name && user.password == password)
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, rest) = header.split_once(' ')?;
    let plain = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (name, password) = plain.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (name.to_string(), password.to_string()))
}
