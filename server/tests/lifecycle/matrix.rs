//! Every event to every state, with the attributes that matter there, against `tests/data/lifecycle/matrix.txt`.

use api::event::Event;
use api::state::{Errand, Life, State};
use server::lifecycle::after::after;
use server::lifecycle::next::{Step, next};
use server::lifecycle::picture::events;

#[test]
fn the_table_is_the_one_that_was_read_by_a_person() {
    let table = table();
    let path = crate::file("tests/data/lifecycle/matrix.txt");
    if crate::updates() {
        std::fs::write(&path, &table).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = table.lines().zip(expected.lines()).find(|(is, was)| is != was);
    assert!(table == expected, "UPDATE_GOLDEN=1 refreshes the matrix, then read it; first: {differs:?}");
}

/// A block a life, a line an outcome: first what moves, then what stays, then what is refused.
fn table() -> String {
    let mut text = String::from(
        "# What each event does, by state. (same): of the machine's generation, (older): of the one before.\n",
    );
    for (name, life) in lives() {
        let mut outcomes: Vec<(String, Vec<String>)> = Vec::new();
        for event in events(life.generation) {
            let outcome = outcome(&life, &event);
            match outcomes.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, names)) => names.push(label(&life, &event)),
                None => outcomes.push((outcome, vec![label(&life, &event)])),
            }
        }
        let order =
            |outcome: &str| ["->", "stays", "refused"].iter().position(|kind| outcome.starts_with(kind));
        outcomes.sort_by_key(|(outcome, _)| order(outcome));
        text += &format!("\n{name}\n");
        for (outcome, names) in outcomes {
            text += &format!("    {}  {outcome}\n", names.join(", "));
        }
    }
    text
}

fn outcome(life: &Life, event: &Event) -> String {
    let step = next(life, event);
    let new = after(life, event, step);
    let mut text = match step {
        Step::Go(state) => format!("-> {state}"),
        Step::Stay => "stays".to_string(),
        Step::Gone => "-> gone".to_string(),
        Step::Refuse(why) => format!("refused: {why}"),
    };
    let mut changed = |name: &str, old: String, new: String| {
        if old != new {
            text += &format!(", {name} {new}");
        }
    };
    changed("generation", life.generation.to_string(), new.generation.to_string());
    changed("installed", life.installed.to_string(), new.installed.to_string());
    changed("errand", format!("{:?}", life.errand), format!("{:?}", new.errand));
    changed("hold", life.hold.to_string(), new.hold.to_string());
    changed("power_off", life.power_off.to_string(), new.power_off.to_string());
    changed("clustered", life.clustered.to_string(), new.clustered.to_string());
    changed("enrolled", life.enrolled.to_string(), new.enrolled.to_string());
    changed("assigned", life.assigned.to_string(), new.assigned.to_string());
    let failed_in = |life: &Life| life.failed_in.map_or("none", State::as_str).to_string();
    if step == Step::Stay {
        changed("failed in", failed_in(life), failed_in(&new));
    }
    changed("approved", life.approved.to_string(), new.approved.to_string());
    text
}

fn label(life: &Life, event: &Event) -> String {
    let of = |generation: &i64| match *generation == life.generation {
        true => " (same)",
        false => " (older)",
    };
    let beside = match event {
        Event::Hello { home: api::state::Home::Disk, generation, .. } => of(generation),
        Event::LayoutVerified { generation } | Event::Installed { generation } => of(generation),
        Event::Assigned { clustered: true } | Event::Assign { clustered: true, .. } => " (a cluster)",
        _ => "",
    };
    format!("{}{beside}", event.name())
}

/// The states with the attributes that change what an event does there.
fn lives() -> Vec<(String, Life)> {
    let mut lives = Vec::new();
    for state in State::ALL {
        for (beside, life) in variants(state) {
            let separator = if beside.is_empty() { "" } else { ", " };
            lives.push((format!("{state}{separator}{beside}"), life));
        }
        let (_, life) = variants(state)[0];
        lives.push((format!("{state}, on hold"), Life { hold: true, ..life }));
    }
    lives
}

fn variants(state: State) -> Vec<(&'static str, Life)> {
    let bare = Life { state, ..Life::new(true) };
    let known = Life { assigned: true, ..bare };
    let installed = Life { generation: 1, installed: 1, ..known };
    let clustered = Life { clustered: true, ..installed };
    let due = Life { generation: 2, approved: true, ..installed };
    let errand = |errand| Life { errand, ..installed };
    match state {
        State::Discovered => vec![("enrolled", bare), ("only recorded", Life { enrolled: false, ..bare })],
        State::Inspecting => vec![
            ("new", bare),
            ("to look again", errand(Errand::Inspect)),
            ("to be installed anew", Life { approved: true, ..errand(Errand::Reprovision) }),
            ("after an install that failed", Life { installed: 1, generation: 2, ..bare }),
        ],
        State::Available => vec![("with a profile", known), ("without a profile", bare)],
        State::Partitioning => vec![("anew", due)],
        State::Installing => vec![("", Life { installed: 0, ..due })],
        State::Booting | State::Active => vec![("", installed), ("of a cluster", clustered)],
        State::Joining => vec![("of a cluster", clustered)],
        State::Draining => [
            Errand::Reprovision,
            Errand::Inspect,
            Errand::Release,
            Errand::Retire,
            Errand::Rescue,
            Errand::Delete,
        ]
        .into_iter()
        .zip([
            "to be installed anew",
            "to be inspected",
            "to be released",
            "to be retired",
            "to be rescued",
            "to be deleted",
        ])
        .map(|(errand, name)| (name, Life { errand, ..clustered }))
        .collect(),
        State::Wiping => vec![
            ("to be released", Life { installed: 0, ..errand(Errand::Release) }),
            ("to be retired", Life { installed: 0, ..errand(Errand::Retire) }),
        ],
        State::Rescue => vec![("with an OS", installed), ("without an OS", known), ("in the middle", due)],
        State::Retired => vec![("", Life { enrolled: false, ..known })],
        State::Failed => failures(known, due, clustered),
    }
}

fn failures(known: Life, due: Life, clustered: Life) -> Vec<(&'static str, Life)> {
    let failed = |failed_in, life| Life { failed_in: Some(failed_in), ..life };
    vec![
        ("inspecting", failed(State::Inspecting, known)),
        ("available", failed(State::Available, known)),
        ("partitioning", failed(State::Partitioning, due)),
        ("installing", failed(State::Installing, Life { installed: 0, ..due })),
        ("booting", failed(State::Booting, Life { clustered: false, ..clustered })),
        ("joining", failed(State::Joining, clustered)),
        ("draining", failed(State::Draining, Life { errand: Errand::Reprovision, ..clustered })),
        (
            "wiping",
            failed(State::Wiping, Life { errand: Errand::Retire, installed: 0, generation: 1, ..known }),
        ),
        ("rescue", failed(State::Rescue, clustered)),
    ]
}
