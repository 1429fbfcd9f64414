//! Firmware that a BMC fetches and writes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a BMC is told to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateOrder {
    /// An `http://` or `https://` address that the BMC itself reaches.
    pub image: String,
    /// Also where etcd may lose its quorum by it: the BMC may restart its machine.
    #[serde(default)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UpdateState {
    Running,
    Done,
    Failed,
    /// It ended one way or the other, and the BMC says no more of it.
    Unknown,
}

impl UpdateState {
    pub const fn as_str(self) -> &'static str {
        match self {
            UpdateState::Running => "running",
            UpdateState::Done => "done",
            UpdateState::Failed => "failed",
            UpdateState::Unknown => "unknown",
        }
    }
}

impl fmt::Display for UpdateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far the last update of a BMC is that was begun here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FirmwareUpdate {
    /// Where the BMC fetches it from, without what is behind a `?`.
    pub image: String,
    /// Who wanted it, with `--force` where that was said.
    pub who: String,
    /// In microseconds since 1970.
    pub begun_at: i64,
    /// When the BMC last told of it, in microseconds since 1970.
    pub heard_at: i64,
    pub state: UpdateState,
    /// 0 to 100, where the BMC says so.
    pub percent: Option<u8>,
    /// The BMC's own words, or why nobody knows more.
    pub says: String,
}
