//! A machine that was installed, whose OS is told how it gets back to RAM.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use api::event::Event;
use api::state::Home;
use api::task::{Task, Way, Work};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use server::ca::AgentName;
use server::config::Site;
use server::store::bmc::BmcRow;
use server::store::machine::Birth;
use sha2::{Digest, Sha256};

use crate::bench::{Bench, SITE, facts};

/// An active machine with a disk-first BIOS, and a server that has a RAM image.
pub async fn active() -> Bench {
    let bench = Bench::new().await;
    image(&bench, "ram", &[("vmlinuz", "kernel"), ("initrd", "initrd")]);
    let ram = Event::Hello { home: Home::Ram, boot_id: "r0".into(), generation: 0 };
    let verified = Event::LayoutVerified { generation: 1 };
    let birth = Birth { profile: Some("node".into()), ..Birth::default() };
    bench.app.store.machine_describe(&bench.id, birth).await.unwrap();
    for event in [
        ram,
        Event::FactsReported,
        Event::Approved { erase_foreign: false },
        verified,
        Event::Installed { generation: 1 },
    ] {
        bench.app.store.submit(&bench.id, event, "test", server::clock::now()).await.unwrap();
    }
    bench.disk_hello("d0").await;
    let mut facts = facts("d0", vec![]);
    (facts.home, facts.boot_mode) = (Home::Disk, api::facts::BootMode::Bios);
    assert_eq!(bench.disk(Method::PUT, "/agent/v1/facts", json!(facts)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bench.state().await, "active");
    bench
}

/// An image whose files hold their own names.
pub fn image(bench: &Bench, kind: &str, files: &[(&str, &str)]) {
    let folder = bench.folder.path().join("images").join(kind);
    fs::create_dir_all(&folder).unwrap();
    let mut manifest =
        format!("name = \"{kind}\"\nversion = \"1\"\nkind = \"{kind}\"\narch = \"x86_64\"\nkernel = \"6\"\n");
    for (name, role) in files {
        fs::write(folder.join(name), name).unwrap();
        let (size, sha256) = (name.len(), hex::encode(Sha256::digest(name)));
        manifest += &format!(
            "[[file]]\nname = \"{name}\"\nrole = \"{role}\"\nformat = \"raw\"\nsize = {size}\nsha256 = \"{sha256}\"\n"
        );
    }
    fs::write(folder.join("manifest.toml"), manifest).unwrap();
    bench.app.images.reload();
}

impl Bench {
    pub async fn disk(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let (machine, boot_id) = (self.id.0.clone(), String::new());
        let agent = AgentName { machine, home: Home::Disk, generation: 1, boot_id };
        self.call_as(agent, method, path, body).await
    }

    pub async fn disk_hello(&self, boot: &str) {
        let hello = json!({ "home": "disk", "boot_id": boot, "generation": 1, "agent_version": "1", "clock_error_ms": 0 });
        assert_eq!(self.disk(Method::POST, "/agent/v1/hello", hello).await.0, StatusCode::OK);
    }

    pub async fn reprovision(&self) {
        let event = Event::Reprovision { erase_foreign: false };
        self.app.store.submit(&self.id, event, "ada", server::clock::now()).await.unwrap();
    }

    /// The way that the OS is told to go now, with its task.
    pub async fn way(&self, boot: &str) -> Option<(Way, String)> {
        self.way_within(boot, 0).await
    }

    /// The same, `wait` seconds at most after it is asked for.
    pub async fn way_within(&self, boot: &str, wait: u64) -> Option<(Way, String)> {
        let path = format!("/agent/v1/task?wait={wait}&boot_id={boot}");
        let (status, task) = self.disk(Method::GET, &path, Value::Null).await;
        if status == StatusCode::NO_CONTENT {
            return None;
        }
        let task: Task = serde_json::from_value(task).unwrap();
        match task.work {
            Work::Reboot { way: Some(way), .. } => Some((*way, task.id)),
            work => panic!("not a way: {work:?}"),
        }
    }

    pub async fn ends(&self, task: &str, outcome: Value) {
        let path = format!("/agent/v1/task/{task}/outcome");
        assert_eq!(self.disk(Method::POST, &path, outcome).await.0, StatusCode::NO_CONTENT);
    }

    /// Gives the machine a command in the place of a BMC, which ends so when it is told of the network.
    pub async fn bmc(&mut self, exit: u8) {
        let script =
            format!("#!/bin/sh\ncase $METAL_ACTION in status) echo on;; boot-network) exit {exit};; esac\n");
        let path = self.folder.path().join("bmc");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let set = format!("{SITE}\n[bmc.own]\ndriver = \"command\"\ncommand = [\"{}\"]\n", path.display());
        self.app.site = Arc::new(Site::parse(&set).unwrap());
        let row = BmcRow {
            machine: self.id.0.clone(),
            driver: "command".into(),
            address: String::new(),
            port: None,
            credentials: Some("own".into()),
            username: String::new(),
            password: None,
            certificate: None,
            origin: "operator".into(),
            bmc_key: None,
            secure_on: None,
        };
        self.app.store.bmc_put(row).await.unwrap();
    }

    pub async fn wait(&self) -> api::wait::Wait {
        self.app.view(&self.id).await.unwrap().wait.unwrap()
    }

    pub async fn entry(&self) -> String {
        let view = self.app.view(&self.id).await.unwrap();
        server::why::why(&view, None, server::clock::now()).entry
    }
}
