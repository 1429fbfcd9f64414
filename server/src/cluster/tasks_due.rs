//! What a cluster needs from time to time: a snapshot of etcd each day, and new certificates before the old ones
//! end. Pure.

use api::cluster::{CertificateExpiry, Snapshot};
use api::words::moment;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// Snapshots that are kept of those that nobody was removed after.
const KEPT: usize = 7;
/// How long those before a removal are kept.
const KEPT_BEFORE_REMOVAL: i64 = 30 * DAY;
/// A cluster that has just begun has something to keep after this.
const FIRST: i64 = HOUR;
/// New certificates are made when this much is left, or a third of their life where that is less.
const LEFT: i64 = 30 * DAY;
/// What kubeadm gives a certificate where the site says nothing.
const LIFE: i64 = 365 * DAY;
/// Between time and node in the name of a snapshot that was taken before a removal.
const BEFORE: &str = "-before-";

/// The name says when, and before whose removal.
pub fn snapshot_name(at: i64, before: Option<&str>) -> String {
    let at = moment(at).replace([' ', ':'], "-");
    let at = at.trim_end_matches('Z');
    match before {
        Some(node) => format!("{at}{BEFORE}{node}.db"),
        None => format!("{at}.db"),
    }
}

/// Whether a new one is due; `snapshots` are those that there are, the newest first. Those from before the cluster was up
/// are of another one that had its name.
pub fn snapshot_due(snapshots: &[Snapshot], up_since: i64, now: i64) -> bool {
    let newest = snapshots.first().filter(|newest| newest.at >= up_since);
    let due = newest.map_or(up_since + FIRST, |newest| newest.at + DAY);
    now >= due
}

/// The ones that nobody will miss.
pub fn superfluous(snapshots: &[Snapshot], now: i64) -> Vec<&Snapshot> {
    let mut plain = 0;
    let mut gone = Vec::new();
    for snapshot in snapshots {
        let keep = match snapshot.file.contains(BEFORE) {
            true => now - snapshot.at < KEPT_BEFORE_REMOVAL,
            false => {
                plain += 1;
                plain <= KEPT
            }
        };
        if !keep {
            gone.push(snapshot);
        }
    }
    gone
}

/// A control plane as its own agent and the API server describe it.
#[derive(Clone, Debug)]
pub struct Plane<'a> {
    pub node: &'a str,
    pub ready: bool,
    pub certificates: &'a [CertificateExpiry],
}

/// A control plane whose certificates are to be made anew.
#[derive(Clone, Copy, Debug)]
pub struct Due<'a, 'b> {
    pub plane: &'a Plane<'b>,
    /// When the first of them ends.
    pub ends: i64,
    /// So little is left that nobody is waited for any more.
    pub at_last: bool,
}

/// The control planes whose certificates are to be made anew now, in this order. The next one waits until the one before
/// tells of new ones, and while another is not Ready: renewal restarts an API server. One that is not Ready may be dead
/// for good: it comes last, and the others wait for it until a tenth of the time is left.
pub fn renewals_due<'a, 'b>(planes: &'a [Plane<'b>], life: i64, now: i64) -> Vec<Due<'a, 'b>> {
    let begin = LEFT.min(life / 3);
    let mut due = Vec::new();
    for plane in planes {
        let Some(ends) = first_to_end(plane).filter(|ends| ends - now < begin) else { continue };
        let at_last = ends - now < begin / 10;
        if at_last || planes.iter().all(|other| other.ready || other.node == plane.node) {
            due.push(Due { plane, ends, at_last });
        }
    }
    due.sort_by_key(|due| (!due.plane.ready, due.ends));
    due
}

/// What `kubeadm certs renew all` makes anew, by its own names. CAs live on, kubelets renew their own, and what else
/// lies beside them is somebody else's: it would be asked for each hour, in vain, and keep the other control planes waiting.
const OF_KUBEADM: [&str; 11] = [
    "admin.conf",
    "apiserver",
    "apiserver-etcd-client",
    "apiserver-kubelet-client",
    "controller-manager.conf",
    "etcd-healthcheck-client",
    "etcd-peer",
    "etcd-server",
    "front-proxy-client",
    "scheduler.conf",
    "super-admin.conf",
];

fn first_to_end(plane: &Plane<'_>) -> Option<i64> {
    let renewed = |name: &str| OF_KUBEADM.contains(&name);
    let of_kubeadm = plane.certificates.iter().filter(|certificate| renewed(&certificate.name));
    of_kubeadm.map(|certificate| certificate.not_after).min()
}

/// How long new certificates live, in microseconds: kubeadm's `certificateValidityPeriod`, as Go writes it.
pub fn life(cluster_configuration: &serde_json::Value) -> i64 {
    let period = cluster_configuration.get("certificateValidityPeriod").and_then(|period| period.as_str());
    period.and_then(duration).filter(|life| *life > 0).unwrap_or(LIFE)
}

/// `8760h0m0s`.
fn duration(text: &str) -> Option<i64> {
    let (mut total, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..end].parse().ok()?;
        let unit = match &rest[end..end + 1] {
            "h" => HOUR,
            "m" => HOUR / 60,
            "s" => HOUR / 3600,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[end + 1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_507_200_000_000;

    fn snapshot(days_ago: i64, before: Option<&str>) -> Snapshot {
        let at = NOW - days_ago * DAY;
        let file = snapshot_name(at, before);
        Snapshot { cluster: "prod".into(), file, at, size: 1, sha256: String::new() }
    }

    #[test]
    fn a_snapshot_is_taken_each_day() {
        assert!(!snapshot_due(&[], NOW, NOW));
        assert!(snapshot_due(&[], NOW - HOUR, NOW));
        assert!(!snapshot_due(&[snapshot(0, None)], 0, NOW));
        assert!(snapshot_due(&[snapshot(1, None), snapshot(2, None)], 0, NOW));
        assert!(!snapshot_due(&[snapshot(0, Some("node02")), snapshot(3, None)], 0, NOW));
        // Of the cluster that was reset an hour ago.
        assert!(snapshot_due(&[snapshot(0, None)], NOW + 1, NOW + 1 + HOUR));
        assert!(!snapshot_due(&[snapshot(0, None)], NOW + 1, NOW + HOUR));
    }

    #[test]
    fn seven_are_kept_and_those_before_a_removal_for_a_month() {
        let mut all: Vec<Snapshot> = (0..10).map(|day| snapshot(day, None)).collect();
        all.insert(3, snapshot(3, Some("node02")));
        all.push(snapshot(29, Some("node03")));
        all.push(snapshot(30, Some("node04")));
        let gone: Vec<&str> = superfluous(&all, NOW).into_iter().map(|s| s.file.as_str()).collect();
        let expected: Vec<String> = [(7, None), (8, None), (9, None), (30, Some("node04"))]
            .map(|(days, before)| snapshot(days, before).file)
            .into();
        assert_eq!(gone, expected);
        assert_eq!(snapshot(0, Some("node02")).file, "2026-11-24-08-00-00-before-node02.db");
    }

    fn certificates(names: &[(&str, i64)]) -> Vec<CertificateExpiry> {
        let one = |(name, days): &(&str, i64)| CertificateExpiry {
            name: name.to_string(),
            not_after: NOW + days * DAY,
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn certificates_are_renewed_one_control_plane_after_the_other() {
        let (soon, sooner) = (certificates(&[("apiserver", 29)]), certificates(&[("etcd-peer", 28)]));
        let late = certificates(&[
            ("apiserver", 200),
            ("ca", 1),
            ("etcd-ca", 1),
            ("kubelet-client", 1),
            ("kubelet.conf", 1),
            ("ops.conf", 1),
            ("webhook", 1),
        ]);
        let plane = |node, ready, certificates| Plane { node, ready, certificates };
        let due = |planes: &[Plane<'_>]| {
            renewals_due(planes, LIFE, NOW).first().map(|due| due.plane.node.to_string())
        };
        assert_eq!(
            due(&[plane("node01", true, &soon), plane("node02", true, &sooner)]),
            Some("node02".into())
        );
        assert_eq!(due(&[plane("node01", true, &soon), plane("node02", true, &late)]), Some("node01".into()));
        assert_eq!(due(&[plane("node01", true, &late), plane("node02", true, &late)]), None);
        assert_eq!(due(&[plane("node01", true, &soon), plane("node02", false, &late)]), None);
        assert_eq!(due(&[plane("node01", false, &soon)]), Some("node01".into()));
        let ended = certificates(&[("apiserver", -1)]);
        assert_eq!(
            due(&[plane("node01", false, &ended), plane("node02", false, &soon)]),
            Some("node01".into())
        );
        assert_eq!(due(&[plane("node01", true, &[])]), None);
    }

    #[test]
    fn one_that_is_dead_lets_nobody_else_s_certificates_end() {
        let of = |days| certificates(&[("apiserver", days)]);
        let order = |planes: [(&str, bool, i64); 3]| -> Vec<String> {
            let certificates = planes.map(|(.., days)| of(days));
            let planes: Vec<Plane<'_>> = planes
                .iter()
                .zip(&certificates)
                .map(|(&(node, ready, _), certificates)| Plane { node, ready, certificates })
                .collect();
            let due = renewals_due(&planes, LIFE, NOW);
            let at_last = |due: &Due<'_, '_>| if due.at_last { " at last" } else { "" };
            due.iter().map(|due| format!("{}{}", due.plane.node, at_last(due))).collect()
        };
        let dead = ("node01", false, 10);
        assert_eq!(order([dead, ("node02", true, 12), ("node03", true, 11)]), ["node01"]);
        assert_eq!(
            order([("node01", false, -1), ("node02", true, 2), ("node03", true, 1)]),
            ["node03 at last", "node02 at last", "node01 at last"]
        );
    }

    #[test]
    fn short_lives_are_renewed_in_their_last_third() {
        let life = life(&json!({ "certificateValidityPeriod": "72h0m0s" }));
        assert_eq!(life, 3 * DAY);
        let plane = |days| certificates(&[("apiserver", days)]);
        for (days, due) in [(2, false), (0, true)] {
            let certificates = plane(days);
            let planes = [Plane { node: "node01", ready: true, certificates: &certificates }];
            assert_eq!(!renewals_due(&planes, life, NOW).is_empty(), due);
        }
    }

    #[test]
    fn lives_are_written_as_go_writes_them() {
        let of = |text: &str| super::life(&json!({ "certificateValidityPeriod": text }));
        assert_eq!(of("10m"), HOUR / 6);
        assert_eq!(of("1h30m"), HOUR * 3 / 2);
        for other in ["", "0s", "x", "5", "1d", "ü", "99999999999999999h"] {
            assert_eq!(of(other), LIFE, "{other}");
        }
        assert_eq!(super::life(&serde_json::Value::Null), LIFE);
    }
}
