//! A server and one machine, whose agent speaks for it over HTTP, with whatever disks and ports are in it.

use std::fs;

use api::facts::{Disk, DiskContent, Facts, Interface, Product};
use api::id::{Mac, MachineId};
use api::machine::Allowed;
use api::order::Order;
use api::state::Home;
use api::user::Role;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use server::app::App;
use server::ca::AgentName;
use server::config::Site;
use server::freeze::Authorisation;
use server::http::guard::Caller;
use server::http::operator::submit;
use server::http::secure;
use server::http::tls::Peer;
use server::lifecycle::drive::pass;
use server::store::machine::Birth;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::metald;
use crate::sample;

pub const MAC: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 1]);
pub const GIB: u64 = 1 << 30;

pub const SITE: &str = r#"
name = "lab"

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]

[layout.plain]
root = { size = "4G", grow = true }

[profile.node]
image = "debian-12"
layout = "plain"
hostname = "node{:02}"
approve = "untouched"

[[rule]]
profile = "node"
"#;

/// One machine and its server.
pub struct Bench {
    pub app: App,
    pub id: MachineId,
    pub folder: TempDir,
}

impl Bench {
    pub async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        os_image(&folder);
        let app = metald::app(&folder, Site::parse(SITE).unwrap()).await;
        let birth = Birth { macs: vec![MAC], enrolled: true, ..Birth::default() };
        let id = MachineId("m-1".into());
        app.store.machine_born(birth, id.clone(), 1).await.unwrap();
        Bench { app, id, folder }
    }

    pub async fn call(&self, boot: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let agent =
            AgentName { machine: self.id.0.clone(), home: Home::Ram, generation: 0, boot_id: boot.into() };
        self.call_as(agent, method, path, body).await
    }

    pub async fn call_as(
        &self,
        agent: AgentName,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let peer = Peer { address: ([10, 77, 0, 100], 4000).into(), agent: Some(agent) };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = secure(self.app.clone()).layer(axum::Extension(peer)).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// The server is killed, and another one begins with what is in the database.
    pub async fn restart(&mut self) {
        self.app = App { store: metald::store(&self.folder).await, ..self.app.clone() };
    }

    /// The kind of work that this boot's agent is given, after the server has done what it does by itself.
    pub async fn task(&self, boot: &str) -> (String, Value) {
        for _ in 0..5 {
            pass(&self.app, &self.id).await.unwrap();
        }
        let (status, task) = self.call(boot, Method::GET, "/agent/v1/task?wait=0", Value::Null).await;
        assert!(status.is_success(), "{status} {task}");
        (task["work"]["kind"].as_str().unwrap_or("nothing").into(), task)
    }

    /// The RAM agent comes up in a machine with these disks, reads the hardware if it is asked to, and asks for more.
    pub async fn boots(&self, boot: &str, disks: Vec<Disk>) -> String {
        self.hello(boot).await;
        self.works(boot, disks).await
    }

    pub async fn works(&self, boot: &str, disks: Vec<Disk>) -> String {
        let (kind, task) = self.task(boot).await;
        if kind != "inspect" {
            return kind;
        }
        self.reports(&facts(boot, disks)).await;
        assert_eq!(self.is_done(boot, &task).await, StatusCode::NO_CONTENT);
        self.task(boot).await.0
    }

    pub async fn hello(&self, boot: &str) {
        let hello = json!({ "home": "ram", "boot_id": boot, "generation": 0, "agent_version": "1", "clock_error_ms": 0 });
        assert_eq!(self.call(boot, Method::POST, "/agent/v1/hello", hello).await.0, StatusCode::OK);
    }

    pub async fn reports(&self, facts: &Facts) {
        let (status, body) = self.call(&facts.boot_id, Method::PUT, "/agent/v1/facts", json!(facts)).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{body}");
    }

    pub async fn is_done(&self, boot: &str, task: &Value) -> StatusCode {
        let path = format!("/agent/v1/task/{}/outcome", task["id"].as_str().unwrap());
        self.call(boot, Method::POST, &path, json!({ "outcome": "done" })).await.0
    }

    /// A yes to what is there now, as `metalctl` shows it.
    pub async fn says(&self, verb: &str, erase_foreign: bool) -> Result<(), String> {
        let allowed = Allowed { erase_foreign, ..Allowed::default() };
        let by = if erase_foreign { Authorisation::EraseForeign } else { Authorisation::Person };
        let row = self.app.store.machine(&self.id).await.unwrap();
        let shown = self.app.erasure(&row, by).await.unwrap().digest;
        self.orders(verb, allowed, Order::yes_to(&shown)).await.map_err(|(_, error)| error)
    }

    /// Refused with a status and a sentence.
    pub async fn orders(&self, verb: &str, allowed: Allowed, order: Order) -> Result<(), (u16, String)> {
        let address = [10, 77, 0, 9].into();
        let caller = Caller { name: "ada".into(), role: Role::Admin, address, expires: None };
        let answer = submit(&self.app, &caller, &self.id.0, (verb, allowed, order)).await;
        answer.map(drop).map_err(|failure| {
            let (status, error, _) = failure.describe();
            (status.as_u16(), error)
        })
    }

    pub async fn state(&self) -> String {
        self.app.store.machine(&self.id).await.unwrap().state
    }

    pub async fn why(&self) -> String {
        let view = self.app.view(&self.id).await.unwrap();
        let why = server::why::why(&view, None, 1);
        format!("{}; {}", why.sentence, why.evidence)
    }

    /// Failed with that reason, and no agent was ever given a plan.
    pub async fn failed_with_nothing_written(&self, boot: &str, reason: &[&str]) {
        assert_eq!(self.state().await, "failed");
        let why = self.why().await;
        for part in reason {
            assert!(why.contains(part), "no `{part}` in: {why}");
        }
        assert_eq!(self.task(boot).await.0, "nothing");
        assert!(self.app.store.plan(&self.id, 1).await.unwrap().is_none());
    }
}

fn os_image(folder: &TempDir) {
    let image = folder.path().join("images/debian-12");
    fs::create_dir_all(&image).unwrap();
    fs::write(image.join("root"), "r").unwrap();
    let sha256 = hex::encode(Sha256::digest("r"));
    let manifest = format!(
        "name = \"debian-12\"\nversion = \"1\"\nkind = \"os\"\narch = \"x86_64\"\n\
         [[file]]\nname = \"root\"\nrole = \"root\"\nformat = \"raw\"\nsize = 1\nunpacked = 1\nsha256 = \"{sha256}\"\n\
         [boot]\nefi = []\nefi_config = \"\"\nbios = \"\"\nkernel_path = \"\"\ninitrd_path = \"\"\n"
    );
    fs::write(image.join("manifest.toml"), manifest).unwrap();
}

/// An empty disk.
pub fn disk(serial: &str) -> Disk {
    Disk { model: "SSD".into(), serial: serial.into(), ..sample::disk("sda") }
}

pub fn with_data(serial: &str) -> Disk {
    let signatures = vec!["sda1 ntfs Data".into()];
    let content = DiskContent { table: Some("mbr".into()), signatures, ..DiskContent::default() };
    Disk { content, ..disk(serial) }
}

/// It carries this machine's install of a generation, on a table with this GUID.
pub fn installed(serial: &str, generation: i64, guid: &str) -> Disk {
    let Disk { content, .. } = sample::installed("sda", "lab", "m-1", generation);
    Disk { content: DiskContent { guid: Some(guid.into()), ..content }, ..disk(serial) }
}

pub fn facts(boot: &str, disks: Vec<Disk>) -> Facts {
    let port = Interface {
        name: "eth0".into(),
        mac: MAC,
        pci: String::new(),
        driver: "e1000e".into(),
        speed: 0,
        link: true,
        addresses: Vec::new(),
    };
    let system = Product { serial: "SN1".into(), ..Product::default() };
    Facts { boot_id: boot.into(), system, interfaces: vec![port], ..sample::facts(disks) }
}
