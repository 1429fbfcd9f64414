//! A server with a site, an API server in memory, and machines that are about to join.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use api::cluster::ClusterAccess;
use api::event::Event;
use api::id::{Mac, MachineId};
use api::state::Home;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use server::app::App;
use server::ca::AgentName;
use server::cluster::client;
use server::http::secure;
use server::http::tls::Peer;
use server::store::lease::Wish;
use server::store::machine::Birth;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::api_server::{ApiServer, TOKEN};
use crate::site::served;

pub const HOUR: i64 = 3_600_000_000;
pub const JOIN: &str = "/agent/v1/join";

pub struct Bench {
    pub app: App,
    pub api: ApiServer,
    _folder: TempDir,
}

impl Bench {
    /// The cluster is not up yet.
    pub async fn new() -> Bench {
        let (folder, api) = (tempfile::tempdir().unwrap(), ApiServer::start().await);
        os_image(&folder);
        let app = served(&folder, api.port).await;
        Bench { app, api, _folder: folder }
    }

    pub async fn up(&self) {
        let access = ClusterAccess { ca_pem: self.api.ca_pem.clone(), token: TOKEN.into() };
        let sealed = client::seal_access(&self.app, "prod", &access);
        assert!(self.app.store.cluster_adopt("prod", access.ca_pem, sealed, 2).await.unwrap());
    }

    /// A machine whose installed agent says hello: it joins.
    pub async fn joining(&self, number: u8, profile: &str) -> MachineId {
        self.joining_by(number, profile, Event::Approved { erase_foreign: false }).await
    }

    /// The same, where this began its install.
    pub async fn joining_by(&self, number: u8, profile: &str, yes: Event) -> MachineId {
        self.joining_since(number, profile, yes, server::clock::now()).await
    }

    /// The same, where it came that far then.
    pub async fn joining_since(&self, number: u8, profile: &str, yes: Event, since: i64) -> MachineId {
        let (mac, now) = (Mac([0x52, 0x54, 0, 0x77, 0, number]), server::clock::now());
        let id = MachineId(format!("machine-{number}"));
        let birth = Birth {
            macs: vec![mac],
            hostname: Some(format!("node0{number}").parse().unwrap()),
            profile: Some(profile.into()),
            enrolled: true,
            ..Birth::default()
        };
        self.app.store.machine_born(birth, id.clone(), now).await.unwrap();
        let address = Ipv4Addr::new(10, 77, 0, 100 + number);
        let wish = Wish { mac, network: "rack".into(), reserved: None, remembered: Some(address), now };
        assert_eq!(self.app.store.lease_offer(wish).await.unwrap().unwrap().address, address);
        assert!(self.app.store.lease_commit(mac, address, now + HOUR, now).await.unwrap());
        let hello =
            |home: Home, generation| Event::Hello { home, boot_id: format!("{home}-{number}"), generation };
        let events = [
            Event::Assigned { clustered: true },
            hello(Home::Ram, 0),
            Event::FactsReported,
            yes,
            Event::LayoutVerified { generation: 1 },
            Event::Installed { generation: 1 },
            hello(Home::Disk, 1),
        ];
        for event in events {
            self.app.store.submit(&id, event, "test", since).await.unwrap();
        }
        assert_eq!(self.state(&id).await, "joining");
        id
    }

    pub async fn state(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().state
    }

    pub async fn evidence(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().evidence
    }

    pub async fn call(
        &self,
        agent: AgentName,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let peer = Peer { address: SocketAddr::from(([10, 77, 0, 101], 4000)), agent: Some(agent) };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(body.map_or(Body::empty(), |body| Body::from(body.to_string()))).unwrap();
        let response = secure(self.app.clone()).layer(axum::Extension(peer)).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub async fn task(&self, id: &MachineId) -> (StatusCode, Value) {
        self.call(installed(id, 1), Method::GET, "/agent/v1/task?wait=0", None).await
    }

    /// The agent has done what the task says.
    pub async fn done(&self, id: &MachineId, task: &Value) {
        let path = format!("/agent/v1/task/{}/outcome", task["id"].as_str().unwrap());
        let done = json!({ "outcome": "done" });
        let (status, body) = self.call(installed(id, 1), Method::POST, &path, Some(done)).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }

    /// The machine has initialised the cluster.
    pub async fn tell_access(&self, id: &MachineId) -> StatusCode {
        let access = json!({ "ca_pem": self.api.ca_pem, "token": TOKEN });
        self.call(installed(id, 1), Method::PUT, "/agent/v1/cluster", Some(access)).await.0
    }

    pub async fn refused(&self, agent: AgentName) -> String {
        let (status, body) = self.call(agent, Method::POST, JOIN, None).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(self.api.store.names("secrets"), Vec::<String>::new());
        body["error"].as_str().unwrap().into()
    }

    pub async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        for _ in 0..200 {
            if done().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("not within 40 seconds: {what}");
    }
}

fn os_image(folder: &TempDir) {
    let name = "debian-12-kubernetes-1.36";
    let image = folder.path().join("images").join(name);
    fs::create_dir_all(&image).unwrap();
    fs::write(image.join("root"), "r").unwrap();
    let sha256 = hex::encode(Sha256::digest("r"));
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1\"\nkind = \"os\"\narch = \"x86_64\"\nkubernetes = \"1.36.3\"\n\
         [[file]]\nname = \"root\"\nrole = \"root\"\nformat = \"raw\"\nsize = 1\nunpacked = 1\nsha256 = \"{sha256}\"\n\
         [boot]\nefi = []\nefi_config = \"\"\nbios = \"\"\nkernel_path = \"\"\ninitrd_path = \"\"\n"
    );
    fs::write(image.join("manifest.toml"), manifest).unwrap();
}

pub fn installed(id: &MachineId, generation: i64) -> AgentName {
    AgentName { machine: id.0.clone(), home: Home::Disk, generation, boot_id: String::new() }
}

pub fn node(number: u8, ready: bool) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": format!("node0{number}"), "uid": "u1", "resourceVersion": "7" },
        "spec": { "taints": [{ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }] },
        "status": {
            "addresses": [{ "type": "InternalIP", "address": format!("10.77.0.10{number}") }],
            "conditions": [{
                "type": "Ready", "status": if ready { "True" } else { "False" }, "reason": "KubeletNotReady",
                "message": "cni plugin not initialized"
            }],
            "nodeInfo": {
                "kubeletVersion": "v1.36.3", "bootID": format!("disk-{number}"), "machineID": "", "systemUUID": "",
                "kernelVersion": "", "osImage": "", "containerRuntimeVersion": "", "kubeProxyVersion": "",
                "operatingSystem": "", "architecture": ""
            }
        }
    })
}
