//! containerd, asked and told by its own tool.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::command;
use crate::sysfs::Tree;

/// Those of Kubernetes, as containerd keeps them apart.
const NAMESPACE: [&str; 2] = ["--namespace", "k8s.io"];

/// What an image that brings its container images says that it brings.
const PRELOADED: &str = "usr/local/share/metal/images.txt";

/// Kubernetes gives a container this long to end, unless its pod says otherwise.
const GRACE: Duration = Duration::from_secs(30);

/// A service that is starting is waited for; systemd has the word on how long.
pub fn answers() -> Result<()> {
    command::run("systemctl", ["start", "containerd"])?;
    command::run("ctr", ["version"])?;
    Ok(())
}

pub fn systemd_driver() -> bool {
    let config = command::run("containerd", ["config", "dump"]).unwrap_or_default();
    let setting = |line: &str| line.replace(' ', "") == "SystemdCgroup=true";
    config.lines().map(str::trim).any(setting)
}

/// Where the image brings none, kubeadm and the kubelet fetch them.
pub fn images_missing(tree: &Tree) -> Vec<String> {
    let text = String::from_utf8_lossy(&tree.bytes(PRELOADED)).into_owned();
    let wanted: BTreeSet<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let there = ctr(&["images", "list", "--quiet"]).unwrap_or_default();
    let there: BTreeSet<&str> = there.lines().map(str::trim).collect();
    wanted.difference(&there).map(|name| (*name).into()).collect()
}

/// All containers, with the time that they may take to end. Nothing must be there that starts them again.
pub fn stop_all() -> Result<()> {
    answers()?;
    let asked = Instant::now();
    let mut left = running()?;
    signal(&left, "SIGTERM");
    while !left.is_empty() && asked.elapsed() < GRACE {
        sleep(Duration::from_secs(1));
        left = running()?;
    }
    let killed = Instant::now();
    while !left.is_empty() {
        if killed.elapsed() > GRACE {
            bail!("{} containers do not end, even when killed: {}", left.len(), left.join(", "));
        }
        signal(&left, "SIGKILL");
        sleep(Duration::from_secs(1));
        left = running()?;
    }
    Ok(())
}

/// Those that run now, of the container that a pod's manifest calls so.
pub fn named(name: &str) -> Result<Vec<String>> {
    let filter = format!("labels.\"io.kubernetes.container.name\"=={name}");
    let all = ctr(&["containers", "list", "--quiet", &filter])?;
    let running = running()?;
    Ok(all.lines().map(str::trim).filter(|id| running.iter().any(|r| r == id)).map(Into::into).collect())
}

/// They are asked to end; whoever looks after them starts others.
pub fn end(containers: &[String]) {
    signal(containers, "SIGTERM");
}

/// Of `ctr tasks list`: one that has ended stays listed until somebody removes it.
fn running() -> Result<Vec<String>> {
    let list = ctr(&["tasks", "list"])?;
    let words = list.lines().skip(1).map(|l| l.split_whitespace().collect::<Vec<_>>());
    Ok(words.filter(|w| w.len() == 3 && w[2] != "STOPPED").map(|w| w[0].into()).collect())
}

fn signal(containers: &[String], signal: &str) {
    for container in containers {
        // One that has just ended cannot be told to.
        let _ = ctr(&["tasks", "kill", "--all", "--signal", signal, container]);
    }
}

fn ctr(arguments: &[&str]) -> Result<String> {
    command::run("ctr", NAMESPACE.iter().chain(arguments))
}
