//! Nothing waits without saying for what, since when, how long, on what evidence, and what happens then.

use std::time::Duration;

use api::state::{Life, State};
use server::lifecycle::ladder::{Goal, Ground, Ladder, climb, fall_silent};
use server::lifecycle::next::works;
use server::lifecycle::patience::{Seen, joins_from, wait};
use server::lifecycle::picture::reachable;

fn seen(evidence: &str, agent_here: bool) -> Seen<'_> {
    let (arrived, ladder) = (None, None);
    Seen {
        since: 1_000_000,
        evidence,
        name: "node07",
        agent_here,
        person_approves: agent_here,
        in_doubt: None,
        arrived,
        turn: Some(1_000_000),
        ladder,
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

#[test]
fn patience_with_a_join_begins_with_its_turn() {
    let (joining, minute) = (Life { state: State::Joining, clustered: true, ..Life::new(true) }, 60_000_000);
    let told = |turn| wait(&joining, Seen { turn, ..seen("waits for node01", true) }, None).unwrap();
    assert_eq!(
        (told(None).waiting_for.as_str(), told(None).deadline),
        ("its turn to join the cluster", None)
    );
    assert_eq!(told(Some(90 * minute)).deadline, Some(120 * minute));
    assert_eq!(joins_from(5, None, None), 5, "nothing was heard of it");
    assert_eq!(joins_from(5, None, Some(9)), 9, "it is there, and it is not its turn");
    assert_eq!(joins_from(5, Some(7), Some(9)), 7);
    assert_eq!(joins_from(5, Some(3), None), 5, "it was its turn before it was tried again");
}

/// From the first way to the hand, and the silence between two of them.
#[test]
fn on_the_way_back_to_ram_each_step_is_told_with_its_end_and_what_comes_then() {
    let minute = 60_000_000;
    let life = Life { state: State::Rescue, installed: 1, generation: 1, assigned: true, ..Life::new(true) };
    let ground = Ground {
        goal: Goal::Ram,
        since: 1_000_000,
        bios: true,
        secure_boot: false,
        bmc: false,
        ram_image: true,
        netboots_first: None,
        patience: Duration::from_secs(600),
    };
    let told =
        |ladder: &Ladder| wait(&life, Seen { ladder: Some(ladder), ..seen("hello", false) }, None).unwrap();
    let mut ladder = Ladder::default();
    for (number, (way, then)) in [
        ("a plain reboot", "a GRUB entry for one boot is tried"),
        ("a GRUB entry for one boot", "kexec is tried"),
        ("kexec", "a person is asked to boot it from the network once"),
    ]
    .into_iter()
    .enumerate()
    {
        let now = (number as i64 + 1) * minute;
        ladder = climb(&ladder, &ground, &format!("b{number}"), now);
        let wait = told(&ladder);
        assert_eq!(wait.waiting_for, format!("the agent's hello from RAM, by {way}"));
        assert_eq!((wait.since, wait.deadline, wait.then.as_str()), (now, Some(now + 10 * minute), then));
        let silent = told(&fall_silent(&ladder, now + 11 * minute));
        assert_eq!(
            (silent.waiting_for.as_str(), silent.deadline),
            ("its OS or the agent in RAM to answer", None)
        );
        assert!(silent.then.contains(then) && silent.evidence.contains("nothing was heard"), "{silent:?}");
    }
    let hand = told(&climb(&ladder, &ground, "b9", 9 * minute));
    assert_eq!((hand.waiting_for.as_str(), hand.deadline), ("a hand: boot it from the network once", None));
    assert!(
        hand.evidence.starts_with("hello; UEFI BootNext: ") && hand.then.contains("hold node07"),
        "{hand:?}"
    );
    let failed = Life { state: State::Failed, failed_in: Some(State::Inspecting), ..life };
    let wait = wait(&failed, Seen { ladder: Some(&ladder), ..seen("hello", false) }, None).unwrap();
    assert_eq!(wait.waiting_for, "an operator: a step failed");
}

#[test]
fn patience_runs_from_the_arrival_in_ram() {
    let life = Life { state: State::Inspecting, ..Life::new(true) };
    let late = Seen { arrived: Some(7_000_000), ..seen("", true) };
    let deadline = wait(&life, late, Some(Duration::from_secs(60))).unwrap().deadline;
    assert_eq!(deadline, Some(67_000_000));
}
