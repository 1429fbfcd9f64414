//! Sites with a cluster, and all that is said about them.

mod address;
mod node;

use std::path::Path;

use api::cluster::Role;
use api::image::Manifest;
use serde_json::json;

use super::complaints;
use crate::config::{Cluster, Endpoint, Fabric, LoadBalancer, Site, Taint};

/// One cluster with one of everything; each test changes one text of it.
const GOOD: &str = r#"name = "lab"

[[network]]
name = "boot"
interface = "eth1"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
router = "10.77.0.254"
dns = ["192.0.2.53"]

[[reservation]]
mac = "52:54:00:00:00:99"
address = "10.77.0.9"

[layout.plain]
root = { size = "8G", grow = true }

[profile.head]
image = "debian-12-kubernetes-1.36"
layout = "plain"
hostname = "head{}"
authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d ops"]
cluster = "prod"
role = "control-plane"

[profile.node]
image = "debian-12-kubernetes-1.36"
layout = "plain"
hostname = "node{:02}"
authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d ops"]
cluster = "prod"
labels = { "example.org/zone" = "a", disk = "ssd" }
taints = ["dedicated=gpu:NoSchedule", "quiet:PreferNoSchedule"]

[[machine]]
name = "node07"
macs = ["52:54:00:00:00:07"]
profile = "node"
role = "control-plane"
address = "10.77.0.7"

[[machine]]
name = "node08"
macs = ["52:54:00:00:00:08"]
address = "10.77.0.8"

[[rule]]
profile = "node"

[cluster.prod]
kubernetes = "1.36"
endpoint = "10.77.0.10:8443"

[cluster.prod.kubeadm]
cluster_configuration = { encryptionAlgorithm = "ECDSA-P256", networking = { dnsDomain = "k8s.test" } }
[cluster.prod.kubeadm.patches]
"kube-apiserver+strategic.json" = '{"spec": {}}'
"#;

/// The first complaint about the good file with one text replaced.
#[track_caller]
fn complaint(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let found = complaints(&GOOD.replacen(from, to, 1));
    assert_eq!(found.first().map(|f| f.trim_end()), Some(expected.trim_end()), "{found:#?}");
}

#[track_caller]
fn nothing(from: &str, to: &str) {
    assert!(GOOD.contains(from), "{from}");
    assert_eq!(complaints(&GOOD.replacen(from, to, 1)), Vec::<String>::new());
}

/// A setting more in the cluster, in line 53.
#[track_caller]
fn more(setting: &str, expected: &str) {
    complaint("\n\n[cluster.prod.kubeadm]", &format!("\n{setting}\n[cluster.prod.kubeadm]"), expected);
}

#[test]
fn a_good_cluster_has_nothing_to_complain_about_and_every_default() {
    assert_eq!(complaints(GOOD), Vec::<String>::new());
    let site = Site::parse(GOOD).unwrap();
    let prod = &site.clusters["prod"];
    assert_eq!((prod.name.as_str(), prod.kubernetes.as_str()), ("prod", "1.36"));
    assert_eq!(prod.endpoint, Endpoint { host: "10.77.0.10".into(), port: 8443 });
    assert_eq!(prod.endpoint.to_string(), "10.77.0.10:8443");
    assert_eq!((prod.load_balancer, prod.fabric), (LoadBalancer::Nodes, Fabric::HostGw));
    assert_eq!((prod.api_server_port, prod.schedule_on_control_planes), (6443, false));
    assert_eq!(
        (prod.pods.to_string(), prod.services.to_string()),
        ("10.244.0.0/16".into(), "10.96.0.0/16".into())
    );
    assert_eq!(prod.min_memory, None);
    let changed = json!({"encryptionAlgorithm": "ECDSA-P256", "networking": {"dnsDomain": "k8s.test"}});
    assert_eq!(prod.kubeadm.cluster_configuration, changed);
    assert!(prod.kubeadm.join_configuration.is_null());
    assert_eq!(prod.kubeadm.patches["kube-apiserver+strategic.json"], "{\"spec\": {}}");
    let node = &site.profiles["node"];
    assert_eq!((node.cluster.as_deref(), node.role), (Some("prod"), Role::Worker));
    let taint = Taint { key: "quiet".into(), value: String::new(), effect: "PreferNoSchedule".into() };
    assert_eq!(node.taints[1], taint);
    assert_eq!(
        node.taints.iter().map(Taint::to_string).collect::<Vec<_>>(),
        ["dedicated=gpu:NoSchedule", "quiet:PreferNoSchedule"]
    );
    assert_eq!(site.role(node, Some("node07")), Role::ControlPlane);
    assert_eq!(site.role(node, Some("node08")), Role::Worker);
    assert_eq!(site.role(&site.profiles["head"], None), Role::ControlPlane);
}

#[test]
fn nodes_need_a_route_and_a_name_server() {
    complaint(
        "router = \"10.77.0.254\"\n",
        "\n",
        "warning: no network has a router: what runs on the nodes of cluster `prod` has no route to its services\n  \
         --> site.toml:50:10\n  hint: give a network a router; where there is none, the server's own address does",
    );
    complaint(
        "dns = [\"192.0.2.53\"]\n",
        "\n",
        "warning: no network has a name server: CoreDNS of cluster `prod` does not start without one\n  \
         --> site.toml:50:10\n  hint: give a network dns; where there is none, the server's own address does",
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    complaint(
        "10.77.0.10:8443",
        "10.77.0.10",
        "error: `cluster.prod.endpoint`: `10.77.0.10` is not a name or an IPv4 address with a port, such as \
         10.77.0.10:8443 or api.example.org:8443\n  --> site.toml:52:12",
    );
    for wrong in ["10.77.0.300:8443", ":8443", "api:0", "api:99999", "API:8443", "[::1]:8443", "a..b:1"] {
        let found = complaints(&GOOD.replacen("10.77.0.10:8443", wrong, 1));
        assert!(found[0].contains("is not a name or an IPv4 address"), "{wrong}: {found:?}");
    }
    complaint(
        "\"quiet:PreferNoSchedule\"",
        "\"quiet\"",
        "error: `profile.node.taints[1]`: `quiet` is not a taint such as dedicated=gpu:NoSchedule\n  \
         --> site.toml:33:10",
    );
    complaint(
        "role = \"control-plane\"",
        "role = \"master\"",
        "error: `profile.head.role`: unknown variant `master`, expected `control-plane` or `worker`\n  \
         --> site.toml:24:8",
    );
}

#[test]
fn releases_are_those_of_kubernetes() {
    nothing("\"1.36\"", "\"1.36.0\"");
    for wrong in ["v1.36", "1", "2.36", "1.36.3.1", "1.", "1.036", "1.37.0-rc.1", "latest"] {
        complaint(
            "\"1.36\"",
            &format!("\"{wrong}\""),
            &format!(
                "error: `{wrong}` is not a Kubernetes release\n  --> site.toml:51:14\n  \
                 hint: a minor release such as 1.36, or an exact one such as 1.36.3, without a `v`"
            ),
        );
    }
    complaint(
        "\"1.36\"",
        "\"1.30.2\"",
        "error: kubeadm 1.30.2 does not read the configuration that metald writes\n  --> site.toml:51:14\n  \
         hint: take 1.31 or newer",
    );
    let prod = Site::parse(GOOD).unwrap().clusters["prod"].clone();
    let exact = Cluster { kubernetes: "1.36.3".into(), ..prod.clone() };
    let takes = |cluster: &Cluster, releases: [&str; 5]| releases.map(|release| cluster.accepts(release));
    let releases = ["1.36.0", "1.36.3", "1.36.30", "1.3.6", "1.360.1"];
    assert_eq!(takes(&prod, releases), [true, true, true, false, false]);
    assert_eq!(takes(&exact, releases), [false, true, false, false, false]);
}

#[test]
fn control_planes_are_counted() {
    complaint(
        "address = \"10.77.0.8\"",
        "address = \"10.77.0.8\"\nrole = \"control-plane\"",
        "warning: 2 control planes of cluster `prod` survive the loss of no more of them than 1 would\n  \
         --> site.toml:51:10\n  hint: etcd needs more than half: take 1 or 3",
    );
    let none = GOOD.replace("role = \"control-plane\"\n", "");
    assert_eq!(
        complaints(&none),
        ["warning: no machine becomes a control plane of cluster `prod`: nobody initialises it\n  \
             --> site.toml:48:10\n  hint: write role = \"control-plane\" into a profile or a [[machine]], \
             unless the cluster is adopted\n"]
    );
    let unused =
        format!("{GOOD}[cluster.test]\nkubernetes = \"1.36\"\nendpoint = \"api.example.org:9443\"\n");
    let found = complaints(&unused);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("no profile makes machines nodes of cluster `test`"), "{found:?}");
}

fn image(name: &str, kubernetes: Option<&str>) -> Manifest {
    Manifest {
        name: name.into(),
        version: "1".into(),
        kind: api::image::ImageKind::Os,
        arch: "x86_64".into(),
        kernel: None,
        kubernetes: kubernetes.map(str::to_string),
        description: String::new(),
        files: Vec::new(),
        boot: None,
    }
}

#[test]
fn an_image_without_the_clusters_kubernetes_is_found() {
    let site = Site::parse(GOOD).unwrap();
    let first = |images: &[Manifest]| {
        let found = site.check_images(&images.iter().collect::<Vec<_>>());
        found.first().map(|f| f.at(Path::new("site.toml")))
    };
    assert_eq!(first(&[image("debian-12-kubernetes-1.36", Some("1.36.3"))]), None);
    assert_eq!(
        first(&[image("debian-12-kubernetes-1.36", None)]).as_deref(),
        Some(
            "error: image `debian-12-kubernetes-1.36` of profile `head` holds no Kubernetes, and cluster `prod` \
             wants 1.36\n  --> site.toml:19:9\n  \
             hint: make one with images/build, such as `images/build debian-12-kubernetes-1.36`\n"
        )
    );
    let others = [image("debian-12-kubernetes-1.36", Some("1.37.2")), image("own", Some("1.36.1"))];
    assert_eq!(
        first(&others).as_deref(),
        Some(
            "error: image `debian-12-kubernetes-1.36` of profile `head` holds Kubernetes 1.37.2, and cluster \
             `prod` wants 1.36\n  --> site.toml:19:9\n  \
             hint: take the image `own`, or make one with images/build\n"
        )
    );
}
