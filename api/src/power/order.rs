//! What is asked of machines' power, and how far groups of them are.

use serde::{Deserialize, Serialize};

use crate::bmc::PowerAction;
use crate::id::MachineId;

/// What is asked of a machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PowerOrder {
    pub action: PowerAction,
    /// In the site's declared order, with the machines before it; otherwise now.
    #[serde(default)]
    pub in_order: bool,
    /// Also where etcd may lose its quorum by it.
    #[serde(default)]
    pub force: bool,
}

/// The identify light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Identify {
    pub lit: bool,
}

/// A `[[power.group]]` and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupView {
    pub name: String,
    pub machines: Vec<MachineId>,
    /// Hosts outside the rack, with what their check said.
    pub hosts: Vec<HostView>,
    /// Whether the groups after it may be switched on.
    pub well: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostView {
    pub name: String,
    pub check: String,
    /// None where it answers as it should.
    pub fault: Option<String>,
}
