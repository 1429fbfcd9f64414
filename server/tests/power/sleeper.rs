//! Machines without a BMC, through the routes of operators and agents: what a person wants becomes the agent's task, and
//! its goodbye and the next hello are all that is read back.

use std::net::SocketAddr;

use api::bmc::{Power, PowerAction};
use api::event::Event;
use api::id::{Mac, MachineId};
use api::power::Trouble;
use api::state::Home;
use api::task::{Outcome, Task, Work};
use api::user::Role;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use server::app::App;
use server::bmc::drive::{pass, verified};
use server::bmc::gap::Doing;
use server::bmc::lane::Asker;
use server::bmc::wake::ByAgent;
use server::ca::AgentName;
use server::config::Site;
use server::http::boot::hash;
use server::http::secure;
use server::http::tls::Peer;
use server::store::machine::Birth;
use server::store::{NewTask, NewToken};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::metald;

const SECOND: i64 = 1_000_000;

const SITE: &str = r#"
name = "test"

[[network]]
name = "rack"
interface = "lo"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
"#;

struct Bed {
    app: App,
    id: MachineId,
    _folder: TempDir,
}

impl Bed {
    async fn new() -> Bed {
        let folder = tempfile::tempdir().unwrap();
        let app = metald::app(&folder, Site::parse(SITE).unwrap()).await;
        let id = MachineId("m1".into());
        let birth = Birth {
            macs: vec![Mac([0x52, 0x54, 0, 0x77, 0, 1])],
            hostname: Some("node07".parse().unwrap()),
            enrolled: true,
            ..Birth::default()
        };
        app.store.machine_born(birth, id.clone(), 1).await.unwrap();
        let token = NewToken {
            hash: hash("ada"),
            name: "ada".into(),
            role: Role::Admin,
            kind: "token",
            expires: None,
        };
        app.store.token_add(token, 1).await.unwrap();
        let bed = Bed { app, id, _folder: folder };
        let (status, body) = bed.ada("PUT", "bmc", json!({"driver": "wake-on-lan"})).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        bed
    }

    async fn ada(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/api/v1/machines/node07/{path}");
        let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, "Bearer ada");
        self.call(None, request, body).await
    }

    /// The agent in RAM of this boot.
    async fn agent(&self, boot: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let (machine, boot_id) = (self.id.0.clone(), boot.into());
        let name = AgentName { machine, home: Home::Ram, generation: 0, boot_id };
        self.call(Some(name), Request::builder().method(method).uri(path), body).await
    }

    async fn call(
        &self,
        agent: Option<AgentName>,
        request: axum::http::request::Builder,
        body: Value,
    ) -> (StatusCode, Value) {
        let (request, body) = match body.is_null() {
            true => (request, Body::empty()),
            false => (request.header(header::CONTENT_TYPE, "application/json"), Body::from(body.to_string())),
        };
        let peer = Peer { address: SocketAddr::from(([10, 77, 0, 5], 4000)), agent };
        let router = secure(self.app.clone()).layer(axum::Extension(peer));
        let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn hello(&self, boot: &str) {
        let hello = json!({
            "home": "ram", "boot_id": boot, "generation": 0, "agent_version": "1", "clock_error_ms": 0
        });
        assert_eq!(self.agent(boot, "POST", "/agent/v1/hello", hello).await.0, StatusCode::OK);
    }

    /// What the agent of this boot is asked to do.
    async fn task(&self, boot: &str) -> Task {
        let (status, task) = self.agent(boot, "GET", "/agent/v1/task?wait=0", Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{task}");
        serde_json::from_value(task).unwrap()
    }

    async fn ends(&self, boot: &str, task: &Task) {
        let path = format!("/agent/v1/task/{}/outcome", task.id);
        let (status, body) = self.agent(boot, "POST", &path, json!({"outcome": "done"})).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }

    async fn read(&self) -> Power {
        let row = self.app.store.bmc(&self.id).await.unwrap().unwrap();
        self.app.bmcs.read(&self.app, &row, Asker::Person).await.unwrap()
    }

    async fn doing(&self) -> Doing {
        self.app.store.power(&self.id).await.unwrap().unwrap().doing().unwrap()
    }
}

#[tokio::test]
async fn the_agent_goes_down_when_a_person_wants_it_off() {
    let bed = Bed::new().await;
    bed.hello("r1").await;
    assert_eq!(bed.task("r1").await.work, Work::Inspect);
    let (status, body) = bed.ada("POST", "power", json!({"action": "off"})).await;
    assert_eq!((status, body["power"]["doing"].as_str()), (StatusCode::OK, Some("off")), "{body}");
    let task = bed.task("r1").await;
    assert_eq!(task.work, Work::PowerOff);
    assert_eq!(bed.task("r1").await.id, task.id, "asked again, it is the same task");
    assert_eq!(bed.read().await, Power::On, "it has not gone yet");
    bed.ends("r1", &task).await;
    assert_eq!(bed.read().await, Power::Unknown, "it is on its way down");
    let (status, _) = bed.agent("r1", "GET", "/agent/v1/task?wait=0", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_same_agent_is_not_told_any_more_once_somebody_changed_their_mind() {
    let bed = Bed::new().await;
    bed.hello("r1").await;
    bed.ada("POST", "power", json!({"action": "off"})).await;
    let task = bed.task("r1").await;
    assert_eq!(task.work, Work::PowerOff);
    let (status, body) = bed.ada("POST", "power", json!({"action": "on"})).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let path = format!("/agent/v1/task/{}/outcome", task.id);
    let (status, _) = bed.agent("r1", "POST", &path, json!({"outcome": "done"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "the agent that was about to go stays");
    assert_eq!(bed.task("r1").await.work, Work::Inspect, "work goes on");
}

#[tokio::test]
async fn a_cycle_is_a_reboot_that_the_next_hello_ends() {
    let bed = Bed::new().await;
    bed.hello("r1").await;
    let (status, body) = bed.ada("POST", "power", json!({"action": "cycle"})).await;
    assert_eq!((status, body["power"]["doing"].as_str()), (StatusCode::OK, Some("cycle")), "{body}");
    let task = bed.task("r1").await;
    assert!(matches!(task.work, Work::Reboot { way: None, .. }), "{task:?}");
    bed.ends("r1", &task).await;
    assert_eq!(bed.read().await, Power::Unknown);
    pass(&bed.app, &bed.app.bmcs, &bed.id).await.unwrap();
    assert_eq!(
        bed.doing().await.action,
        Some(PowerAction::Cycle),
        "its last word is no sign of the next boot"
    );
    bed.hello("r2").await;
    assert_eq!(bed.task("r2").await.work, Work::Inspect, "it is not rebooted again");
    assert_eq!(bed.read().await, Power::On);
}

#[tokio::test]
async fn without_an_agent_a_hand_is_asked_for_and_nothing_fails() {
    let bed = Bed::new().await;
    bed.read().await;
    let (status, body) = bed.ada("POST", "power", json!({"action": "cycle"})).await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert!(body["error"].as_str().unwrap().contains("needs a hand: press power"), "{body}");
    // Its firmware was heard, and nothing in it can be asked.
    bed.app.store.machine_seen(&bed.id, "discover".into(), server::clock::now()).await.unwrap();
    bed.app.store.submit(&bed.id, Event::PowerOff, "ada", server::clock::now()).await.unwrap();
    bed.read().await;
    pass(&bed.app, &bed.app.bmcs, &bed.id).await.unwrap();
    let view = bed.app.view(&bed.id).await.unwrap();
    assert_eq!(
        (view.state, view.power.unwrap().trouble),
        (api::state::State::Discovered, Trouble::NeedsAHand)
    );
    let evidence = view.wait.unwrap().evidence;
    assert!(evidence.contains("needs a hand: press power"), "{evidence}");
    // As soon as there is somebody, they are asked.
    bed.hello("r1").await;
    bed.read().await;
    pass(&bed.app, &bed.app.bmcs, &bed.id).await.unwrap();
    assert_eq!(bed.task("r1").await.work, Work::PowerOff);
}

/// One that said goodbye a minute ago is off, is woken when it is wanted, and of one that was woken nobody knows.
#[tokio::test]
async fn one_that_said_goodbye_is_off_until_it_is_woken() {
    let bed = Bed::new().await;
    let (store, then) = (&bed.app.store, server::clock::now() - 60 * SECOND);
    let hello = Event::Hello { home: Home::Ram, boot_id: "r1".into(), generation: 0 };
    store.submit(&bed.id, hello, "agent", then).await.unwrap();
    store.submit(&bed.id, Event::PowerOff, "ada", then).await.unwrap();
    store.agent_power_ask(&bed.id, ByAgent::PowerOff, "r1", then).await.unwrap();
    let task = Task { id: "t1".into(), generation: 0, work: Work::PowerOff };
    let new = NewTask { machine: bed.id.clone(), key: "k1".into(), task, deadline: i64::MAX };
    assert!(store.task_offer(new, then).await.unwrap().is_some());
    store.task_finish(&bed.id, "t1", Outcome::Done, then + SECOND).await.unwrap();
    assert_eq!(bed.read().await, Power::Off);
    let fence = verified(&bed.app, &bed.app.bmcs, &bed.id).await.unwrap();
    assert_eq!(fence, None, "a system that hangs on its way down has said goodbye, too");
    pass(&bed.app, &bed.app.bmcs, &bed.id).await.unwrap();
    assert_eq!(bed.doing().await, Doing::default(), "it is as it should be");
    let (status, body) = bed.ada("POST", "power", json!({"action": "on"})).await;
    assert_eq!((status, body["power"]["doing"].as_str()), (StatusCode::OK, Some("on")), "{body}");
    assert_eq!(bed.read().await, Power::Unknown, "a packet was sent; whether it was heard, its hello tells");
    bed.hello("r2").await;
    assert_eq!(bed.read().await, Power::On);
}
