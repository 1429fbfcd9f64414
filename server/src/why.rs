//! The answer to "why is it not getting on?": the hop that died or the thing waited for, the evidence,
//! and the usual cause. Pure.

use api::machine::{Machine, Why};
use api::state::State;
use api::trace::{Attempt, HopName};

/// `now` in microseconds since 1970.
pub fn why(machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Why {
    let name = machine.name();
    let (sentence, evidence) = match (&machine.wait, &machine.reason) {
        (_, Some(reason)) => (format!("{name} has failed: {reason}"), trail(attempt, now)),
        (Some(wait), None) => (
            format!("{name} waits for {}", wait.waiting_for),
            format!("{}; {}", wait.evidence, trail(attempt, now)),
        ),
        (None, None) => (format!("{name} is {} and waits for nothing", machine.state), trail(attempt, now)),
    };
    Why { state: machine.state, sentence, evidence, cause: cause(machine, attempt).into() }
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
