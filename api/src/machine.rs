//! A machine as operators see it: what the API answers, the CLI prints and the pages show.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::agent::LogSource;
use crate::cluster::Node;
use crate::facts::{Disk, Facts};
use crate::id::{Hostname, Mac, MachineId};
use crate::label::Labels;
use crate::plan::Plan;
use crate::power::MachinePower;
use crate::state::{Errand, Home, State};
use crate::task::Progress;
use crate::trace::Attempt;
use crate::wait::Wait;
use crate::who::Doubt;
use crate::wipe::Wipe;

/// One line of the rack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Machine {
    pub id: MachineId,
    pub hostname: Option<Hostname>,
    pub interfaces: Vec<Mac>,
    /// Of system, else chassis, else board; empty before the first inspection.
    pub serial: String,
    pub address: Option<Ipv4Addr>,
    pub profile: Option<String>,
    pub position: Option<Position>,
    #[serde(default)]
    pub uplink: Option<Uplink>,
    /// The address that DHCP keeps for one of its cards because an operator said so.
    #[serde(default)]
    pub reserved: Option<Reservation>,
    #[serde(default)]
    pub labels: Labels,
    pub state: State,
    /// Since when, in microseconds since 1970.
    pub since: i64,
    pub generation: i64,
    pub installed: i64,
    pub failed_in: Option<State>,
    /// Why it failed, in one sentence.
    pub reason: Option<String>,
    pub errand: Errand,
    pub hold: bool,
    /// Who it is is in doubt: it is on hold until a person says.
    #[serde(default)]
    pub quarantine: Option<Quarantine>,
    pub maintenance: bool,
    /// An operator wants it off.
    #[serde(default)]
    pub power_off: bool,
    /// False for a machine that is only recorded.
    pub enrolled: bool,
    /// None only where nothing is waited for.
    pub wait: Option<Wait>,
    pub progress: Option<TaskProgress>,
    /// Of a machine in a cluster, once its join began.
    pub node: Option<Node>,
    /// Of a machine that something can switch.
    #[serde(default)]
    pub power: Option<MachinePower>,
    /// Where the agent that spoke last lives.
    pub home: Option<Home>,
    /// When it spoke last; a packet of the machine's firmware is no word of it.
    pub last_seen: Option<i64>,
    /// Grows with every change: compare-and-swap.
    pub version: i64,
}

impl Machine {
    /// What people call it: its hostname, else its first MAC, else its id.
    pub fn name(&self) -> String {
        match (&self.hostname, self.interfaces.first()) {
            (Some(hostname), _) => hostname.to_string(),
            (None, Some(mac)) => mac.to_string(),
            (None, None) => self.id.to_string(),
        }
    }
}

/// What speaks against a machine being the one that its row describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quarantine {
    #[serde(default)]
    pub about: Doubt,
    /// Microseconds since 1970.
    pub since: i64,
    /// What agrees and what does not, in one sentence.
    pub why: String,
    /// Those that came with what is in question.
    pub interfaces: Vec<Mac>,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Position {
    pub rack: String,
    /// Rack unit, from the bottom.
    pub unit: u32,
}

/// Where its cable ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Uplink {
    pub switch: String,
    pub port: String,
}

/// An address that DHCP gives to this network card only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reservation {
    pub mac: Mac,
    pub address: Ipv4Addr,
}

/// Progress of the running task, with what is needed to say when it will be over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskProgress {
    #[serde(flatten)]
    pub progress: Progress,
    /// When this phase began and when it was last heard of, in microseconds since 1970.
    pub since: i64,
    pub at: i64,
}

impl TaskProgress {
    /// Seconds until the phase is over at the pace so far; None while that is a guess.
    pub fn eta(&self) -> Option<u64> {
        let Progress { done, total, .. } = self.progress;
        let spent = u64::try_from(self.at - self.since).ok()? / 1_000_000;
        if done == 0 || total < done || spent == 0 {
            return None;
        }
        Some(((total - done) as u128 * spent as u128 / done as u128) as u64)
    }
}

/// A machine with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MachineDetail {
    pub machine: Machine,
    pub facts: Option<Facts>,
    pub plan: Option<Plan>,
    /// The newest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wipe: Option<Wipe>,
    /// Newest first.
    pub attempts: Vec<Attempt>,
    /// Newest first.
    pub history: Vec<HistoryEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryEntry {
    pub at: i64,
    pub event: String,
    pub from: State,
    /// Equal to `from` where the event changed no state.
    pub to: State,
    /// Who submitted it: `agent`, `server`, or an operator's name.
    pub who: String,
    /// The event was not expected here: it is kept, and changed nothing.
    pub refused: bool,
    pub note: String,
}

/// An entry of any machine's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MachineEvent {
    pub machine: MachineId,
    /// What people call the machine.
    pub name: String,
    /// Counts a machine's events from 1.
    pub number: i64,
    #[serde(flatten)]
    pub entry: HistoryEntry,
}

/// Which events: of all machines or of one, the newest, or all from a moment on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogEntry {
    pub at: i64,
    /// The boot attempt it belongs to.
    pub attempt: i64,
    pub source: LogSource,
    pub text: String,
}

/// Which disks an install would erase, or why it would not. Shown before anyone says yes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Erasure {
    pub machine: MachineId,
    pub profile: Option<String>,
    pub disks: Vec<Disk>,
    /// Why no disk would be erased, in one sentence.
    pub refusal: Option<String>,
    /// Goes back with the yes, as [`crate::order::Order::shown`]; empty where there is nothing to say yes to.
    #[serde(default)]
    pub digest: String,
}

/// The answer to `why`: the newest facts about what is waited for, in the order in which a person asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Why {
    pub state: State,
    pub sentence: String,
    pub evidence: String,
    /// The entry of the table of causes that explains it: docs/causes.md.
    #[serde(default)]
    pub entry: String,
    /// What usually lies behind it; empty where nothing stands out.
    pub cause: String,
    /// What to do; empty where nothing has to be done.
    #[serde(default)]
    pub todo: String,
}

/// What an operator allows or vouches for beyond a verb itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// Also where a disk holds another site's, another machine's or a newer generation's install.
    #[serde(default)]
    pub erase_foreign: bool,
    /// The machine is without power, and stays so until the cluster has let go of it.
    #[serde(default)]
    pub powered_off: bool,
    /// Pods that no controller makes again may be evicted.
    #[serde(default)]
    pub force: bool,
    /// Erase whatever is there now: nobody has looked at it.
    #[serde(default)]
    pub unseen: bool,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Paging {
    /// The `next` of the page before; empty for the first.
    #[serde(default)]
    pub after: String,
    /// Entries of a page: 200 where nothing is said, 1000 at most.
    pub limit: Option<i64>,
}

/// A page of a list; `next` goes into `?after=` for the page behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "{T}Page"))]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// A profile as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileView {
    pub name: String,
    pub image: String,
    pub layout: String,
    pub hostname: String,
    pub consoles: Vec<String>,
    pub machines: i64,
}

/// A profile with all that it leads to, by the names of the site file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProfileSettings {
    pub name: String,
    pub settings: BTreeMap<String, String>,
}

/// What every refused or failed call answers with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    pub error: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
