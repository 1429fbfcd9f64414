//! A cluster as its operator sees it: the kubectl that the image build made, with a kubeconfig from metalctl.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::netns::Netns;
use lab::{Rack, kubectl};
use serde_json::Value;

use crate::server::{Server, images, text};

/// A namespace, and the label of pods there.
pub type App = (&'static str, &'static str);

pub struct Kube {
    place: Netns,
    kubectl: PathBuf,
    config: PathBuf,
    folder: PathBuf,
}

impl Kube {
    /// A control plane signs within seconds, but for one that is emulated and has just become Ready.
    pub fn open(rack: &Rack, server: &Server, cluster: &str) -> Result<Kube> {
        let folder = rack.folder.clone();
        let config = folder.join(format!("kubeconfig-{cluster}"));
        let file = config.display().to_string();
        let words = ["cluster", "kubeconfig", cluster, "--access", "admin", "-o", &file];
        let mut tries = 0;
        while let Err(error) = text(server.metalctl(&words)?) {
            tries += 1;
            ensure!(tries < 5 && error.to_string().contains("no control plane did it"), error);
        }
        Ok(Kube { place: rack.server.clone(), kubectl: kubectl::find(&images()?)?, config, folder })
    }

    /// What kubectl says to these words. An API server that is emulated answers late, and sometimes too late.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        let mut tries = 0;
        loop {
            let mut command = Command::new(&self.kubectl);
            command.arg("--kubeconfig").arg(&self.config).arg("--request-timeout=60s").args(words);
            match text(self.place.inside(command)) {
                Err(error) if tries < 5 && is_late(&error.to_string()) => tries += 1,
                said => return said,
            }
            std::thread::sleep(Duration::from_secs(2));
        }
    }

    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let said = self.ask(&[words, &["-o", "json"]].concat())?;
        if said.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&said).with_context(|| format!("read what kubectl said to {words:?}"))
    }

    pub fn apply(&self, name: &str, manifest: &str) -> Result<()> {
        let file = self.folder.join(format!("{name}.yaml"));
        fs::write(&file, manifest)?;
        self.ask(&["apply", "-f", &file.display().to_string()]).map(drop)
    }

    /// Null where there is none of that name.
    pub fn node(&self, name: &str) -> Result<Value> {
        self.json(&["get", "node", name, "--ignore-not-found"])
    }

    /// The Secrets that are bootstrap tokens.
    pub fn tokens(&self) -> Result<Vec<String>> {
        let kind = "type=bootstrap.kubernetes.io/token";
        let said =
            self.ask(&["-n", "kube-system", "get", "secrets", "--field-selector", kind, "-o", "name"])?;
        Ok(said.lines().map(String::from).collect())
    }

    /// The nodes of an app's pods, in order.
    pub fn pods_by_node(&self, app: App) -> Result<Vec<String>> {
        let node = |pod: &Value| pod["spec"]["nodeName"].as_str().map(String::from);
        let mut nodes: Vec<String> = self.pods(app)?.iter().filter_map(node).collect();
        nodes.sort();
        Ok(nodes)
    }

    /// An app's pods that are to stay.
    pub fn pods(&self, (namespace, label): App) -> Result<Vec<Value>> {
        let mut pods = self.json(&["-n", namespace, "get", "pods", "-l", label])?;
        let mut pods: Vec<Value> = pods["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        Ok(pods)
    }

    /// Asks again until the answer is right.
    pub fn until<T: std::fmt::Debug>(
        &self,
        what: &str,
        patience: Duration,
        ask: impl Fn(&Kube) -> Result<T>,
        right: impl Fn(&T) -> bool,
    ) -> Result<T> {
        let end = Instant::now() + patience;
        loop {
            let answer = ask(self)?;
            if right(&answer) {
                return Ok(answer);
            }
            if Instant::now() > end {
                bail!("not `{what}` within {} s; the last answer was {answer:?}", patience.as_secs());
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

/// Whether the API server itself says of this node that it is Ready.
pub fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn is_late(error: &str) -> bool {
    let late =
        ["timed out", "timeout", "connection refused", "EOF", "etcdserver", "TLS handshake", "no route"];
    late.iter().any(|words| error.contains(words))
}
