//! One machine's agent, in either home, plays every route of agents against another machine, in every state of it:
//! what it says and asks is about its own machine, whatever it puts into the path or the body.

use api::agent::{LogLine, LogSource};
use api::id::{Mac, MachineId};
use api::state::{Home, State};
use api::task::{Task, Work};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use server::ca::AgentName;
use server::http::secure;
use server::store::machine::Birth;
use server::store::{NewClusterTask, NewTask, Side};

use crate::bench::{Bench, MAC};
use crate::keys;
use crate::routes;

const ALICE: &str = "machine-of-alice";
/// Of his disk, as it stands in JSON.
const SERIAL: &str = "\"S1\"";

/// What Bob is known as, with what runs on it.
struct Bob {
    machine: MachineId,
    task: String,
    step: String,
}

#[tokio::test]
async fn an_agent_reaches_no_other_machines_data() {
    let bench = Bench::new("enroll").await;
    let bob = bob(&bench).await;
    let alice = MachineId(ALICE.into());
    let birth = Birth { macs: vec![Mac([0x52, 0x54, 0, 0x77, 0, 2])], enrolled: true, ..Birth::default() };
    bench.app.store.machine_born(birth, alice.clone(), 1).await.unwrap();
    let routes = routes::of(&secure(bench.app.clone()));
    let routes: Vec<_> = routes.iter().filter(|(_, path)| path.starts_with("/agent/")).collect();
    for state in State::ALL {
        for (home, generation, boot) in [(Home::Ram, 0, "a1"), (Home::Disk, 1, "")] {
            bench.put(&bob.machine, state, 1).await;
            bench.put(&alice, state, 1).await;
            let before = all_of(&bench, &bob).await;
            for (method, path) in &routes {
                for id in [&bob.task, &bob.step] {
                    let name =
                        AgentName { machine: ALICE.into(), home, generation, boot_id: boot.to_string() };
                    let what = format!("{method} {path} as {home} while {state}");
                    let (status, answer) = call(&bench, name, method, path, id, home).await;
                    if path.contains("{id}") {
                        assert!(status.is_client_error(), "{what}: {status}");
                    }
                    for word in [bob.machine.0.as_str(), SERIAL, bob.task.as_str(), bob.step.as_str()] {
                        assert!(!answer.contains(word), "{what} tells of Bob's {word}: {answer}");
                    }
                }
            }
            assert_eq!(all_of(&bench, &bob).await, before, "by an agent in {home} while {state}");
        }
    }
}

#[tokio::test]
async fn a_certificate_names_the_machine_that_asks() {
    let bench = Bench::new("enroll").await;
    let bob = bench.machine().await;
    bench.put(&bob, State::Installing, 3).await;
    let name = |boot: &str| AgentName {
        machine: bob.0.clone(),
        home: Home::Ram,
        generation: 0,
        boot_id: boot.into(),
    };
    let ask = async |generation: i64| {
        let body = json!({"csr_pem": csr(), "generation": generation}).to_string();
        let request = Request::post("/agent/v1/certificate").header("content-type", "application/json");
        bench.secure(Some(name("b1")), request.body(Body::from(body)).unwrap()).await
    };
    for generation in [2, 4] {
        assert_eq!(ask(generation).await.0, StatusCode::FORBIDDEN, "only the generation that is installed");
    }
    let (status, body) = ask(3).await;
    assert_eq!(status, StatusCode::OK);
    let pem = serde_json::from_slice::<serde_json::Value>(&body).unwrap()["certificate_pem"].to_string();
    let pem = pem.trim_matches('"').replace("\\n", "\n");
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let named = AgentName::of(&block.contents).unwrap();
    assert_eq!((named.machine, named.home, named.generation), (bob.0.clone(), Home::Disk, 3));
    bench.app.store.submit(&bob, api::event::Event::Hold, "anna", 1).await.unwrap();
    assert_eq!(ask(3).await.0, StatusCode::CONFLICT, "nor while it is on hold");
}

#[tokio::test]
async fn a_new_generation_ends_the_certificate_of_the_one_before() {
    let bench = Bench::new("enroll").await;
    let bob = bench.machine().await;
    bench.put(&bob, State::Active, 2).await;
    let call = async |generation: i64, method: &str, path: &str, body: serde_json::Value| {
        let name = AgentName { machine: bob.0.clone(), home: Home::Disk, generation, boot_id: String::new() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        bench.secure(Some(name), request.body(Body::from(body.to_string())).unwrap()).await
    };
    let renew = json!({"csr_pem": csr(), "generation": 2});
    assert_eq!(call(2, "POST", "/agent/v1/certificate", renew.clone()).await.0, StatusCode::OK);
    assert_eq!(call(1, "POST", "/agent/v1/certificate", renew).await.0, StatusCode::FORBIDDEN);
    assert_eq!(call(1, "POST", "/agent/v1/join", json!(null)).await.0, StatusCode::FORBIDDEN);
    let (status, task) = call(1, "GET", "/agent/v1/task?wait=0", json!(null)).await;
    let task: Task = serde_json::from_slice(&task).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(matches!(task.work, Work::Reboot { .. }), "all it is told is to go: {task:?}");
}

async fn bob(bench: &Bench) -> Bob {
    let machine = bench.machine().await;
    let store = &bench.app.store;
    bench.put(&machine, State::Partitioning, 1).await;
    let plan = store.plan_freeze(keys::plan(machine.clone()), 1).await.unwrap();
    let task = "task-of-bob".to_string();
    let work = Work::Partition { hash: plan.hash(), plan: Box::new(plan) };
    let new = NewTask {
        machine: machine.clone(),
        key: "bob".into(),
        task: Task { id: task.clone(), generation: 1, work },
        deadline: i64::MAX,
    };
    assert!(store.task_offer(new, 1).await.unwrap().is_some());
    let line = LogLine { at: 1, source: LogSource::Agent, text: "Bob's line".into() };
    store.log_add(&machine, vec![line]).await.unwrap();
    store.cluster_declare(vec!["prod".into()], 1).await.unwrap();
    let step = NewClusterTask {
        cluster: "prod".into(),
        key: "snapshot".into(),
        step_kind: "snapshot",
        subject: None,
        executor: Some(machine.clone()),
        body: "sealed".into(),
        deadline: i64::MAX,
    };
    store.cluster_task_add(step, 1).await.unwrap();
    let (step, _) = store.cluster_task_offer("prod", &machine, 1).await.unwrap().unwrap();
    Bob { machine, task, step }
}

/// Everything that the store has of Bob, but for what a test itself puts there.
async fn all_of(bench: &Bench, bob: &Bob) -> String {
    let (store, id) = (&bench.app.store, &bob.machine);
    let Side::Sqlite(pool) = store.read() else { panic!("this is SQLite") };
    let sql = "SELECT state, phase, done, reason FROM task WHERE machine = $1";
    let tasks: Vec<(String, String, i64, Option<String>)> =
        sqlx::query_as(sql).bind(&id.0).fetch_all(pool).await.unwrap();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{tasks:?}\n{:?}\n{:?}",
        store.machine(id).await.unwrap(),
        store.macs_of(id).await.unwrap(),
        store.facts(id).await.unwrap(),
        store.plan(id, 1).await.unwrap(),
        store.history(id, 100).await.unwrap(),
        store.log(id, 100).await.unwrap(),
        store.cluster_task(&bob.step).await.unwrap(),
        store.node(id).await.unwrap(),
    )
}

async fn call(
    bench: &Bench,
    name: AgentName,
    method: &str,
    path: &str,
    id: &str,
    home: Home,
) -> (StatusCode, String) {
    let body = match path.rsplit('/').next().unwrap() {
        "enroll" => json!({"boot_key": "guess", "boot_id": "a1", "csr_pem": csr(), "macs": [MAC]}),
        "hello" => {
            json!({"home": home, "boot_id": "a1", "generation": 9, "agent_version": "1", "clock_error_ms": 0})
        }
        "facts" => facts(home),
        "progress" => json!({"phase": "mallory", "done": 1, "total": 2}),
        "outcome" => json!({"outcome": "failed", "reason": "mallory"}),
        "certificate" => json!({"csr_pem": csr(), "generation": 1}),
        "log" => json!({"boot_id": "b1", "lines": [{"at": 1, "source": "agent", "text": "mallory"}]}),
        "cluster" => json!({"ca_pem": "mallory", "token": "mallory"}),
        "node" => json!({"certificates": [], "kubelet": "active"}),
        "result" => json!({"result": "members", "members": []}),
        _ => json!({}),
    };
    let request = Request::builder().method(method).uri(path.replace("{id}", id));
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
    let (status, answer) = bench.secure(Some(name), request.unwrap()).await;
    (status, String::from_utf8_lossy(&answer).into_owned())
}

/// Of a machine that has Bob's port.
fn facts(home: Home) -> serde_json::Value {
    let product = json!({"manufacturer": "", "product": "", "serial": ""});
    json!({
        "boot_id": "a1", "home": home, "boot_mode": "uefi", "kernel": "6",
        "firmware": {"vendor": "", "version": "", "date": ""},
        "system": product, "board": product, "chassis": product, "uuid": null, "cpus": [],
        "memory": {"total": 1, "modules": []}, "disks": [], "bmc": null, "clock_error_ms": 0,
        "interfaces": [{
            "name": "eth0", "mac": MAC, "pci": "", "driver": "", "speed": 0, "link": true, "addresses": []
        }]
    })
}

fn csr() -> String {
    let key = KeyPair::generate().unwrap();
    CertificateParams::new(vec![]).unwrap().serialize_request(&key).unwrap().pem().unwrap()
}
