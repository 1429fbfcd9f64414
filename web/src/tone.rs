//! Colour as a second hint beside the word, never instead of it.

use api::cluster::{Cluster, ClusterState, Node};
use api::machine::Machine;
use api::state::State;

/// What a machine's situation asks of a person, so that a new state needs no colour of its own. The names are those of
/// the style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Bad,
    Wait,
    Held,
    Busy,
    Good,
    Quiet,
}

impl Tone {
    pub const ALL: [Tone; 6] = [Tone::Bad, Tone::Wait, Tone::Held, Tone::Busy, Tone::Good, Tone::Quiet];

    pub const fn as_str(self) -> &'static str {
        match self {
            Tone::Bad => "bad",
            Tone::Wait => "wait",
            Tone::Held => "held",
            Tone::Busy => "busy",
            Tone::Good => "good",
            Tone::Quiet => "quiet",
        }
    }

    /// Of several machines.
    pub const fn words(self) -> &'static str {
        match self {
            Tone::Bad => "failed or NotReady",
            Tone::Wait => "waiting for a person",
            Tone::Held => "held",
            Tone::Busy => "on their way",
            Tone::Good => "active",
            Tone::Quiet => "retired",
        }
    }
}

/// All of a machine that its tone depends on.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub state: State,
    /// On hold, or in maintenance.
    pub held: bool,
    /// Of its node, where it has one.
    pub ready: Option<bool>,
    /// It waits, and no deadline ends that.
    pub patient: bool,
}

impl Standing {
    pub fn of(machine: &Machine) -> Standing {
        Standing {
            state: machine.state,
            held: machine.hold || machine.maintenance,
            ready: machine.node.as_ref().map(|node| node.ready),
            patient: machine.wait.as_ref().is_some_and(|wait| wait.deadline.is_none()),
        }
    }

    pub fn tone(self) -> Tone {
        match self.state {
            State::Failed => Tone::Bad,
            _ if self.held => Tone::Held,
            State::Active if self.ready == Some(false) => Tone::Bad,
            State::Active => Tone::Good,
            State::Retired => Tone::Quiet,
            _ if self.patient => Tone::Wait,
            _ => Tone::Busy,
        }
    }
}

pub fn tone(machine: &Machine) -> &'static str {
    Standing::of(machine).tone().as_str()
}

pub fn of_node(node: &Node) -> &'static str {
    match (node.uid.is_empty(), node.ready) {
        (true, _) => "busy",
        (false, true) if node.cordoned => "wait",
        (false, true) => "good",
        (false, false) => "bad",
    }
}

pub fn of_cluster(cluster: &Cluster) -> &'static str {
    match cluster.state {
        _ if !cluster.problems.is_empty() => "bad",
        ClusterState::Up if cluster.ready < cluster.nodes => "wait",
        ClusterState::Up => "good",
        ClusterState::Initialising => "busy",
        ClusterState::Empty => "quiet",
    }
}
