//! The picture of the states, drawn by asking `next` about every state and every event. The README shows
//! it and is compared with it; `UPDATE=1 cargo test -p tests --test lifecycle_picture` draws it anew.

use std::collections::BTreeMap;
use std::path::Path;

use api::event::Event;
use api::state::{Errand, Home, Life, State};
use server::lifecycle::next::{Step, next, works};

const PAGE: &str = "README.md";
const BEGIN: &str = "<!-- states:begin -->\n";
const END: &str = "<!-- states:end -->";

#[test]
fn the_picture_in_the_readme_is_the_one_that_the_table_draws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    let text = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the place where the picture begins");
    let (shown, after) = rest.split_once(END).expect("the place where the picture ends");
    let picture = format!("```mermaid\nstateDiagram-v2\n{}```\n", picture());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{picture}{END}{after}")).expect("write the page");
    } else {
        assert_eq!(shown, picture, "{PAGE} is stale: run this test with UPDATE=1");
    }
}

/// An arrow for every pair of states, with the events that lead from one to the other. That a step fails
/// is one arrow from all that work: eight of them would hide the rest.
fn picture() -> String {
    let mut arrows: BTreeMap<(State, State), Vec<&'static str>> = BTreeMap::new();
    for life in lives() {
        for event in events() {
            let Step::Go(to) = next(&life, &event) else { continue };
            if to == State::Failed || to == life.state {
                continue;
            }
            let names = arrows.entry((life.state, to)).or_default();
            if !names.contains(&event.name()) {
                names.push(event.name());
            }
        }
    }
    let mut text = String::from("    [*] --> discovered\n");
    for ((from, to), names) in arrows {
        text += &format!("    {from} --> {to}: {}\n", names.join(", "));
    }
    let working: Vec<&str> =
        State::ALL.into_iter().filter(|state| works(*state)).map(State::as_str).collect();
    let note = format!("step_failed or deadline_passed,\\nfrom {}", working.join(", "));
    text + &format!("    note left of failed: {note}\n")
}

/// Every state with every combination of what the table looks at.
fn lives() -> Vec<Life> {
    let errands =
        [Errand::None, Errand::Reprovision, Errand::Inspect, Errand::Release, Errand::Retire, Errand::Rescue];
    let mut lives = Vec::new();
    for state in State::ALL {
        for errand in errands {
            for bits in 0..16 {
                let bit = |n: u32| bits & (1 << n) != 0;
                let installed = i64::from(bit(0));
                let life = Life { state, errand, installed, generation: 1, ..Life::new(bit(1)) };
                // Only a cluster's node joins and drains.
                let clustered = bit(2) || matches!(state, State::Joining | State::Draining);
                let life = Life { clustered, assigned: bit(3), ..life };
                let failures =
                    State::ALL.into_iter().filter(|failed| state == State::Failed && works(*failed));
                lives.extend(failures.map(|failed| Life { failed_in: Some(failed), ..life }));
                lives.push(life);
            }
        }
    }
    lives
}

fn events() -> Vec<Event> {
    let hello = |home| Event::Hello { home, boot_id: String::new(), generation: 1 };
    vec![
        hello(Home::Ram),
        hello(Home::Disk),
        Event::FactsReported,
        Event::Approved,
        Event::Allowed,
        Event::LayoutVerified { generation: 1 },
        Event::Installed { generation: 1 },
        Event::NodeReady,
        Event::Drained,
        Event::Wiped,
        Event::Enroll,
        Event::Reprovision,
        Event::Inspect,
        Event::Retry,
        Event::Wipe,
        Event::Rescue,
        Event::Leave,
        Event::Retire,
    ]
}
