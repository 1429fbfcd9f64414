//! What a machine is doing: its way through the states, what it waits for, how far it is.

use api::machine::{Machine, Why};
use api::state::State;
use api::task;
use askama::Template;

use crate::frame::Visitor;
use crate::tone::tone;
use crate::verb::{Offer, Verb};
use crate::words::{Since, Until, size};

#[derive(Template)]
#[template(path = "machine_status.html")]
pub struct Status<'a> {
    machine: &'a Machine,
    visitor: &'a Visitor,
    tone: &'static str,
    state: String,
    since: Since,
    steps: Vec<Step>,
    /// What usually lies behind a boot that stopped where this one did, or a node that does not serve.
    cause: &'a str,
    /// What to do about it.
    todo: &'a str,
    /// Of `why`, for a machine that waits for nothing and yet is not as it should be.
    sentence: &'a str,
    wait: Option<WaitBox<'a>>,
    progress: Option<Progress>,
    /// A button each.
    verbs: Vec<Verb>,
    /// All others, with why they cannot be asked for.
    more: Vec<&'a Offer>,
    seen: Option<Since>,
}

struct Step {
    name: &'static str,
    /// `done`, `here`, `failed` or `ahead`.
    class: &'static str,
}

struct WaitBox<'a> {
    waiting_for: &'a str,
    since: Since,
    until: Option<Until>,
    evidence: &'a str,
    then: &'a str,
}

/// Progress of the running task, in words and as a share.
pub struct Progress {
    pub phase: String,
    pub done: u64,
    pub total: u64,
    pub words: String,
}

impl<'a> Status<'a> {
    pub fn of(
        machine: &'a Machine,
        (why, offers): (&'a Why, &'a [Offer]),
        visitor: &'a Visitor,
        now: i64,
    ) -> Status<'a> {
        let is_button = |offer: &Offer| offer.refusal.is_none() && offer.verb.is_prominent();
        Status {
            machine,
            visitor,
            tone: tone(machine),
            state: api::words::state(machine),
            since: Since { at: machine.since, now },
            steps: steps(machine),
            cause: &why.cause,
            todo: &why.todo,
            sentence: &why.sentence,
            wait: machine.wait.as_ref().map(|wait| WaitBox {
                waiting_for: &wait.waiting_for,
                since: Since { at: wait.since, now },
                until: wait.deadline.map(|at| Until { at, now }),
                evidence: &why.evidence,
                then: &wait.then,
            }),
            progress: Progress::of(machine),
            verbs: offers.iter().filter(|offer| is_button(offer)).map(|offer| offer.verb).collect(),
            more: offers.iter().filter(|offer| !is_button(offer)).collect(),
            seen: machine.last_seen.map(|at| Since { at, now }),
        }
    }
}

impl Progress {
    pub fn of(machine: &Machine) -> Option<Progress> {
        let running = machine.progress.as_ref()?;
        let task::Progress { phase, done, total } = running.progress.clone();
        let mut words = String::new();
        if total > 0 {
            let percent = (u128::from(done) * 100 / u128::from(total)).min(100);
            words = format!("{} of {}, {percent} %", size(&done), size(&total));
        }
        if let (true, Some(seconds)) = (total > 0, running.eta()) {
            words += &format!(", {} left", api::words::span(seconds));
        }
        Some(Progress { phase, done: done.min(total), total, words })
    }
}

/// The straight way from power-on to service; a machine that left it (or failed) shows where.
fn steps(machine: &Machine) -> Vec<Step> {
    let at = machine.failed_in.unwrap_or(machine.state);
    let way = [
        State::Discovered,
        State::Inspecting,
        State::Available,
        State::Partitioning,
        State::Installing,
        State::Booting,
        State::Joining,
        State::Active,
    ];
    let Some(here) = way.iter().position(|state| *state == at) else { return Vec::new() };
    let shown = way.iter().enumerate().filter(|(_, state)| **state != State::Joining || at == State::Joining);
    shown
        .map(|(place, state)| Step {
            name: state.as_str(),
            class: match place.cmp(&here) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal if machine.state == State::Failed => "failed",
                std::cmp::Ordering::Equal => "here",
                std::cmp::Ordering::Greater => "ahead",
            },
        })
        .collect()
}
