//! Clusters: what kubeadm, keepalived or the fabric would refuse, or take and then fail with, is said
//! before anything starts.

mod endpoint;
mod image;
mod kubeadm;
mod names;
mod node;
mod ranges;

use std::collections::BTreeSet;

use api::cluster::Role;

use super::{Findings, LABEL_HINT, is_label};
use crate::config::{Cluster, Fabric, KnownMachine, Profile, Site};

pub use image::image;

pub fn clusters(site: &Site, found: &mut Findings) {
    for cluster in site.clusters.values() {
        let path = format!("cluster.{}", cluster.name);
        if !is_label(&cluster.name) {
            found.error(&path, format!("`{}` is not a cluster name", cluster.name), LABEL_HINT);
        }
        release(cluster, &path, found);
        endpoint::endpoint(site, cluster, &path, found);
        ranges::ranges(site, cluster, &path, found);
        fabric(site, cluster, &path, found);
        surroundings(site, cluster, &path, found);
        control_planes(site, cluster, &path, found);
        kubeadm::documents(&cluster.kubeadm, &format!("{path}.kubeadm"), found);
        kubeadm::patches(cluster, &format!("{path}.kubeadm.patches"), found);
    }
    for profile in site.profiles.values() {
        node::profile(site, profile, found);
    }
    node::machines(site, found);
}

/// The configuration format that we write, v1beta4, came with kubeadm 1.31.
fn release(cluster: &Cluster, path: &str, found: &mut Findings) {
    let path = format!("{path}.kubernetes");
    let release = &cluster.kubernetes;
    match cluster.minor() {
        None => {
            let hint = "a minor release such as 1.36, or an exact one such as 1.36.3, without a `v`";
            found.error(&path, format!("`{release}` is not a Kubernetes release"), hint);
        }
        Some(..31) => {
            let message = format!("kubeadm {release} does not read the configuration that metald writes");
            found.error(&path, message, "take 1.31 or newer");
        }
        Some(_) => {}
    }
}

/// Plain routes name the next node, which has to be on the same wire.
fn fabric(site: &Site, cluster: &Cluster, path: &str, found: &mut Findings) {
    let addresses = members(site, cluster).filter_map(|(machine, _)| machine.address);
    let networks: BTreeSet<&str> =
        addresses.filter_map(|address| site.network_of(address)).map(|n| n.name.as_str()).collect();
    if cluster.fabric == Fabric::HostGw && networks.len() > 1 {
        let networks: Vec<&str> = networks.into_iter().collect();
        let message = format!(
            "nodes of cluster `{}` are in the networks `{}`, and host-gw routes within one only",
            cluster.name,
            networks.join("`, `")
        );
        found.error(&format!("{path}.fabric"), message, "fabric = \"vxlan\"");
    }
}

/// On the node itself a packet for a service needs a route before kube-proxy turns it to a pod; and CoreDNS ends at
/// once where the node knows no name server.
fn surroundings(site: &Site, cluster: &Cluster, path: &str, found: &mut Findings) {
    let name = &cluster.name;
    let mut lacks = |lacks: bool, message: String, hint: &str| {
        if lacks {
            found.warning(path, message, hint);
        }
    };
    lacks(
        site.networks.iter().all(|network| network.router.is_none()),
        format!(
            "no network has a router: what runs on the nodes of cluster `{name}` has no route to its services"
        ),
        "give a network a router; where there is none, the server's own address does",
    );
    lacks(
        site.networks.iter().all(|network| network.dns.is_empty()),
        format!("no network has a name server: CoreDNS of cluster `{name}` does not start without one"),
        "give a network dns; where there is none, the server's own address does",
    );
}

fn control_planes(site: &Site, cluster: &Cluster, path: &str, found: &mut Findings) {
    let name = &cluster.name;
    let profiles = || site.profiles.values().filter(|p| p.cluster.as_ref() == Some(name));
    if profiles().next().is_none() {
        let hint = format!("write cluster = \"{name}\" into a profile");
        return found.warning(path, format!("no profile makes machines nodes of cluster `{name}`"), &hint);
    }
    let count = members(site, cluster).filter(|(_, role)| *role == Role::ControlPlane).count();
    let by_profile = profiles().any(|p| p.role == Role::ControlPlane);
    if count == 0 && !by_profile {
        let message =
            format!("no machine becomes a control plane of cluster `{name}`: nobody initialises it");
        let hint =
            "write role = \"control-plane\" into a profile or a [[machine]], unless the cluster is adopted";
        found.warning(path, message, hint);
    }
    if count > 0 && count.is_multiple_of(2) {
        let message = format!(
            "{count} control planes of cluster `{name}` survive the loss of no more of them than {} would",
            count - 1
        );
        let hint = format!("etcd needs more than half: take {} or {}", count - 1, count + 1);
        found.warning(path, message, &hint);
    }
}

/// The known machines that become nodes of a cluster, and as what.
fn members<'a>(site: &'a Site, cluster: &'a Cluster) -> impl Iterator<Item = (&'a KnownMachine, Role)> {
    site.machines.iter().filter_map(|machine| {
        let profile = profile_of(site, machine).filter(|p| p.cluster.as_ref() == Some(&cluster.name))?;
        Some((machine, site.role(profile, Some(machine.name.as_str()))))
    })
}

/// A known machine without a profile gets one by the rules, which look at hardware; it can be told only
/// where all rules give the same.
fn profile_of<'a>(site: &'a Site, machine: &'a KnownMachine) -> Option<&'a Profile> {
    let mut rules = site.rules.iter().map(|rule| &rule.profile);
    let by_rules = rules.next().filter(|first| rules.all(|other| other == *first));
    site.profiles.get(machine.profile.as_ref().or(by_rules)?)
}
