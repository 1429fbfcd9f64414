//! Numbers, times and states as people write them, for the command line and the pages alike. Times are
//! microseconds since 1970, shown in UTC.

use crate::cluster::{CertificateExpiry, Node};
use crate::machine::Machine;

/// Bytes as disks and transfers are sold: powers of ten.
pub fn size(bytes: u64) -> String {
    scaled(bytes, 1000.0, ["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Bytes as memory is sold: powers of two.
pub fn memory(bytes: u64) -> String {
    scaled(bytes, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

fn scaled(bytes: u64, base: f64, units: [&str; 6]) -> String {
    let mut value = bytes as f64;
    let mut unit = units[0];
    for next in &units[1..] {
        if value < base {
            break;
        }
        value /= base;
        unit = next;
    }
    let whole = unit == units[0] || value >= 100.0 || value.fract() < 0.05;
    if whole { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A length of time, in the two units that matter.
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => format!("{minutes} min {} s", seconds % 60),
        600..3600 => format!("{minutes} min"),
        3600..86400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// How long something lasts that began at `since`.
pub fn lasting(since: i64, now: i64) -> String {
    span(u64::try_from(now - since).unwrap_or(0) / 1_000_000)
}

/// How far off a deadline is.
pub fn left(deadline: i64, now: i64) -> String {
    if deadline >= now {
        format!("{} left", lasting(now, deadline))
    } else {
        format!("overdue by {}", lasting(deadline, now))
    }
}

/// A moment: `2026-11-24 08:12:03Z`.
pub fn moment(at: i64) -> String {
    stamp(at, "%F %TZ")
}

/// A moment within a day, to the millisecond: `08:12:03.417`.
pub fn clock_time(at: i64) -> String {
    stamp(at, "%T%.3f")
}

/// A moment for machines to read: `2026-11-24T08:12:03Z`.
pub fn iso(at: i64) -> String {
    stamp(at, "%FT%TZ")
}

/// The same to the microsecond: `2026-11-24T08:12:03.417000Z`.
pub fn exact(at: i64) -> String {
    stamp(at, "%FT%T%.6fZ")
}

/// A moment as [`iso`] and [`exact`] write it.
pub fn instant(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| moment.as_microsecond())
}

/// The state and what overrides it, in words.
pub fn state(machine: &Machine) -> String {
    let mut words = machine.state.to_string();
    if let Some(step) = machine.failed_in {
        words += &format!(" in {step}");
    }
    // A quarantine is a hold that a person's release alone does not end.
    match (&machine.quarantine, machine.hold) {
        (Some(_), _) => words += ", quarantined",
        (None, true) => words += ", held",
        (None, false) => {}
    }
    if machine.maintenance {
        words += ", maintenance";
    }
    words
}

/// Whether a node serves, in Kubernetes' own words; `absent` where the API server has no such node.
pub fn ready(node: &Node) -> String {
    let mut words = match (node.uid.is_empty(), node.ready) {
        (true, _) => "absent".to_string(),
        (false, true) => "Ready".into(),
        (false, false) => "NotReady".into(),
    };
    if node.cordoned {
        words += ", cordoned";
    }
    words
}

/// What keeps a node from serving, or from leaving; empty where nothing does.
pub fn hindrance(node: &Node) -> String {
    match (&node.leaving, node.ready) {
        (Some(waited_for), _) => format!("leaves and waits for {waited_for}"),
        (None, true) => String::new(),
        (None, false) => node.reason.clone(),
    }
}

/// Both of it in a line.
pub fn node(node: &Node) -> String {
    let (ready, hindrance) = (ready(node), hindrance(node));
    if hindrance.is_empty() { ready } else { format!("{ready}: {hindrance}") }
}

/// A certificate and how long it lasts.
pub fn certificate(certificate: &CertificateExpiry, now: i64) -> String {
    format!("{} {}", certificate.name, ends(certificate.not_after, now))
}

/// When something ends that lasts for long.
pub fn ends(at: i64, now: i64) -> String {
    if at >= now {
        format!("ends in {}", lasting(now, at))
    } else {
        format!("ended {} ago", lasting(at, now))
    }
}

fn stamp(at: i64, format: &str) -> String {
    match jiff::Timestamp::from_microsecond(at) {
        Ok(moment) => moment.strftime(format).to_string(),
        Err(_) => format!("{at} µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_000_204_886_016), "1 TB");
        assert_eq!(size(512_110_190_592), "512 GB");
        assert_eq!(size(1_240_000_000), "1.2 GB");
        assert_eq!(memory(17_179_869_184), "16 GiB");
    }

    #[test]
    fn spans() {
        assert_eq!(span(59), "59 s");
        assert_eq!(span(250), "4 min 10 s");
        assert_eq!(span(3599), "59 min");
        assert_eq!(span(11_520), "3 h 12 min");
        assert_eq!(span(450_000), "5 d 5 h");
        assert_eq!(left(10_000_000, 0), "10 s left");
        assert_eq!(left(0, 10_000_000), "overdue by 10 s");
    }

    #[test]
    fn nodes() {
        let mut shown: Node = serde_json::from_value(serde_json::json!({
            "machine": "m", "name": "node07", "cluster": "prod", "role": "worker", "uid": "", "ready": false,
            "reason": "it has not joined yet", "since": 0, "cordoned": false, "version": "", "address": "",
            "certificates": [{"name": "b", "not_after": 2_592_000_000_000i64}, {"name": "a", "not_after": 10_000_000}],
            "leaving": null
        }))
        .unwrap();
        assert_eq!(node(&shown), "absent: it has not joined yet");
        shown.uid = "1".into();
        (shown.ready, shown.reason) = (true, String::new());
        assert_eq!(node(&shown), "Ready");
        (shown.cordoned, shown.leaving) = (true, Some("1 pod to end".into()));
        assert_eq!(node(&shown), "Ready, cordoned: leaves and waits for 1 pod to end");
        let first = shown.first_to_end().unwrap();
        assert_eq!(certificate(first, 0), "a ends in 10 s");
        assert_eq!(certificate(first, 20_000_000), "a ended 10 s ago");
        assert!(first.ends_soon(0) && !shown.certificates[0].ends_soon(0));
        assert_eq!(instant(&iso(1_795_507_200_000_000)), Some(1_795_507_200_000_000));
        assert_eq!(instant(&exact(1_795_507_200_417_003)), Some(1_795_507_200_417_003));
    }

    #[test]
    fn moments() {
        assert_eq!(moment(1_795_507_200_000_000), "2026-11-24 08:00:00Z");
        assert_eq!(clock_time(1_795_507_200_417_000), "08:00:00.417");
    }
}
