//! The way of a machine out of its cluster, against an API server in memory: what is evicted and what is waited
//! for, who is asked in which order, and what a server that was killed in the middle finds.

mod api_server;

use std::net::Ipv4Addr;
use std::time::Duration;

use api::cluster::{ClusterAccess, ClusterResult, ClusterStep, EtcdMember, Role};
use api::event::Event;
use api::id::{Mac, MachineId};
use api::state::Home;
use api::task::{Outcome, Task, Work};
use serde_json::{Value, json};
use server::app::App;
use server::cluster::{client, dead, drain, interrupt, steps};
use server::config::{Endpoint, Site};
use server::store::NewTask;
use server::store::lease::{Addresses, Wish};
use server::store::machine::Birth;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::metald;
use crate::site::site;
use api_server::ApiServer;

const MINUTE: i64 = 60_000_000;

pub struct Bench {
    pub app: App,
    api: ApiServer,
    _folder: TempDir,
}

impl Bench {
    pub async fn new() -> Bench {
        let _ = tracing_subscriber::fmt().with_env_filter("server=debug").with_test_writer().try_init();
        let (folder, api) = (tempfile::tempdir().unwrap(), ApiServer::start().await);
        let mut site: Site = site("");
        let cluster = site.clusters.get_mut("prod").unwrap();
        cluster.endpoint = Endpoint { host: "127.0.0.1".into(), port: api.port };
        let app = metald::app(&folder, site).await;
        let access = ClusterAccess { ca_pem: api.ca_pem.clone(), token: "t".into() };
        let sealed = client::seal_access(&app, "prod", &access);
        app.store.cluster_declare(vec!["prod".into()], 1).await.unwrap();
        assert!(app.store.cluster_adopt("prod", access.ca_pem, sealed, 2).await.unwrap());
        let pools = vec![(Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 199))];
        let addresses = Addresses { network: "rack".into(), pools, reserved: vec![], excluded: vec![] };
        app.store.lease_site(vec![addresses]).await.unwrap();
        Bench { app, api, _folder: folder }
    }

    /// A node that serves, heard `ago` for the last time.
    pub async fn active(&self, number: u8, role: Role, ago: i64) -> MachineId {
        let mac = Mac([0x52, 0x54, 0, 0x77, 0, number]);
        let (id, at) = (MachineId(format!("machine-{number}")), server::clock::now() - ago);
        let profile = if role == Role::Worker { "worker" } else { "control" };
        let birth = Birth {
            macs: vec![mac],
            hostname: Some(format!("node{number:02}").parse().unwrap()),
            profile: Some(profile.into()),
            enrolled: true,
            ..Birth::default()
        };
        self.app.store.machine_born(birth, id.clone(), at).await.unwrap();
        let address = Ipv4Addr::new(10, 77, 0, 100 + number);
        let wish = Wish { mac, network: "rack".into(), reserved: None, remembered: Some(address), now: at };
        self.app.store.lease_offer(wish).await.unwrap().unwrap();
        assert!(self.app.store.lease_commit(mac, address, at + 600 * MINUTE, at).await.unwrap());
        let hello = |home, generation| Event::Hello { home, boot_id: format!("boot-{home}"), generation };
        let events = [
            Event::Assigned { clustered: true },
            hello(Home::Ram, 0),
            Event::FactsReported,
            Event::Approved { erase_foreign: false },
            Event::LayoutVerified { generation: 1 },
            Event::Installed { generation: 1 },
            hello(Home::Disk, 1),
            Event::NodeReady,
        ];
        for event in events {
            self.app.store.submit(&id, event, "test", at).await.unwrap();
        }
        let name = format!("node{number:02}").parse().unwrap();
        self.app.store.node_begin(&id, "prod", role, 1, &name, at).await.unwrap();
        id
    }

    async fn reprovision(&self, id: &MachineId) {
        let event = Event::Reprovision { erase_foreign: false };
        self.app.store.submit(id, event, "test", server::clock::now()).await.unwrap();
        assert_eq!(self.state(id).await, "draining");
    }

    fn object(&self, number: u8, ready: bool, pods: &[Value]) {
        let mut cluster = self.api.lock();
        let status = if ready { "True" } else { "Unknown" };
        cluster.node = Some(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": format!("node{number:02}"), "uid": "u1" },
            "spec": {}, "status": { "conditions": [{ "type": "Ready", "status": status }] }
        }));
        for pod in pods {
            cluster.pods.insert(pod["metadata"]["name"].as_str().unwrap().into(), pod.clone());
        }
    }

    fn drain(&self) -> JoinHandle<()> {
        tokio::spawn(drain::drain(self.app.clone()))
    }

    pub async fn state(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().state
    }

    pub async fn evidence(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().evidence
    }

    async fn is_ready_to_leave(&self, id: &MachineId) -> bool {
        self.app.store.node(id).await.unwrap().is_some_and(|node| node.leave_ready)
    }

    /// What the machine's own agent does when it is asked to.
    async fn stop_node(&self, id: &MachineId) {
        let now = server::clock::now();
        let task = Task { id: format!("leave-{id}"), generation: 1, work: Work::Leave };
        let new = NewTask { machine: id.clone(), key: format!("{id}/leave"), task, deadline: now + MINUTE };
        let task = self.app.store.task_offer(new, now).await.unwrap().unwrap();
        assert!(self.app.store.task_finish(id, &task.id, Outcome::Done, now).await.unwrap().is_some());
    }

    async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        for _ in 0..150 {
            if done().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let machines = self.app.store.machines("", 10).await.unwrap();
        let seen: Vec<_> = machines.iter().map(|row| (row.name(), &row.state, &row.evidence)).collect();
        panic!("not within 30 seconds: {what}; {seen:?}");
    }

    async fn has_history(&self, id: &MachineId, event: &str) -> Option<String> {
        let history = self.app.store.history(id, 100).await.unwrap();
        history.into_iter().find(|entry| entry.event == event).map(|entry| entry.note)
    }
}

fn pod(name: &str, owner: Option<&str>) -> Value {
    let owner = owner
        .map(|kind| json!({ "apiVersion": "v1", "kind": kind, "name": "x", "uid": "o", "controller": true }));
    let owners: Vec<Value> = owner.into_iter().collect();
    let labels = json!({ "app": name.split('-').next() });
    let metadata = json!({
        "namespace": "hub", "name": name, "uid": format!("uid-{name}"), "labels": labels, "ownerReferences": owners
    });
    json!({ "metadata": metadata, "status": { "phase": "Running" } })
}

#[tokio::test]
async fn a_worker_leaves_and_a_killed_server_goes_on_where_it_stands() {
    let bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 0).await;
    let pods = [pod("web-1", Some("ReplicaSet")), pod("proxy", Some("DaemonSet")), pod("anna", None)];
    bench.object(7, true, &pods);
    bench.api.lock().budget_is_spent = true;
    bench.reprovision(&id).await;
    let running = bench.drain();
    bench
        .until("the budget and the notebook are named", async || {
            let evidence = bench.evidence(&id).await;
            evidence.contains(
                "hub/web-1: the disruption budget web allows no eviction since 2026-11-24 08:00:00Z",
            ) && evidence.contains("1 pod without a controller: hub/anna")
                && evidence.contains("`metalctl machine reprovision node07 --force`")
        })
        .await;
    assert_eq!(bench.api.lock().calls, ["cordon"]);
    running.abort();

    bench.api.lock().budget_is_spent = false;
    let running = bench.drain();
    let evicted = |name: &str| !bench.api.lock().pods.contains_key(name);
    bench.until("the web server is evicted", async || evicted("web-1")).await;
    assert!(!evicted("anna") && !bench.is_ready_to_leave(&id).await);
    assert_eq!(bench.has_history(&id, "evicted").await, None);

    bench.app.store.node_wish(&id, false, true).await.unwrap();
    bench.until("its agent may stop it", async || bench.is_ready_to_leave(&id).await).await;
    assert!(evicted("anna") && !evicted("proxy"));
    assert!(bench.has_history(&id, "evicted").await.unwrap().contains("hub/anna"));
    assert!(bench.api.lock().node.is_some(), "its kubelet would register again");
    running.abort();

    bench.stop_node(&id).await;
    let running = bench.drain();
    bench.until("it is inspected", async || bench.state(&id).await == "inspecting").await;
    assert!(bench.api.lock().node.is_none());
    assert!(bench.app.store.node(&id).await.unwrap().is_none());
    running.abort();
}

#[tokio::test]
async fn a_machine_without_power_leaves_when_a_person_says_so_and_is_known_when_it_returns() {
    let bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    bench.object(7, false, &[pod("web-1", Some("ReplicaSet")), pod("proxy", Some("DaemonSet"))]);
    bench.reprovision(&id).await;
    let running = bench.drain();
    bench
        .until("a person is asked", async || {
            bench.evidence(&id).await.contains("reprovision node07 --powered-off")
        })
        .await;
    assert_eq!(bench.api.lock().calls, Vec::<String>::new());
    bench.app.store.node_wish(&id, true, false).await.unwrap();
    bench.until("it is inspected", async || bench.state(&id).await == "inspecting").await;
    assert_eq!(bench.api.lock().calls, ["cordon", "taint", "delete"]);
    assert!(bench.has_history(&id, "fenced").await.unwrap().contains("its power was said to be off"));
    running.abort();

    let before = bench.app.store.machine(&id).await.unwrap();
    dead::spoke(&bench.app, &before, "a new boot").await.unwrap();
    assert!(bench.has_history(&id, "returned").await.is_some());
    assert!(bench.evidence(&id).await.starts_with("returned: the old system answers"));
}

#[tokio::test]
async fn a_machine_that_never_became_a_node_passes_at_once() {
    let bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    bench.app.store.node_gone(&id).await.unwrap();
    bench.reprovision(&id).await;
    let running = bench.drain();
    bench.until("it is inspected", async || bench.state(&id).await == "inspecting").await;
    running.abort();
}

pub fn members(names: &[&str]) -> Vec<EtcdMember> {
    let member = |name: &&str| EtcdMember {
        id: format!("id-{name}"),
        name: name.to_string(),
        learner: false,
        healthy: true,
    };
    names.iter().map(member).collect()
}

/// An agent of a control plane: does what it is given, and notes it.
pub async fn serve(bench: &Bench, executor: &MachineId, etcd: &mut Vec<EtcdMember>, done: &mut Vec<String>) {
    let now = server::clock::now();
    let store = &bench.app.store;
    let Some((id, _)) = store.cluster_task_offer("prod", executor, now).await.unwrap() else { return };
    let task = store.cluster_task(&id).await.unwrap().unwrap();
    let step = steps::open(&bench.app, &task).unwrap();
    match &step {
        ClusterStep::Members => {
            let result = ClusterResult::Members { members: etcd.clone() };
            let sealed = steps::seal_result(&bench.app, &task, &result).unwrap();
            assert!(store.cluster_task_result(executor, &id, sealed).await.unwrap());
        }
        ClusterStep::RemoveMember { name } => etcd.retain(|member| member.name != *name),
        ClusterStep::Balance { files, .. } => assert!(files[0].text.contains("priority 1\n")),
        _ => {}
    }
    if step.kind() != "members" {
        done.push(format!("{} by {executor}", step.kind()));
    }
    assert!(store.task_finish(executor, &id, Outcome::Done, now).await.unwrap().is_some());
}

#[tokio::test]
async fn a_control_plane_leaves_etcd_first_and_the_next_one_waits_until_it_is_back() {
    let bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let (second, third) =
        (bench.active(2, Role::ControlPlane, 0).await, bench.active(3, Role::ControlPlane, 0).await);
    let mut etcd = members(&["node01", "node02", "node03"]);
    let mut done = Vec::new();
    bench.object(2, true, &[]);
    bench.reprovision(&second).await;
    let running = bench.drain();
    bench
        .until("it has the turn", async || {
            bench.app.store.node(&second).await.unwrap().unwrap().leaving.is_some()
        })
        .await;
    bench.reprovision(&third).await;
    bench
        .until("its agent may stop it", async || {
            serve(&bench, &first, &mut etcd, &mut done).await;
            if bench.app.store.cluster_task_calls(&second).await.unwrap() {
                serve(&bench, &second, &mut etcd, &mut done).await;
            }
            bench.is_ready_to_leave(&second).await
        })
        .await;
    assert_eq!(done, ["snapshot by machine-1", "balance by machine-2", "remove_member by machine-1"]);
    assert!(bench.evidence(&third).await.contains("its turn: node02 is joining or leaving prod before it"));

    bench.stop_node(&second).await;
    bench.until("it is inspected", async || bench.state(&second).await == "inspecting").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(bench.evidence(&third).await.contains("its turn: node02"), "etcd would shrink to one member");
    assert_eq!(etcd.len(), 2);
    running.abort();
}

#[tokio::test]
async fn operators_are_told_what_etcd_cannot_spare() {
    let bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    let mut etcd = members(&["node01", "node02", "node03"]);
    etcd[2].healthy = false;
    let refuse = async |powered_off| {
        let row = bench.app.store.machine(&second).await.unwrap();
        let event = Event::Reprovision { erase_foreign: false };
        interrupt::may_leave(&bench.app, &row, &row.life().unwrap(), &event, powered_off).await
    };
    let agent = async {
        loop {
            serve(&bench, &first, &mut etcd.clone(), &mut Vec::new()).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let asked = async { (refuse(false).await, refuse(true).await) };
    let (kept, alive) = tokio::select! {
        answers = asked => answers,
        () = agent => unreachable!("an agent never ends"),
    };
    assert_eq!(
        kept.unwrap_err().to_string(),
        "node02 stays: 3 voters, 2 healthy: removing node02 would leave 1 healthy of 2, and 2 are needed"
    );
    assert_eq!(
        alive.unwrap_err().to_string(),
        "node02 stays: node02 still answers as a member of etcd, so it is not off"
    );
}
