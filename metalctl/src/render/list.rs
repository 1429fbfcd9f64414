//! Machines, one a line.

use api::machine::{Machine, TaskProgress};
use api::state::State;
use api::words::{hindrance, ready};

use super::paint::{self, Paint, Tone, tone};
use super::power;
use super::table::Table;
use super::words::{clean, lasting, left, or_dash, size, span, state};

/// Below this many columns what a machine does now is worth more than where it is.
const NARROW: usize = 110;

/// `width` cuts the lines, for a screen that is painted again and again.
pub fn machines(machines: &[Machine], now: i64, width: Option<usize>, paint: Paint) -> String {
    let narrow = width.is_some_and(|width| width < NARROW);
    let mut machines: Vec<&Machine> = machines.iter().collect();
    machines.sort_by_key(|m| (m.hostname.is_none(), m.name(), m.id.clone()));
    // A rack without a cluster needs no column for nodes.
    let nodes = !narrow && machines.iter().any(|machine| machine.node.is_some());
    // Nor does one that nobody can switch need a column for power.
    let powers = machines.iter().any(|machine| machine.power.is_some());
    let head = [
        ("NAME", true),
        ("STATE", true),
        ("FOR", true),
        ("POWER", powers),
        ("NODE", nodes),
        ("PROFILE", !narrow),
        ("ADDRESS", !narrow),
        ("NOW", true),
    ];
    let head: Vec<&str> = head.iter().filter(|(_, shown)| *shown).map(|(title, _)| *title).collect();
    let mut table = Table::new(&head);
    for machine in machines {
        let mut cells = vec![
            (machine.name(), Tone::Plain),
            (state(machine), tone(machine)),
            (lasting(machine.since, now), Tone::Plain),
        ];
        if powers {
            cells.push(power::cell(machine));
        }
        if nodes {
            let node = machine.node.as_ref();
            cells.push(node.map_or(("–".into(), Tone::Plain), |node| (ready(node), paint::ready(node))));
        }
        if !narrow {
            cells.push((or_dash(machine.profile.as_deref().unwrap_or("")).into(), Tone::Plain));
            cells.push((machine.address.map_or("–".into(), |a| a.to_string()), Tone::Plain));
        }
        cells.push((doing(machine, now), Tone::Plain));
        table.row(cells);
    }
    table.render(paint, width)
}

/// One machine in a line of its own.
pub fn line(machine: &Machine, now: i64, paint: Paint) -> String {
    let doing = doing(machine, now);
    let name = clean(&machine.name());
    let state = paint.tone(tone(machine), &standing(machine));
    if doing.is_empty() { format!("{name} {state}") } else { format!("{name} {state}: {doing}") }
}

/// The state, and beside it whether the node serves.
fn standing(machine: &Machine) -> String {
    match &machine.node {
        Some(node) => format!("{}, {}", state(machine), ready(node)),
        None => state(machine),
    }
}

/// What its node hinders, where that is what matters now.
fn of_the_node(machine: &Machine) -> Option<String> {
    let serves = matches!(machine.state, State::Active | State::Draining);
    machine.node.as_ref().filter(|_| serves).map(hindrance).filter(|text| !text.is_empty())
}

/// Why it failed, else what hinders its node, else how far it is, else what it waits for.
pub fn doing(machine: &Machine, now: i64) -> String {
    let text = match (&machine.reason, of_the_node(machine), &machine.progress, &machine.wait) {
        (Some(reason), ..) => reason.clone(),
        (None, Some(hindrance), ..) => hindrance,
        (None, None, Some(progress), _) => progressing(progress),
        (None, None, None, Some(wait)) => {
            let until = wait.deadline.map_or(String::new(), |at| format!(", {}", left(at, now)));
            format!("waits for {}{until}", wait.waiting_for)
        }
        (None, None, None, None) => String::new(),
    };
    clean(&text)
}

/// As [`doing`], without what changes every second: for logs that get a line only when there is news.
pub fn milestone(machine: &Machine) -> String {
    let step = match (of_the_node(machine), &machine.progress, &machine.wait) {
        (Some(hindrance), ..) => format!(": {hindrance}"),
        (None, Some(TaskProgress { progress, .. }), _) if progress.total > 0 => {
            format!(": {} {} %", progress.phase, percent(progress.done, progress.total) / 10 * 10)
        }
        (None, Some(TaskProgress { progress, .. }), _) => format!(": {}", progress.phase),
        (None, None, Some(wait)) => format!(": waits for {}", wait.waiting_for),
        (None, None, None) => String::new(),
    };
    clean(&format!("{} {}{step}", machine.name(), standing(machine)))
}

fn progressing(task: &TaskProgress) -> String {
    let api::task::Progress { phase, done, total } = &task.progress;
    if *total == 0 {
        return phase.clone();
    }
    let eta = task.eta().map_or(String::new(), |s| format!(", {} left", span(s)));
    format!("{phase} {} of {}, {} %{eta}", size(*done), size(*total), percent(*done, *total))
}

fn percent(done: u64, total: u64) -> u128 {
    (u128::from(done) * 100 / u128::from(total.max(1))).min(100)
}
