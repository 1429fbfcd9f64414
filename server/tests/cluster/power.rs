//! What etcd's guard and a BMC's word keep a person from, over HTTP: with a PDU in a file in the place of the BMC.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::bmc::update::{FirmwareUpdate, UpdateState};
use api::cluster::{EtcdMember, Role};
use api::event::Event;
use api::id::MachineId;
use api::user::Role as Rights;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use server::bmc::drive;
use server::bmc::lane::Asker;
use server::cluster::interrupt;
use server::config::Site;
use server::http::boot::hash;
use server::http::secure;
use server::http::tls::Peer;
use server::store::NewToken;
use server::store::bmc::BmcRow;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::leave::bench::{Bench, members, pod, serve};

const MINUTE: i64 = 60_000_000;

const PDU: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
case $METAL_ACTION in
    status) cat power ;;
    on|off) echo "$METAL_ACTION" > power ;;
    *) exit 2 ;;
esac
"#;

/// An outlet that reads so.
struct Outlet(TempDir);

impl Outlet {
    async fn new(bench: &mut Bench, id: &MachineId, reads: &str) -> Outlet {
        let outlet = Outlet(tempfile::tempdir().unwrap());
        let program = outlet.0.path().join("pdu");
        fs::write(&program, PDU).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        outlet.turn(reads);
        let set =
            format!("name = \"x\"\n[bmc.pdu]\ndriver = \"command\"\ncommand = [\"{}\"]\n", program.display());
        let bmcs = Site::parse(&set).unwrap_or_else(|finding| panic!("{}", finding.message)).bmcs;
        let mut site = Site::clone(&bench.app.site);
        site.bmcs = bmcs;
        bench.app.site = Arc::new(site);
        let row = BmcRow {
            machine: id.0.clone(),
            driver: "command".into(),
            address: String::new(),
            port: None,
            credentials: Some("pdu".into()),
            username: String::new(),
            password: None,
            certificate: None,
            origin: "operator".into(),
            bmc_key: None,
            secure_on: None,
        };
        bench.app.store.bmc_put(row).await.unwrap();
        outlet
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("power")
    }

    fn turn(&self, power: &str) {
        fs::write(self.file(), format!("{power}\n")).unwrap();
    }

    fn reads(&self) -> String {
        fs::read_to_string(self.file()).unwrap().trim().into()
    }
}

async fn ada(bench: &Bench, path: &str, body: Value) -> (StatusCode, Value) {
    let token =
        NewToken { hash: hash("ada"), name: "ada".into(), role: Rights::Admin, kind: "token", expires: None };
    // The second time it is there.
    let _ = bench.app.store.token_add(token, 1).await;
    let request = Request::post(format!("/api/v1/machines/{path}"))
        .header(header::AUTHORIZATION, "Bearer ada")
        .header(header::CONTENT_TYPE, "application/json");
    let peer = Peer { address: SocketAddr::from(([10, 77, 0, 5], 4000)), agent: None };
    let router = secure(bench.app.clone()).layer(axum::Extension(peer));
    let response = router.oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// The agent of a control plane, as long as somebody else waits for it.
async fn serve_for_ever(bench: &Bench, executor: &MachineId, etcd: &[EtcdMember]) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        serve(bench, executor, &mut etcd.to_vec(), &mut Vec::new()).await;
    }
}

#[tokio::test]
async fn the_power_of_a_control_plane_is_not_taken_where_etcd_cannot_spare_it() {
    let mut bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    let outlet = Outlet::new(&mut bench, &second, "on").await;
    let mut etcd = members(&["node01", "node02", "node03"]);
    etcd[2].healthy = false;
    for action in ["off", "shutdown", "cycle"] {
        let (status, body) = tokio::select! {
            answer = ada(&bench, "node02/power", json!({ "action": action })) => answer,
            () = serve_for_ever(&bench, &first, &etcd) => unreachable!("an agent never ends"),
        };
        assert_eq!(status, StatusCode::CONFLICT, "{action}: {body}");
        let expected = "node02 stays on: 3 voters, 2 healthy: pausing node02 would leave 1, and 2 are needed";
        assert!(body["error"].as_str().unwrap().starts_with(expected), "{body}");
        assert_eq!(outlet.reads(), "on");
    }
    // An update may restart it.
    let image = "http://10.77.0.1/bios.bin?key=dud";
    let (status, body) = ada(&bench, "node02/bmc-update", json!({ "image": image })).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert!(body["error"].as_str().unwrap().starts_with("node02 stays on: 3 voters"), "{body}");
    let (status, body) = ada(&bench, "node02/bmc-update", json!({ "image": image, "force": true })).await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body}");
    let history = bench.app.store.history(&second, 20).await.unwrap();
    let said: Vec<&str> =
        history.iter().rev().filter(|e| e.event == "firmware").map(|e| e.note.as_str()).collect();
    assert_eq!(said[0], "ada --force had its BMC write http://10.77.0.1/bios.bin", "without its key");
    assert!(said[1].starts_with("nothing was written: not supported: only Redfish"), "{said:?}");
    let life = bench.app.store.machine(&second).await.unwrap().life().unwrap();
    assert!(!life.power_off, "nothing is wanted that was refused");
    let (status, body) = ada(&bench, "node02/power", json!({ "action": "off", "force": true })).await;
    assert_eq!((status, outlet.reads().as_str()), (StatusCode::OK, "off"), "{body}");
    let history = bench.app.store.history(&second, 20).await.unwrap();
    assert!(history.iter().any(|entry| entry.event == "power_off" && entry.who == "ada --force"));
}

/// The list of etcd's members is of a moment before, and an etcd that is told to end answers for a while.
#[tokio::test]
async fn of_two_that_are_switched_off_one_right_after_the_other_the_second_stays_on() {
    let mut bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    let third = bench.active(3, Role::ControlPlane, 0).await;
    let outlet = Outlet::new(&mut bench, &second, "on").await;
    let etcd = members(&["node01", "node02", "node03"]);
    let may_third = async || {
        let row = bench.app.store.machine(&third).await.unwrap();
        interrupt::may_pause(&bench.app, &row).await
    };
    let asked = async {
        may_third().await.unwrap();
        let (status, body) = ada(&bench, "node02/power", json!({ "action": "off" })).await;
        assert_eq!((status, outlet.reads().as_str()), (StatusCode::OK, "off"), "{body}");
        may_third().await.unwrap_err().to_string()
    };
    let refused = tokio::select! {
        refused = asked => refused,
        () = serve_for_ever(&bench, &first, &etcd) => unreachable!("an agent never ends"),
    };
    let expected = "node03 stays on: 3 voters, 2 healthy: pausing node03 would leave 1, and 2 are needed";
    assert!(refused.starts_with(expected), "{refused}");
}

/// A BMC restarts its machine for it when it likes.
#[tokio::test]
async fn while_the_firmware_of_one_is_written_the_others_stay_on() {
    let bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    let third = bench.active(3, Role::ControlPlane, 0).await;
    let update = FirmwareUpdate {
        image: "http://10.77.0.1/bmc.bin".into(),
        who: "ada".into(),
        begun_at: 0,
        heard_at: 0,
        state: UpdateState::Running,
        percent: None,
        says: String::new(),
    };
    let lane = bench.app.bmcs.lane(&second.0);
    assert!(lane.begins(&update));
    let etcd = members(&["node01", "node02", "node03"]);
    let row = bench.app.store.machine(&third).await.unwrap();
    let asked = async {
        let refused = interrupt::may_pause(&bench.app, &row).await.unwrap_err().to_string();
        lane.has_updated(Some(FirmwareUpdate { state: UpdateState::Done, ..update.clone() }));
        interrupt::may_pause(&bench.app, &row).await.unwrap();
        refused
    };
    let refused = tokio::select! {
        refused = asked => refused,
        () = serve_for_ever(&bench, &first, &etcd) => unreachable!("an agent never ends"),
    };
    let expected = "node03 stays on: 3 voters, 2 healthy: pausing node03 would leave 1, and 2 are needed";
    assert!(refused.starts_with(expected), "{refused}");
}

/// `metalctl machine power off` asks for several at the same time.
#[tokio::test]
async fn of_two_that_are_switched_off_at_the_same_time_one_stays_on() {
    let mut bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    let third = bench.active(3, Role::ControlPlane, 0).await;
    let outlet = Outlet::new(&mut bench, &second, "on").await;
    let row = bench.app.store.bmc(&second).await.unwrap().unwrap();
    bench.app.store.bmc_put(BmcRow { machine: third.0.clone(), ..row }).await.unwrap();
    let etcd = members(&["node01", "node02", "node03"]);
    let off = async |name: &str| ada(&bench, &format!("{name}/power"), json!({ "action": "off" })).await.0;
    let both = async { tokio::join!(off("node02"), off("node03")) };
    let answers = tokio::select! {
        (one, other) = both => [one, other],
        () = serve_for_ever(&bench, &first, &etcd) => unreachable!("an agent never ends"),
    };
    assert!(answers.contains(&StatusCode::OK) && answers.contains(&StatusCode::CONFLICT), "{answers:?}");
    drop(outlet);
}

/// A server that repeats by itself what was wanted asks again: others may have fallen since.
#[tokio::test]
async fn what_the_server_does_later_by_itself_asks_the_guard_again() {
    let mut bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    let outlet = Outlet::new(&mut bench, &second, "on").await;
    let mut etcd = members(&["node01", "node02", "node03"]);
    bench.app.store.submit(&second, Event::PowerOff, "ada", server::clock::now()).await.unwrap();
    let pass = async |etcd: &[EtcdMember]| {
        let row = bench.app.store.bmc(&second).await.unwrap().unwrap();
        bench.app.bmcs.read(&bench.app, &row, Asker::Person).await.unwrap();
        tokio::select! {
            done = drive::pass(&bench.app, &bench.app.bmcs, &second) => done.unwrap(),
            () = serve_for_ever(&bench, &first, etcd) => unreachable!("an agent never ends"),
        }
    };
    etcd[2].healthy = false;
    pass(&etcd).await;
    assert_eq!(outlet.reads(), "on");
    let evidence = bench.evidence(&second).await;
    assert!(evidence.starts_with("node02 stays on: 3 voters, 2 healthy"), "{evidence}");
}

#[tokio::test]
async fn a_bmc_has_the_last_word_on_whether_a_node_is_without_power() {
    let mut bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    let outlet = Outlet::new(&mut bench, &id, "on").await;
    let (status, body) = ada(&bench, "node07/inspect?powered_off=true", Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(body["error"], "node07 is not off: its BMC reads it as on");
    assert_eq!(bench.state(&id).await, "active");
    // It reads as off: nobody has to vouch for that.
    outlet.turn("off");
    let (status, body) = ada(&bench, "node07/inspect", Value::Null).await;
    assert_eq!((status, body["state"].as_str()), (StatusCode::OK, Some("draining")), "{body}");
    assert!(bench.app.store.node(&id).await.unwrap().unwrap().fenced);
    // Until the cluster has let go of it, it must not come back.
    drive::pass(&bench.app, &bench.app.bmcs, &id).await.unwrap();
    assert_eq!(outlet.reads(), "off");
}

/// Where it waits to be given up, the verb is typed again: that asks the BMC as the first time did.
#[tokio::test]
async fn a_bmc_has_the_last_word_while_its_node_leaves_too() {
    let mut bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    let outlet = Outlet::new(&mut bench, &id, "unknown").await;
    let fenced = async || bench.app.store.node(&id).await.unwrap().unwrap().fenced;
    let (status, body) = ada(&bench, "node07/inspect", Value::Null).await;
    assert_eq!((status, body["state"].as_str()), (StatusCode::OK, Some("draining")), "{body}");
    outlet.turn("on");
    let (status, body) = ada(&bench, "node07/inspect?powered_off=true", Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert_eq!(body["error"], "node07 is not off: its BMC reads it as on");
    assert!(!fenced().await, "a node that runs was given up");
    outlet.turn("off");
    let (status, body) = ada(&bench, "node07/inspect", Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(fenced().await, "nobody has to vouch for what its BMC reads");
}

#[tokio::test]
async fn of_a_machine_that_nothing_reads_a_person_is_believed() {
    let mut bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    let outlet = Outlet::new(&mut bench, &id, "unknown").await;
    let (status, body) = ada(&bench, "node07/inspect?powered_off=true", Value::Null).await;
    assert_eq!((status, body["state"].as_str()), (StatusCode::OK, Some("draining")), "{body}");
    assert!(bench.app.store.node(&id).await.unwrap().unwrap().fenced);
    drop(outlet);
}

/// Nobody has to type the verb again: its BMC says that the power is off.
#[tokio::test]
async fn a_dead_node_is_given_up_once_its_power_is_switched_off_by_its_bmc() {
    let mut bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    bench.object(7, false, &[pod("web-1", Some("ReplicaSet"))]);
    let outlet = Outlet::new(&mut bench, &id, "on").await;
    let read = async || {
        let row = bench.app.store.bmc(&id).await.unwrap().unwrap();
        bench.app.bmcs.read(&bench.app, &row, Asker::Server).await.unwrap();
    };
    read().await;
    bench.reprovision(&id).await;
    let running = bench.drain();
    let says = "its BMC reads it as on; `metalctl machine power off node07` is enough";
    bench.until("a person is asked", async || bench.evidence(&id).await.contains(says)).await;
    let (status, body) = ada(&bench, "node07/power", json!({ "action": "off" })).await;
    assert_eq!((status, outlet.reads().as_str()), (StatusCode::OK, "off"), "{body}");
    // The next poll.
    read().await;
    bench.until("it is inspected", async || bench.state(&id).await == "inspecting").await;
    running.abort();
    assert_eq!(bench.api.lock().calls, ["cordon", "taint", "delete"]);
    assert_eq!(outlet.reads(), "off");
    let history = bench.app.store.history(&id, 20).await.unwrap();
    let note = "its BMC reads it as off: its node is given up";
    assert!(history.iter().any(|entry| entry.event == "power" && entry.note == note), "{history:?}");
}

/// What was read a moment ago is asked again before a node is given up on it, and while nobody else switches it.
#[tokio::test]
async fn a_machine_that_came_back_on_meanwhile_is_not_fenced() {
    let mut bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    let outlet = Outlet::new(&mut bench, &id, "off").await;
    let row = bench.app.store.bmc(&id).await.unwrap().unwrap();
    bench.app.bmcs.read(&bench.app, &row, Asker::Server).await.unwrap();
    bench.reprovision(&id).await;
    let fenced = async || bench.app.store.node(&id).await.unwrap().unwrap().fenced;
    outlet.turn("on");
    assert!(!drive::fence(&bench.app, &bench.app.bmcs, &id).await.unwrap() && !fenced().await);
    outlet.turn("off");
    let lane = bench.app.bmcs.lane(&id.0);
    let switching = lane.pass.lock().await;
    assert!(!drive::fence(&bench.app, &bench.app.bmcs, &id).await.unwrap() && !fenced().await);
    drop(switching);
    assert!(drive::fence(&bench.app, &bench.app.bmcs, &id).await.unwrap() && fenced().await);
}
