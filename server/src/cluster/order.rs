//! The order to join, for one machine: what its agent needs of the site file, and no secret. Pure.

use api::cluster::{JoinOrder, NodeFile, Role};

use super::balancer::{self, Member};
use super::grant;
use super::kubeadm::{self, Joiner};

/// `interface`: the one with the machine's address. `others`: the control planes that there are already.
pub fn order(joiner: &Joiner, init: bool, interface: &str, others: &[Member]) -> JoinOrder {
    let cluster = joiner.cluster;
    let mut files: Vec<NodeFile> = kubeadm::patch_files(cluster, joiner.role);
    let documents = if init { kubeadm::init(joiner) } else { kubeadm::join(joiner, &files) };
    let mut services = Vec::new();
    if joiner.role == Role::ControlPlane {
        let me = Member { node: joiner.node.to_string(), address: joiner.address };
        files.extend(balancer::files(cluster, &me, interface, others));
        services = balancer::services(cluster);
    }
    JoinOrder {
        cluster: cluster.name.clone(),
        node: joiner.node.clone(),
        role: joiner.role,
        address: joiner.address.to_string(),
        init,
        kubernetes: joiner.kubernetes.into(),
        endpoint: cluster.endpoint.to_string(),
        documents,
        files,
        services,
        grant: init.then(grant::manifest),
        needs: kubeadm::needs(cluster, joiner.role),
    }
}
