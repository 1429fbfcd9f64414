//! What happened to machines, the newest first.

use api::machine::MachineEvent;
use askama::Template;

use crate::filter::query;
use crate::frame::{Frame, Visitor};

/// Which events are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsAsked {
    /// A reference to a machine, as typed.
    pub machine: String,
    /// Only what was not expected and changed nothing.
    pub refused: bool,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage<'a> {
    frame: Frame<'a>,
    asked: &'a EventsAsked,
    events: &'a [MachineEvent],
    older: Option<String>,
    problem: Option<&'a str>,
}

/// `before` is where the older ones begin, as it goes into the address; `problem` why nothing could be looked for.
pub fn events_page(
    asked: &EventsAsked,
    events: &[MachineEvent],
    (before, problem): (Option<String>, Option<&str>),
    visitor: &Visitor,
    now: i64,
) -> askama::Result<String> {
    let refused = if asked.refused { "yes" } else { "" };
    let older = before.map(|before| {
        let pairs = [("machine", asked.machine.clone()), ("refused", refused.into()), ("before", before)];
        format!("/events?{}", query(&pairs))
    });
    let frame = Frame::still(Some(visitor), now).at("/events");
    EventsPage { frame, asked, events, older, problem }.render()
}
