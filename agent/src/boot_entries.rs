//! UEFI's boot entries as they lie in its variables (UEFI specification 3.1.3 and 10.3): enough to find the one that
//! boots a port over the network. Pure; firmware wrote the bytes, so none of their lengths is believed.

use api::id::Mac;

/// A variable `Boot0003` without efivarfs's four bytes of attributes in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub active: bool,
    pub description: String,
    pub mac: Option<Mac>,
    pub network: Network,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    None,
    Ipv6,
    Http,
    Ipv4,
}

pub fn parse(option: &[u8]) -> Option<Entry> {
    let attributes = u32::from_le_bytes(option.get(..4)?.try_into().ok()?);
    let rest = option.get(6..)?;
    let units: Vec<u16> = rest
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|unit| *unit != 0)
        .collect();
    let path = rest.get(2 * units.len() + 2..).unwrap_or_default();
    let (mac, network) = walk(path);
    let description = String::from_utf16_lossy(&units);
    Some(Entry { active: attributes & 1 == 1, description, mac, network })
}

/// Node by node: type, subtype, length, data.
fn walk(mut path: &[u8]) -> (Option<Mac>, Network) {
    let (mut mac, mut ipv4, mut ipv6, mut http) = (None, false, false, false);
    while let [kind, sub, low, high, ..] = *path {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some(node) = path.get(4..length) else { break };
        match (kind, sub) {
            (3, 11) => mac = node.get(..6).and_then(|m| m.try_into().ok()).map(Mac),
            (3, 12) => ipv4 = true,
            (3, 13) => ipv6 = true,
            (3, 24) => http = true,
            (0x7f, 0xff) => break,
            _ => {}
        }
        path = &path[length..];
    }
    let network = match (http, ipv4, ipv6) {
        (true, _, _) => Network::Http,
        (_, true, _) => Network::Ipv4,
        (_, _, true) => Network::Ipv6,
        _ => Network::None,
    };
    (mac, network)
}

/// The best of the active entries: PXE over IPv4 before HTTP before IPv6, a port that is ours before any other.
pub fn choose(entries: &[(u16, Entry)], ports: &[Mac]) -> Option<u16> {
    let usable = entries.iter().filter(|(_, e)| e.active && e.network != Network::None);
    let rank = |e: &Entry| {
        let place = e.mac.and_then(|mac| ports.iter().position(|p| *p == mac));
        (place.map_or(usize::MIN, |p| usize::MAX - p), e.network)
    };
    // Of equals the first: firmware lists the port it prefers first.
    usable.rev().max_by_key(|(_, e)| rank(e)).map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    fn node(kind: u8, sub: u8, data: &[u8]) -> Vec<u8> {
        let length = (data.len() + 4) as u16;
        [&[kind, sub], &length.to_le_bytes()[..], data].concat()
    }

    fn option(description: &str, nodes: &[Vec<u8>]) -> Vec<u8> {
        let path = nodes.concat();
        let mut bytes = vec![1, 0, 0, 0];
        bytes.extend((path.len() as u16).to_le_bytes());
        bytes.extend(description.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        bytes.extend(path);
        bytes
    }

    /// As OVMF writes it: PciRoot/Pci/MAC/IPv4.
    fn pxe(mac: [u8; 6], ip: u8) -> Vec<u8> {
        let mut hardware = mac.to_vec();
        hardware.resize(33, 0);
        option(
            "UEFI PXEv4",
            &[
                node(2, 1, &[0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0]),
                node(1, 1, &[0, 2]),
                node(3, 11, &hardware),
                node(3, ip, &[0; 23]),
                node(0x7f, 0xff, &[]),
            ],
        )
    }

    #[test]
    fn a_network_entry_shows_its_port() {
        let entry = parse(&pxe(MAC, 12)).unwrap();
        assert_eq!((entry.mac, entry.network, entry.active), (Some(Mac(MAC)), Network::Ipv4, true));
        assert_eq!(entry.description, "UEFI PXEv4");
    }

    #[test]
    fn the_best_port_and_way_win() {
        let other = [2, 0, 0, 0, 0, 1];
        let entries: Vec<(u16, Entry)> = [
            (1, option("disk", &[node(4, 1, &[0; 38])])),
            (2, pxe(other, 12)),
            (3, pxe(MAC, 13)),
            (4, pxe(MAC, 12)),
            (5, pxe(MAC, 12)),
        ]
        .into_iter()
        .map(|(n, bytes)| (n, parse(&bytes).unwrap()))
        .collect();
        assert_eq!(choose(&entries, &[Mac(MAC)]), Some(4));
        assert_eq!(choose(&entries, &[Mac(other), Mac(MAC)]), Some(2));
        assert_eq!(choose(&entries, &[]), Some(2));
        assert_eq!(choose(&entries[..1], &[Mac(MAC)]), None);
    }

    #[test]
    fn cut_and_lying_bytes_end_quietly() {
        let whole = pxe(MAC, 12);
        for length in 0..whole.len() {
            parse(&whole[..length]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                parse(&bytes);
            }
        }
        // A node that claims to be shorter than its own head would be read for ever.
        assert_eq!(walk(&[3, 12, 0, 0, 3, 12]), (None, Network::None));
    }
}
