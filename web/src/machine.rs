//! One machine's page. Its parts are sections with ids; each can be sent alone when something changed.

use api::machine::{HistoryEntry, LogEntry, Machine, MachineDetail, Why};
use askama::Template;

use crate::doubt::{DoubtCard, WipeCard};
use crate::frame::{Frame, Visitor};
use crate::hardware::{FactsCard, PlanCard};
use crate::logs::Logs;
use crate::node::NodeCard;
use crate::power::PowerCard;
use crate::status::Status;
use crate::trace::Trace;
use crate::verb::Offer;

/// All that the page shows.
#[derive(Clone, Copy, Debug)]
pub struct MachineView<'a> {
    pub detail: &'a MachineDetail,
    pub why: &'a Why,
    pub logs: &'a [LogEntry],
    pub offers: &'a [Offer],
}

#[derive(Template)]
#[template(path = "machine.html")]
struct MachinePage<'a> {
    frame: Frame<'a>,
    machine: &'a Machine,
    parts: Parts<'a>,
}

struct Parts<'a> {
    status: Status<'a>,
    doubt: DoubtCard<'a>,
    about: About<'a>,
    power: PowerCard<'a>,
    node: NodeCard<'a>,
    trace: Trace,
    history: History<'a>,
    logs: Logs<'a>,
    facts: FactsCard<'a>,
    plan: PlanCard<'a>,
    wipe: WipeCard<'a>,
}

#[derive(Template)]
#[template(path = "machine_about.html")]
struct About<'a> {
    machine: &'a Machine,
}

#[derive(Template)]
#[template(path = "machine_history.html")]
struct History<'a> {
    history: &'a [HistoryEntry],
}

pub fn machine_page(view: MachineView<'_>, visitor: &Visitor, now: i64) -> askama::Result<String> {
    let machine = &view.detail.machine;
    let frame = Frame::live(visitor, now, format!("/live?machine={}", machine.id));
    MachinePage { frame, machine, parts: parts(view, visitor, now) }.render()
}

/// The page's sections in an order that stays, each to take the place of the one with the same id.
pub fn machine_fragments(view: MachineView<'_>, visitor: &Visitor, now: i64) -> askama::Result<[String; 11]> {
    let parts = parts(view, visitor, now);
    Ok([
        parts.status.render()?,
        parts.doubt.render()?,
        parts.about.render()?,
        parts.power.render()?,
        parts.node.render()?,
        parts.trace.render()?,
        parts.history.render()?,
        parts.logs.render()?,
        parts.facts.render()?,
        parts.plan.render()?,
        parts.wipe.render()?,
    ])
}

fn parts<'a>(view: MachineView<'a>, visitor: &'a Visitor, now: i64) -> Parts<'a> {
    let detail = view.detail;
    Parts {
        status: Status::of(&detail.machine, (view.why, view.offers), visitor, now),
        doubt: DoubtCard::of(&detail.machine, now),
        about: About { machine: &detail.machine },
        power: PowerCard::of(&detail.machine, visitor, now),
        node: NodeCard::of(detail.machine.node.as_ref(), now),
        trace: Trace::of(&detail.attempts, now),
        history: History { history: &detail.history },
        logs: Logs::of(view.logs),
        facts: FactsCard { facts: detail.facts.as_ref() },
        plan: PlanCard { plan: detail.plan.as_ref() },
        wipe: WipeCard::of(detail.wipe.as_ref()),
    }
}
