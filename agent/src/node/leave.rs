//! Ends this machine's time as a node: nothing of the cluster runs on it any more, and nothing starts it again, whatever
//! becomes of the machine. What is on its disk stays until it is installed anew.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{KUBELET_CONF, MANIFESTS, blocking, containers, files, standing};
use crate::command;
use crate::log::Log;
use crate::report::Report;

/// Where static pods' manifests go, so that a kubelet which somebody starts finds none.
const LEFT: &str = "/etc/kubernetes/left";

/// With the address first: it moves to another control plane while this one still answers.
const SERVICES: [&str; 3] = ["keepalived", "haproxy", "kubelet"];

pub async fn leave(report: &Report, log: &Log) -> Result<()> {
    report.phase("leave", 0);
    let log = log.clone();
    blocking(move || {
        for service in SERVICES {
            stop(service)?;
        }
        put_away(Path::new(MANIFESTS), Path::new(LEFT))?;
        // Whoever boots this disk again must not come back as a node that was deleted.
        for secret in [KUBELET_CONF, "/etc/kubernetes/bootstrap-kubelet.conf"] {
            files::remove(Path::new(secret)).with_context(|| format!("cannot remove {secret}"))?;
        }
        let keys = Path::new("/var/lib/kubelet/pki");
        if keys.exists() {
            fs::remove_dir_all(keys).with_context(|| format!("cannot remove {}", keys.display()))?;
        }
        containers::stop_all()?;
        standing::forget(Path::new("/"))?;
        log.say("this machine is no node any more: kubelet and containers are stopped and stay so");
        Ok(())
    })
    .await
}

/// One that this image does not have is stopped already.
fn stop(service: &str) -> Result<()> {
    let unit = format!("{service}.service");
    let there = command::end("systemctl", ["cat", &unit])?.code == Some(0);
    if there {
        command::run("systemctl", ["disable", "--now", &unit])?;
    }
    Ok(())
}

fn put_away(manifests: &Path, left: &Path) -> Result<()> {
    fs::create_dir_all(left).with_context(|| format!("cannot make {}", left.display()))?;
    for entry in fs::read_dir(manifests).into_iter().flatten().flatten() {
        let to = left.join(entry.file_name());
        fs::rename(entry.path(), &to)
            .with_context(|| format!("cannot move a manifest to {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_put_away_and_may_be_again() {
        let root = tempfile::tempdir().unwrap();
        let (manifests, left) = (root.path().join("manifests"), root.path().join("left"));
        put_away(&manifests, &left).unwrap();
        fs::create_dir_all(&manifests).unwrap();
        for text in ["one", "two"] {
            fs::write(manifests.join("etcd.yaml"), text).unwrap();
            put_away(&manifests, &left).unwrap();
            assert_eq!(fs::read_to_string(left.join("etcd.yaml")).unwrap(), text);
        }
        assert_eq!(fs::read_dir(&manifests).unwrap().count(), 0);
    }
}
