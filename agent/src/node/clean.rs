//! Takes away what a failed or broken-off init or join left, so that the next one starts from nothing. kubeadm's own
//! reset also takes this machine out of etcd where it was half added; what it leaves behind goes here.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{ADMIN_CONF, KUBELET_CONF, MANIFESTS, containers, etcd, kubeadm, standing};
use crate::command;
use crate::log::Log;
use crate::report::Report;

/// What etcd has written.
const MEMBER: &str = "/var/lib/etcd/member";

/// Other members are slow, or away for a restart.
const ETCD_PATIENCE: Duration = Duration::from_secs(180);

/// Whatever kubeadm wrote first.
const LEFTOVERS: [&str; 5] =
    [KUBELET_CONF, ADMIN_CONF, "/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/pki", MEMBER];

/// Devices that pods and their fabric have made; a new node may get another subnet.
const LINKS: [&str; 3] = ["cni0", "flannel.1", "kube-ipvs0"];

const TABLES: [[&str; 2]; 4] =
    [["ip", "kube-proxy"], ["ip6", "kube-proxy"], ["ip", "flannel-ipv4"], ["ip6", "flannel-ipv6"]];

pub fn is_needed() -> bool {
    let any = |folder: &str| fs::read_dir(folder).into_iter().flatten().next().is_some();
    LEFTOVERS.iter().any(|place| Path::new(place).is_file() || any(place)) || any(MANIFESTS)
}

pub async fn clean(report: &Report, log: &Log) -> Result<()> {
    standing::forget(Path::new("/"))?;
    report.phase("clean up", 0);
    if let Err(error) = super::blocking(containers::answers).await {
        log.say(format!("containerd does not answer: {error:#}"));
    }
    withdraw(report, log).await?;
    // It asks the cluster for itself first, which may be gone: what it cannot do is done below.
    if let Err(error) = kubeadm::run(&["reset", "--force", "--cleanup-tmp-dir"], report, log).await {
        report.still_wanted()?;
        log.say(format!("{error:#}"));
    }
    super::blocking(sweep).await
}

/// A member that has run and stays on etcd's list must not lose its data: it would be missing from the quorum.
async fn withdraw(report: &Report, log: &Log) -> Result<()> {
    let until = Instant::now() + ETCD_PATIENCE;
    loop {
        let saying = log.clone();
        let Err(error) = super::blocking(move || etcd::withdraw(&saying)).await else { return Ok(()) };
        report.still_wanted()?;
        if !Path::new(MEMBER).exists() {
            log.say(format!("{error:#}; it has never run, and goes on"));
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(error)
                .context("this machine cannot be taken out of etcd, and its data is not touched");
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

fn sweep() -> Result<()> {
    command::run("systemctl", ["disable", "--now", "kubelet"])?;
    empty(MANIFESTS)?;
    containers::stop_all()?;
    for place in LEFTOVERS {
        remove(Path::new(place))?;
    }
    empty("/etc/cni/net.d")?;
    empty("/var/lib/kubelet")?;
    for place in ["/run/flannel", "/run/cni/networks", "/var/lib/etcd"] {
        empty(place)?;
    }
    for link in LINKS.iter().filter(|link| Path::new("/sys/class/net").join(link).exists()) {
        command::run("ip", ["link", "delete", link])?;
    }
    for [family, name] in TABLES {
        // A table that is not there is what is wanted.
        command::end("nft", ["delete", "table", family, name]).ok();
    }
    Ok(())
}

fn empty(folder: &str) -> Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        remove(&entry.path())?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed =
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
