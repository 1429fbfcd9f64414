//! Pictures of the lifecycle for people, drawn by asking `next`, `want` and the boot plan about every life
//! that a machine can reach. The pages that show them are compared with them by a test.

use std::collections::{BTreeMap, BTreeSet};

use api::event::Event;
use api::state::{Home, Life, State};
use api::wipe::WipeWish;

use super::after::after;
use super::next::{Step, next, works};

/// The states and what leads from one to the other, as a mermaid diagram.
pub fn diagram() -> String {
    let lives = reachable();
    let mut arrows: BTreeMap<(State, State), Vec<&'static str>> = BTreeMap::new();
    for event in events(2) {
        for life in &lives {
            let Step::Go(to) = next(life, &event) else { continue };
            let names = arrows.entry((life.state, to)).or_default();
            if is_drawn(life.state, to, &event) && !names.contains(&event.name()) {
                names.push(event.name());
            }
        }
    }
    let mut text = String::from("stateDiagram-v2\n    [*] --> discovered\n");
    for ((from, to), names) in arrows.iter().filter(|(_, names)| !names.is_empty()) {
        text += &format!("    {from} --> {to}: {}\n", names.join(", "));
    }
    text + &note()
}

/// Every life that the table can lead to. Generations beyond the second repeat the second.
pub fn reachable() -> Vec<Life> {
    let mut lives = vec![Life::new(false), Life::new(true)];
    let mut seen: BTreeSet<String> = lives.iter().map(|life| format!("{life:?}")).collect();
    let mut at = 0;
    while let Some(life) = lives.get(at).copied() {
        at += 1;
        for event in events(life.generation) {
            let new = after(&life, &event, next(&life, &event));
            if new.generation <= 2 && seen.insert(format!("{new:?}")) {
                lives.push(new);
            }
        }
    }
    lives
}

/// One of each event, as a machine of this generation would send it, and the hello of an older OS.
pub fn events(generation: i64) -> Vec<Event> {
    let hello = |home, generation| Event::Hello { home, boot_id: "b1".into(), generation };
    vec![
        hello(Home::Ram, 0),
        hello(Home::Disk, generation),
        hello(Home::Disk, generation - 1),
        Event::FactsReported,
        Event::Assigned { clustered: false },
        Event::Assigned { clustered: true },
        Event::Assign { profile: "worker".into(), clustered: false },
        Event::Assign { profile: "worker".into(), clustered: true },
        Event::Allowed,
        Event::Approved { erase_foreign: false },
        Event::LayoutVerified { generation },
        Event::LayoutVerified { generation: generation - 1 },
        Event::Installed { generation },
        Event::Installed { generation: generation - 1 },
        Event::NodeReady,
        Event::Drained,
        Event::Wiped,
        Event::StepFailed { reason: "the disk does not answer".into() },
        Event::DeadlinePassed { since: 0 },
        Event::Enroll,
        Event::Reprovision { erase_foreign: false },
        Event::Inspect,
        Event::Retry,
        Event::Wipe { wish: WipeWish::default() },
        Event::Rescue { keys: Vec::new() },
        Event::Leave,
        Event::Retire { wish: WipeWish::default() },
        Event::Delete,
        Event::Hold,
        Event::Release,
        Event::PowerOff,
        Event::PowerOn,
    ]
}

/// That a step fails and is tried again is said in a note: sixteen arrows would hide the rest.
fn is_drawn(from: State, to: State, event: &Event) -> bool {
    to != State::Failed && !(from == State::Failed && *event == Event::Retry)
}

fn note() -> String {
    let working: Vec<&str> = State::ALL.into_iter().filter(|s| works(*s)).map(State::as_str).collect();
    format!(
        "    note left of failed\n        step_failed, deadline_passed: from {}\n        retry: back to the step that failed\n        delete: from everywhere, through draining where it is a node\n    end note\n",
        working.join(", ")
    )
}
