//! Addresses that DHCP gives, and those that it keeps for one network card.

use api::lease::{LeaseState, LeaseView};
use api::user::Role;
use askama::Template;

use crate::filter::query;
use crate::frame::{Frame, Visitor};
use crate::words::Until;

#[derive(Template)]
#[template(path = "leases.html")]
struct LeasesPage<'a> {
    frame: Frame<'a>,
    rows: Vec<Row<'a>>,
    next: Option<String>,
    form: &'a ReservationForm,
    may_change: bool,
}

struct Row<'a> {
    lease: &'a LeaseView,
    state: &'static str,
    tone: &'static str,
    until: Option<Until>,
    /// The card that it is kept for, where an operator may take that back.
    taken_back: Option<String>,
}

/// What was typed to keep an address, and why that did not work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReservationForm {
    pub mac: String,
    pub address: String,
    pub message: Option<String>,
}

/// `next` is the address behind which the list goes on.
pub fn leases_page(
    leases: &[LeaseView],
    next: Option<String>,
    form: &ReservationForm,
    visitor: &Visitor,
    now: i64,
) -> askama::Result<String> {
    let may_change = visitor.role >= Role::Operator;
    LeasesPage {
        frame: Frame::still(Some(visitor), now).at("/leases"),
        rows: leases.iter().map(|lease| row(lease, may_change, now)).collect(),
        next: next.map(|after| format!("/leases?{}", query(&[("after", after)]))),
        form,
        may_change,
    }
    .render()
}

fn row(lease: &LeaseView, may_change: bool, now: i64) -> Row<'_> {
    let over = lease.until < now;
    let (state, tone) = match lease.state {
        LeaseState::Leased if over => ("ended", "quiet"),
        LeaseState::Leased => ("leased", "good"),
        LeaseState::Offered => ("offered", "busy"),
        LeaseState::Declined => ("declined: in use by someone else", "bad"),
        LeaseState::Free => ("free", "quiet"),
    };
    let by_operator = lease.kept_by.as_deref().is_some_and(|by| by != "site file");
    let taken_back = lease.kept_for.filter(|_| may_change && by_operator).map(|mac| mac.to_string());
    let until = (lease.state == LeaseState::Leased && !over).then_some(Until { at: lease.until, now });
    Row { lease, state, tone, until, taken_back }
}
