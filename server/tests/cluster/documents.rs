//! The whole kubeadm configurations, as `kubeadm config validate` of 1.36 accepted them once.

use api::cluster::Role;
use serde_json::Value;
use server::cluster::balancer::Member;
use server::cluster::order::order;

use crate::site::{joiner, site};

/// What a site may say otherwise.
const OWN: &str = r#"
min_memory = "2G"
[cluster.prod.kubeadm]
cluster_configuration = { etcd = { local = { extraArgs = [{ name = "heartbeat-interval", value = "500" }] } }, certificateValidityPeriod = "24h0m0s", controlPlaneEndpoint = "elsewhere:1" }
init_configuration = { timeouts = { controlPlaneComponentHealthCheck = "15m0s" } }
join_configuration = { nodeRegistration = { name = "elsewhere", kubeletExtraArgs = [{ name = "v", value = "4" }, { name = "node-ip", value = "1.2.3.4" }] } }
kubelet_configuration = { nodeStatusUpdateFrequency = "30s" }
[cluster.prod.kubeadm.patches]
"kube-apiserver+strategic.json" = '{"metadata":{}}'
"#;

fn golden(name: &str, documents: &[Value]) {
    let pretty = |document: &Value| serde_json::to_string_pretty(document).unwrap();
    let text = documents.iter().map(pretty).collect::<Vec<_>>().join("\n---\n") + "\n";
    crate::golden::golden(&format!("{name}.json"), &text);
}

#[test]
fn the_first_control_plane() {
    let (site, node) = (site(""), "node01".parse().unwrap());
    let order = order(&joiner(&site, Role::ControlPlane, &node), true, "net0", &[]);
    golden("init", &order.documents);
    assert!(order.grant.is_some_and(|grant| grant.contains("name: metald-token")));
    assert_eq!(order.services, ["haproxy.service", "keepalived.service"]);
    assert_eq!((order.needs.memory, order.needs.cpus), (1700 << 20, 2));
}

#[test]
fn a_further_control_plane() {
    let (site, node) = (site("schedule_on_control_planes = true"), "node02".parse().unwrap());
    let first = Member { node: "node01".into(), address: [10, 77, 0, 100].into() };
    let order = order(&joiner(&site, Role::ControlPlane, &node), false, "net0", &[first]);
    golden("join-control-plane", &order.documents);
    assert_eq!(order.grant, None);
}

#[test]
fn a_worker() {
    let (site, node) = (site(""), "node03".parse().unwrap());
    let order = order(&joiner(&site, Role::Worker, &node), false, "net0", &[]);
    golden("join-worker", &order.documents);
    assert!(order.files.is_empty() && order.services.is_empty() && order.grant.is_none());
    assert_eq!((order.needs.memory, order.needs.cpus), (700 << 20, 1));
}

#[test]
fn what_the_site_says_otherwise_is_merged_and_what_the_cluster_stands_on_is_not() {
    let (site, node) = (site(OWN), "node01".parse().unwrap());
    let joiner = joiner(&site, Role::ControlPlane, &node);
    let init = order(&joiner, true, "net0", &[]);
    golden("init-own", &init.documents);
    golden("join-own", &order(&joiner, false, "net0", &[]).documents);
    assert_eq!(init.files[0].path, "/etc/kubernetes/patches/kube-apiserver+strategic.json");
    let ours = "/etc/kubernetes/patches/corednsdeployment.json";
    assert!(init.files.iter().any(|file| file.path == ours && file.text.contains("preStop")));
    assert_eq!(init.needs.memory, 2 << 30);
}

#[test]
fn the_sites_own_patch_of_coredns_stands_in_the_place_of_ours() {
    let own =
        "[cluster.prod.kubeadm.patches]\n\"corednsdeployment+merge.json\" = '{\"spec\":{\"replicas\":3}}'";
    let (site, node) = (site(own), "node01".parse().unwrap());
    let files = order(&joiner(&site, Role::ControlPlane, &node), true, "net0", &[]).files;
    let patches = files.iter().filter(|file| file.path.starts_with("/etc/kubernetes/patches/"));
    let paths: Vec<&str> = patches.map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/etc/kubernetes/patches/corednsdeployment+merge.json"]);
}
