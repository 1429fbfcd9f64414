//! What the machine that the server runs on has: interfaces with their addresses.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::config::Cidr;

/// An Ethernet interface with an address that machines could reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    /// The first one of it.
    pub address: Cidr,
    /// Of the default route, where it leaves through this interface.
    pub gateway: Option<Ipv4Addr>,
}

/// All interfaces that could face a rack.
pub fn interfaces() -> Result<Vec<Interface>> {
    parse(&ip(&["address"])?, &ip(&["route", "show", "default"])?)
}

fn ip(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("ip");
    command.args(["-json", "-4"]).args(arguments);
    let output = command.output().context("cannot run `ip`: install the package iproute2")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`ip {}` failed: {}", arguments.join(" "), complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[derive(Deserialize)]
struct Link {
    ifname: String,
    flags: Vec<String>,
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    local: Ipv4Addr,
    prefixlen: u8,
    scope: String,
}

#[derive(Deserialize)]
struct Route {
    dev: String,
    gateway: Option<Ipv4Addr>,
}

fn parse(addresses: &str, routes: &str) -> Result<Vec<Interface>> {
    let links: Vec<Link> =
        serde_json::from_str(addresses).context("`ip address` answered in another format")?;
    let routes: Vec<Route> = serde_json::from_str(routes).context("`ip route` answered in another format")?;
    let mut interfaces = Vec::new();
    for link in links {
        let global = link.addr_info.iter().find(|a| a.scope == "global" && (8..=30).contains(&a.prefixlen));
        let broadcasts = link.flags.iter().any(|flag| flag == "BROADCAST");
        if let Some(found) = global.filter(|_| broadcasts) {
            let address = Cidr { address: found.local, prefix: found.prefixlen };
            let gateway =
                routes.iter().find(|route| route.dev == link.ifname).and_then(|route| route.gateway);
            interfaces.push(Interface { name: link.ifname, address, gateway });
        }
    }
    Ok(interfaces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_those_with_a_broadcast_and_a_global_address() {
        let addresses = r#"[
            {"ifname":"lo","flags":["LOOPBACK","UP"],
             "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
            {"ifname":"eth0","flags":["BROADCAST","UP"],
             "addr_info":[{"family":"inet","local":"192.0.2.2","prefixlen":24,"scope":"global"}]},
            {"ifname":"eth1","flags":["BROADCAST","UP"],
             "addr_info":[{"family":"inet","local":"169.254.1.1","prefixlen":16,"scope":"link"},
                          {"family":"inet","local":"10.77.0.1","prefixlen":24,"scope":"global"}]},
            {"ifname":"wg0","flags":["POINTOPOINT","UP"],
             "addr_info":[{"family":"inet","local":"10.9.0.1","prefixlen":24,"scope":"global"}]}]"#;
        let routes = r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]}]"#;
        let found = parse(addresses, routes).unwrap();
        let lines: Vec<String> =
            found.iter().map(|i| format!("{} {} {:?}", i.name, i.address, i.gateway)).collect();
        assert_eq!(lines, ["eth0 192.0.2.2/24 Some(192.0.2.1)", "eth1 10.77.0.1/24 None"]);
        assert!(parse("", "[]").is_err());
    }
}
