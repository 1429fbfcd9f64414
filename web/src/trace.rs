//! Boot attempts as timelines: each hop with its time, and a bar for how long it took to get there.

use api::trace::{Attempt, HopName};
use askama::Template;

use crate::words::{Since, clock_time, moment};

#[derive(Template)]
#[template(path = "machine_trace.html")]
pub struct Trace {
    attempts: Vec<Timeline>,
}

struct Timeline {
    number: i64,
    begun: String,
    hops: Vec<HopRow>,
    complete: bool,
    last: Option<(HopName, Since)>,
}

struct HopRow {
    name: &'static str,
    at: String,
    step: String,
    detail: String,
    /// Where the bar begins and how long it is, in thousandths of the attempt.
    from: i64,
    length: i64,
}

impl Trace {
    pub fn of(attempts: &[Attempt], now: i64) -> Trace {
        Trace { attempts: attempts.iter().map(|attempt| timeline(attempt, now)).collect() }
    }
}

fn timeline(attempt: &Attempt, now: i64) -> Timeline {
    let begin = attempt.hops.first().map_or(0, |hop| hop.at);
    let end = attempt.hops.last().map_or(0, |hop| hop.at);
    let whole = (end - begin).max(1);
    let mut before = begin;
    let hops = attempt.hops.iter().map(|hop| {
        let step = hop.at - before;
        let from = (before - begin).max(0) * 1000 / whole;
        before = hop.at;
        HopRow {
            name: hop.name.as_str(),
            at: clock_time(&hop.at),
            step: format!("{:+.3} s", step as f64 / 1e6),
            detail: hop.detail.clone(),
            from,
            length: (step.max(0) * 1000 / whole).max(2),
        }
    });
    let last = attempt.hops.last();
    Timeline {
        number: attempt.number,
        begun: attempt.hops.first().map_or(String::new(), |hop| moment(&hop.at)),
        hops: hops.collect(),
        complete: last.is_some_and(|hop| hop.name == HopName::Hello),
        last: last.map(|hop| (hop.name, Since { at: hop.at, now })),
    }
}
