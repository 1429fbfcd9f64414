//! The ranges of pods and services: apart from each other and from all that nodes talk to, and large enough.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::members;
use crate::config::check::Findings;
use crate::config::{Cidr, Cluster, Site};

pub fn ranges(site: &Site, cluster: &Cluster, path: &str, found: &mut Findings) {
    let both = [("pods", cluster.pods), ("services", cluster.services)];
    for (what, range) in both {
        let path = format!("{path}.{what}");
        if range.address != range.subnet() {
            let message = format!("{range} begins in the middle of its subnet");
            found.error(&path, message, &format!("write {}/{}", range.subnet(), range.prefix));
        }
        apart(site, cluster, what, range, &path, found);
    }
    if cluster.pods.overlaps(cluster.services) {
        let given = if found.places.has(&format!("{path}.services")) { "services" } else { "pods" };
        let message = format!("the pods {} and the services {} overlap", cluster.pods, cluster.services);
        found.error(&format!("{path}.{given}"), message, "10.244.0.0/16 and 10.96.0.0/16 are the defaults");
    }
    room_for_nodes(site, cluster, &format!("{path}.pods"), found);
    room_for_services(cluster.services, &format!("{path}.services"), found);
}

/// A node sends what goes to these ranges into the cluster, so nothing else can be reached there.
fn apart(site: &Site, cluster: &Cluster, what: &str, range: Cidr, path: &str, found: &mut Findings) {
    let hint = "take a range that nothing on your networks uses";
    for network in site.networks.iter().filter(|n| n.address.overlaps(range)) {
        let message = format!(
            "the {what} {range} overlap the subnet of {} (network `{}`)",
            network.address, network.name
        );
        found.error(path, message, hint);
    }
    let outside = |address: &Ipv4Addr| site.network_of(*address).is_none();
    let servers = site.networks.iter().flat_map(|n| n.dns.iter().chain(&n.ntp));
    let reached: Vec<Ipv4Addr> = servers.copied().chain(cluster.endpoint.address()).collect();
    for address in reached.iter().filter(|a| range.contains(**a) && outside(a)) {
        found.error(path, format!("the {what} {range} contain {address}, which nodes have to reach"), hint);
    }
}

/// The controller manager gives each node a part of the pods' range, a /24 unless told otherwise.
fn room_for_nodes(site: &Site, cluster: &Cluster, path: &str, found: &mut Findings) {
    let (part, prefix) = (node_prefix(cluster), cluster.pods.prefix);
    let room = part.checked_sub(prefix).map_or(0, |bits| 1u64 << bits.min(24));
    let machines = members(site, cluster).count() as u64;
    if room < machines.max(1) {
        let message = format!("the pods {} have room for {room} nodes with a /{part} each", cluster.pods);
        let hint = format!("cluster `{}` has {machines} known machines: take a shorter prefix", cluster.name);
        found.error(path, message, &hint);
    }
}

/// `node-cidr-mask-size` of the controller manager, as a ClusterConfiguration of v1beta4 gives it.
fn node_prefix(cluster: &Cluster) -> u8 {
    let arguments = &cluster.kubeadm.cluster_configuration["controllerManager"]["extraArgs"];
    let named = |argument: &&Value| {
        matches!(argument["name"].as_str(), Some("node-cidr-mask-size" | "node-cidr-mask-size-ipv4"))
    };
    let value = arguments.as_array().and_then(|all| all.iter().find(named)).and_then(|a| a["value"].as_str());
    value.and_then(|v| v.parse().ok()).filter(|prefix| *prefix <= 32).unwrap_or(24)
}

/// Bounds of kubeadm's own (MinimumAddressesInServiceSubnet and MaximumBitsForServiceSubnet).
fn room_for_services(range: Cidr, path: &str, found: &mut Findings) {
    let wrong = match range.prefix {
        ..12 => "is larger than kubeadm takes",
        29.. => "has not even the 10 addresses that kubeadm asks for",
        _ => return,
    };
    found.error(path, format!("the services {range}: the range {wrong}"), "a prefix of 12 to 28 bits");
}
