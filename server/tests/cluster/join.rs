//! The way of a machine into its cluster, against an API server in memory: whose turn it is, who gets join
//! secrets, whose kubelet is let in, and what is left of the token afterwards.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use api::cluster::ClusterAccess;
use api::event::Event;
use api::id::{Mac, MachineId};
use api::state::Home;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use server::app::App;
use server::ca::{AgentName, Authority};
use server::cluster::{Clusters, client, watch};
use server::config::{Endpoint, Site};
use server::http::secure;
use server::http::tls::Peer;
use server::images::Images;
use server::seal::Seal;
use server::store::Store;
use server::store::lease::{Addresses, Wish};
use server::store::machine::Birth;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::api_server::{ApiServer, TOKEN};
use crate::approve::request;
use crate::site::site;

const HOUR: i64 = 3_600_000_000;
const JOIN: &str = "/agent/v1/join";

struct Bench {
    app: App,
    api: ApiServer,
    _folder: TempDir,
}

impl Bench {
    /// The cluster is not up yet.
    async fn new() -> Bench {
        let (folder, api) = (tempfile::tempdir().unwrap(), ApiServer::start().await);
        os_image(&folder);
        let mut site: Site = site("");
        let cluster = site.clusters.get_mut("prod").unwrap();
        cluster.endpoint = Endpoint { host: "127.0.0.1".into(), port: api.port };
        let app = App {
            store: Store::open(&format!("sqlite://{}", folder.path().join("db").display())).await.unwrap(),
            site: Arc::new(site),
            images: Images::load(&folder.path().join("images")),
            authority: Arc::new(Authority::open(folder.path(), "test").unwrap()),
            seal: Arc::new(Seal::open(folder.path()).unwrap()),
            clusters: Clusters::default(),
        };
        app.store.cluster_declare(vec!["prod".into()], 1).await.unwrap();
        let pools = vec![(Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 199))];
        let addresses = Addresses { network: "rack".into(), pools, reserved: vec![], excluded: vec![] };
        app.store.lease_site(vec![addresses]).await.unwrap();
        Bench { app, api, _folder: folder }
    }

    async fn up(&self) {
        let access = ClusterAccess { ca_pem: self.api.ca_pem.clone(), token: TOKEN.into() };
        let sealed = client::seal_access(&self.app, "prod", &access);
        assert!(self.app.store.cluster_adopt("prod", access.ca_pem, sealed, 2).await.unwrap());
    }

    /// A machine whose installed agent says hello: it joins.
    async fn joining(&self, number: u8, profile: &str) -> MachineId {
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
            Event::Approved { erase_foreign: false },
            Event::LayoutVerified { generation: 1 },
            Event::Installed { generation: 1 },
            hello(Home::Disk, 1),
        ];
        for event in events {
            self.app.store.submit(&id, event, "test", now).await.unwrap();
        }
        assert_eq!(self.state(&id).await, "joining");
        id
    }

    async fn state(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().state
    }

    async fn evidence(&self, id: &MachineId) -> String {
        self.app.store.machine(id).await.unwrap().evidence
    }

    async fn call(
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

    async fn task(&self, id: &MachineId) -> (StatusCode, Value) {
        self.call(installed(id, 1), Method::GET, "/agent/v1/task?wait=0", None).await
    }

    async fn refused(&self, agent: AgentName) -> String {
        let (status, body) = self.call(agent, Method::POST, JOIN, None).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(self.api.store.names("secrets"), Vec::<String>::new());
        body["error"].as_str().unwrap().into()
    }

    async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        for _ in 0..100 {
            if done().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("not within 20 seconds: {what}");
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

fn installed(id: &MachineId, generation: i64) -> AgentName {
    AgentName { machine: id.0.clone(), home: Home::Disk, generation, boot_id: String::new() }
}

fn node(number: u8, ready: bool) -> Value {
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

    let access = json!({ "ca_pem": bench.api.ca_pem, "token": TOKEN });
    let put = |id: &MachineId| {
        bench.call(installed(id, 1), Method::PUT, "/agent/v1/cluster", Some(access.clone()))
    };
    assert_eq!(put(&second).await.0, StatusCode::FORBIDDEN, "it has no task to join");
    assert_eq!(put(&first).await.0, StatusCode::NO_CONTENT);
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

#[tokio::test]
async fn the_first_control_plane_works_for_the_cluster_while_it_still_joins() {
    let bench = Bench::new().await;
    let first = bench.joining(1, "control").await;
    let (_, join) = bench.task(&first).await;
    let access = json!({ "ca_pem": bench.api.ca_pem, "token": TOKEN });
    bench.call(installed(&first, 1), Method::PUT, "/agent/v1/cluster", Some(access)).await;
    let done = |task: &Value| {
        let path = format!("/agent/v1/task/{}/outcome", task["id"].as_str().unwrap());
        bench.call(installed(&first, 1), Method::POST, Box::leak(path.into_boxed_str()), Some(json!({ "outcome": "done" })))
    };
    assert_eq!(done(&join).await.0, StatusCode::NO_CONTENT);
    let running = tokio::spawn(watch::watch(bench.app.clone()));
    let mut fabric = Value::Null;
    bench
        .until("the fabric is asked for", async || {
            fabric = bench.task(&first).await.1;
            fabric["work"]["step"]["name"] == "fabric"
        })
        .await;
    assert!(fabric["work"]["step"]["manifest"].as_str().unwrap().contains("\"Type\": \"host-gw\""));
    assert_eq!(done(&fabric).await.0, StatusCode::NO_CONTENT);
    bench.api.store.put("nodes", node(1, true));
    bench.until("it is active", async || bench.state(&first).await == "active").await;
    running.abort();
}

#[tokio::test]
async fn a_node_is_let_in_shown_and_counted_when_the_api_server_says_ready() {
    let bench = Bench::new().await;
    bench.up().await;
    let id = bench.joining(1, "worker").await;
    bench.task(&id).await;
    let (_, secrets) = bench.call(installed(&id, 1), Method::POST, JOIN, None).await;
    let (token, _) = secrets["token"].as_str().unwrap().split_once('.').unwrap();
    let running = tokio::spawn(watch::watch(bench.app.clone()));

    for (name, subject) in [("right", "system:node:node01"), ("wrong", "system:node:node02")] {
        let mut request = request(subject, "system:nodes", &[]);
        request.metadata.name = Some(name.into());
        request.spec.username = Some(format!("system:bootstrap:{token}"));
        bench.api.store.put("certificatesigningrequests", serde_json::to_value(request).unwrap());
    }
    let approved = |name: &str| {
        let request = bench.api.store.get("certificatesigningrequests", name).unwrap();
        request["status"]["conditions"][0]["type"] == "Approved"
    };
    bench.until("the right request is approved", async || approved("right")).await;

    bench.api.store.put("nodes", node(1, false));
    bench
        .until("why it is not Ready is beside the machine", async || {
            bench.evidence(&id).await.ends_with("NotReady: KubeletNotReady: cni plugin not initialized")
        })
        .await;
    assert_eq!(bench.state(&id).await, "joining");
    let shown = bench.api.store.get("nodes", "node01").unwrap();
    assert_eq!(shown["metadata"]["labels"]["example.org/disk"], "ssd");
    let taints = shown["spec"]["taints"].as_array().unwrap();
    assert!(taints.len() == 2 && taints[1]["key"] == "dedicated", "{taints:?}");

    let mut ready = shown;
    ready["status"] = node(1, true)["status"].clone();
    bench.api.store.put("nodes", ready);
    bench.until("it is active", async || bench.state(&id).await == "active").await;
    bench.until("its token is revoked", async || bench.api.store.names("secrets").is_empty()).await;
    assert!(!approved("wrong"));

    bench.api.store.put("nodes", node(1, false));
    bench
        .until("NotReady is shown", async || {
            let row = bench.app.store.node(&id).await.unwrap().unwrap();
            row.node().is_some_and(|node| !node.ready && node.reason.contains("cni plugin"))
        })
        .await;
    running.abort();
}
