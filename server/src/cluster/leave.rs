//! How a node leaves its cluster: from what is seen now to the one thing to do next. Nothing is remembered
//! between two looks, so a server that was killed goes on where the cluster stands.

use api::bmc::Power;
use api::cluster::EtcdMember;
use api::words::moment;

use super::guard::{Interruption, guard};
use super::pods::{Pod, named, sort, waited_for};

/// All that the next step depends on.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    pub node: &'a str,
    pub cluster: &'a str,
    /// What the operator typed to get here, such as `reprovision`.
    pub verb: &'a str,
    pub control_plane: bool,
    /// The other control plane that is joining or leaving now.
    pub before: Option<&'a str>,
    pub agent: Agent,
    /// Its agent has stopped kubelet and all containers, for good.
    pub stopped: bool,
    /// Its power is off for sure, because a person says so or its BMC does.
    pub fenced: bool,
    /// As its BMC read it a moment ago, where that is believed.
    pub power: Option<Power>,
    /// A person wants it off.
    pub power_off: bool,
    /// A person says that pods without a controller go too.
    pub forced: bool,
    /// None when the API server has no such object.
    pub object: Option<Object>,
    pub pods: &'a [Pod],
    pub snapshot: Progress,
    /// Of moving the virtual address elsewhere; done where there is none.
    pub address: Progress,
    /// Of etcd, younger than any removal; None when they are not known. Empty where there is no etcd of ours.
    pub members: Option<&'a [EtcdMember]>,
    pub removal: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    Here,
    /// For too long, since then.
    Silent {
        since: i64,
    },
}

/// A Node object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Object {
    pub ready: bool,
    pub cordoned: bool,
    pub out_of_service: bool,
}

/// Of something that a control plane's agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Due,
    Running,
    Done,
    /// And will be tried again in a while.
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// For this; nothing else can be done now.
    Wait(String),
    /// Its BMC is asked once more, and its word kept.
    Fence,
    Cordon,
    /// Which members etcd has now.
    ReadMembers,
    Snapshot,
    Evict(Vec<Pod>),
    /// The taint that lets the cluster give up what ran on a machine that is off.
    TaintOutOfService,
    MoveAddress,
    /// By its name, or by its id where it has none.
    RemoveMember(String),
    /// Kubelet must be stopped before its Node object goes, or it registers again.
    AskAgent,
    DeleteNode,
    Done,
}

use Action::Wait;

/// The first gap in the order in which they can be closed.
pub fn step(seen: &Seen<'_>) -> Action {
    turn(seen)
        .or_else(|| rest(seen))
        .or_else(|| fence(seen))
        .or_else(|| cordon(seen))
        .or_else(|| snapshot(seen))
        .or_else(|| out_of_service(seen))
        .or_else(|| pods(seen))
        .or_else(|| member(seen))
        .or_else(|| agent(seen))
        .or_else(|| object(seen))
        .unwrap_or(Action::Done)
}

/// What to type to have pods without a controller evicted.
pub fn force(seen: &Seen<'_>) -> String {
    format!("metalctl machine {} {} --force", seen.verb, seen.node)
}

/// Nobody hears its agent, and no kubelet speaks for its node.
fn dead(seen: &Seen<'_>) -> bool {
    !seen.stopped && seen.agent != Agent::Here && !seen.object.is_some_and(|object| object.ready)
}

/// Its entry in etcd. A learner without a name is half of a join that failed: its own, for nobody else joins
/// while this one has its turn.
fn entry<'a>(seen: &Seen<'a>) -> Option<&'a EtcdMember> {
    let members = seen.members?;
    let own = members.iter().find(|member| member.name == seen.node);
    own.or_else(|| members.iter().find(|member| member.learner && member.name.is_empty()))
}

/// Control planes leave and join one at a time.
fn turn(seen: &Seen<'_>) -> Option<Action> {
    let before = seen.before.filter(|_| seen.control_plane)?;
    Some(Wait(format!("its turn: {before} is joining or leaving {} before it", seen.cluster)))
}

/// Nothing is asked of one that is wanted off; one that is off has nothing left to say.
fn rest(seen: &Seen<'_>) -> Option<Action> {
    let rests = seen.power_off && !seen.stopped && !dead(seen);
    rests
        .then(|| Wait("its power: it is wanted off, and nothing is asked of it before it is on again".into()))
}

/// What cannot be asked may still run: nothing of it is given away before its power is known to be off.
fn fence(seen: &Seen<'_>) -> Option<Action> {
    let Agent::Silent { since } = seen.agent else { return None };
    let known = seen.object.is_some() || entry(seen).is_some();
    if !dead(seen) || seen.fenced || !known {
        return None;
    }
    let Seen { node, verb, .. } = seen;
    let todo = match seen.power {
        Some(Power::Off) => return Some(Action::Fence),
        Some(Power::On) => format!("its BMC reads it as on; `metalctl machine power off {node}` is enough"),
        _ => format!("switch it off and say `metalctl machine {verb} {node} --powered-off`"),
    };
    let since = moment(since);
    Some(Wait(format!(
        "its power to be verified off: it is silent since {since} and its node is not Ready; {todo}"
    )))
}

fn cordon(seen: &Seen<'_>) -> Option<Action> {
    seen.object.filter(|object| !object.cordoned).map(|_| Action::Cordon)
}

/// Before every removal of a control plane.
fn snapshot(seen: &Seen<'_>) -> Option<Action> {
    if !seen.control_plane || seen.snapshot == Progress::Done {
        return None;
    }
    if seen.members.is_none() {
        return Some(Action::ReadMembers);
    }
    entry(seen)?;
    by_agent(&seen.snapshot, Action::Snapshot, "a snapshot of etcd")
}

fn out_of_service(seen: &Seen<'_>) -> Option<Action> {
    let object = seen.object.filter(|_| dead(seen))?;
    (!object.out_of_service).then_some(Action::TaintOutOfService)
}

fn pods(seen: &Seen<'_>) -> Option<Action> {
    if seen.stopped || seen.object.is_none() {
        return None;
    }
    if dead(seen) {
        let left = sort(seen.pods, true);
        // The taint ends all but those that tolerate everything.
        if !left.evict.is_empty() {
            return Some(Action::Evict(left.evict));
        }
        let given_up = || Wait(format!("the cluster to give up what ran on it: {}", named(&left.ending)));
        return (!left.ending.is_empty()).then(given_up);
    }
    let ready = seen.object.is_some_and(|object| object.ready);
    let mut sorted = sort(seen.pods, seen.forced);
    if !sorted.evict.is_empty() {
        return Some(Action::Evict(sorted.evict));
    }
    // No kubelet is there to end them: the agent does, with all the rest.
    if !ready {
        sorted.ending.clear();
    }
    let waited_for = waited_for(&sorted, &[], &force(seen));
    (!waited_for.is_empty()).then_some(Wait(waited_for))
}

/// Out of etcd while its agent still runs: with two members, stopping one first would stop etcd.
fn member(seen: &Seen<'_>) -> Option<Action> {
    if !seen.control_plane {
        return None;
    }
    let Some(members) = seen.members else { return Some(Action::ReadMembers) };
    let entry = entry(seen)?;
    let who = if entry.name.is_empty() { &entry.id } else { &entry.name };
    let what = if dead(seen) { Interruption::RemoveDead } else { Interruption::Remove };
    if let Err(no) = guard(seen.cluster, members, who, what) {
        return Some(Wait(format!("etcd to spare it: {no}")));
    }
    let address = match seen.agent {
        Agent::Here => by_agent(&seen.address, Action::MoveAddress, "the virtual address to move"),
        Agent::Silent { .. } => None,
    };
    let remove = Action::RemoveMember(who.clone());
    address.or_else(|| by_agent(&seen.removal, remove, "etcd to let go of its member"))
}

fn agent(seen: &Seen<'_>) -> Option<Action> {
    match seen.agent {
        _ if seen.stopped => None,
        Agent::Here => Some(Action::AskAgent),
        Agent::Silent { .. } if dead(seen) => None,
        Agent::Silent { since } => Some(Wait(format!(
            "its agent to stop the kubelet: silent since {}, while its node is Ready",
            moment(since)
        ))),
    }
}

fn object(seen: &Seen<'_>) -> Option<Action> {
    seen.object.map(|_| Action::DeleteNode)
}

fn by_agent(progress: &Progress, action: Action, what: &str) -> Option<Action> {
    match progress {
        Progress::Done => None,
        Progress::Due => Some(action),
        Progress::Running => Some(Wait(what.into())),
        Progress::Failed(why) => Some(Wait(format!("{what}, which failed and is tried again: {why}"))),
    }
}

#[cfg(test)]
mod tests;
