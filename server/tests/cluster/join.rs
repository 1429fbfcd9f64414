//! Whose turn it is to join, and who gets join secrets.

use api::event::Event;
use api::state::Home;
use axum::http::{Method, StatusCode};
use serde_json::Value;
use server::ca::AgentName;
use server::lifecycle::drive;

use crate::api_server::TOKEN;
use crate::bench::{Bench, HOUR, JOIN, installed};

#[tokio::test]
async fn join_secrets_go_to_a_machine_that_joins_and_to_nobody_else() {
    let bench = Bench::new().await;
    bench.up().await;
    let id = bench.joining(1, "worker").await;
    assert_eq!(bench.refused(installed(&id, 1)).await, "no task to join is running");
    assert_eq!(bench.task(&id).await.0, StatusCode::OK);
    let ram = AgentName { machine: id.0.clone(), home: Home::Ram, generation: 0, boot_id: "ram-1".into() };
    assert_eq!(bench.refused(ram).await, "only the installed system joins a cluster");
    assert_eq!(bench.refused(installed(&id, 2)).await, "this install has been replaced by a newer one");
    assert_eq!(bench.refused(installed(&id, 0)).await, "this install has been replaced by a newer one");
    bench.app.store.submit(&id, Event::Hold, "test", 3).await.unwrap();
    assert_eq!(bench.refused(installed(&id, 1)).await, "the machine is not joining");
    bench.app.store.submit(&id, Event::Release, "test", 3).await.unwrap();
    let failed = Event::StepFailed { reason: "it did".into() };
    bench.app.store.submit(&id, failed, "test", 3).await.unwrap();
    assert_eq!(bench.refused(installed(&id, 1)).await, "the machine is not joining");
}

#[tokio::test]
async fn a_token_is_for_one_machine_for_minutes_and_a_second_one_ends_the_first() {
    let bench = Bench::new().await;
    bench.up().await;
    let id = bench.joining(1, "worker").await;
    let (_, task) = bench.task(&id).await;
    let text = task.to_string();
    assert!(text.contains("JoinConfiguration") && !text.contains("token"), "{text}");
    let (status, first) = bench.call(installed(&id, 1), Method::POST, JOIN, None).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let (token, secret) = first["token"].as_str().unwrap().split_once('.').unwrap();
    assert_eq!((token.len(), secret.len()), (6, 16));
    assert!(first["ca_hashes"][0].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(first["certificate_key"], Value::Null);
    let name = format!("bootstrap-token-{token}");
    let made = bench.api.store.get("secrets", &name).unwrap();
    assert_eq!(made["type"], "bootstrap.kubernetes.io/token");
    assert_eq!(made["data"]["usage-bootstrap-authentication"], "dHJ1ZQ==");
    let row = bench.app.store.node(&id).await.unwrap().unwrap();
    assert_eq!(row.token_id.as_deref(), Some(token));
    let life = row.token_expires.unwrap() - server::clock::now();
    assert!(life > 14 * HOUR / 60 && life <= 15 * HOUR / 60);
    let (_, second) = bench.call(installed(&id, 1), Method::POST, JOIN, None).await;
    assert_ne!(first["token"], second["token"]);
    assert_eq!(bench.api.store.names("secrets").len(), 1, "the first is gone");
}

#[tokio::test]
async fn the_first_initialises_and_the_others_wait_for_it() {
    let bench = Bench::new().await;
    let worker = bench.joining(3, "worker").await;
    assert_eq!(bench.task(&worker).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.evidence(&worker).await, "waits for a control plane that initialises cluster prod");
    let (first, second) = (bench.joining(1, "control").await, bench.joining(2, "control").await);
    let (_, task) = bench.task(&first).await;
    assert_eq!(task["work"]["order"]["init"], true);
    assert_eq!(bench.task(&second).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.task(&worker).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.evidence(&second).await, "waits for node01 to initialise cluster prod");
    assert_eq!(bench.evidence(&worker).await, "waits for node01 to initialise cluster prod");

    assert_eq!(bench.tell_access(&second).await, StatusCode::FORBIDDEN, "it has no task to join");
    assert_eq!(bench.tell_access(&first).await, StatusCode::NO_CONTENT);
    let sealed = bench.app.store.cluster("prod").await.unwrap().unwrap().access.unwrap();
    assert!(!sealed.contains(TOKEN));
    let (_, task) = bench.task(&worker).await;
    assert_eq!(task["work"]["order"]["init"], false);
    let (_, task) = bench.task(&second).await;
    assert_eq!(task["work"]["order"]["role"], "control-plane");
    let (status, answer) = bench.call(installed(&second, 1), Method::POST, JOIN, None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(answer["error"], "the control planes' certificates are being uploaded");

    let third = bench.joining(4, "control").await;
    assert_eq!(bench.task(&third).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.evidence(&third).await, "waits for node02, which joins as a control plane");
}

/// Its control plane may be approved hours later. One whose agent has fallen silent waits for nobody.
#[tokio::test]
async fn a_worker_waits_for_its_turn_however_long_that_takes() {
    let bench = Bench::new().await;
    let long_ago = server::clock::now() - 2 * HOUR;
    let yes = || Event::Approved { erase_foreign: false };
    let (worker, silent) = (
        bench.joining_since(3, "worker", yes(), long_ago).await,
        bench.joining_since(4, "worker", yes(), long_ago).await,
    );
    assert_eq!(bench.task(&worker).await.0, StatusCode::NO_CONTENT);
    for id in [&worker, &silent] {
        drive::pass(&bench.app, id).await.unwrap();
    }
    assert_eq!((bench.state(&worker).await, bench.state(&silent).await), ("joining".into(), "failed".into()));
    bench.up().await;
    let (_, task) = bench.task(&worker).await;
    assert_eq!(task["work"]["order"]["init"], false);
    drive::pass(&bench.app, &worker).await.unwrap();
    bench.done(&worker, &task).await;
    assert_eq!(bench.state(&worker).await, "joining", "it has half an hour from here on");
}

#[tokio::test]
async fn a_second_control_plane_waits_until_the_first_one_s_load_balancer_knows_it() {
    let bench = Bench::new().await;
    let first = bench.joining(1, "control").await;
    let (_, join) = bench.task(&first).await;
    assert_eq!(bench.tell_access(&first).await, StatusCode::NO_CONTENT);
    bench.done(&first, &join).await;
    bench.app.store.submit(&first, Event::NodeReady, "test", 3).await.unwrap();

    let second = bench.joining(2, "control").await;
    assert_eq!(bench.task(&second).await.0, StatusCode::NO_CONTENT);
    let (_, balance) = bench.task(&first).await;
    let files = balance["work"]["step"]["files"].to_string();
    // This site's endpoint is a loopback address, which is one like any other here.
    assert!(
        files.contains("server node02 10.77.0.102:6443") && files.contains("        10.77.0.102"),
        "{files}"
    );
    assert_eq!(bench.evidence(&second).await, "waits for the load balancer of node01 to know it");
    bench.done(&first, &balance).await;
    let (_, join) = bench.task(&second).await;
    let files = join["work"]["order"]["files"].to_string();
    assert!(
        files.contains("server node01 10.77.0.101:6443") && files.contains("        10.77.0.101"),
        "{files}"
    );
}
