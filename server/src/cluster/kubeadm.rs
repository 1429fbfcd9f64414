//! The documents of a kubeadm configuration (v1beta4), from the site file and one machine. Pure.
//!
//! kubeadm refuses fields that it does not know, so each name here is one of its own types. What the site
//! file says otherwise is merged over ours (RFC 7386), and what the cluster cannot do without over both.

use std::net::Ipv4Addr;

use api::cluster::{Needs, NodeFile, Role};
use api::id::Hostname;
use serde_json::{Map, Value, json};

use crate::config::{Cluster, Profile, Taint};

const API: &str = "kubeadm.k8s.io/v1beta4";
/// Where containerd answers in our images.
const SOCKET: &str = "unix:///run/containerd/containerd.sock";
const PATCHES: &str = "/etc/kubernetes/patches";
/// kubeadm's name for the Deployment of CoreDNS.
const DNS: &str = "corednsdeployment";
pub const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane";

const MIB: u64 = 1 << 20;

/// A machine that is to become a node.
#[derive(Clone, Copy, Debug)]
pub struct Joiner<'a> {
    pub cluster: &'a Cluster,
    pub profile: &'a Profile,
    pub role: Role,
    pub node: &'a Hostname,
    pub address: Ipv4Addr,
    /// The exact release that its image holds, such as `1.36.3`.
    pub kubernetes: &'a str,
}

/// For `kubeadm init`.
pub fn init(joiner: &Joiner) -> Vec<Value> {
    let own = &joiner.cluster.kubeadm;
    vec![
        cluster_configuration(joiner),
        registered(init_configuration(joiner), &own.init_configuration, joiner),
        merged(kubelet_configuration(), &own.kubelet_configuration),
        merged(kube_proxy_configuration(), &own.kube_proxy_configuration),
    ]
}

/// For `kubeadm join`. The discovery and, for a control plane, the certificate key are secrets, which the
/// machine fetches when it is ready. `patches`: the files of them that lie on the machine.
pub fn join(joiner: &Joiner, patches: &[NodeFile]) -> Vec<Value> {
    let mut document = json!({
        "apiVersion": API,
        "kind": "JoinConfiguration",
        "nodeRegistration": registration(joiner),
    });
    if !patches.is_empty() {
        document["patches"] = json!({ "directory": PATCHES });
    }
    if joiner.role == Role::ControlPlane {
        document["controlPlane"] = json!({ "localAPIEndpoint": own_endpoint(joiner) });
    }
    vec![registered(document, &joiner.cluster.kubeadm.join_configuration, joiner)]
}

/// Patches of kubeadm's components: the site's, and ours of those that it does not patch.
pub fn patch_files(cluster: &Cluster, role: Role) -> Vec<NodeFile> {
    let sites = &cluster.kubeadm.patches;
    let ours = role == Role::ControlPlane && !sites.keys().any(|name| name.starts_with(DNS));
    let dns = ours.then(|| (format!("{DNS}.json"), dns_patch()));
    let file = |(name, text)| NodeFile { path: format!("{PATCHES}/{name}"), mode: 0o600, text };
    sites.clone().into_iter().chain(dns).map(file).collect()
}

/// A node that hears late that a CoreDNS pod ends still asks it: it serves on until all have heard. Two of them on one
/// node answer nobody when it fails.
fn dns_patch() -> String {
    let spread = json!({
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
        "nodeTaintsPolicy": "Honor", "labelSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
    });
    let container = json!({ "name": "coredns", "lifecycle": { "preStop": { "sleep": { "seconds": 15 } } } });
    let pod = json!({ "containers": [container], "topologySpreadConstraints": [spread] });
    json!({ "spec": { "template": { "spec": pod } } }).to_string()
}

/// What kubeadm and the kubelet need at least, beside what the machine's image occupies.
pub fn needs(cluster: &Cluster, role: Role) -> Needs {
    let (memory, cpus, disk) = match role {
        Role::ControlPlane => (1700 * MIB, 2, 2048 * MIB),
        Role::Worker => (700 * MIB, 1, 1024 * MIB),
    };
    Needs { memory: cluster.min_memory.unwrap_or(memory), cpus, disk }
}

/// All taints that the node has by the site file.
pub fn taints(cluster: &Cluster, profile: &Profile, role: Role) -> Vec<Taint> {
    let tainted = role == Role::ControlPlane && !cluster.schedule_on_control_planes;
    let own = tainted.then(|| Taint {
        key: CONTROL_PLANE_TAINT.into(),
        value: String::new(),
        effect: "NoSchedule".into(),
    });
    own.into_iter().chain(profile.taints.iter().cloned()).collect()
}

fn cluster_configuration(joiner: &Joiner) -> Value {
    let cluster = joiner.cluster;
    let ours = json!({
        "apiVersion": API,
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        // Each control plane's own address and name are added by kubeadm itself.
        "apiServer": { "certSANs": [cluster.endpoint.host] },
        // A key is made in no time, and each handshake costs a fraction of RSA's: on small machines init is
        // faster by a quarter.
        "encryptionAlgorithm": "ECDSA-P256",
    });
    let fixed = json!({
        "kubernetesVersion": format!("v{}", joiner.kubernetes),
        "controlPlaneEndpoint": cluster.endpoint.to_string(),
        "networking": {
            "podSubnet": cluster.pods.to_string(),
            "serviceSubnet": cluster.services.to_string(),
        },
    });
    merged(merged(ours, &cluster.kubeadm.cluster_configuration), &fixed)
}

fn init_configuration(joiner: &Joiner) -> Value {
    json!({
        "apiVersion": API,
        "kind": "InitConfiguration",
        // Without this list kubeadm makes a token of its own that lets any machine in for a day. kubeadm wants
        // it to authenticate somebody; that one is in a group without rights.
        "bootstrapTokens": [{
            "description": "of kubeadm init; admits nobody", "ttl": "1m0s",
            "usages": ["signing", "authentication"], "groups": ["system:bootstrappers:nobody"],
        }],
        "localAPIEndpoint": own_endpoint(joiner),
        "nodeRegistration": registration(joiner),
        "patches": { "directory": PATCHES },
        // It would print a token.
        "skipPhases": ["show-join-command"],
    })
}

fn kubelet_configuration() -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "rotateCertificates": true,
        // Serving certificates from the cluster's CA would need somebody to approve each; nothing here reads them.
        "serverTLSBootstrap": false,
    })
}

fn kube_proxy_configuration() -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
    })
}

fn own_endpoint(joiner: &Joiner) -> Value {
    json!({ "advertiseAddress": joiner.address, "bindPort": joiner.cluster.api_server_port })
}

fn registration(joiner: &Joiner) -> Value {
    let taint = |taint: &Taint| match taint.value.as_str() {
        "" => json!({ "key": taint.key, "effect": taint.effect }),
        value => json!({ "key": taint.key, "value": value, "effect": taint.effect }),
    };
    // Always a list: without one kubeadm taints control planes as it likes.
    let taints: Vec<Value> = taints(joiner.cluster, joiner.profile, joiner.role).iter().map(taint).collect();
    json!({ "criSocket": SOCKET, "imagePullPolicy": "IfNotPresent", "taints": taints })
}

/// With the site's own settings, and with the name and the address that the server knows the node by.
fn registered(document: Value, own: &Value, joiner: &Joiner) -> Value {
    let mut document = merged(document, &json!({ "nodeRegistration": {} }));
    document = merged(merged(document, own), &json!({ "nodeRegistration": { "name": joiner.node } }));
    let arguments = &mut document["nodeRegistration"]["kubeletExtraArgs"];
    let mut list = arguments.as_array().cloned().unwrap_or_default();
    list.retain(|argument| argument["name"] != "node-ip");
    list.push(json!({ "name": "node-ip", "value": joiner.address }));
    *arguments = Value::Array(list);
    document
}

/// RFC 7386: objects are merged, null removes, anything else replaces. Null as the whole patch changes nothing.
fn merged(base: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return base };
    let Value::Object(mut base) = base else { return base };
    merge(&mut base, patch);
    Value::Object(base)
}

fn merge(base: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => _ = base.remove(key),
            Value::Object(patch) => {
                let below = base.entry(key.clone()).or_insert(Value::Null);
                if !below.is_object() {
                    *below = Value::Object(Map::new());
                }
                if let Value::Object(below) = below {
                    merge(below, patch);
                }
            }
            value => _ = base.insert(key.clone(), value.clone()),
        }
    }
}
