//! Who gets what over plain HTTP: strangers by the site's policy, boot keys only where they belong; and whose word
//! a certificate is.

use std::net::Ipv4Addr;

use api::event::Event;
use api::id::MachineId;
use api::plan::{Plan, PlannedDisk, PlannedImage};
use api::state::Home;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use server::ca::AgentName;
use server::http::boot::hash;
use server::store::machine::Birth;

use crate::bench::{Bench, HIS, MAC, NOT_HIS, key_in};

#[tokio::test]
async fn strangers_get_what_the_site_says() {
    let ignore = Bench::new("ignore").await;
    assert!(ignore.script().await.contains("its own disk"));
    assert!(ignore.app.store.machine_by_mac(MAC).await.unwrap().is_none(), "no row of one that is ignored");

    let record = Bench::new("record").await;
    assert!(record.script().await.contains("its own disk"));
    let row = record.app.store.machine_by_mac(MAC).await.unwrap().unwrap();
    assert!(!row.enrolled && row.state == "discovered");

    let enroll = Bench::new("enroll").await;
    assert!(enroll.script().await.contains("loading the agent"));
    let (status, kernel) = enroll.get(&format!("/boot/{MAC}/vmlinuz"), HIS).await;
    assert_eq!((status, kernel.as_slice()), (StatusCode::OK, b"vmlinuz".as_slice()));
    let (status, _) = enroll.get(&format!("/boot/{MAC}/boot.ipxe"), Ipv4Addr::new(192, 0, 2, 1)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "an address of no network of ours");
}

#[tokio::test]
async fn a_boot_key_goes_to_the_leased_address_and_each_one_kills_the_one_before() {
    let bench = Bench::new("enroll").await;
    bench.script().await;
    let path = format!("/boot/{MAC}/key");
    assert_eq!(bench.get(&path, HIS).await.0, StatusCode::FORBIDDEN, "nothing is leased yet");
    bench.lease().await;
    assert_eq!(bench.get(&path, NOT_HIS).await.0, StatusCode::FORBIDDEN, "another address");
    let (status, first) = bench.get(&path, HIS).await;
    assert_eq!(status, StatusCode::OK);
    let (_, second) = bench.get(&path, HIS).await;
    let (first, second) = (key_in(&first), key_in(&second));
    assert_eq!(first.len(), 64);
    let now = server::clock::now();
    let store = &bench.app.store;
    assert_eq!(store.boot_key_use(hash(&first), now).await.unwrap(), None, "the newer one killed it");
    assert!(store.boot_key_use(hash(&second), now).await.unwrap().is_some());
    assert_eq!(store.boot_key_use(hash(&second), now).await.unwrap(), None, "it works once");
    let (_, third) = bench.get(&path, HIS).await;
    let late = server::clock::now() + 11 * 60 * 1_000_000;
    assert_eq!(
        store.boot_key_use(hash(&key_in(&third)), late).await.unwrap(),
        None,
        "it dies after ten minutes"
    );
}

#[tokio::test]
async fn no_key_while_no_agent_is_wanted() {
    let bench = Bench::new("record").await;
    bench.script().await;
    bench.lease().await;
    assert_eq!(bench.get(&format!("/boot/{MAC}/key"), HIS).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_home_and_boot_only() {
    let bench = Bench::new("enroll").await;
    bench.script().await;
    let machine = bench.app.store.machine_by_mac(MAC).await.unwrap().unwrap().id();
    let name = AgentName { machine: machine.0.clone(), home: Home::Ram, generation: 0, boot_id: "b1".into() };
    let hello = |home: &str, boot: &str| {
        let body = format!(
            r#"{{"home":"{home}","boot_id":"{boot}","generation":7,"agent_version":"1","clock_error_ms":0}}"#
        );
        let request = Request::post("/agent/v1/hello").header("content-type", "application/json");
        request.body(Body::from(body)).unwrap()
    };
    assert_eq!(bench.secure(Some(name.clone()), hello("disk", "b1")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.secure(Some(name.clone()), hello("ram", "b2")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.secure(Some(name), hello("ram", "b1")).await.0, StatusCode::OK);
    let row = bench.app.store.machine(&machine).await.unwrap();
    assert_eq!(
        (row.state.as_str(), row.session_generation),
        ("inspecting", 0),
        "the certificate names the generation"
    );
}

#[tokio::test]
async fn an_install_that_lost_its_profile_fails_with_that_reason() {
    let bench = Bench::new("enroll").await;
    bench.script().await;
    let store = &bench.app.store;
    let machine = store.machine_by_mac(MAC).await.unwrap().unwrap().id();
    let gone = Birth { profile: Some("gone".into()), ..Birth::default() };
    store.machine_describe(&machine, gone).await.unwrap();
    let hello = Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 };
    let verified = Event::LayoutVerified { generation: 1 };
    for event in [hello, Event::FactsReported, Event::Approved { erase_foreign: false }, verified] {
        store.submit(&machine, event, "test", 1).await.unwrap();
    }
    store.plan_freeze(plan(machine.clone()), 1).await.unwrap();
    let agent =
        AgentName { machine: machine.0.clone(), home: Home::Ram, generation: 0, boot_id: "b1".into() };
    let request = Request::get("/agent/v1/task?wait=0").body(Body::empty()).unwrap();
    assert_eq!(bench.secure(Some(agent), request).await.0, StatusCode::NO_CONTENT);
    let row = store.machine(&machine).await.unwrap();
    assert_eq!(row.state, "failed");
    assert!(row.reason.unwrap().contains("profile"));
}

pub fn plan(machine: MachineId) -> Plan {
    let image = PlannedImage {
        name: "os".into(),
        version: "1".into(),
        file: "root".into(),
        format: "ext4.zst".into(),
        size: 1,
        unpacked: 1,
        sha256: String::new(),
    };
    let disk = PlannedDisk {
        model: String::new(),
        serial: "S1".into(),
        wwn: String::new(),
        size: 1,
        sector_size: 512,
        fingerprint: String::new(),
        guid: String::new(),
        partitions: vec![],
    };
    Plan { machine, generation: 1, boot_id: "b1".into(), image, disk }
}

#[tokio::test]
async fn what_an_agent_says_is_kept_without_its_secrets() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let name = AgentName { machine: machine.0.clone(), home: Home::Ram, generation: 0, boot_id: "b1".into() };
    let line = "kubeadm: Using token: abcdef.0123456789abcdef";
    let body = format!(r#"{{"boot_id":"b1","lines":[{{"at":1,"source":"agent","text":"{line}"}}]}}"#);
    let request = Request::post("/agent/v1/log").header("content-type", "application/json");
    let (status, _) = bench.secure(Some(name), request.body(Body::from(body)).unwrap()).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let log = bench.app.store.log(&machine, 10).await.unwrap();
    assert_eq!(log.last().unwrap().text, "kubeadm: Using token: (masked)");
}
