//! A control plane is a person's decision: no rule begins its install, and none makes one of a machine that a rule
//! has installed.

use api::event::Event;
use api::facts::Facts;
use api::id::{Mac, MachineId};
use api::state::Home;
use axum::http::StatusCode;
use serde_json::json;
use server::lifecycle::drive::drive;
use server::pulse::Pulse;
use server::store::machine::Birth;

use crate::bench::Bench;

#[tokio::test]
async fn a_rule_installs_a_worker_and_leaves_a_control_plane_to_a_person() {
    let bench = Bench::new().await;
    let driving = tokio::spawn(drive(bench.app.clone(), Pulse::silent().into()));
    let (worker, control) = (inspected(&bench, 1, "worker").await, inspected(&bench, 2, "control").await);
    bench.until("the worker is installed", async || bench.state(&worker).await == "partitioning").await;
    bench.until("it says so", async || bench.evidence(&control).await.contains("a person approves")).await;
    assert_eq!(bench.state(&control).await, "available");
    let yes = Event::Approved { erase_foreign: false };
    bench.app.store.submit(&control, yes, "anna", server::clock::now()).await.unwrap();
    assert_eq!(bench.state(&control).await, "partitioning");
    driving.abort();
    let by_rule = async |machine| bench.app.store.install_by_rule(machine).await.unwrap();
    assert!(by_rule(&worker).await && !by_rule(&control).await);
}

#[tokio::test]
async fn the_site_file_makes_no_control_plane_of_what_a_rule_has_installed() {
    let bench = Bench::new().await;
    let asked = async |id: &MachineId| bench.task(id).await.0;
    let by_rule = bench.joining_by(1, "control", Event::Allowed).await;
    assert_eq!(asked(&by_rule).await, StatusCode::NO_CONTENT);
    assert!(bench.evidence(&by_rule).await.contains("metalctl machine reprovision node01"));
    let worker = bench.joining_by(2, "worker", Event::Allowed).await;
    bench.up().await;
    assert_eq!(asked(&worker).await, StatusCode::OK, "a worker needs nobody");
}

/// A machine in RAM with one empty disk.
async fn inspected(bench: &Bench, number: u8, profile: &str) -> MachineId {
    let (mac, now) = (Mac([0x52, 0x54, 0, 0x77, 0, number]), server::clock::now());
    let id = MachineId(format!("machine-{number}"));
    let birth = Birth {
        macs: vec![mac],
        hostname: Some(format!("node0{number}").parse().unwrap()),
        profile: Some(profile.into()),
        clustered: true,
        enrolled: true,
        ..Birth::default()
    };
    let store = &bench.app.store;
    store.machine_born(birth, id.clone(), now).await.unwrap();
    let hello = Event::Hello { home: Home::Ram, boot_id: format!("ram-{number}"), generation: 0 };
    store.submit(&id, hello, "agent", now).await.unwrap();
    store.facts_put(&id, &facts(number), now).await.unwrap();
    store.submit(&id, Event::FactsReported, "agent", now).await.unwrap();
    id
}

fn facts(number: u8) -> Facts {
    let product = json!({"manufacturer": "", "product": "", "serial": format!("SN{number}")});
    let facts = json!({
        "boot_id": format!("ram-{number}"), "home": "ram", "boot_mode": "uefi", "kernel": "6",
        "firmware": {"vendor": "", "version": "", "date": ""},
        "system": product, "board": product, "chassis": product, "uuid": null, "cpus": [],
        "memory": {"total": 1, "modules": []}, "bmc": null, "clock_error_ms": 0, "interfaces": [],
        "disks": [{
            "name": "vda", "model": "", "serial": format!("D{number}"), "wwn": "", "size": 20_000_000_000_u64,
            "sector_size": 512, "rotational": false, "removable": false, "read_only": false, "transport": "virtio",
            "content": {"table": null, "signatures": [], "identity": null}, "fingerprint": "00"
        }]
    });
    serde_json::from_value(facts).unwrap()
}
