//! The answer to "why is it not getting on?": the hop that died or the thing waited for, the evidence,
//! and the usual cause. Pure.

use api::cluster::Node;
use api::machine::{Machine, Why};
use api::state::State;
use api::trace::{Attempt, HopName};
use api::words;

/// `now` in microseconds since 1970.
pub fn why(machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Why {
    let name = machine.name();
    let node = machine.node.as_ref();
    let (seen, booted) = (node.map(|node| of_node(node, now)).unwrap_or_default(), trail(attempt, now));
    let (sentence, evidence) = match (&machine.wait, &machine.reason, node) {
        (_, Some(reason), _) => (format!("{name} has failed: {reason}"), booted),
        (Some(wait), None, _) => {
            (format!("{name} waits for {}", wait.waiting_for), format!("{}; {seen}{booted}", wait.evidence))
        }
        (None, None, Some(node)) if machine.state == State::Active => {
            (format!("{name} is active, and {}", standing(node, now)), format!("{seen}{booted}"))
        }
        (None, None, _) => (format!("{name} is {} and waits for nothing", machine.state), booted),
    };
    let cause = match node {
        Some(node) if machine.state == State::Active => of_service(node, now),
        _ => cause(machine, attempt).into(),
    };
    Why { state: machine.state, sentence, evidence, cause }
}

/// Whether the node of an active machine serves, and whether it will go on doing so.
fn standing(node: &Node, now: i64) -> String {
    match node.first_to_end().filter(|first| node.ready && first.ends_soon(now)) {
        Some(first) => format!("its node is Ready; its certificate {}", words::certificate(first, now)),
        None => format!("its node is {}", words::node(node)),
    }
}

/// What was seen of the node, to stand before what was seen of the boot.
fn of_node(node: &Node, now: i64) -> String {
    format!("the node is {} for {}; ", words::ready(node), words::lasting(node.since, now))
}

/// What usually lies behind a node that does not serve, or will soon not.
fn of_service(node: &Node, now: i64) -> String {
    let soon = node.first_to_end().filter(|first| first.ends_soon(now));
    match (node.ready, soon) {
        (_, Some(first)) if first.not_after <= now => format!(
            "Its certificate `{}` has ended and nobody believes it any more. The agent renews in time: look at its log.",
            first.name
        ),
        (false, _) if node.uid.is_empty() => {
            "Its Node object was deleted, or its kubelet cannot register. Look at the kubelet's log on it.".into()
        }
        (false, _) => "Its kubelet does not report, or its container runtime or pod network is not ready. Look at power \
                       and link first, then at the kubelet's log on it."
            .into(),
        (true, Some(_)) => "The agent renews certificates in time, one control plane after the other. If this stays so \
                            for a day, look at its log."
            .into(),
        (true, None) => String::new(),
    }
}

/// The newest boot in one line: where it got to, and how long ago.
fn trail(attempt: Option<&Attempt>, now: i64) -> String {
    let Some((attempt, hop)) = attempt.and_then(|a| a.hops.last().map(|hop| (a, hop))) else {
        return "no boot over the network was ever seen".into();
    };
    let ago = (now - hop.at).max(0) / 1_000_000;
    format!("boot {} got to `{}` {ago} s ago ({})", attempt.number, hop.name.as_str(), hop.detail)
}

/// What usually lies behind a boot that stopped at its last hop.
fn cause(machine: &Machine, attempt: Option<&Attempt>) -> &'static str {
    let boots = matches!(machine.state, State::Discovered | State::Inspecting | State::Booting);
    let last = attempt.and_then(|attempt| attempt.hops.last()).map(|hop| hop.name);
    match last {
        _ if !boots || machine.hold => "",
        None => {
            "Nothing has arrived: power, cable, network boot disabled in the firmware, or a switch port still blocked by spanning tree (enable portfast)."
        }
        Some(HopName::Discover) => {
            "We heard it and made no offer: the pool may be empty, or the MAC is to be ignored."
        }
        Some(HopName::Offer) => {
            "It did not take our offer: another DHCP server may have been faster, or the reply does not reach it."
        }
        Some(HopName::Ack) => {
            "It has an address and fetched nothing: TFTP or HTTP is blocked between it and us, or the firmware waits for a key."
        }
        Some(HopName::TftpFirst) => {
            "The loader's transfer did not end: packet loss or an MTU that differs along the way."
        }
        Some(HopName::TftpLast) => {
            "The loader arrived and does not ask for its script: it may not drive this network card."
        }
        Some(HopName::Script) if machine.state == State::Booting => {
            "It was sent to its own disk: the firmware may not see the disk, or the OS does not reach us."
        }
        Some(HopName::Script) => "It has its script and fetches no kernel: HTTP is slow or blocked.",
        Some(HopName::Kernel) => {
            "The kernel arrived, the RAM image did not: too little memory, or a broken transfer."
        }
        Some(HopName::Initrd) => {
            "Kernel and RAM image arrived: the kernel may not start, or lack this network card's driver. Look at its console."
        }
        Some(HopName::Hello) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn active(ready: bool, reason: &str, not_after: i64) -> Machine {
        let value = serde_json::json!({
            "id": "m", "hostname": "node07", "interfaces": [], "serial": "", "address": null, "profile": "worker",
            "position": null, "state": "active", "since": 0, "generation": 1, "installed": 1, "failed_in": null,
            "reason": null, "errand": "none", "hold": false, "maintenance": false, "enrolled": true, "wait": null,
            "progress": null, "home": "disk", "last_seen": null, "version": 1,
            "node": {
                "machine": "m", "name": "node07", "cluster": "prod", "role": "worker", "uid": "1", "ready": ready,
                "reason": reason, "since": DAY - 60_000_000, "cordoned": false, "version": "v1.36.3", "address": "",
                "certificates": [{"name": "kubelet-client", "not_after": not_after}], "leaving": null
            }
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_node_that_is_not_ready_says_why() {
        let why = why(&active(false, "KubeletNotReady: container runtime is down", 400 * DAY), None, DAY);
        assert_eq!(
            why.sentence,
            "node07 is active, and its node is NotReady: KubeletNotReady: container runtime is down"
        );
        assert!(why.evidence.starts_with("the node is NotReady for 1 min 0 s; "), "{}", why.evidence);
        assert!(why.cause.contains("kubelet"), "{}", why.cause);
    }

    #[test]
    fn a_certificate_that_ends_soon_is_told() {
        let soon = why(&active(true, "", 13 * DAY), None, DAY);
        assert_eq!(
            soon.sentence,
            "node07 is active, and its node is Ready; its certificate kubelet-client ends in 12 d 0 h"
        );
        assert!(soon.cause.contains("renews"), "{}", soon.cause);
        let ended = why(&active(true, "", 0), None, DAY);
        assert!(ended.cause.contains("has ended"), "{}", ended.cause);
        let fine = why(&active(true, "", 400 * DAY), None, DAY);
        assert_eq!(
            (fine.sentence.as_str(), fine.cause.as_str()),
            ("node07 is active, and its node is Ready", "")
        );
    }
}
