//! What the machine that the server runs on has: interfaces with their addresses, and who holds a port.

use std::net::Ipv4Addr;
use std::path::Path;
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

/// The process that listens on a port, such as `dnsmasq (pid 812)`; None when it cannot be told.
pub fn holder(protocol: &str, port: u16) -> Option<String> {
    let table = std::fs::read_to_string(format!("/proc/net/{protocol}")).ok()?;
    let socket = format!("socket:[{}]", inode(&table, port)?);
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let (path, pid) = (process.path(), process.file_name().to_string_lossy().into_owned());
        if pid.parse::<u32>().is_ok() && holds(&path, &socket) {
            let name = std::fs::read_to_string(path.join("comm")).ok()?;
            return Some(format!("{} (pid {pid})", name.trim()));
        }
    }
    None
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

/// From /proc/net/udp or tcp: the second column is `address:port` in hex, the fourth the state, the
/// tenth the inode. A TCP socket that listens is in state 0A; UDP has no such thing.
fn inode(table: &str, port: u16) -> Option<&str> {
    let ending = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns.get(3).is_some_and(|state| matches!(*state, "0A" | "07"));
        let here = columns.get(1).is_some_and(|local| local.ends_with(&ending));
        columns.get(9).copied().filter(|_| listens && here)
    })
}

fn holds(process: &Path, socket: &str) -> bool {
    let Ok(open) = std::fs::read_dir(process.join("fd")) else { return false };
    open.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == Path::new(socket)))
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

    #[test]
    fn the_holder_of_a_port_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = holder("tcp", port).unwrap();
        assert!(holder.ends_with(&format!("(pid {})", std::process::id())), "{holder}");
    }
}
