//! The table of causes, entry by entry: each is met, each wait and each failure has one, and the words by which
//! failures are known are those that the sources say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use api::facts::{Disk, Identity};
use api::machine::Machine;
use api::state::{Home, Life, State};
use api::trace::{Attempt, Hop, HopName};
use serde_json::{Value, json};

use super::cause::Cause;
use super::find::find;
use super::signs::{SIGNS, known};
use super::why;
use crate::app::Unready;
use crate::freeze::{Foreign, Refusal};
use crate::lifecycle::next::works;
use crate::lifecycle::patience::{Seen, wait};

const NOW: i64 = 400 * 86_400_000_000;
const DAY: i64 = 86_400_000_000;
/// What needs no cause.
const CALM: [Cause; 2] = [Cause::Serves, Cause::Retired];

/// A machine of this state, with what `change` says besides. Its agent was heard a moment ago.
fn machine(state: State, change: Value) -> Machine {
    let mut value = json!({
        "id": "m", "hostname": "node07", "interfaces": [], "serial": "", "address": null, "profile": "worker",
        "position": null, "state": state, "since": 0, "generation": 1, "installed": 1, "failed_in": null,
        "reason": null, "errand": "none", "hold": false, "maintenance": false, "enrolled": true, "wait": null,
        "progress": null, "home": null, "last_seen": NOW - 1_000_000, "version": 1, "node": null
    });
    for (key, new) in change.as_object().unwrap() {
        value[key] = new.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn attempt(last: HopName) -> Option<Attempt> {
    let hops = HopName::ALL.into_iter().take_while(|hop| *hop <= last);
    let hops = hops.map(|name| Hop { name, at: NOW - 5_000_000, detail: "uefi-pxe".into() }).collect();
    Some(Attempt { number: 3, hops })
}

fn node(ready: bool, uid: &str, not_after: i64) -> Value {
    json!({ "node": {
        "machine": "m", "name": "node07", "cluster": "prod", "role": "worker", "uid": uid, "ready": ready,
        "reason": "KubeletNotReady: container runtime is down", "since": NOW - 60_000_000, "cordoned": false,
        "version": "v1.36.3", "address": "", "leaving": null,
        "certificates": [{ "name": "kubelet-client", "not_after": not_after }]
    }})
}

fn doubt(about: &str) -> Value {
    let quarantine = json!({ "about": about, "since": NOW - DAY, "interfaces": [],
        "why": "its port is in other hardware than before" });
    json!({ "hold": true, "quarantine": quarantine })
}

fn failed(state: State, reason: &str) -> Machine {
    let home = if matches!(state, State::Joining | State::Booting) { "disk" } else { "ram" };
    machine(State::Failed, json!({ "failed_in": state, "reason": reason, "home": home }))
}

fn waiting(state: State, waiting_for: &str, evidence: &str) -> Value {
    json!({ "home": if state == State::Available { "ram" } else { "disk" }, "wait": {
        "waiting_for": waiting_for, "since": 0, "deadline": null, "evidence": evidence, "then": ""
    }})
}

/// A machine that is not heard, and what switches it.
fn switched(power: &str, health: &str, trouble: &str) -> Machine {
    let power = json!({ "driver": "ipmi", "address": "", "origin": "site", "power": power, "read_at": NOW,
        "health": health, "health_since": 0, "trouble": trouble });
    machine(State::Inspecting, json!({ "last_seen": null, "power": power }))
}

/// One machine for each entry that is known by something else than words.
fn samples() -> Vec<(Cause, Machine, Option<Attempt>)> {
    use Cause as C;
    let ram = |state| machine(state, json!({ "home": "ram" }));
    let disk = |state| machine(state, json!({ "home": "disk" }));
    let lost = machine(State::Installing, json!({ "home": "ram", "last_seen": NOW - 600_000_000 }));
    let power = waiting(State::Active, "power off, as an operator wants", "");
    let mut disobeys = machine(State::Active, power.clone());
    disobeys.power = switched("on", "healthy", "not-obeyed").power;
    let mut keeps = machine(State::Active, json!({ "home": "disk" }));
    keeps.power = switched("on", "healthy", "boot-kept").power;
    let slow = |state| failed(state, "it took too long; last seen: hello");
    let hop = |cause, last| (cause, machine(State::Inspecting, json!({})), attempt(last));
    let arrived = || attempt(HopName::Hello);
    let back = |state, waiting_for| machine(state, waiting(state, waiting_for, ""));
    vec![
        (C::Held, machine(State::Installing, json!({ "hold": true })), None),
        (C::Quarantined, machine(State::Active, doubt("hardware")), None),
        (C::SecondSession, machine(State::Active, doubt("sessions")), None),
        (C::PowerOff, machine(State::Active, power), None),
        (C::Off, switched("off", "healthy", "none"), None),
        (C::NotObeyed, switched("off", "healthy", "not-obeyed"), None),
        (C::NotOnTheWire, switched("on", "healthy", "not-on-the-wire"), None),
        (C::NeedsAHand, switched("unknown", "healthy", "needs-a-hand"), None),
        (C::BmcContradicted, switched("off", "healthy", "contradicted"), None),
        (C::NotObeyed, disobeys, None),
        (C::BootKept, keeps, None),
        (C::BmcHung, switched("on", "hung", "none"), None),
        (C::BmcHung, switched("on", "faulty", "none"), None),
        (C::BmcRefused, switched("unknown", "refused", "none"), None),
        (C::BmcNoSessions, switched("unknown", "no-sessions", "none"), None),
        (C::BmcCertificate, switched("unknown", "certificate-changed", "none"), None),
        (C::BmcUnreachable, switched("off", "unreachable", "none"), None),
        (C::Recorded, machine(State::Discovered, json!({ "enrolled": false })), None),
        (C::NoProfile, machine(State::Available, json!({ "profile": null })), arrived()),
        (
            C::Approval,
            machine(State::Available, waiting(State::Available, "an operator's approval", "")),
            arrived(),
        ),
        (
            C::JudgingDisks,
            machine(State::Available, waiting(State::Available, "a disk that its rule", "")),
            arrived(),
        ),
        (C::InRescue, ram(State::Rescue), arrived()),
        (C::Retired, machine(State::Retired, json!({})), None),
        (C::NothingArrived, machine(State::Discovered, json!({})), None),
        hop(C::NoOffer, HopName::Discover),
        hop(C::OfferNotTaken, HopName::Offer),
        hop(C::NothingFetched, HopName::Ack),
        hop(C::LoaderCut, HopName::TftpFirst),
        hop(C::LoaderSilent, HopName::TftpLast),
        hop(C::NoKernel, HopName::Script),
        hop(C::NoInitrd, HopName::Kernel),
        hop(C::NoHello, HopName::Initrd),
        (C::OwnDiskSilent, machine(State::Booting, json!({ "home": "ram" })), attempt(HopName::Script)),
        (C::OwnDiskSilent, slow(State::Booting), attempt(HopName::Script)),
        (C::AgentLost, lost, arrived()),
        (C::WayBack, back(State::Inspecting, "the agent's hello from RAM, by kexec"), arrived()),
        (C::WaySilent, back(State::Wiping, "its OS or the agent in RAM to answer"), arrived()),
        (C::BootByHand, back(State::Rescue, "a hand: boot it from the network once"), arrived()),
        (
            C::OldOs,
            back(State::Booting, "the hello of generation 2 from its own disk, by UEFI BootNext"),
            None,
        ),
        (C::Starting, ram(State::Discovered), arrived()),
        (C::Inspecting, ram(State::Inspecting), arrived()),
        (C::Partitioning, ram(State::Partitioning), arrived()),
        (C::Installing, ram(State::Installing), arrived()),
        (C::Joining, disk(State::Joining), arrived()),
        (C::Draining, disk(State::Draining), arrived()),
        (C::Wiping, ram(State::Wiping), arrived()),
        (C::Serves, machine(State::Active, json!({})), None),
        (C::Serves, machine(State::Active, node(true, "1", NOW + 400 * DAY)), None),
        (C::NodeAbsent, machine(State::Active, node(false, "", NOW + 400 * DAY)), None),
        (C::NodeNotReady, machine(State::Active, node(false, "1", NOW + 400 * DAY)), None),
        (C::CertificateEnded, machine(State::Active, node(true, "1", NOW - DAY)), None),
        (C::CertificateEnds, machine(State::Active, node(true, "1", NOW + 13 * DAY)), None),
        (C::SlowInspection, slow(State::Inspecting), arrived()),
        (C::SlowPartitioning, slow(State::Partitioning), arrived()),
        (C::SlowInstallation, slow(State::Installing), arrived()),
        (C::SlowJoin, slow(State::Joining), arrived()),
        (C::SlowDrain, slow(State::Draining), arrived()),
        (C::SlowWipe, slow(State::Wiping), arrived()),
        (C::NoHello, slow(State::Inspecting), attempt(HopName::Initrd)),
        (C::Other, failed(State::Installing, "the moon is full"), arrived()),
    ]
}

#[test]
fn each_entry_is_met() {
    let mut met = BTreeSet::new();
    for (expected, machine, attempt) in samples() {
        assert_eq!(find(&machine, attempt.as_ref(), NOW), expected, "{machine:?}");
        met.insert(expected);
    }
    for (sign, expected) in SIGNS {
        let failed = failed(State::Installing, &format!("the disk: {sign} of it"));
        assert_eq!(find(&failed, None, NOW), *expected, "{sign}");
        met.insert(*expected);
    }
    let missed: Vec<_> = Cause::ALL.iter().filter(|cause| !met.contains(cause)).collect();
    assert!(missed.is_empty(), "nothing leads to {missed:?}");
}

/// Its BMC read it as off a minute ago, and its firmware asks for an address.
#[test]
fn who_boots_is_not_off() {
    let off = switched("off", "healthy", "none");
    assert_eq!(find(&off, None, NOW), Cause::Off);
    assert_eq!(find(&off, attempt(HopName::Discover).as_ref(), NOW), Cause::NoOffer);
    assert_eq!(find(&off, attempt(HopName::Discover).as_ref(), NOW + 300_000_000), Cause::Off);
}

#[test]
fn each_entry_says_something_of_its_own() {
    let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    let wrong = Cause::ALL.iter().filter(|cause| !CALM.contains(cause));
    let usual: BTreeSet<_> = wrong.clone().map(|cause| cause.usual()).collect();
    assert_eq!((names.len(), usual.len()), (Cause::ALL.len(), Cause::ALL.len() - CALM.len()));
    for cause in wrong {
        assert!(cause.usual().ends_with('.') && !cause.usual().contains('|'), "{cause:?}");
    }
}

/// Every state, and in every attribute beside it, has an entry that is not the one for what nobody has met.
#[test]
fn each_wait_has_an_entry() {
    for state in State::ALL {
        for (home, hold, enrolled, assigned) in [
            (None, false, true, true),
            (Some(Home::Ram), false, true, true),
            (Some(Home::Disk), true, true, true),
            (None, false, false, true),
            (Some(Home::Ram), false, true, false),
        ] {
            let life = Life { state, hold, enrolled, assigned, generation: 1, ..Life::new(true) };
            let seen = Seen {
                since: 0,
                evidence: "hello",
                name: "node07",
                agent_here: home.is_some(),
                person_approves: true,
                in_doubt: None,
                arrived: None,
                turn: None,
                ladder: None,
            };
            let waits = wait(&life, seen, None);
            let profile = assigned.then_some("worker");
            let reason = (state == State::Failed).then_some("the disk rule cannot tell a from b");
            let failed_in = (state == State::Failed).then_some(State::Partitioning);
            let change = json!({ "home": home, "hold": hold, "enrolled": enrolled, "profile": profile, "wait": waits,
                "reason": reason, "failed_in": failed_in });
            let why = why(&machine(state, change), attempt(HopName::Hello).as_ref(), NOW);
            let off = wait(&Life { power_off: true, ..life }, seen, None);
            let off = machine(State::Active, json!({ "wait": off }));
            assert_eq!(find(&off, None, NOW), Cause::PowerOff);
            assert_ne!(why.entry, Cause::Other.name(), "{state}");
            let calm = CALM.iter().any(|calm| calm.name() == why.entry);
            assert!(calm == why.cause.is_empty() && !why.todo.contains("NAME"), "{state}: {why:?}");
        }
    }
}

#[test]
fn each_deadline_that_passes_has_an_entry() {
    for state in State::ALL.into_iter().filter(|state| works(*state)) {
        let reason = format!("{state} took too long; last seen: hello");
        for last in HopName::ALL {
            assert_ne!(
                find(&failed(state, &reason), attempt(last).as_ref(), NOW),
                Cause::Other,
                "{state} {last:?}"
            );
        }
    }
}

fn disk() -> Disk {
    serde_json::from_value(json!({
        "name": "sda", "model": "Samsung", "serial": "S1", "wwn": "", "size": 1 << 30, "sector_size": 512,
        "rotational": false, "removable": false, "read_only": false, "transport": "sata",
        "content": { "table": "gpt", "signatures": ["ext4"], "identity": null }, "fingerprint": ""
    }))
    .unwrap()
}

/// A refusal of each kind, and its entry. The match makes a new kind of refusal be written down here.
fn refusals() -> Vec<(Refusal, Cause)> {
    let boxed = || Box::new(disk());
    let text = || "text".to_string();
    let identity = || Box::new(Identity { site: text(), machine: text(), hostname: text(), generation: 3 });
    let foreign = |foreign| Refusal::Foreign { typed: text(), disk: boxed(), identity: identity(), foreign };
    let all = vec![
        Refusal::NoOperatingSystem { image: text() },
        Refusal::NoDisk { passed: vec![] },
        Refusal::NoDisk { passed: vec![(disk(), "is too small".into())] },
        Refusal::Ambiguous { one: boxed(), other: boxed() },
        Refusal::Nameless { disk: boxed(), twin: None },
        Refusal::Nameless { disk: boxed(), twin: Some(boxed()) },
        Refusal::DoesNotFit { disk: boxed(), needed: 1 },
        Refusal::ImageDoesNotFit { image: text(), needed: 2, root: 1 },
        Refusal::Unapproved { typed: text(), disk: boxed(), profile: text() },
        Refusal::Content { typed: text(), disk: boxed() },
        foreign(Foreign::Site),
        foreign(Foreign::Machine),
        foreign(Foreign::Newer { row: 2 }),
        Refusal::NotShown { typed: text(), disk: boxed(), shown: vec![disk()] },
        Refusal::Overtaken { name: text(), serial: text(), planned: 1, found: 2 },
        Refusal::Changed { typed: text(), disk: boxed(), then: boxed() },
    ];
    let entry = |refusal: &Refusal| match refusal {
        Refusal::NoOperatingSystem { .. } => Cause::NoOperatingSystem,
        Refusal::NoDisk { passed } if passed.is_empty() => Cause::NoDisk,
        Refusal::NoDisk { .. } => Cause::NoDiskFits,
        Refusal::Ambiguous { .. } => Cause::Ambiguous,
        Refusal::Nameless { .. } => Cause::NoSerial,
        Refusal::DoesNotFit { .. } => Cause::LayoutTooLarge,
        Refusal::ImageDoesNotFit { .. } => Cause::ImageTooLarge,
        Refusal::Unapproved { .. } => Cause::Approval,
        Refusal::Content { .. } => Cause::Content,
        Refusal::Foreign { foreign: Foreign::Site, .. } => Cause::ForeignSite,
        Refusal::Foreign { foreign: Foreign::Machine, .. } => Cause::ForeignMachine,
        Refusal::Foreign { foreign: Foreign::Newer { .. }, .. } | Refusal::Overtaken { .. } => {
            Cause::ForeignNewer
        }
        Refusal::NotShown { .. } => Cause::NotShown,
        Refusal::Changed { .. } => Cause::DiskChanged,
    };
    all.into_iter().map(|refusal| (refusal.clone(), entry(&refusal))).collect()
}

#[test]
fn each_refusal_to_erase_has_its_entry() {
    for (refusal, expected) in refusals() {
        assert_eq!(known(&refusal.to_string()), Some(expected), "{refusal}");
        let evidence = waiting(State::Available, "a disk that its rule may erase", &refusal.to_string());
        assert_eq!(find(&machine(State::Available, evidence), None, NOW), expected, "{refusal}");
    }
    let image = Unready::NoImage("debian-12".into());
    for (unready, expected) in [
        (Unready::NoFacts, Cause::HardwareUnknown),
        (Unready::NoProfile, Cause::ProfileGone),
        (image, Cause::ImageGone),
    ] {
        assert_eq!(known(&unready.to_string()), Some(expected), "{unready}");
    }
}

/// A sentence that changes in a source must not leave its cause behind.
#[test]
fn each_sign_is_said_by_a_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut said = String::new();
    for folder in [
        "server/src/freeze",
        "agent/src",
        "agent/src/wipe",
        "agent/src/wipe/nvme",
        "agent/src/install",
        "agent/src/node",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                said += &std::fs::read_to_string(entry.path()).unwrap();
            }
        }
    }
    for file in ["server/src/app.rs", "server/src/lifecycle/circle.rs"] {
        said += &std::fs::read_to_string(root.join(file)).unwrap();
    }
    // A long text goes on in the next line of the source.
    let said = said.split("\\\n").map(str::trim_start).collect::<String>();
    for (sign, cause) in SIGNS {
        assert!(said.contains(sign), "nobody says `{sign}`, by which {cause:?} is known");
    }
}

#[test]
fn the_page_shows_the_table() {
    let mut table = "| entry | usual cause | what to do |\n|---|---|---|\n".to_string();
    for cause in Cause::ALL {
        table += &format!("| `{}` | {} | {} |\n", cause.name(), cause.usual(), cause.todo());
    }
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/causes.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once("| entry |").unwrap();
    let want = format!("{head}{table}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &want).unwrap();
        return;
    }
    assert!(page == want, "docs/causes.md differs from the table; UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn the_answer_names_what_was_seen_and_what_to_type() {
    let stopped = machine(
        State::Inspecting,
        json!({ "wait": {
            "waiting_for": "the agent's hello from RAM", "since": 0, "deadline": 1, "evidence": "ack: 10.77.0.107", "then": ""
        }}),
    );
    let answer = why(&stopped, attempt(HopName::Ack).as_ref(), NOW);
    assert_eq!(answer.sentence, "node07 waits for the agent's hello from RAM");
    assert_eq!(answer.evidence, "ack: 10.77.0.107; boot 3 got to `ack` 5 s ago (uefi-pxe)");
    assert_eq!(answer.entry, "nothing-fetched");
    let recorded = why(&machine(State::Discovered, json!({ "enrolled": false })), None, NOW);
    assert!(recorded.todo.starts_with("`metalctl machine approve node07` lets it in"), "{}", recorded.todo);
}

#[test]
fn what_to_type_has_the_machines_name_and_nobody_elses() {
    let answer = why(&switched("unknown", "refused", "none"), None, NOW);
    let typed = "`metalctl bmc set node07 --user USER --password-file FILE`";
    assert!(answer.todo.starts_with(typed), "{}", answer.todo);
}

#[test]
fn a_node_that_is_not_ready_says_why() {
    let answer = why(&machine(State::Active, node(false, "1", NOW + 400 * DAY)), None, NOW);
    assert_eq!(
        answer.sentence,
        "node07 is active, and its node is NotReady: KubeletNotReady: container runtime is down"
    );
    assert!(answer.evidence.starts_with("the node is NotReady for 1 min 0 s; "), "{}", answer.evidence);
    let soon = why(&machine(State::Active, node(true, "1", NOW + 12 * DAY)), None, NOW);
    assert_eq!(
        soon.sentence,
        "node07 is active, and its node is Ready; its certificate kubelet-client ends in 12 d 0 h"
    );
}
