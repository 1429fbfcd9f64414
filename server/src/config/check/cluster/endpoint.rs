//! Where the API server is reached: the address has no other owner, and no port two listeners.

use std::net::Ipv4Addr;

use crate::config::check::Findings;
use crate::config::{Cluster, Endpoint, LoadBalancer, Site};

pub fn endpoint(site: &Site, cluster: &Cluster, path: &str, found: &mut Findings) {
    let Cluster { endpoint, api_server_port, load_balancer, .. } = cluster;
    let here = format!("{path}.endpoint");
    taken(*api_server_port, &format!("{path}.api_server_port"), found);
    if *load_balancer == LoadBalancer::External {
        return external(site, endpoint, &here, found);
    }
    taken(endpoint.port, &here, found);
    if endpoint.port == *api_server_port {
        let message =
            format!("HAProxy's port {} equals the API server's, on the same machines", endpoint.port);
        let hint = format!("endpoint = \"{}:8443\", or load_balancer = \"external\"", endpoint.host);
        found.error(&here, message, &hint);
    }
    if let Some(address) = endpoint.address() {
        virtual_address(site, address, &here, found);
    }
    let others = site.clusters.values().take_while(|other| other.name != cluster.name);
    for other in others.filter(|other| other.endpoint.host == endpoint.host) {
        let message = format!("clusters `{}` and `{}` share {}", other.name, cluster.name, endpoint.host);
        found.error(&here, message, "give each its own name or address");
    }
}

/// Of what a site runs itself we know only that our DHCP must not give its address away.
fn external(site: &Site, endpoint: &Endpoint, path: &str, found: &mut Findings) {
    let Some(address) = endpoint.address() else { return };
    if let Some(pool) = site.networks.iter().flat_map(|n| &n.pools).find(|p| p.contains(address)) {
        let message = format!("the endpoint {address} lies in the DHCP pool {pool}");
        found.warning(path, message, "another machine may be given it: take it out of the pool");
    }
}

/// The control planes' virtual address: keepalived answers for it on the wire of one network.
fn virtual_address(site: &Site, address: Ipv4Addr, path: &str, found: &mut Findings) {
    let Some(network) = site.network_of(address) else {
        let message =
            format!("the endpoint {address} lies in no network's subnet: no control plane can hold it");
        let hint = "take a free address of a [[network]], or load_balancer = \"external\"";
        return found.error(path, message, hint);
    };
    if let Some(pool) = network.pools.iter().find(|p| p.contains(address)) {
        let message = format!("the endpoint {address} lies in the DHCP pool {pool}");
        return found.error(path, message, "take an address outside the pools, or split the pool around it");
    }
    if let Some(owner) = owner(site, address) {
        let message = format!("the endpoint {address} is {owner}");
        let hint = "the control planes hand it from one to another: take an address that nobody has";
        found.error(path, message, hint);
    }
}

fn owner(site: &Site, address: Ipv4Addr) -> Option<String> {
    for network in &site.networks {
        if network.address.address == address {
            return Some(format!("the server's own in network `{}`", network.name));
        }
        if network.router == Some(address) {
            return Some(format!("the router's of network `{}`", network.name));
        }
        if network.address.contains(address) && !network.address.is_host(address) {
            return Some(format!("the subnet or the broadcast of network `{}`", network.name));
        }
    }
    let machine = site.machines.iter().find(|m| m.address == Some(address));
    let reservation = site.reservations.iter().find(|r| r.address == address);
    let by_machine = machine.map(|m| format!("that of `{}`", m.name));
    by_machine.or_else(|| reservation.map(|r| format!("reserved for {}", r.mac)))
}

/// Ports that every control plane listens on already.
fn taken(port: u16, path: &str, found: &mut Findings) {
    let owner = match port {
        0 => "nobody: it means any port",
        22 => "the SSH server",
        2379..=2381 => "etcd",
        10248 | 10250 => "the kubelet",
        10249 | 10256 => "kube-proxy",
        10257 => "the controller manager",
        10259 => "the scheduler",
        _ => return,
    };
    let message = format!("port {port} of a control plane belongs to {owner}");
    found.error(path, message, "6443 is the API server's by default, 8443 the load balancer's");
}
