//! A site with a cluster, for these tests.

use std::net::Ipv4Addr;

use api::cluster::Role;
use api::id::Hostname;
use server::app::App;
use server::cluster::kubeadm::Joiner;
use server::config::{Cluster, Endpoint, Profile, Site};
use server::store::lease::Addresses;
use tempfile::TempDir;

use crate::metald;

const SITE: &str = r#"
name = "test"
unknown = "enroll"

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]

[layout.plain]
root = { size = "4G", grow = true }

[cluster.prod]
kubernetes = "1.36"
endpoint = "10.77.0.10:8443"
CLUSTER

[profile.control]
image = "debian-12-kubernetes-1.36"
hostname = "node{:02}"
layout = "plain"
authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d ops@example.org"]
cluster = "prod"
role = "control-plane"

[profile.worker]
image = "debian-12-kubernetes-1.36"
hostname = "node{:02}"
layout = "plain"
authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d ops@example.org"]
cluster = "prod"
labels = { "example.org/disk" = "ssd" }
taints = ["dedicated=gpu:NoSchedule"]
"#;

/// With these lines in the cluster's table.
pub fn site(cluster: &str) -> Site {
    let text = SITE.replace("CLUSTER", cluster);
    Site::parse(&text).unwrap_or_else(|finding| panic!("{}", finding.message))
}

/// A server of this site, whose cluster's API server is at a port of this host.
pub async fn served(folder: &TempDir, port: u16) -> App {
    let mut site = site("");
    let cluster = site.clusters.get_mut("prod").unwrap();
    cluster.endpoint = Endpoint { host: "127.0.0.1".into(), port };
    let app = metald::app(folder, site).await;
    app.store.cluster_declare(vec!["prod".into()], 1).await.unwrap();
    let pools = vec![(Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 199))];
    let addresses = Addresses { network: "rack".into(), pools, reserved: vec![], excluded: vec![] };
    app.store.lease_site(vec![addresses]).await.unwrap();
    app
}

pub fn cluster(site: &Site) -> &Cluster {
    &site.clusters["prod"]
}

pub fn profile(site: &Site, role: Role) -> &Profile {
    match role {
        Role::ControlPlane => &site.profiles["control"],
        Role::Worker => &site.profiles["worker"],
    }
}

pub fn joiner<'a>(site: &'a Site, role: Role, node: &'a Hostname) -> Joiner<'a> {
    Joiner {
        cluster: cluster(site),
        profile: profile(site, role),
        role,
        node,
        address: Ipv4Addr::new(10, 77, 0, 101),
        kubernetes: "1.36.3",
    }
}
