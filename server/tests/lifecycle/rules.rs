//! What holds whatever happens, tried on every life that a machine can reach and on random histories.

use api::event::Event;
use api::state::{Errand, Home, Life, State};
use api::task::TaskKind;
use api::wipe::WipeWish;
use proptest::prelude::*;
use server::lifecycle::after::after;
use server::lifecycle::next::{Step, next};
use server::lifecycle::offer::{Offer, Session, Stored, offer, still_wanted};
use server::lifecycle::picture::{events, reachable};
use server::lifecycle::want::{Power, want};

/// As many as [`events`] has.
const EVENTS: usize = 32;

fn apply(life: &Life, event: &Event) -> Life {
    after(life, event, next(life, event))
}

fn consistent(life: &Life) {
    assert!(life.installed <= life.generation, "{life:?}");
    assert_eq!(life.failed_in.is_some(), life.state == State::Failed, "{life:?}");
    let wanted = want(life);
    if life.hold || life.maintenance || life.power_off {
        assert_eq!(wanted.task, None, "{life:?}");
    }
    if life.hold && !life.power_off {
        assert_eq!(wanted.power, Power::AsItIs, "{life:?}");
    }
    let home = match wanted.task {
        None | Some(TaskKind::Reboot | TaskKind::PowerOff) => return,
        Some(TaskKind::Cluster) => {
            panic!("{life:?}: a step for a cluster is wanted of no machine of its own")
        }
        Some(TaskKind::Join | TaskKind::Leave) => Home::Disk,
        Some(TaskKind::Inspect | TaskKind::Wipe | TaskKind::Rescue) => Home::Ram,
        Some(TaskKind::Partition | TaskKind::Install) => {
            assert!(life.enrolled && life.assigned && life.installed < life.generation, "{life:?}");
            Home::Ram
        }
    };
    assert_eq!(wanted.home, Some(home), "{life:?}");
}

fn step(life: &Life, event: &Event) -> Life {
    let new = apply(life, event);
    consistent(&new);
    assert!(new.generation == life.generation || new.generation == life.generation + 1, "{life:?} {event:?}");
    if new.generation > life.generation {
        assert_eq!(new.state, State::Partitioning, "a generation begins with its layout");
    }
    assert_eq!(apply(&new, event), new, "{life:?}: {} twice is not {0} once", event.name());
    // What was done already is believed, and then leads on.
    let done =
        matches!(event, Event::FactsReported | Event::Installed { .. } | Event::Drained | Event::Wiped);
    if life.hold && new.hold && !done {
        assert_eq!(want(&new).boot, want(life).boot, "{life:?}: {} changes the boot in a hold", event.name());
    }
    new
}

#[test]
fn every_life_obeys_and_the_same_event_twice_is_once() {
    let lives = reachable();
    for state in State::ALL {
        assert!(lives.iter().any(|life| life.state == state), "nothing leads to {state}");
    }
    for life in lives {
        for event in events(life.generation) {
            step(&life, &event);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_obeys(enrolled: bool, history in prop::collection::vec((0usize..EVENTS, any::<bool>()), 0..120)) {
        let mut life = Life::new(enrolled);
        assert_eq!(events(0).len(), EVENTS);
        for (number, late) in history {
            let generation = life.generation - i64::from(late);
            life = step(&life, &events(generation)[number]);
        }
    }
}

#[test]
fn a_hold_and_its_release_lead_from_every_life_and_back() {
    for life in reachable() {
        let held = apply(&life, &Event::Hold);
        assert!(held.hold && held.state == life.state);
        assert_eq!(apply(&held, &Event::Release), Life { hold: false, ..life });
    }
}

#[test]
fn every_machine_can_be_retired_from_wherever_it_is() {
    for life in reachable().into_iter().filter(|life| !life.hold) {
        let mut life = apply(&life, &Event::Retire { wish: WipeWish::default() });
        for report in [Event::Drained, Event::Wiped] {
            life = apply(&life, &report);
        }
        assert_eq!(life.state, State::Retired, "{life:?}");
        assert!(!life.enrolled && !life.approved, "only a person lets it in again");
        assert_eq!(apply(&life, &Event::Enroll).state, State::Discovered);
    }
}

#[test]
fn every_machine_can_be_deleted_from_wherever_it_is_and_a_node_leaves_first() {
    for life in reachable().into_iter().filter(|life| !life.hold) {
        let serves = life.clustered && matches!(life.state, State::Active | State::Joining);
        let step = next(&life, &Event::Delete);
        if step == Step::Gone {
            assert!(!serves && life.state != State::Draining, "{life:?} is still in its cluster");
            continue;
        }
        let leaves = apply(&life, &Event::Delete);
        assert_eq!((leaves.state, leaves.errand), (State::Draining, Errand::Delete), "{life:?}");
        assert_eq!(next(&leaves, &Event::Drained), Step::Gone);
    }
}

#[test]
fn whatever_takes_a_serving_node_away_lets_its_cluster_go_first() {
    let wishes = [
        Event::Reprovision { erase_foreign: false },
        Event::Inspect,
        Event::Wipe { wish: WipeWish::default() },
        Event::Rescue { keys: Vec::new() },
        Event::Retire { wish: WipeWish::default() },
        Event::Delete,
    ];
    let half = [State::Joining, State::Draining].map(Some);
    let nodes =
        reachable().into_iter().filter(|life| life.clustered && life.assigned && !life.hold).filter(|life| {
            matches!(life.state, State::Active | State::Joining) || half.contains(&life.failed_in)
        });
    for life in nodes {
        for wish in &wishes {
            let new = apply(&life, wish);
            let stays = life.state == State::Joining && *wish == Event::Inspect;
            assert!(stays || new.state == State::Draining, "{life:?}: {}", wish.name());
        }
    }
}

#[test]
fn another_profile_takes_the_approval_back_and_leaves_a_node_alone() {
    for life in reachable() {
        for clustered in [false, true] {
            let assign = Event::Assign { profile: "other".into(), clustered };
            if next(&life, &assign) != Step::Stay {
                continue;
            }
            let new = apply(&life, &assign);
            assert!(new.assigned && !new.approved && !new.erase_foreign, "{life:?}");
            let installed = life.installed > 0 && life.installed == life.generation;
            assert!(!installed || new.clustered == life.clustered, "{life:?}: its OS would join");
            let retried = apply(&new, &Event::Retry).state;
            assert!(
                !matches!(retried, State::Partitioning | State::Installing),
                "{life:?}: the old plan goes on"
            );
        }
    }
}

#[test]
fn only_the_os_of_this_generation_ends_the_boot() {
    for life in reachable().into_iter().filter(|life| life.state == State::Booting) {
        let hello = |home, generation| Event::Hello { home, boot_id: "b".into(), generation };
        for other in [life.generation - 1, life.generation + 1] {
            assert_eq!(apply(&life, &hello(Home::Disk, other)), life);
        }
        assert_eq!(apply(&life, &hello(Home::Ram, 0)), life);
        let came = apply(&life, &hello(Home::Disk, life.generation)).state;
        assert_eq!(came, if life.clustered { State::Joining } else { State::Active });
    }
}

#[test]
fn work_goes_only_to_the_home_and_generation_that_are_wanted() {
    let stored = Stored { planned: true, facts_of: Some("b1") };
    for life in reachable() {
        for (home, generation) in
            [(Home::Ram, 0), (Home::Disk, life.generation), (Home::Disk, life.generation - 1)]
        {
            let session = Session { home, boot_id: "b1", generation };
            if let Offer::Work(kind) = offer(&life, session, stored) {
                assert_eq!(want(&life).home, Some(home), "{life:?}");
                assert!(home == Home::Ram || generation == life.generation, "{life:?}");
                assert!(still_wanted(&life, life.generation, kind), "{life:?}");
                assert!(!still_wanted(&life, life.generation - 1, kind), "{life:?}");
                assert!(!still_wanted(&Life { hold: true, ..life }, life.generation, kind), "{life:?}");
            }
        }
    }
}

#[test]
fn an_erasure_always_had_a_yes() {
    for life in reachable() {
        for event in events(life.generation) {
            let new = apply(&life, &event);
            if new.state == State::Partitioning
                && life.state != State::Partitioning
                && life.state != State::Failed
            {
                let yes = matches!(event, Event::Approved { .. } | Event::Allowed) || life.approved;
                assert!(yes, "{life:?}: {} begins to erase", event.name());
            }
        }
    }
}
