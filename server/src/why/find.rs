//! Which entry of the table explains a machine: from its state, its newest boot, and the words of a failure. Pure.

use api::bmc::Power;
use api::cluster::Node;
use api::machine::Machine;
use api::power::{Health, Trouble};
use api::state::{Home, State};
use api::trace::{Attempt, HopName};
use api::who::Doubt;

use super::cause::Cause;
use super::signs::known;
use crate::lifecycle::patience::SILENT;

/// `now` in microseconds since 1970.
pub fn find(machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Cause {
    match machine.quarantine.as_ref().map(|quarantine| quarantine.about) {
        Some(Doubt::Hardware) => return Cause::Quarantined,
        Some(Doubt::Sessions) => return Cause::SecondSession,
        None => {}
    }
    if machine.hold || machine.maintenance {
        return Cause::Held;
    }
    let ours = machine.enrolled && machine.state != State::Retired;
    // Of one that is to be off, too: it may be on all the same.
    if let Some(cause) = of_trouble(machine).filter(|_| ours) {
        return cause;
    }
    if machine.wait.as_ref().is_some_and(|wait| wait.waiting_for.starts_with("power off")) {
        return Cause::PowerOff;
    }
    if let Some(cause) = machine.wait.as_ref().and_then(|wait| of_way_back(machine.state, &wait.waiting_for))
    {
        return cause;
    }
    if let Some(cause) = of_power(machine, attempt, now).filter(|_| ours) {
        return cause;
    }
    match machine.state {
        State::Discovered if !machine.enrolled => Cause::Recorded,
        State::Failed => of_failure(machine, attempt, now),
        State::Available => of_available(machine, attempt, now),
        State::Active => match machine.node.as_ref().map_or(Cause::Serves, |node| of_service(node, now)) {
            // It does what it should; what could switch it does not.
            Cause::Serves => of_bmc(machine).or_else(|| of_override(machine)).unwrap_or(Cause::Serves),
            cause => cause,
        },
        State::Rescue if is_here(machine, attempt, Home::Ram, now) => Cause::InRescue,
        State::Joining if is_here(machine, attempt, Home::Disk, now) => Cause::Joining,
        // The cluster lets go of a dead machine, too: its agent only helps.
        State::Draining => Cause::Draining,
        State::Retired => Cause::Retired,
        state => of_work(state, machine, attempt, now),
    }
}

/// What was tried with its power, and did not work.
fn of_trouble(machine: &Machine) -> Option<Cause> {
    match machine.power.as_ref()?.trouble {
        Trouble::NotObeyed => Some(Cause::NotObeyed),
        Trouble::NotOnTheWire => Some(Cause::NotOnTheWire),
        Trouble::NeedsAHand => Some(Cause::NeedsAHand),
        Trouble::Contradicted => Some(Cause::BmcContradicted),
        Trouble::None | Trouble::BootKept => None,
    }
}

/// What its power, or whatever switches it, keeps it from.
fn of_power(machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Option<Cause> {
    let power = machine.power.as_ref()?;
    // Whoever speaks is neither off nor in need of its BMC, be it firmware or an agent.
    let booting = attempt.and_then(|attempt| attempt.hops.last()).map(|hop| hop.at);
    if machine.last_seen.into_iter().chain(booting).any(|at| now - at < SILENT) {
        return None;
    }
    match power.power {
        Power::Off if power.health.answers() => Some(Cause::Off),
        _ => of_bmc(machine),
    }
}

fn of_bmc(machine: &Machine) -> Option<Cause> {
    match machine.power.as_ref()?.health {
        Health::Hung | Health::Faulty => Some(Cause::BmcHung),
        Health::Refused => Some(Cause::BmcRefused),
        Health::NoSessions => Some(Cause::BmcNoSessions),
        Health::CertificateChanged => Some(Cause::BmcCertificate),
        Health::Unreachable => Some(Cause::BmcUnreachable),
        Health::Healthy | Health::Slow | Health::Unproven => None,
    }
}

/// Nothing is kept from it before its next start.
fn of_override(machine: &Machine) -> Option<Cause> {
    (machine.power.as_ref()?.trouble == Trouble::BootKept).then_some(Cause::BootKept)
}

/// Its OS runs and was told to go.
fn of_way_back(state: State, waiting_for: &str) -> Option<Cause> {
    let by_a_way = waiting_for.contains(", by ");
    match waiting_for {
        _ if waiting_for.starts_with("a hand: ") => Some(Cause::BootByHand),
        _ if waiting_for.starts_with("its OS or the agent in RAM") => Some(Cause::WaySilent),
        _ if by_a_way && state == State::Booting => Some(Cause::OldOs),
        _ if by_a_way => Some(Cause::WayBack),
        _ => None,
    }
}

/// A state in which an agent works, or is on its way.
fn of_work(state: State, machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Cause {
    let home = if matches!(state, State::Booting | State::Joining) { Home::Disk } else { Home::Ram };
    if !is_here(machine, attempt, home, now) {
        return of_boot(machine, attempt, home);
    }
    match state {
        State::Inspecting => Cause::Inspecting,
        State::Partitioning => Cause::Partitioning,
        State::Installing => Cause::Installing,
        State::Wiping => Cause::Wiping,
        _ => Cause::Starting,
    }
}

/// The newest boot went all the way, and the agent that it brought still speaks.
fn is_here(machine: &Machine, attempt: Option<&Attempt>, home: Home, now: i64) -> bool {
    let arrived = last_hop(attempt).is_none_or(|hop| hop == HopName::Hello);
    let heard = machine.last_seen.is_some_and(|seen| now - seen < SILENT);
    machine.home == Some(home) && arrived && heard
}

fn last_hop(attempt: Option<&Attempt>) -> Option<HopName> {
    attempt.and_then(|attempt| attempt.hops.last()).map(|hop| hop.name)
}

/// Where the newest boot stopped.
fn of_boot(machine: &Machine, attempt: Option<&Attempt>, home: Home) -> Cause {
    match last_hop(attempt) {
        // It was there, without a boot that we served: the old agent, or one whose boots are forgotten.
        None if machine.home == Some(home) => Cause::AgentLost,
        None => Cause::NothingArrived,
        Some(HopName::Discover) => Cause::NoOffer,
        Some(HopName::Offer) => Cause::OfferNotTaken,
        Some(HopName::Ack) => Cause::NothingFetched,
        Some(HopName::TftpFirst) => Cause::LoaderCut,
        Some(HopName::TftpLast) => Cause::LoaderSilent,
        Some(HopName::Script) if home == Home::Disk => Cause::OwnDiskSilent,
        Some(HopName::Script) => Cause::NoKernel,
        Some(HopName::Kernel) => Cause::NoInitrd,
        Some(HopName::Initrd) => Cause::NoHello,
        // The hello was the other home's: it has not come back from its reboot.
        Some(HopName::Hello) if machine.home != Some(home) && home == Home::Disk => Cause::OwnDiskSilent,
        Some(HopName::Hello) if machine.home != Some(home) => Cause::NothingArrived,
        Some(HopName::Hello) => Cause::AgentLost,
    }
}

fn of_available(machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Cause {
    let evidence = machine.wait.as_ref().map_or("", |wait| wait.evidence.as_str());
    let by_rule = machine.wait.as_ref().is_some_and(|wait| wait.waiting_for.starts_with("a disk"));
    match (machine.profile.is_some(), known(evidence)) {
        (false, _) => Cause::NoProfile,
        (true, Some(cause)) => cause,
        (true, None) if !by_rule => Cause::Approval,
        (true, None) if is_here(machine, attempt, Home::Ram, now) => Cause::JudgingDisks,
        (true, None) => of_boot(machine, attempt, Home::Ram),
    }
}

/// Whether the node of an active machine serves, and whether it will go on doing so.
fn of_service(node: &Node, now: i64) -> Cause {
    let soon = node.first_to_end().filter(|first| first.ends_soon(now));
    match (node.ready, soon) {
        (_, Some(first)) if first.not_after <= now => Cause::CertificateEnded,
        (false, _) if node.uid.is_empty() => Cause::NodeAbsent,
        (false, _) => Cause::NodeNotReady,
        (true, Some(_)) => Cause::CertificateEnds,
        (true, None) => Cause::Serves,
    }
}

fn of_failure(machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Cause {
    let reason = machine.reason.as_deref().unwrap_or_default();
    match machine.failed_in {
        Some(state) if reason.contains("took too long") => of_slowness(state, machine, attempt, now),
        _ => known(reason).unwrap_or(Cause::Other),
    }
}

/// A deadline passed: either nobody came to do the work, or it was not done in time.
fn of_slowness(state: State, machine: &Machine, attempt: Option<&Attempt>, now: i64) -> Cause {
    let home = match state {
        State::Joining | State::Booting => Home::Disk,
        // What it waited for is the cluster's, not its agent's.
        State::Draining => return Cause::SlowDrain,
        _ => Home::Ram,
    };
    if state == State::Booting || !is_here(machine, attempt, home, now) {
        return of_boot(machine, attempt, home);
    }
    match state {
        State::Inspecting => Cause::SlowInspection,
        State::Partitioning => Cause::SlowPartitioning,
        State::Installing => Cause::SlowInstallation,
        State::Joining => Cause::SlowJoin,
        State::Wiping => Cause::SlowWipe,
        _ => Cause::Other,
    }
}
