//! What a rolling run does next, from one look at its machines. Pure: a run that was
//! interrupted goes on from what it sees.

use api::id::MachineId;
use api::machine::Machine;
use api::state::{Errand, State};
use api::words;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Begin(MachineId),
    /// For these, by name.
    Wait(Vec<String>),
    Done,
    /// For good, and why.
    Stop(String),
}

/// How a machine stands to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Serves, and was installed before the run began; or failed before that.
    Before,
    /// Became active since the run began, and serves.
    After,
    Away,
    Failed,
    /// On hold, not yet or no more a machine that serves.
    LeftOut,
}

/// `since`: when the run began, by the server's clock.
pub fn step(machines: &[Machine], since: i64, at_most: usize) -> Step {
    let standing = |wanted| machines.iter().filter(move |machine| standing(machine, since) == wanted);
    if let Some(machine) = standing(Standing::Failed).next() {
        let reason = machine.reason.as_deref().unwrap_or("no reason is recorded");
        return Step::Stop(format!("{} failed: {reason}", machine.name()));
    }
    let away: Vec<String> = standing(Standing::Away).map(Machine::name).collect();
    match standing(Standing::Before).min_by_key(|machine| machine.name()) {
        Some(next) if away.len() < at_most => Step::Begin(next.id.clone()),
        _ if !away.is_empty() => Step::Wait(away),
        _ => Step::Done,
    }
}

pub fn standing(machine: &Machine, since: i64) -> Standing {
    let installed = machine.installed > 0 || machine.generation > 0;
    let ready = machine.node.as_ref().is_none_or(|node| node.ready);
    match machine.state {
        State::Retired | State::Wiping | State::Discovered => Standing::LeftOut,
        _ if machine.hold || machine.maintenance || !installed => Standing::LeftOut,
        State::Failed if machine.since < since => Standing::Before,
        State::Failed => Standing::Failed,
        State::Active if machine.errand != Errand::None || !ready => Standing::Away,
        State::Active if machine.since >= since => Standing::After,
        State::Active => Standing::Before,
        _ => Standing::Away,
    }
}

/// How far it is, and when it will be over at the pace so far.
pub fn progress(machines: &[Machine], since: i64, now: i64) -> String {
    let number = |wanted| machines.iter().filter(|machine| standing(machine, since) == wanted).count();
    let (done, left) = (number(Standing::After), number(Standing::Before) + number(Standing::Away));
    let spent = u64::try_from(now - since).unwrap_or(0) / 1_000_000;
    let eta = match (done, left) {
        (0, _) | (_, 0) => String::new(),
        _ => format!(", about {} left", words::span(spent * left as u64 / done as u64)),
    };
    format!("{done} of {} done{eta}", done + left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str, state: &str, since: i64) -> Machine {
        let value = serde_json::json!({
            "id": name, "hostname": name, "interfaces": [], "serial": "", "address": null, "profile": "worker",
            "position": null, "state": state, "since": since, "generation": 1, "installed": 1, "failed_in": null,
            "reason": null, "errand": "none", "hold": false, "maintenance": false, "enrolled": true, "wait": null,
            "progress": null, "node": null, "home": "disk", "last_seen": null, "version": 1
        });
        serde_json::from_value(value).unwrap()
    }

    fn begin(name: &str) -> Step {
        Step::Begin(MachineId(name.into()))
    }

    #[test]
    fn one_after_the_other() {
        let mut rack = vec![machine("b", "active", 1), machine("a", "active", 1)];
        assert_eq!(step(&rack, 10, 1), begin("a"));
        rack[1] = machine("a", "draining", 11);
        assert_eq!(step(&rack, 10, 1), Step::Wait(vec!["a".into()]));
        assert_eq!(step(&rack, 10, 2), begin("b"));
        rack[1] = machine("a", "active", 20);
        assert_eq!(step(&rack, 10, 1), begin("b"));
        assert_eq!(progress(&rack, 0, 60_000_000), "2 of 2 done");
        assert_eq!(progress(&rack, 10, 60_000_010), "1 of 2 done, about 1 min 0 s left");
        rack[0] = machine("b", "active", 30);
        assert_eq!(step(&rack, 10, 1), Step::Done);
        assert_eq!(step(&[], 10, 1), Step::Done);
    }

    #[test]
    fn a_node_that_is_not_ready_is_away() {
        let mut rack = vec![machine("a", "active", 20), machine("b", "active", 1)];
        rack[0].node = Some(
            serde_json::from_value(serde_json::json!({
                "machine": "a", "name": "a", "cluster": "prod", "role": "worker", "uid": "1", "ready": false,
                "reason": "", "since": 21, "cordoned": false, "version": "", "address": "", "certificates": [],
                "leaving": null
            }))
            .unwrap(),
        );
        assert_eq!(step(&rack, 10, 1), Step::Wait(vec!["a".into()]));
    }

    #[test]
    fn the_first_that_fails_ends_it() {
        let mut rack = vec![machine("a", "failed", 20), machine("b", "active", 1)];
        rack[0].reason = Some("no disk".into());
        assert_eq!(step(&rack, 10, 2), Step::Stop("a failed: no disk".into()));
        rack[0].since = 9;
        assert_eq!(step(&rack, 10, 2), begin("a"), "what had failed before is what the run is for");
    }

    #[test]
    fn what_does_not_serve_is_left_out() {
        let mut rack =
            vec![machine("a", "active", 1), machine("b", "retired", 1), machine("c", "available", 1)];
        rack[0].hold = true;
        (rack[2].installed, rack[2].generation) = (0, 0);
        assert_eq!(step(&rack, 10, 1), Step::Done);
    }
}
