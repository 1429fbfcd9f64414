//! containerd, asked and told by its own tool.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use uuid::Uuid;

use super::files;
use crate::command;
use crate::sysfs::Tree;

/// Those of Kubernetes, as containerd keeps them apart.
const NAMESPACE: [&str; 2] = ["--namespace", "k8s.io"];

/// What an image that brings its container images says that it brings.
const PRELOADED: &str = "usr/local/share/metal/images.txt";

/// The name that containerd gives itself with the first question that it is asked. It does not make sure of the bytes,
/// and refuses every later question where a power cut has left other ones: nothing else is kept under this name.
const UUID: &str = "var/lib/containerd/io.containerd.grpc.v1.introspection/uuid";

/// Kubernetes gives a container this long to end, unless its pod says otherwise.
const GRACE: Duration = Duration::from_secs(30);

/// A service that is starting is waited for; systemd has the word on how long.
pub fn answers() -> Result<()> {
    command::run("systemctl", ["start", "containerd"])?;
    forget_torn_uuid(Path::new("/"))?;
    command::run("ctr", ["version"])?;
    Ok(())
}

/// containerd reads it with every question, and makes another where there is none.
fn forget_torn_uuid(root: &Path) -> Result<()> {
    let path = root.join(UUID);
    let torn = fs::read(&path).is_ok_and(|bytes| Uuid::try_parse_ascii(&bytes).is_err());
    if torn {
        files::remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_that_a_power_cut_tore_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(UUID);
        forget_torn_uuid(root.path()).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for torn in ["", "\0".repeat(36).as_str()] {
            fs::write(&path, torn).unwrap();
            forget_torn_uuid(root.path()).unwrap();
            assert!(!path.exists(), "{torn:?}");
        }
        fs::write(&path, "e57e6e2c-7a3c-4b0b-9a0e-5b6cf2d6ad5d").unwrap();
        forget_torn_uuid(root.path()).unwrap();
        assert!(path.exists());
    }
}
