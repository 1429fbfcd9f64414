//! How long each state may take, and the sentence that explains the wait. No state can be shown without one.

use std::time::Duration;

use api::state::{Life, State};
use api::wait::Wait;

use super::want::{hands_off, rests};

/// What the floor looks like to someone who asks why nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When the state began, in microseconds since 1970.
    pub since: i64,
    /// The last thing seen of the machine, in words.
    pub evidence: &'a str,
    /// A name to type.
    pub name: &'a str,
    /// A session of the home that the state wants is there.
    pub agent_here: bool,
    /// The profile lets nothing be erased without a person, whatever the disk holds.
    pub person_approves: bool,
    /// Nobody has said yet whose hardware it is.
    pub in_doubt: bool,
}

/// The state's patience by default; None where a person is waited for, or nothing is.
pub const fn patience(state: State) -> Option<Duration> {
    let minutes = match state {
        State::Inspecting => 30,
        State::Partitioning => 30,
        State::Installing => 60,
        State::Booting => 30,
        State::Joining => 30,
        State::Draining => 60,
        State::Wiping => 24 * 60,
        State::Discovered
        | State::Available
        | State::Active
        | State::Rescue
        | State::Retired
        | State::Failed => return None,
    };
    Some(Duration::from_secs(minutes * 60))
}

/// What a machine waits for. None only where it waits for nothing: it serves, or it is history.
/// `override_` is the profile's own patience for this state.
pub fn wait(life: &Life, seen: Seen<'_>, override_: Option<Duration>) -> Option<Wait> {
    let deadline = deadline(life.state, seen.since, override_).filter(|_| !rests(life));
    let (waiting_for, then) = sentence(life, seen)?;
    let evidence = if seen.evidence.is_empty() { "nothing was seen of it yet" } else { seen.evidence };
    Some(Wait { waiting_for, since: seen.since, deadline, evidence: evidence.into(), then })
}

/// When patience ends, in microseconds since 1970.
pub fn deadline(state: State, since: i64, override_: Option<Duration>) -> Option<i64> {
    let patience = patience(state)?;
    let patience = override_.unwrap_or(patience);
    Some(since.saturating_add(i64::try_from(patience.as_micros()).unwrap_or(i64::MAX)))
}

/// The two ways out of a quarantine.
fn in_doubt(name: &str) -> String {
    format!(
        "`metalctl machine merge {name} {name}` if it is still {name}, `metalctl machine merge {name} OTHER` if it is that \
         one, `metalctl machine split {name}` if what came by its interfaces is a machine of its own"
    )
}

fn sentence(life: &Life, seen: Seen<'_>) -> Option<(String, String)> {
    let Seen { name, agent_here, .. } = seen;
    let fails = "it becomes `failed`, with this evidence".to_string();
    let retry = format!("`metalctl machine retry {name}` tries the same step again");
    if life.power_off {
        return Some((
            "power off, as an operator wants".into(),
            format!("it stays off until `metalctl machine power on {name}`"),
        ));
    }
    if seen.in_doubt {
        return Some(("an operator: who it is is in doubt".into(), in_doubt(name)));
    }
    if hands_off(life) {
        return Some((
            "an operator: it is on hold".into(),
            format!("`metalctl machine release {name}` lets it go on"),
        ));
    }
    let agent = |doing: &str, home: &str| match agent_here {
        true => format!("the agent to finish {doing}"),
        false => format!("the agent's hello from {home}"),
    };
    Some(match life.state {
        State::Active | State::Retired => return None,
        State::Discovered if life.enrolled => (
            agent("starting", "RAM"),
            "power it on, with network boot first or once; nothing is lost by waiting".into(),
        ),
        State::Discovered => (
            "an operator: it is only recorded".into(),
            format!("`metalctl machine approve {name}` enrolls it; until then it boots its own disk"),
        ),
        State::Inspecting => (agent("reading the hardware", "RAM"), fails),
        State::Available if !life.assigned => {
            ("a profile".into(), "a rule or a [[machine]] entry in the site file gives it one".into())
        }
        State::Available if !seen.person_approves => (
            "a disk that its rule may erase; the evidence says what is in the way".into(),
            format!("`metalctl machine approve {name}` shows the disks and asks a person instead"),
        ),
        State::Available => (
            "an operator's approval of what will be erased".into(),
            format!("`metalctl machine approve {name}` shows the disks and asks"),
        ),
        State::Partitioning => (agent("writing the layout", "RAM"), fails),
        State::Installing => (agent("writing the OS", "RAM"), fails),
        State::Booting => (format!("the hello of generation {} from its own disk", life.generation), fails),
        State::Joining => ("the node to become Ready".into(), fails),
        State::Draining => ("the cluster to let go of the node".into(), fails),
        State::Wiping => (agent("erasing the disks", "RAM"), fails),
        State::Rescue => (
            "an operator: it is in rescue".into(),
            format!("`metalctl machine leave {name}` ends the rescue"),
        ),
        State::Failed => ("an operator: a step failed".into(), retry),
    })
}
