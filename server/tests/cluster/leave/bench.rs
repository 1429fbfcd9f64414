//! A server whose machines are nodes that serve, an API server in memory, and what agents and kubelets would do.

use std::net::Ipv4Addr;
use std::time::Duration;

use api::cluster::{ClusterAccess, ClusterResult, ClusterStep, EtcdMember, Role};
use api::event::Event;
use api::id::{Mac, MachineId};
use api::state::Home;
use api::task::{Outcome, Task, Work};
use serde_json::{Value, json};
use server::app::App;
use server::cluster::{client, drain, steps};
use server::store::NewTask;
use server::store::lease::Wish;
use server::store::machine::Birth;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::api_server::ApiServer;
use crate::site::served;

pub const MINUTE: i64 = 60_000_000;

pub struct Bench {
    pub app: App,
    pub api: ApiServer,
    _folder: TempDir,
}

impl Bench {
    pub async fn new() -> Bench {
        let _ = tracing_subscriber::fmt().with_env_filter("server=debug").with_test_writer().try_init();
        let (folder, api) = (tempfile::tempdir().unwrap(), ApiServer::start().await);
        let app = served(&folder, api.port).await;
        let access = ClusterAccess { ca_pem: api.ca_pem.clone(), token: "t".into() };
        let sealed = client::seal_access(&app, "prod", &access);
        assert!(app.store.cluster_adopt("prod", access.ca_pem, sealed, 2).await.unwrap());
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

    pub async fn reprovision(&self, id: &MachineId) {
        let event = Event::Reprovision { erase_foreign: false };
        self.app.store.submit(id, event, "test", server::clock::now()).await.unwrap();
        assert_eq!(self.state(id).await, "draining");
    }

    pub fn object(&self, number: u8, ready: bool, pods: &[Value]) {
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

    pub fn drain(&self) -> JoinHandle<()> {
        tokio::spawn(drain::drain(self.app.clone()))
    }

    pub async fn state(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().state
    }

    pub async fn evidence(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().evidence
    }

    pub async fn is_ready_to_leave(&self, id: &MachineId) -> bool {
        self.app.store.node(id).await.unwrap().is_some_and(|node| node.leave_ready)
    }

    /// What the machine's own agent does when it is asked to.
    pub async fn stop_node(&self, id: &MachineId) {
        let now = server::clock::now();
        let task = Task { id: format!("leave-{id}"), generation: 1, work: Work::Leave };
        let new = NewTask { machine: id.clone(), key: format!("{id}/leave"), task, deadline: now + MINUTE };
        let task = self.app.store.task_offer(new, now).await.unwrap().unwrap();
        assert!(self.app.store.task_finish(id, &task.id, Outcome::Done, now).await.unwrap().is_some());
    }

    pub async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
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

    pub async fn has_history(&self, id: &MachineId, event: &str) -> Option<String> {
        let history = self.app.store.history(id, 100).await.unwrap();
        history.into_iter().find(|entry| entry.event == event).map(|entry| entry.note)
    }
}

pub fn pod(name: &str, owner: Option<&str>) -> Value {
    let owner = owner
        .map(|kind| json!({ "apiVersion": "v1", "kind": kind, "name": "x", "uid": "o", "controller": true }));
    let owners: Vec<Value> = owner.into_iter().collect();
    let labels = json!({ "app": name.split('-').next() });
    let metadata = json!({
        "namespace": "hub", "name": name, "uid": format!("uid-{name}"), "labels": labels, "ownerReferences": owners
    });
    json!({ "metadata": metadata, "status": { "phase": "Running" } })
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
