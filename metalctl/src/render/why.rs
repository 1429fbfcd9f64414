//! What a machine waits for and how far its last boot came: the screen for "it is stuck".

use api::machine::{MachineDetail, Why};

use super::paint::{Paint, tone};
use super::table::Table;
use super::trace;
use super::words::{clean, lasting, left, moment, state};

pub fn machine(why: &Why, detail: &MachineDetail, now: i64, paint: Paint) -> String {
    let machine = &detail.machine;
    let mut text = format!(
        "{} is {} since {} ({})\n",
        paint.bold(&machine.name()),
        paint.tone(tone(machine), &state(machine)),
        moment(machine.since),
        lasting(machine.since, now),
    );
    // Where it only waits, the lines below say the same.
    if machine.wait.is_none() || machine.reason.is_some() {
        text += &format!("\n{}\n", clean(&why.sentence));
    }
    text += &format!("\n{}", answers(why, detail, now).render(paint, None));
    if let Some(newest) = detail.attempts.first() {
        text += &format!("\n{}", trace::attempt(newest, now, paint));
    }
    for (name, words) in [("cause:", &why.cause), ("do:", &why.todo)] {
        if !words.is_empty() {
            text += &format!("\n{} {}\n", paint.bold(name), clean(words));
        }
    }
    text
}

fn answers(why: &Why, detail: &MachineDetail, now: i64) -> Table {
    let mut table = Table::pairs();
    match &detail.machine.wait {
        None => table.pair("waiting for", "nothing"),
        Some(wait) => {
            table.pair("waiting for", &*wait.waiting_for);
            table.pair("since", format!("{} ({})", moment(wait.since), lasting(wait.since, now)));
            table.pair(
                "deadline",
                match wait.deadline {
                    Some(at) => format!("{} ({})", moment(at), left(at, now)),
                    None => "none: a person is waited for".into(),
                },
            );
        }
    }
    table.pair("evidence", &*why.evidence);
    table.pair("then", detail.machine.wait.as_ref().map_or("", |wait| &*wait.then));
    table
}
