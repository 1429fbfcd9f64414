//! A second system that speaks in a machine's name stops both.

use api::id::MachineId;
use api::machine::Quarantine;
use api::state::{Home, State};
use api::user::Role;
use api::who::Doubt;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
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

/// What is in doubt about it; it is on hold as long as there is anything.
async fn doubt(bench: &Bench, machine: &MachineId) -> Option<Quarantine> {
    let view = bench.app.view(machine).await.unwrap();
    assert_eq!(view.hold, view.quarantine.is_some());
    view.quarantine
}

/// A person's verb on it.
async fn says(bench: &Bench, machine: &MachineId, verb: &str, body: String) -> (StatusCode, String) {
    let token = bench.token(Role::Admin).await;
    let request = Request::post(format!("/api/v1/machines/{machine}/{verb}"))
        .header("content-type", "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let (status, body) = bench.secure(None, request.body(Body::from(body)).unwrap()).await;
    (status, String::from_utf8(body).unwrap())
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
    assert_eq!(doubt(&bench, &machine).await, None);
}

#[tokio::test]
async fn a_hello_that_a_killed_server_had_half_heard_is_said_again() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    assert_eq!(hello(&bench, &machine, Home::Ram, "b1").await, StatusCode::OK);
    bench.app.store.session_began(&machine, "b2", server::clock::now()).await.unwrap();
    assert_eq!(hello(&bench, &machine, Home::Ram, "b2").await, StatusCode::OK);
    assert_eq!(doubt(&bench, &machine).await, None);
}

#[tokio::test]
async fn two_that_live_in_ram_are_both_stopped() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    assert_eq!(hello(&bench, &machine, Home::Ram, "mine").await, StatusCode::OK);
    assert_eq!(hello(&bench, &machine, Home::Ram, "mallory").await, StatusCode::OK);
    assert_eq!(doubt(&bench, &machine).await, None, "so far it may have booted again");
    assert_eq!(polls(&bench, &machine, Home::Ram, "mine").await, StatusCode::CONFLICT);
    let found = doubt(&bench, &machine).await.unwrap();
    assert_eq!(found.about, Doubt::Sessions);
    assert!(found.why.contains("boot mine is alive beside that of boot mallory"), "{}", found.why);
    assert_eq!(
        polls(&bench, &machine, Home::Ram, "mallory").await,
        StatusCode::NO_CONTENT,
        "nor has the other work"
    );
    for _ in 0..2 {
        assert_eq!(polls(&bench, &machine, Home::Ram, "mine").await, StatusCode::CONFLICT);
    }
    let history = bench.app.store.history(&machine, 100).await.unwrap();
    let told = history.iter().filter(|entry| entry.event == "quarantined" && entry.who == "server");
    assert_eq!(told.count(), 1, "it is told once");

    let facts = Request::put("/agent/v1/facts").body(Body::empty()).unwrap();
    let (status, _) = bench.secure(Some(agent(&machine, Home::Ram, "mine")), facts).await;
    assert_eq!(status, StatusCode::CONFLICT, "nothing else of it is heard either");
}

#[tokio::test]
async fn a_person_says_which_of_two_is_left() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    for boot in ["mine", "mallory"] {
        assert_eq!(hello(&bench, &machine, Home::Ram, boot).await, StatusCode::OK);
    }
    assert_eq!(polls(&bench, &machine, Home::Ram, "mine").await, StatusCode::CONFLICT);
    let view = bench.app.view(&machine).await.unwrap();
    let wait = view.wait.clone().unwrap();
    assert_eq!(wait.waiting_for, "an operator: two systems speak in its name");
    let why = server::why::why(&view, None, 1);
    assert_eq!(why.entry, "second-session");
    let verb = format!("`metalctl machine merge {name} {name}`", name = view.name());
    assert!(wait.then.contains(&verb) && why.todo.contains(&verb), "{wait:?} {why:?}");

    let (status, refusal) = says(&bench, &machine, "release", "null".into()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refusal.contains("two systems speak in its name"), "{refusal}");
    let (status, refusal) = says(&bench, &machine, "split", "{}".into()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "which of its ports is for the person to say: {refusal}");

    let itself = format!(r#"{{"into":"{machine}"}}"#);
    assert_eq!(says(&bench, &machine, "merge", itself.clone()).await.0, StatusCode::OK);
    assert_eq!(doubt(&bench, &machine).await, None);
    assert_eq!(polls(&bench, &machine, Home::Ram, "mine").await, StatusCode::CONFLICT);
    assert!(doubt(&bench, &machine).await.is_some(), "as long as both are alive");

    // Mallory is switched off, and the machine boots anew.
    assert_eq!(says(&bench, &machine, "merge", itself).await.0, StatusCode::OK);
    assert_eq!(hello(&bench, &machine, Home::Ram, "anew").await, StatusCode::OK);
    assert_eq!(polls(&bench, &machine, Home::Ram, "anew").await, StatusCode::OK, "it works again");
    assert_eq!(doubt(&bench, &machine).await, None);
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
    assert_eq!(doubt(&bench, &machine).await, None);
    assert_eq!(polls(&bench, &machine, Home::Disk, "own").await, StatusCode::CONFLICT);
    assert_eq!(doubt(&bench, &machine).await.unwrap().about, Doubt::Sessions);
    assert_eq!(hello(&bench, &machine, Home::Disk, "own").await, StatusCode::CONFLICT);
    assert_eq!(bench.app.store.machine(&machine).await.unwrap().boot_id, "copy");
}
