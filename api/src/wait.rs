//! A wait that explains itself. A state that waits cannot be shown without all five answers.

use serde::{Deserialize, Serialize};

/// Times are microseconds since 1970-01-01T00:00:00Z, as everywhere in JSON and SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wait {
    /// What must happen, as a noun phrase: "the agent's hello from RAM".
    pub waiting_for: String,
    pub since: i64,
    /// When patience ends. None only where a person is waited for.
    pub deadline: Option<i64>,
    /// The last thing that was seen of this machine.
    pub evidence: String,
    /// What happens when the deadline passes, or what the operator can type.
    pub then: String,
}
