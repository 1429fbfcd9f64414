//! Kubernetes clusters, as the site file writes them, with every default filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::network::Cidr;
use super::quantity;

/// A cluster whose nodes are made by kubeadm.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    #[serde(skip)]
    pub name: String,
    /// A minor release, `1.36`, or an exact one, `1.36.3`.
    pub kubernetes: String,
    /// Where every kubeconfig finds the API server.
    pub endpoint: Endpoint,
    #[serde(default)]
    pub load_balancer: LoadBalancer,
    /// On which each control plane's own API server listens.
    #[serde(default = "port_6443")]
    pub api_server_port: u16,
    #[serde(default = "pods")]
    pub pods: Cidr,
    #[serde(default = "services")]
    pub services: Cidr,
    #[serde(default)]
    pub fabric: Fabric,
    /// Else control planes are tainted, as kubeadm does.
    #[serde(default)]
    pub schedule_on_control_planes: bool,
    /// Bytes that a node must have; its role decides when absent.
    #[serde(default, deserialize_with = "quantity::size_option")]
    pub min_memory: Option<u64>,
    #[serde(default)]
    pub kubeadm: Kubeadm,
}

/// A name or an address, with a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
}

/// What spreads requests over the API servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadBalancer {
    /// HAProxy and keepalived on the control planes.
    #[default]
    Nodes,
    /// Something that the site runs itself.
    External,
}

/// How packets get from a pod of one node to a pod of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fabric {
    /// Flannel with plain routes, where all nodes share a subnet.
    #[default]
    HostGw,
    /// Flannel with tunnels.
    Vxlan,
    /// The operator brings one.
    None,
}

/// What the site wants otherwise than we render it. Each document is merged over ours (RFC 7386); null
/// where the site file has none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kubeadm {
    #[serde(deserialize_with = "document")]
    pub cluster_configuration: Value,
    #[serde(deserialize_with = "document")]
    pub init_configuration: Value,
    #[serde(deserialize_with = "document")]
    pub join_configuration: Value,
    #[serde(deserialize_with = "document")]
    pub kubelet_configuration: Value,
    #[serde(deserialize_with = "document")]
    pub kube_proxy_configuration: Value,
    /// File name and text of kubeadm's patches of components.
    pub patches: BTreeMap<String, String>,
}

/// Of a Node: `key=value:effect`, or `key:effect` where the value is empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: String,
}

impl Cluster {
    /// `36` of `1.36` and of `1.36.3`; nothing when it is no release.
    pub fn minor(&self) -> Option<u32> {
        let number = |text: &str| {
            let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse().ok().filter(|_| plain)
        };
        match self.kubernetes.split('.').collect::<Vec<_>>().as_slice() {
            ["1", minor] => number(minor),
            ["1", minor, patch] => number(patch).and_then(|_: u32| number(minor)),
            _ => None,
        }
    }

    /// Whether an exact release is the one that the site wants: `1.36` takes every `1.36.x`.
    pub fn accepts(&self, release: &str) -> bool {
        let exact = self.kubernetes.split('.').count() > 2;
        let patch = release.strip_prefix(&self.kubernetes);
        patch.is_some_and(|patch| patch.is_empty() || (!exact && patch.starts_with('.')))
    }
}

impl Endpoint {
    /// The address, where the host is one and no name.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.host.parse().ok()
    }
}

impl FromStr for Endpoint {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':');
        let endpoint = parts.and_then(|(host, port)| {
            let port = port.parse().ok().filter(|port| *port > 0)?;
            is_host(host).then(|| Endpoint { host: host.into(), port })
        });
        endpoint.ok_or_else(|| {
            format!(
                "`{text}` is not a name or an IPv4 address with a port, such as 10.77.0.10:8443 or \
                 api.example.org:8443"
            )
        })
    }
}

/// A name as DNS and certificates have it, or an IPv4 address. What looks like an address but is none
/// (`10.77.0.300`) would be looked up as a name by some and refused by others.
fn is_host(host: &str) -> bool {
    let label = |label: &str| label.parse::<api::id::Hostname>().is_ok();
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    host.parse::<Ipv4Addr>().is_ok() || (!numeric && host.len() <= 253 && host.split('.').all(label))
}

impl TryFrom<String> for Endpoint {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Taint {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is not a taint such as dedicated=gpu:NoSchedule");
        let (what, effect) = text.rsplit_once(':').ok_or_else(error)?;
        let (key, value) = what.split_once('=').unwrap_or((what, ""));
        Ok(Taint { key: key.into(), value: value.into(), effect: effect.into() })
    }
}

impl TryFrom<String> for Taint {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let equals = if self.value.is_empty() { "" } else { "=" };
        write!(f, "{}{equals}{}:{}", self.key, self.value, self.effect)
    }
}

fn document<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
    Map::deserialize(from).map(Value::Object)
}

fn port_6443() -> u16 {
    6443
}

fn pods() -> Cidr {
    Cidr { address: Ipv4Addr::new(10, 244, 0, 0), prefix: 16 }
}

fn services() -> Cidr {
    Cidr { address: Ipv4Addr::new(10, 96, 0, 0), prefix: 16 }
}
