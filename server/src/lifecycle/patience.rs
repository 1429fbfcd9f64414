//! How long each state may take, and the sentence that explains the wait. No state can be shown without one.

use std::time::Duration;

use api::rung::Rung;
use api::state::{Home, Life, State};
use api::wait::Wait;
use api::who::Doubt;

use super::ladder::{Ladder, Stand};
use super::want::{hands_off, rests, want};

/// After so long, in microseconds, an agent that works has fallen silent: it reports every few seconds.
pub const SILENT: i64 = 3 * 60 * 1_000_000;

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
    /// What nobody has settled yet about who it is.
    pub in_doubt: Option<Doubt>,
    /// Its agent in RAM first came in this state, after its OS had been told to go there.
    pub arrived: Option<i64>,
    /// When it was its turn to join its cluster; None while it is not.
    pub turn: Option<i64>,
    /// Its OS runs and was told to go: by which ways.
    pub ladder: Option<&'a Ladder>,
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
    let from = match life.state {
        State::Joining => seen.turn.map(|turn| turn.max(seen.since)),
        _ => Some(seen.arrived.unwrap_or(seen.since)),
    };
    let deadline = from.and_then(|from| deadline(life.state, from, override_)).filter(|_| !rests(life));
    // Of one that has failed, a person's decision is waited for in any home.
    let climbs = !rests(life) && life.state != State::Failed;
    if let Some(ladder) = seen.ladder.filter(|ladder| climbs && !ladder.steps.is_empty()) {
        return Some(way_back(life, seen, ladder, deadline));
    }
    let (waiting_for, then) = sentence(life, seen)?;
    let evidence = if seen.evidence.is_empty() { "nothing was seen of it yet" } else { seen.evidence };
    Some(Wait { waiting_for, since: seen.since, deadline, evidence: evidence.into(), then })
}

/// The wait of a machine whose OS runs where another home is wanted. On the way to RAM the state's own patience rests.
fn way_back(life: &Life, seen: Seen<'_>, ladder: &Ladder, deadline: Option<i64>) -> Wait {
    let to_ram = want(life).home == Some(Home::Ram);
    let goal = match to_ram {
        true => "the agent's hello from RAM".to_string(),
        false => format!("the hello of generation {} from its own disk", life.generation),
    };
    let next = match ladder.next() {
        Some(Rung::Hand) | None => "a person is asked to boot it from the network once".to_string(),
        Some(rung) => format!("{} is tried", rung.words()),
    };
    let (waiting_for, since, own, then) = match ladder.open().map(|step| (step.rung, &step.stand)) {
        Some((Rung::Hand, Stand::Begun { at, .. })) => {
            let again =
                format!("`metalctl machine hold {0}`, then `release {0}`, tries all ways again", seen.name);
            (
                "a hand: boot it from the network once".into(),
                *at,
                None,
                format!("it goes on by itself; {again}"),
            )
        }
        Some((rung, Stand::Begun { at, deadline, .. })) => {
            (format!("{goal}, by {}", rung.words()), *at, *deadline, next)
        }
        _ => {
            let then = format!("at its OS's next hello {next}; a power cycle does no harm");
            ("its OS or the agent in RAM to answer".into(), seen.since, None, then)
        }
    };
    let tried = ladder.tried();
    let seen = if seen.evidence.is_empty() { "nothing was seen of it yet" } else { seen.evidence };
    let evidence = if tried.is_empty() { seen.into() } else { format!("{seen}; {tried}") };
    let deadline = own.into_iter().chain(deadline.filter(|_| !to_ram)).min();
    Wait { waiting_for, since, deadline, evidence, then }
}

/// When patience ends, in microseconds since 1970.
pub fn deadline(state: State, since: i64, override_: Option<Duration>) -> Option<i64> {
    let patience = patience(state)?;
    let patience = override_.unwrap_or(patience);
    Some(since.saturating_add(i64::try_from(patience.as_micros()).unwrap_or(i64::MAX)))
}

/// From when on patience with a machine that joins runs. Until it is its turn, and its agent is there to take it, others
/// are waited for, however long they take.
pub fn joins_from(since: i64, turn: Option<i64>, agent_seen: Option<i64>) -> i64 {
    turn.or(agent_seen).map_or(since, |at| at.max(since))
}

/// What is waited for, and the ways out of it.
fn in_doubt(name: &str, about: Doubt) -> (String, String) {
    match about {
        Doubt::Hardware => (
            "an operator: who it is is in doubt".into(),
            format!(
                "`metalctl machine merge {name} {name}` if it is still {name}, `metalctl machine merge {name} OTHER` if it \
                 is that one, `metalctl machine split {name}` if what came by its interfaces is a machine of its own"
            ),
        ),
        Doubt::Sessions => (
            "an operator: two systems speak in its name".into(),
            format!(
                "switch one of the two off, boot the other anew, then `metalctl machine merge {name} {name}`; \
                 `metalctl machine split {name} --mac MAC` if a port of it is another machine's"
            ),
        ),
    }
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
    if let Some(about) = seen.in_doubt {
        return Some(in_doubt(name, about));
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
        State::Joining if seen.turn.is_none() => (
            "its turn to join the cluster".into(),
            "it joins by itself when that has come; the evidence names what comes before".into(),
        ),
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
