//! Addresses of DHCP, one a line.

use api::lease::{LeaseState, LeaseView};

use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{lasting, or_dash, span};

pub fn table(leases: &[LeaseView], now: i64, paint: Paint) -> String {
    let mut table = Table::new(&["ADDRESS", "NETWORK", "STATE", "FOR", "MAC", "MACHINE", "KEPT FOR", "BY"]);
    for lease in leases {
        let over = lease.until <= now;
        let (state, tone) = match lease.state {
            LeaseState::Leased | LeaseState::Offered if over => ("ended".into(), Tone::Quiet),
            LeaseState::Declined => (lease.state.to_string(), Tone::Bad),
            state => (state.to_string(), Tone::Plain),
        };
        let plain = |text: String| (text, Tone::Plain);
        let optional = |text: Option<String>| plain(or_dash(text.as_deref().unwrap_or("")).into());
        table.row([
            plain(lease.address.to_string()),
            plain(lease.network.clone()),
            (state, tone),
            plain(time(lease, now)),
            optional(lease.mac.map(|mac| mac.to_string())),
            optional(lease.machine.clone()),
            optional(lease.kept_for.map(|mac| mac.to_string())),
            plain(lease.kept_by.clone().unwrap_or_default()),
        ]);
    }
    table.render(paint, None)
}

/// How long it still lasts, or since when it is over.
fn time(lease: &LeaseView, now: i64) -> String {
    match lease.until {
        0 => "–".into(),
        until if until > now => span(u64::try_from((until - now) / 1_000_000).unwrap_or(0)),
        until => format!("{} ago", lasting(until, now)),
    }
}
