//! Networks, pools and reservations: every address has one owner, and every owner lies in its subnet.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::{Findings, LABEL_HINT, is_label};
use crate::config::{Network, Range, Site};

pub fn networks(site: &Site, found: &mut Findings) {
    if site.networks.is_empty() {
        let hint = "`metald init` writes a site file with the networks of this machine";
        found.error("name", "there is no [[network]], so no machine can be served".into(), hint);
    }
    for (i, network) in site.networks.iter().enumerate() {
        let path = format!("network.{i}");
        names(network, &path, found);
        addresses(network, &path, found);
        pools(network, &path, found);
        lease(network, &path, found);
        for other in &site.networks[..i] {
            pair(network, other, &path, found);
        }
    }
    pool_is_large_enough(site, found);
}

fn names(network: &Network, path: &str, found: &mut Findings) {
    if !is_label(&network.name) {
        found.error(&format!("{path}.name"), format!("`{}` is not a network name", network.name), LABEL_HINT);
    }
    if let Some(domain) = network.domain.as_ref().filter(|d| !d.split('.').all(is_label)) {
        let hint = "labels of a-z, 0-9 and inner dashes with dots between them, such as rack1.example.org";
        found.error(&format!("{path}.domain"), format!("`{domain}` is not a domain name"), hint);
    }
}

fn addresses(network: &Network, path: &str, found: &mut Findings) {
    let subnet = network.address;
    if !subnet.is_host(subnet.address) {
        let message =
            format!("{} is the subnet itself or its broadcast, not the server's address", subnet.address);
        let hint =
            format!("write the address that `{}` has, such as {}", network.interface, example(network, 1));
        found.error(&format!("{path}.address"), message, &hint);
    }
    if let Some(router) = network.router.filter(|r| !subnet.is_host(*r)) {
        let message =
            format!("the router {router} is outside the subnet of {subnet}, so no machine reaches it");
        let hint = format!("an address such as {}", example(network, 254));
        found.error(&format!("{path}.router"), message, &hint);
    }
}

fn pools(network: &Network, path: &str, found: &mut Findings) {
    if network.pools.is_empty() {
        let hint = format!("such as pool = [\"{}-{}\"]", example(network, 100), example(network, 199));
        let message =
            format!("network `{}` has no pool: only reserved machines get an address", network.name);
        found.warning(&format!("{path}.pool"), message, &hint);
    }
    for (i, pool) in network.pools.iter().enumerate() {
        let path = format!("{path}.pool.{i}");
        if !network.address.is_host(pool.first) || !network.address.is_host(pool.last) {
            let message = format!("the pool {pool} reaches outside the hosts of {}", network.address);
            let hint = format!("such as {}-{}", example(network, 100), example(network, 199));
            found.error(&path, message, &hint);
        }
        let owned =
            [("the server's own address", Some(network.address.address)), ("the router", network.router)];
        for (what, address) in owned {
            if let Some(address) = address.filter(|a| pool.contains(*a)) {
                let message = format!("the pool {pool} contains {what}, {address}");
                found.error(&path, message, "split the pool around it, or move the pool");
            }
        }
        for other in network.pools[..i].iter().filter(|other| pool.overlaps(**other)) {
            let message = format!("the pool {pool} overlaps the pool {other}");
            found.error(&path, message, "every address belongs to one pool: make one range of both");
        }
    }
}

fn lease(network: &Network, path: &str, found: &mut Findings) {
    let seconds = network.lease.as_secs();
    let path = format!("{path}.lease");
    if seconds < 120 {
        let message = format!("a lease of {seconds} s ends before a machine has read its hardware");
        found.error(&path, message, "1h is the default");
    } else if seconds < 600 {
        let message = format!("with a lease of {seconds} s every machine asks again every {} s", seconds / 2);
        found.warning(&path, message, "1h is the default");
    }
}

fn pair(network: &Network, other: &Network, path: &str, found: &mut Findings) {
    if network.name == other.name {
        let message = format!("two networks are named `{}`", network.name);
        found.error(&format!("{path}.name"), message, "give each its own name");
    }
    if network.interface == other.interface {
        let message = format!("two networks are served on the interface `{}`", network.interface);
        let hint = "a broadcast does not say which of them it means: give each its own interface or VLAN";
        found.error(&format!("{path}.interface"), message, hint);
    }
    let (a, b) = (network.address, other.address);
    if a.overlaps(b) {
        let message = format!("the subnets of {a} and {b} (network `{}`) overlap", other.name);
        found.error(&format!("{path}.address"), message, "give each network its own subnet");
    }
}

fn pool_is_large_enough(site: &Site, found: &mut Findings) {
    let addresses: u64 = site.networks.iter().flat_map(|n| &n.pools).map(|p: &Range| p.count()).sum();
    let machines = site.machines.iter().filter(|m| m.address.is_none()).count() as u64;
    if addresses < machines && addresses > 0 {
        let message =
            format!("the pools hold {addresses} addresses for {machines} machines without one of their own");
        found.warning(
            "network.0.pool",
            message,
            "enlarge a pool: a machine without an address does not boot",
        );
    }
}

pub fn reservations(site: &Site, found: &mut Findings) {
    let mut macs = HashMap::new();
    let mut owners: HashMap<Ipv4Addr, String> = HashMap::new();
    for (i, reservation) in site.reservations.iter().enumerate() {
        let path = format!("reservation.{i}");
        if macs.insert(reservation.mac, i).is_some() {
            let message = format!("{} has two reservations", reservation.mac);
            found.error(&format!("{path}.mac"), message, "keep one of them");
        }
        let owner = reservation.mac.to_string();
        address(site, reservation.address, owner, &format!("{path}.address"), &mut owners, found);
    }
    for (i, machine) in site.machines.iter().enumerate() {
        let Some(wanted) = machine.address else { continue };
        let path = format!("machine.{i}.address");
        match machine.macs.first() {
            None => found.error(
                &path,
                format!("`{}` wants the address {wanted} and has no MAC to give it to", machine.name),
                "write the MAC of the port that boots first into macs",
            ),
            Some(mac) if macs.contains_key(mac) => found.error(
                &path,
                format!("{mac} of `{}` has a [[reservation]] too", machine.name),
                "keep the address here or there",
            ),
            Some(_) => address(site, wanted, machine.name.to_string(), &path, &mut owners, found),
        }
    }
}

/// An address that is kept for one owner.
fn address(
    site: &Site,
    wanted: Ipv4Addr,
    owner: String,
    path: &str,
    owners: &mut HashMap<Ipv4Addr, String>,
    found: &mut Findings,
) {
    match site.network_of(wanted) {
        None => {
            let message = format!("the address {wanted} of {owner} lies in no network's subnet");
            found.error(path, message, "take an address of a [[network]]");
        }
        Some(network) if !network.address.is_host(wanted) || network.address.address == wanted => {
            let message =
                format!("{wanted} is the server's own address, or no host's, in network `{}`", network.name);
            found.error(path, message, "take another address of the subnet");
        }
        Some(network) if network.pools.iter().any(|p| p.contains(wanted)) => {
            let message = format!("{wanted} of {owner} lies in a pool of network `{}`", network.name);
            found.warning(
                path,
                message,
                "another machine may hold it already: take an address outside the pool",
            );
        }
        Some(_) => {}
    }
    if let Some(first) = owners.insert(wanted, owner.clone()) {
        let message = format!("{wanted} is kept for {first} and for {owner}");
        found.error(path, message, "give each its own address");
    }
}

/// An address of this network to show in a hint, `step` after the subnet's first.
fn example(network: &Network, step: u32) -> Ipv4Addr {
    let subnet = u32::from(network.address.subnet());
    let hosts = u32::from(network.address.broadcast()) - subnet - 1;
    Ipv4Addr::from(subnet + step.min(hosts))
}
