//! Colour as a second hint beside the word, never instead of it.

use api::cluster::{Cluster, ClusterState, Node};
use api::machine::Machine;
use api::state::State;

/// By what the machine's situation asks of a person, so that a new state needs no colour of its own.
/// The names are those of the style sheet.
pub fn tone(machine: &Machine) -> &'static str {
    match (machine.state, &machine.wait) {
        (State::Failed, _) => "bad",
        _ if machine.hold || machine.maintenance => "held",
        (State::Active, _) if machine.node.as_ref().is_some_and(|node| !node.ready) => "bad",
        (State::Active, _) => "good",
        (State::Retired, _) => "quiet",
        (_, Some(wait)) if wait.deadline.is_none() => "wait",
        _ => "busy",
    }
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
