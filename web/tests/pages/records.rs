//! The questions before verbs and what became of them, the pages of what is on record, and a machine in doubt.

use api::lease::LeaseView;
use api::machine::{Erasure, Machine, MachineDetail, MachineEvent, ProfileSettings, ProfileView, Quarantine};
use api::tombstone::Tombstone;
use api::user::{AuditEntry, AuditQuery, Role};
use api::who::Doubt;
use api::wipe::{DiskName, LeftDisk, Wipe};
use serde_json::json;
use web::{Answers, EventsAsked, Outcome, Question, ReservationForm, ShelfImage, Subject, Verb, Visitor};

use super::{NOW, answer, golden, machine_view, offers, visitor, why};

pub fn subject(machine: Machine, erased: Vec<api::facts::Disk>, refusal: Option<&str>) -> Subject {
    let left = LeftDisk {
        name: DiskName { model: "SD card".into(), size: 16_000_000_000, ..DiskName::default() },
        why: "it is removable or on USB".into(),
        wanted: false,
    };
    Subject {
        machine,
        refusal: refusal.map(String::from),
        fate: vec!["It is `active` and becomes `wiping`.".into()],
        erased,
        left: vec![left],
        shown: "0123".into(),
    }
}

pub fn question(verb: Verb, subjects: &[Subject], alone: bool, message: Option<&str>) -> String {
    let answers = Answers { full: true, ..Answers::default() };
    let (answers, profiles, macs) = (&answers, &["worker".to_string()], &[]);
    let question = Question { verb, subjects, alone, answers, profiles, macs, message };
    web::question_page(question, &visitor(), NOW).unwrap()
}

#[test]
fn a_question_names_what_goes() {
    let rack: Vec<Machine> = answer("rack.json");
    let erasure: Erasure = answer("erasure.json");
    let one = [subject(rack[0].clone(), erasure.disks.clone(), None)];
    golden("question.html", &question(Verb::Wipe, &one, true, None));
    let mistyped = question(Verb::Wipe, &one, true, Some("`node70` is not `node01`: nothing was done"));
    assert!(mistyped.contains("role=\"alert\"><code>node70</code> is not"), "{mistyped}");
    let several = [
        subject(rack[0].clone(), erasure.disks.clone(), None),
        subject(rack[1].clone(), vec![], None),
        subject(rack[2].clone(), vec![], Some("it is on hold: release it first")),
    ];
    golden("question-several.html", &question(Verb::Reprovision, &several, false, None));
    let refused = question(Verb::Retry, &several[2..], true, None);
    assert!(refused.contains("As things stand it cannot be done") && !refused.contains(">retry</button>"));
    for verb in Verb::ALL {
        let page = question(verb, &one, true, None);
        assert!(page.contains(&format!("action=\"/machines/{}/{}\"", rack[0].id, verb.as_str())));
        assert_eq!(page.contains("Type <b>node01</b>"), verb.is_final(), "{verb:?}");
        assert_eq!(page.contains("powered_off"), verb.leaves(), "{verb:?}");
        assert_eq!(page.contains("erase_foreign"), verb.erases(), "{verb:?}");
    }
}

#[test]
fn an_outcome_is_told_for_each() {
    let rack: Vec<Machine> = answer("rack.json");
    let refused = Err(("cannot hold it".to_string(), Some("say `metalctl machine why`".to_string())));
    let outcomes = [
        Outcome { machine: rack[0].clone(), done: Ok(()) },
        Outcome { machine: rack[1].clone(), done: refused },
    ];
    golden("outcome.html", &web::outcome_page(Verb::Hold, &outcomes, &visitor(), NOW).unwrap());
}

#[test]
fn records() {
    let (audit, events, leases) = (audit(), events(), leases());
    let query = AuditQuery { who: Some("anna".into()), ..AuditQuery::default() };
    golden("audit.html", &web::audit_page(&query, (&audit, true), &visitor(), NOW).unwrap());
    let asked = EventsAsked { machine: "node07".into(), refused: false };
    let older = Some("1.2.m7".to_string());
    golden("events.html", &web::events_page(&asked, &events, (older, None), &visitor(), NOW).unwrap());
    let form = ReservationForm { mac: "52:54".into(), address: "10".into(), message: Some("`52:54`".into()) };
    golden(
        "leases.html",
        &web::leases_page(&leases, Some("10.77.0.9".into()), &form, &visitor(), NOW).unwrap(),
    );
    let viewer = Visitor { role: Role::Viewer, ..visitor() };
    let looks = web::leases_page(&leases, None, &ReservationForm::default(), &viewer, NOW).unwrap();
    assert!(!looks.contains("Reserve") && !looks.contains("give back") && !looks.contains("/audit"));
    golden("tombstones.html", &web::tombstones_page(&[tombstone()], &visitor(), NOW).unwrap());
}

pub fn audit() -> Vec<AuditEntry> {
    let entry = |status: Option<u16>, call: &str| AuditEntry {
        id: "0199".into(),
        at: NOW,
        who: "anna".into(),
        role: Role::Operator,
        address: "192.0.2.7".into(),
        call: call.into(),
        subject: "m7".into(),
        status,
        before: Some(json!({"hold": false})),
        after: Some(json!({"hold": true})),
    };
    vec![
        entry(Some(303), "POST /machines/m7/hold"),
        entry(Some(409), "POST /api/v1/machines/node07/wipe"),
        entry(None, "DELETE /api/v1/users/m7"),
    ]
}

fn events() -> Vec<MachineEvent> {
    let detail: MachineDetail = answer("node07.json");
    let entries = detail.history.into_iter().zip(1..);
    let event = |(entry, number)| MachineEvent {
        machine: detail.machine.id.clone(),
        name: "node07".into(),
        number,
        entry,
    };
    entries.map(event).collect()
}

pub fn leases() -> Vec<LeaseView> {
    serde_json::from_value(json!([
        {"address": "10.77.0.101", "network": "rack", "mac": "52:54:00:a1:00:01", "machine": "node01", "state": "leased",
         "until": NOW + 60_000_000, "kept_for": null, "kept_by": null},
        {"address": "10.77.0.102", "network": "rack", "mac": "52:54:00:a1:00:02", "machine": null, "state": "leased",
         "until": NOW - 60_000_000, "kept_for": "52:54:00:a1:00:02", "kept_by": "anna"},
        {"address": "10.77.0.103", "network": "rack", "mac": null, "machine": null, "state": "declined",
         "until": NOW, "kept_for": "52:54:00:a1:00:03", "kept_by": "site file"}
    ]))
    .unwrap()
}

fn tombstone() -> Tombstone {
    serde_json::from_value(json!({
        "machine": "m3", "hostname": "node03", "interfaces": ["52:54:00:a1:00:03"], "serial": "LAB-0003",
        "profile": "worker", "state": "active", "generation": 2, "installed": 2, "at": NOW, "who": "anna"
    }))
    .unwrap()
}

#[test]
fn catalogue() {
    let profiles: Vec<ProfileView> = answer("profiles.json");
    let images: Vec<api::image::Manifest> = answer("images.json");
    let shelf = images.into_iter().map(|manifest| ShelfImage {
        users: profiles.iter().filter(|profile| profile.image == manifest.name).cloned().collect(),
        manifest,
    });
    let shelf: Vec<ShelfImage> = shelf.collect();
    let broken = [("half".to_string(), "cannot read `manifest.toml`".to_string())];
    golden("images.html", &web::images_page(&shelf, &broken, &visitor(), NOW).unwrap());
    golden("profiles.html", &web::profiles_page(&profiles, &visitor(), NOW).unwrap());
    let settings =
        ProfileSettings { name: "worker".into(), settings: [("image".into(), "debian-12".into())].into() };
    golden("profile.html", &web::profile_page(&settings, &visitor(), NOW).unwrap());
    let checks: Vec<api::image::FileCheck> = serde_json::from_value(json!([
        {"name": "root", "size": 5, "problem": null}, {"name": "kernel", "size": 7, "problem": "its SHA-256 is 00"}
    ]))
    .unwrap();
    golden("image-checks.html", &web::image_checks_page("debian-12", &checks, &visitor(), NOW).unwrap());
}

#[test]
fn a_machine_in_doubt_and_its_wipe() {
    let detail: MachineDetail = answer("node07.json");
    let disk = json!({"model": "SSD", "serial": "S1", "wwn": "", "size": 500_000_000_000u64});
    let mut planned = disk.clone();
    planned["sector_size"] = json!(512);
    planned["fingerprint"] = json!("00");
    let mut wiped = disk.clone();
    wiped["outcome"] = json!("failed");
    wiped["steps"] = json!([{"method": "discard of all blocks", "error": "it refused"}]);
    wiped["at"] = json!(NOW);
    let mut left = disk.clone();
    left["why"] = json!("it is read-only");
    left["wanted"] = json!(true);
    let wipe: Wipe = serde_json::from_value(json!({
        "number": 1, "at": NOW, "who": "anna", "wish": {"scope": "ours", "disks": [disk]},
        "plan": {"machine": "m7", "number": 1, "boot_id": "b", "full": false, "disks": [planned], "left": [left]},
        "record": [wiped]
    }))
    .unwrap();
    let mut detail = MachineDetail { wipe: Some(wipe), ..detail };
    let interfaces = detail.machine.interfaces.clone();
    detail.machine.quarantine = Some(Quarantine {
        about: Doubt::Hardware,
        since: NOW,
        why: "its board is `node08`'s".into(),
        interfaces,
    });
    let (why, offers) = (why(), offers());
    let view = machine_view(&detail, &why, &[], &offers);
    let page = web::machine_page(view, &visitor(), NOW).unwrap();
    let sections = web::machine_fragments(view, &visitor(), NOW).unwrap();
    let of = |id: &str| {
        sections.iter().find(|section| section.starts_with(&format!("<section id=\"{id}\""))).unwrap()
    };
    golden("machine-doubt.html", &format!("{}\n{}\n", of("doubt"), of("wipe")));
    assert!(sections.iter().all(|section| page.contains(section)));

    let two = Quarantine { about: Doubt::Sessions, since: NOW, why: "two speak".into(), interfaces: vec![] };
    detail.machine.quarantine = Some(two);
    let page = web::machine_page(machine_view(&detail, &why, &[], &offers), &visitor(), NOW).unwrap();
    assert!(page.contains("two speak") && page.contains("Switch one of the two off"), "{page}");
    assert!(!page.contains("In question:") && !page.contains("whose hardware this is"), "{page}");
}
