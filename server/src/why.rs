//! The answer to "why is it not getting on?": the hop that died or the thing waited for, the evidence,
//! the usual cause, and what to do. Pure.

pub mod cause;
mod find;
mod signs;
#[cfg(test)]
mod tests;

use api::cluster::Node;
use api::machine::{Machine, Quarantine, Why};
use api::state::State;
use api::trace::Attempt;
use api::words;

/// `now` in microseconds since 1970.
pub fn why(machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Why {
    let name = machine.name();
    let node = machine.node.as_ref();
    let (seen, booted) = (node.map(|node| of_node(node, now)).unwrap_or_default(), trail(attempt, now));
    let (sentence, evidence) = match (&machine.wait, &machine.reason, node) {
        (_, Some(reason), _) => (format!("{name} has failed: {reason}"), booted),
        (Some(wait), None, _) => {
            (format!("{name} waits for {}", wait.waiting_for), format!("{}; {seen}{booted}", wait.evidence))
        }
        (None, None, Some(node)) if machine.state == State::Active => {
            (format!("{name} is active, and {}", standing(node, now)), format!("{seen}{booted}"))
        }
        (None, None, _) => (format!("{name} is {} and waits for nothing", machine.state), booted),
    };
    let (sentence, evidence) = match &machine.quarantine {
        Some(Quarantine { why, .. }) => {
            (format!("{name} is quarantined: {why}"), format!("{why}; {}", trail(attempt, now)))
        }
        None => (sentence, evidence),
    };
    let entry = find::find(machine, attempt, now);
    let evidence = match machine.power.as_ref().filter(|power| !power.sentence.is_empty()) {
        Some(power) => format!("{evidence}; {}", power.sentence),
        None => evidence,
    };
    Why {
        state: machine.state,
        sentence,
        evidence,
        entry: entry.name().into(),
        cause: entry.usual().into(),
        todo: entry.todo().replace("NAME", &name),
    }
}

/// Whether the node of an active machine serves, and whether it will go on doing so.
fn standing(node: &Node, now: i64) -> String {
    match node.first_to_end().filter(|first| node.ready && first.ends_soon(now)) {
        Some(first) => format!("its node is Ready; its certificate {}", words::certificate(first, now)),
        None => format!("its node is {}", words::node(node)),
    }
}

/// What was seen of the node, to stand before what was seen of the boot.
fn of_node(node: &Node, now: i64) -> String {
    format!("the node is {} for {}; ", words::ready(node), words::lasting(node.since, now))
}

/// The newest boot in one line: where it got to, and how long ago.
fn trail(attempt: Option<&Attempt>, now: i64) -> String {
    let Some((attempt, hop)) = attempt.and_then(|a| a.hops.last().map(|hop| (a, hop))) else {
        return "no boot over the network was ever seen".into();
    };
    let ago = (now - hop.at).max(0) / 1_000_000;
    format!("boot {} got to `{}` {ago} s ago ({})", attempt.number, hop.name.as_str(), hop.detail)
}
