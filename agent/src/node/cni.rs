//! The list of CNI plugins for Flannel's subnet of this node: what its own plugin, which hands on to `bridge`, would make
//! of the same file. Pure.

use std::net::Ipv4Addr;

use serde_json::json;

/// Flannel's `subnet.env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The whole cluster's.
    pub network: String,
    /// This node's, such as `10.244.1.0/24`.
    pub subnet: String,
    pub mtu: u32,
    /// Whether Flannel itself masquerades what leaves the cluster.
    pub masquerades: bool,
}

/// None while the file is not complete.
pub fn parse(text: &str) -> Option<Subnet> {
    let value = |name: &str| {
        let found = text.lines().find_map(|l| l.trim().strip_prefix(name)?.strip_prefix('='));
        found.map(str::trim).filter(|v| !v.is_empty())
    };
    Some(Subnet {
        network: value("FLANNEL_NETWORK")?.into(),
        subnet: network_of(value("FLANNEL_SUBNET")?)?,
        mtu: value("FLANNEL_MTU")?.parse().ok()?,
        masquerades: value("FLANNEL_IPMASQ")? == "true",
    })
}

/// Masquerading is Flannel's: it knows the whole cluster's network. The bridge plugin knows this node's part alone, and
/// would hide a pod's address from the pods of all other nodes; so it only does so where Flannel was told not to,
/// as Flannel's own plugin decides. Leases of addresses lie in memory: no container outlives a boot, and an address
/// that one held when the power went is free again.
pub fn list(subnet: &Subnet) -> String {
    let list = json!({
        "cniVersion": "1.0.0",
        "name": "flannel",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "isDefaultGateway": true,
                "forceAddress": true,
                "hairpinMode": true,
                "ipMasq": !subnet.masquerades,
                "ipMasqBackend": "nftables",
                "mtu": subnet.mtu,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni/networks",
                    "ranges": [[{"subnet": subnet.subnet}]],
                    "routes": [{"dst": subnet.network}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}, "backend": "nftables"},
        ],
    });
    format!("{list:#}\n")
}

/// Flannel writes the bridge's address; host-local wants the network's.
fn network_of(cidr: &str) -> Option<String> {
    let (address, bits) = cidr.split_once('/')?;
    let (address, bits) = (address.parse::<Ipv4Addr>().ok()?, bits.parse::<u32>().ok()?);
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
    Some(format!("{}/{bits}", Ipv4Addr::from(u32::from(address) & mask)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENV: &str = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\n\
                       FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";

    #[test]
    fn the_list_is_what_flannels_own_plugin_would_make() {
        let list: serde_json::Value = serde_json::from_str(&list(&parse(ENV).unwrap())).unwrap();
        let bridge = &list["plugins"][0];
        assert_eq!(bridge["ipam"]["ranges"][0][0]["subnet"], "10.244.3.0/24");
        assert_eq!((&bridge["mtu"], &bridge["ipMasq"]), (&json!(1450), &json!(false)));
        assert_eq!(list["plugins"][1]["type"], "portmap");
    }

    #[test]
    fn a_bridge_masquerades_only_where_flannel_does_not() {
        let text = ENV.replace("IPMASQ=true", "IPMASQ=false");
        assert!(super::list(&parse(&text).unwrap()).contains("\"ipMasq\": true"));
    }

    #[test]
    fn half_a_file_is_none() {
        for cut in 0..ENV.find("IPMASQ=t").unwrap() {
            assert_eq!(parse(&ENV[..cut]), None, "{cut}");
        }
        for bad in ["10.244.3.1", "10.244.3.1/33", "x/24", "/"] {
            assert_eq!(parse(&ENV.replace("10.244.3.1/24", bad)), None, "{bad}");
        }
        assert_eq!(network_of("10.9.8.7/0").unwrap(), "0.0.0.0/0");
        assert_eq!(network_of("10.9.8.7/32").unwrap(), "10.9.8.7/32");
    }
}
