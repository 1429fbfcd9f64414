//! A second system that speaks in a machine's name stops both.

use api::id::MachineId;
use api::state::{Home, State};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use server::ca::AgentName;

use crate::bench::Bench;

fn agent(machine: &MachineId, home: Home, boot_id: &str) -> AgentName {
    match home {
        Home::Ram => AgentName { machine: machine.0.clone(), home, generation: 0, boot_id: boot_id.into() },
        Home::Disk => AgentName { machine: machine.0.clone(), home, generation: 1, boot_id: String::new() },
    }
}

async fn hello(bench: &Bench, machine: &MachineId, home: Home, boot_id: &str) -> StatusCode {
    let body = format!(
        r#"{{"home":"{home}","boot_id":"{boot_id}","generation":0,"agent_version":"1","clock_error_ms":0}}"#
    );
    let request = Request::post("/agent/v1/hello").header("content-type", "application/json");
    bench.secure(Some(agent(machine, home, boot_id)), request.body(Body::from(body)).unwrap()).await.0
}

async fn polls(bench: &Bench, machine: &MachineId, home: Home, boot_id: &str) -> StatusCode {
    let request =
        Request::get(format!("/agent/v1/task?wait=0&boot_id={boot_id}")).body(Body::empty()).unwrap();
    bench.secure(Some(agent(machine, home, boot_id)), request).await.0
}

async fn held(bench: &Bench, machine: &MachineId) -> bool {
    bench.app.store.machine(machine).await.unwrap().hold
}

#[tokio::test]
async fn a_machine_that_boots_again_is_still_itself() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    for boot in ["b1", "b2", "b3"] {
        assert_eq!(hello(&bench, &machine, Home::Ram, boot).await, StatusCode::OK);
        assert_eq!(hello(&bench, &machine, Home::Ram, boot).await, StatusCode::OK, "after a lost connection");
        assert_eq!(polls(&bench, &machine, Home::Ram, boot).await, StatusCode::OK, "it is to inspect");
    }
    assert!(!held(&bench, &machine).await);
}

#[tokio::test]
async fn a_hello_that_a_killed_server_had_half_heard_is_said_again() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    assert_eq!(hello(&bench, &machine, Home::Ram, "b1").await, StatusCode::OK);
    bench.app.store.session_began(&machine, "b2", server::clock::now()).await.unwrap();
    assert_eq!(hello(&bench, &machine, Home::Ram, "b2").await, StatusCode::OK);
    assert!(!held(&bench, &machine).await);
}

#[tokio::test]
async fn two_that_live_in_ram_are_both_stopped() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    assert_eq!(hello(&bench, &machine, Home::Ram, "mine").await, StatusCode::OK);
    assert_eq!(hello(&bench, &machine, Home::Ram, "mallory").await, StatusCode::OK);
    assert!(!held(&bench, &machine).await, "so far it may have booted again");
    assert_eq!(polls(&bench, &machine, Home::Ram, "mine").await, StatusCode::CONFLICT);
    assert!(held(&bench, &machine).await);
    assert_eq!(
        polls(&bench, &machine, Home::Ram, "mallory").await,
        StatusCode::NO_CONTENT,
        "nor has the other work"
    );
    let row = bench.app.store.machine(&machine).await.unwrap();
    assert!(row.evidence.contains("two systems speak in its name"), "{}", row.evidence);
    let history = bench.app.store.history(&machine, 10).await.unwrap();
    assert!(history.iter().any(|entry| entry.event == "second_session" && entry.who == "server"));

    let facts = Request::put("/agent/v1/facts").body(Body::empty()).unwrap();
    let (status, _) = bench.secure(Some(agent(&machine, Home::Ram, "mine")), facts).await;
    assert_eq!(status, StatusCode::CONFLICT, "nothing else of it is heard either");
    let release = api::event::Event::Release;
    bench.app.store.submit(&machine, release, "anna", 1).await.unwrap();
    assert_eq!(polls(&bench, &machine, Home::Ram, "mine").await, StatusCode::CONFLICT);
    assert!(held(&bench, &machine).await, "as long as both are alive");
}

#[tokio::test]
async fn a_copy_of_its_disk_beside_it_stops_both() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    bench.put(&machine, State::Active, 1).await;
    assert_eq!(hello(&bench, &machine, Home::Disk, "own").await, StatusCode::OK);
    assert_eq!(polls(&bench, &machine, Home::Disk, "own").await, StatusCode::NO_CONTENT);
    assert_eq!(hello(&bench, &machine, Home::Disk, "copy").await, StatusCode::OK);
    assert_eq!(polls(&bench, &machine, Home::Disk, "copy").await, StatusCode::NO_CONTENT);
    assert!(!held(&bench, &machine).await);
    assert_eq!(polls(&bench, &machine, Home::Disk, "own").await, StatusCode::CONFLICT);
    assert!(held(&bench, &machine).await);
    assert_eq!(hello(&bench, &machine, Home::Disk, "own").await, StatusCode::CONFLICT);
    assert_eq!(bench.app.store.machine(&machine).await.unwrap().boot_id, "copy");
}
