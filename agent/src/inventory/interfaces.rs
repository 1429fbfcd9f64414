//! Network ports from sysfs: those with hardware behind them.

use std::collections::BTreeMap;

use api::facts::Interface;
use api::id::Mac;

use crate::command;
use crate::sysfs::Tree;

const NETS: &str = "sys/class/net";

pub fn read(tree: &Tree) -> Vec<Interface> {
    let addresses = addresses();
    physical(tree)
        .into_iter()
        .filter_map(|name| {
            let base = format!("{NETS}/{name}");
            Some(Interface {
                mac: mac(tree, &base)?,
                pci: pci(tree, &base),
                driver: tree.link_name(format!("{base}/device/driver")),
                speed: u32::try_from(tree.number(format!("{base}/speed"))).unwrap_or(0),
                link: tree.flag(format!("{base}/carrier")),
                addresses: addresses.get(&name).cloned().unwrap_or_default(),
                name,
            })
        })
        .collect()
}

pub fn macs(tree: &Tree) -> Vec<Mac> {
    physical(tree).iter().filter_map(|name| mac(tree, &format!("{NETS}/{name}"))).collect()
}

/// Bridges, bonds and the loopback have no device behind them.
fn physical(tree: &Tree) -> Vec<String> {
    let names = tree.list(NETS).into_iter();
    names.filter(|name| tree.exists(format!("{NETS}/{name}/device"))).collect()
}

/// A port in a bond wears the bond's address; its own is kept aside.
fn mac(tree: &Tree, base: &str) -> Option<Mac> {
    let own = tree.text(format!("{base}/bonding_slave/perm_hwaddr"));
    let mac = if own.is_empty() { tree.text(format!("{base}/address")) } else { own };
    mac.parse().ok().filter(|mac: &Mac| mac.0 != [0; 6])
}

/// The nearest PCI function: a virtio port's device is a child of it.
fn pci(tree: &Tree, base: &str) -> String {
    let path = tree.resolved(format!("{base}/device"));
    path.split('/').rev().find(|part| is_pci(part)).unwrap_or_default().into()
}

/// `0000:00:03.0`
fn is_pci(part: &str) -> bool {
    let bytes = part.as_bytes();
    let hex = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    bytes.len() == 12
        && (hex(0..4) && hex(5..7) && hex(8..10) && hex(11..12))
        && (bytes[4], bytes[7], bytes[10]) == (b':', b':', b'.')
}

fn addresses() -> BTreeMap<String, Vec<String>> {
    parse_addresses(&command::run("ip", ["-o", "addr"]).unwrap_or_default())
}

/// `2: eth0    inet 10.77.0.50/24 brd … scope global eth0`
fn parse_addresses(output: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in output.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, name, "inet" | "inet6", address, ..] = words[..] {
            found.entry(name.trim_end_matches(':').into()).or_default().push(address.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_both_ips() {
        let iproute = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n\
                       2: eth0    inet 10.77.0.50/24 brd 10.77.0.255 scope global eth0\n\
                       2: eth0    inet6 fe80::1/64 scope link \n";
        let busybox = "2: eth0: <BROADCAST,UP> mtu 1500 qdisc fq state UP qlen 1000\\    link/ether 52:54\n\
                       2: eth0    inet 10.77.0.50/24 brd 10.77.0.255 scope global eth0\n";
        assert_eq!(parse_addresses(iproute)["eth0"], ["10.77.0.50/24", "fe80::1/64"]);
        assert_eq!(parse_addresses(busybox)["eth0"], ["10.77.0.50/24"]);
        assert!(parse_addresses("ip: command not found").is_empty());
    }

    #[test]
    fn pci_addresses_are_told_from_other_parts() {
        assert!(is_pci("0000:00:03.0"));
        for part in ["virtio0", "0000:00:03", "pci0000:00", "0000-00-03.0", "zzzz:00:03.0"] {
            assert!(!is_pci(part), "{part}");
        }
    }
}
