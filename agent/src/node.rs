//! What makes an installed system a node of a cluster, and what it does for that cluster afterwards. kubeadm, kubectl
//! and etcdctl are the image's; here is what they are given, when they are run, and what their words mean.

mod api_server;
mod checks;
mod classify;
mod clean;
mod cni;
mod containers;
mod documents;
mod etcd;
mod fabric;
mod files;
mod found;
mod hosts;
mod init;
mod join;
mod kubeadm;
mod kubectl;
mod leave;
mod lines;
mod manifest;
mod node_report;
mod prepare;
mod standing;
mod steps;

use anyhow::{Context, Result};

pub use self::fabric::follow as follow_fabric;
pub use self::join::join;
pub use self::leave::leave;
pub use self::node_report::report_each_minute;
pub use self::steps::step;

const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";
const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";
const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// In memory: what lies here is gone with the boot.
const RUN: &str = "/run/metal";

/// kubeadm does not make sure of what it writes: from here on a power cut finds it whole.
async fn settle() -> Result<()> {
    blocking(|| {
        rustix::fs::sync();
        Ok(())
    })
    .await
}

/// Programs that may take minutes must not hold up the poll that is the heartbeat.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("a thread of the node's work died")?
}
