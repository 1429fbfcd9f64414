//! Nothing waits without saying for what, since when, how long, on what evidence, and what happens then.

use std::time::Duration;

use api::state::{Life, State};
use server::lifecycle::next::works;
use server::lifecycle::patience::{Seen, wait};
use server::lifecycle::picture::reachable;

fn seen(evidence: &str, agent_here: bool) -> Seen<'_> {
    Seen {
        since: 1_000_000,
        evidence,
        name: "node07",
        agent_here,
        person_approves: agent_here,
        in_doubt: false,
    }
}

/// What was reached, and the same with every attribute that no event sets yet.
fn lives() -> impl Iterator<Item = Life> {
    reachable().into_iter().flat_map(|life| {
        let maintained = Life { maintenance: true, ..life };
        let off = Life { power_off: true, ..life };
        [life, maintained, off]
    })
}

#[test]
fn every_wait_has_its_five_answers() {
    for life in lives() {
        for agent_here in [false, true] {
            for evidence in ["", "asked for its boot script"] {
                let rests = life.hold || life.maintenance || life.power_off;
                let Some(wait) = wait(&life, seen(evidence, agent_here), None) else {
                    let settled = matches!(life.state, State::Active | State::Retired);
                    assert!(settled && !rests, "{life:?} waits in silence");
                    continue;
                };
                assert!(!wait.waiting_for.is_empty() && !wait.evidence.is_empty() && !wait.then.is_empty());
                assert_eq!(wait.since, 1_000_000);
                assert_eq!(wait.deadline.is_some(), works(life.state) && !rests, "{life:?}");
                assert!(wait.deadline.is_none_or(|deadline| deadline > wait.since));
            }
        }
    }
}

#[test]
fn a_profile_has_its_own_patience_and_never_an_endless_sum() {
    let booting = Life { state: State::Booting, ..Life::new(true) };
    let deadline = |patience| wait(&booting, seen("", false), Some(patience)).unwrap().deadline.unwrap();
    assert_eq!(deadline(Duration::from_secs(60)), 61_000_000);
    assert_eq!(deadline(Duration::MAX), i64::MAX);
}
