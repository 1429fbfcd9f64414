//! A boot attempt: its hops with times, and how far it came.

use api::trace::{Attempt, HopName};

use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{clock_time, lasting, moment};

pub fn attempt(attempt: &Attempt, now: i64, paint: Paint) -> String {
    let begun = attempt.hops.first().map_or(String::new(), |hop| format!(", {}", moment(hop.at)));
    let head = paint.bold(&format!("Boot attempt {}{begun}", attempt.number));
    let mut table = Table::new(&[]).indented();
    let mut before = None;
    for hop in &attempt.hops {
        let step = before.map_or(String::new(), |at| difference(hop.at - at));
        before = Some(hop.at);
        table.row([
            (clock_time(hop.at), Tone::Plain),
            (step, Tone::Quiet),
            (hop.name.as_str().into(), Tone::Head),
            (hop.detail.clone(), Tone::Plain),
        ]);
    }
    format!("{head}\n{}  {}\n", table.render(paint, None), reached(attempt, now))
}

/// Whether the missing hops are missed depends on what the machine should boot, so this judges nothing.
fn reached(attempt: &Attempt, now: i64) -> String {
    match attempt.hops.last() {
        None => "no hop was seen".into(),
        Some(hop) if hop.name == HopName::Hello => "complete: the agent said hello".into(),
        Some(hop) => format!("came as far as {}, {} ago", hop.name.as_str(), lasting(hop.at, now)),
    }
}

fn difference(micros: i64) -> String {
    format!("{:+.3} s", micros as f64 / 1e6)
}
