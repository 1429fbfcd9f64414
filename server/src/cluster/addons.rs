//! What a cluster gets beside what kubeadm makes: pinned manifests with values of the site file, applied by a control
//! plane when the cluster is up, and again when they change. The fabric is one of them. Pure.

use k8s_openapi::api::apps::v1::DaemonSet;
use sha2::{Digest, Sha256};

use crate::config::{Cluster, Fabric};

/// A manifest under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addon {
    pub name: &'static str,
    pub manifest: String,
}

impl Addon {
    /// Of the task that applies it: another manifest is another task.
    pub fn key(&self, cluster: &str) -> String {
        let digest = hex::encode(Sha256::digest(&self.manifest));
        format!("apply/{cluster}/{}/{}", self.name, &digest[..12])
    }
}

/// Where the fabric's pods are counted.
pub const FABRIC: (&str, &str) = ("kube-flannel", "kube-flannel-ds");

/// In the order in which they are applied. `ours`: we initialised the cluster. One that was adopted may have a budget
/// for CoreDNS already, and a pod with two is not evicted at all.
pub fn addons(cluster: &Cluster, ours: bool) -> Vec<Addon> {
    let dns = ours.then(|| Addon { name: "dns", manifest: include_str!("manifests/dns.yaml").into() });
    fabric(cluster).into_iter().chain(dns).collect()
}

fn fabric(cluster: &Cluster) -> Option<Addon> {
    let backend = match cluster.fabric {
        Fabric::HostGw => "host-gw",
        Fabric::Vxlan => "vxlan",
        Fabric::None => return None,
    };
    let manifest = include_str!("manifests/flannel.yaml")
        .replace("@PODS@", &cluster.pods.to_string())
        .replace("@HOST@", &cluster.endpoint.host)
        .replace("@PORT@", &cluster.endpoint.port.to_string())
        .replace("@BACKEND@", backend);
    Some(Addon { name: "fabric", manifest })
}

/// What is wrong with the fabric, in one sentence. `applied`: its task has ended well.
pub fn fabric_problem(fabric: Option<&DaemonSet>, applied: bool) -> Option<String> {
    let Some(status) = fabric.and_then(|set| set.status.as_ref()) else {
        return Some(match applied {
            true => "the fabric was applied, and the API server does not show it yet".into(),
            false => "the fabric is not applied yet".into(),
        });
    };
    let (ready, wanted) = (status.number_ready, status.desired_number_scheduled);
    (ready < wanted).then(|| format!("the fabric is ready on {ready} of {wanted} nodes"))
}
