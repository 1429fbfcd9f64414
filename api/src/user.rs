//! Who may call the operators' interface and what each role may do, and the audit log: what they did, from where,
//! and how its subject was before and after.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ParseError;

/// Each may do what the one before may, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything that is no secret, and changes nothing.
    Viewer,
    /// Runs the rack: machines, and what belongs to their everyday life.
    Operator,
    /// Also users, other people's installs, and what cannot be taken back.
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// The one spelling, in SQL, JSON, CLI and HTML alike.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Role, ParseError> {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| ParseError { text: text.into(), expected: "a role: viewer, operator or admin" })
    }
}

/// Somebody with a token. The token itself is kept by nobody but them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User {
    pub name: String,
    pub role: Role,
    /// Microseconds since 1970.
    pub created: i64,
    /// When the token ends by itself.
    pub expires: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewUser {
    pub name: String,
    pub role: Role,
    /// Of the token's life; None for one that lives until it is revoked.
    pub days: Option<u32>,
}

/// A new user's token, told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Issued {
    pub user: User,
    pub token: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({}, masked)", self.user.name)
    }
}

/// One action of an operator, written down before it begins and again when it has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    pub id: String,
    /// Microseconds since 1970.
    pub at: i64,
    pub who: String,
    pub role: Role,
    /// Where the call came from.
    pub address: String,
    /// Method and path, such as `POST /api/v1/machines/node07/approve`.
    pub call: String,
    /// A machine's id, or the name of a cluster or user; empty where the call is about none.
    pub subject: String,
    /// What the caller was answered; None when the server ended in between.
    pub status: Option<u16>,
    /// The subject, as far as the action may have changed it.
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// Which entries of the audit log; newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Only what is older than this entry's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// What became different, a line a field: `state: available → partitioning`.
pub fn changes(entry: &AuditEntry) -> Vec<String> {
    let fields = |value: &Option<serde_json::Value>| {
        value.as_ref().and_then(|value| value.as_object().cloned()).unwrap_or_default()
    };
    let (before, after) = (fields(&entry.before), fields(&entry.after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let lines = names.into_iter().filter_map(|name| match (before.get(name), after.get(name)) {
        (old, new) if old == new => None,
        (None, Some(new)) => Some(format!("{name}: {}", word(new))),
        (Some(old), None) => Some(format!("{name}: {} → gone", word(old))),
        (Some(old), Some(new)) => Some(format!("{name}: {} → {}", word(old), word(new))),
        (None, None) => None,
    });
    lines.collect()
}

fn word(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "–".into(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_grow() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), json!(role.as_str()));
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn only_what_changed_is_told() {
        let entry = AuditEntry {
            id: "1".into(),
            at: 0,
            who: "anna".into(),
            role: Role::Operator,
            address: "192.0.2.7".into(),
            call: "POST /api/v1/machines/node07/approve".into(),
            subject: "m1".into(),
            status: Some(200),
            before: Some(json!({"state": "available", "hold": false, "reason": "no disk"})),
            after: Some(json!({"state": "partitioning", "hold": false, "generation": 1})),
        };
        assert_eq!(
            changes(&entry),
            ["generation: 1", "reason: no disk → gone", "state: available → partitioning"]
        );
        assert!(changes(&AuditEntry { before: None, after: None, ..entry }).is_empty());
    }

    #[test]
    fn a_token_is_not_told_in_passing() {
        let user = User { name: "anna".into(), role: Role::Viewer, created: 0, expires: None };
        assert_eq!(format!("{:?}", Issued { user, token: "s3cret".into() }), "Issued(anna, masked)");
    }
}
