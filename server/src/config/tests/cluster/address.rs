//! Ranges, endpoints and fabrics that get in the way of something else.

use super::{GOOD, complaint, more, nothing};
use crate::config::tests::complaints;

#[test]
fn ranges_that_overlap_or_are_too_small_are_found() {
    more(
        "services = \"10.244.8.0/24\"",
        "error: the pods 10.244.0.0/16 and the services 10.244.8.0/24 overlap\n  --> site.toml:53:12\n  \
         hint: 10.244.0.0/16 and 10.96.0.0/16 are the defaults",
    );
    more(
        "pods = \"10.96.0.0/12\"",
        "error: the pods 10.96.0.0/12 and the services 10.96.0.0/16 overlap\n  --> site.toml:53:8\n  \
         hint: 10.244.0.0/16 and 10.96.0.0/16 are the defaults",
    );
    let hint = "take a range that nothing on your networks uses";
    more(
        "pods = \"10.64.0.0/11\"\nservices = \"10.200.0.0/16\"",
        &format!(
            "error: the pods 10.64.0.0/11 overlap the subnet of 10.77.0.1/24 (network `boot`)\n  \
             --> site.toml:53:8\n  hint: {hint}"
        ),
    );
    more(
        "services = \"192.0.2.0/24\"",
        &format!(
            "error: the services 192.0.2.0/24 contain 192.0.2.53, which nodes have to reach\n  \
             --> site.toml:53:12\n  hint: {hint}"
        ),
    );
    more(
        "pods = \"10.244.1.0/16\"",
        "error: 10.244.1.0/16 begins in the middle of its subnet\n  --> site.toml:53:8\n  \
         hint: write 10.244.0.0/16",
    );
    more(
        "pods = \"10.244.0.0/24\"",
        "error: the pods 10.244.0.0/24 have room for 1 nodes with a /24 each\n  --> site.toml:53:8\n  \
         hint: cluster `prod` has 2 known machines: take a shorter prefix",
    );
    more(
        "services = \"10.0.0.0/11\"",
        "error: the services 10.0.0.0/11: the range is larger than kubeadm takes\n  --> site.toml:53:12\n  \
         hint: a prefix of 12 to 28 bits",
    );
    more(
        "services = \"10.96.0.0/29\"",
        "error: the services 10.96.0.0/29: the range has not even the 10 addresses that kubeadm asks for\n  \
         --> site.toml:53:12\n  hint: a prefix of 12 to 28 bits",
    );
    let parts = "controllerManager = { extraArgs = [{ name = \"node-cidr-mask-size\", value = \"25\" }] }, ";
    let smaller = GOOD.replace("{ encryption", &format!("{{ {parts}encryption"));
    let small =
        smaller.replace("\n\n[cluster.prod.kubeadm]", "\npods = \"10.244.0.0/24\"\n[cluster.prod.kubeadm]");
    assert_eq!(complaints(&small), Vec::<String>::new());
}

#[test]
fn an_endpoint_that_somebody_else_has_is_found() {
    complaint(
        "10.77.0.10:8443",
        "10.77.0.110:8443",
        "error: the endpoint 10.77.0.110 lies in the DHCP pool 10.77.0.100-10.77.0.199\n  --> site.toml:52:12\n  \
         hint: take an address outside the pools, or split the pool around it",
    );
    for (address, owner) in [
        ("10.77.0.1", "the server's own in network `boot`"),
        ("10.77.0.254", "the router's of network `boot`"),
        ("10.77.0.255", "the subnet or the broadcast of network `boot`"),
        ("10.77.0.9", "reserved for 52:54:00:00:00:99"),
        ("10.77.0.7", "that of `node07`"),
    ] {
        complaint(
            "10.77.0.10:8443",
            &format!("{address}:8443"),
            &format!(
                "error: the endpoint {address} is {owner}\n  --> site.toml:52:12\n  \
                 hint: the control planes hand it from one to another: take an address that nobody has"
            ),
        );
    }
    complaint(
        "10.77.0.10:8443",
        "10.78.0.10:8443",
        "error: the endpoint 10.78.0.10 lies in no network's subnet: no control plane can hold it\n  \
         --> site.toml:52:12\n  hint: take a free address of a [[network]], or load_balancer = \"external\"",
    );
    complaint(
        "10.77.0.10:8443",
        "10.77.0.10:6443",
        "error: HAProxy's port 6443 equals the API server's, on the same machines\n  --> site.toml:52:12\n  \
         hint: endpoint = \"10.77.0.10:8443\", or load_balancer = \"external\"",
    );
    complaint(
        "10.77.0.10:8443",
        "10.77.0.10:2379",
        "error: port 2379 of a control plane belongs to etcd\n  --> site.toml:52:12\n  \
         hint: 6443 is the API server's by default, 8443 the load balancer's",
    );
    more(
        "api_server_port = 10250",
        "error: port 10250 of a control plane belongs to the kubelet\n  --> site.toml:53:19\n  \
         hint: 6443 is the API server's by default, 8443 the load balancer's",
    );
    let second = "[cluster.test]\nkubernetes = \"1.36\"\nendpoint = \"10.77.0.10:9443\"\n";
    let found = complaints(&format!("{GOOD}{second}"));
    assert!(found.iter().any(|f| f.contains("clusters `prod` and `test` share 10.77.0.10")), "{found:?}");
}

#[test]
fn an_endpoint_by_name_or_outside_is_the_sites_own_affair() {
    nothing("10.77.0.10:8443", "api.example.org:8443");
    nothing("10.77.0.10:8443", "node07:8443");
    for address in ["10.78.0.10:6443", "10.77.0.7:6443", "node07:6443", "10.77.0.9:2379"] {
        let external = format!("{address}\"\nload_balancer = \"external");
        nothing("10.77.0.10:8443", &external);
    }
    complaint(
        "10.77.0.10:8443",
        "10.77.0.110:8443\"\nload_balancer = \"external",
        "warning: the endpoint 10.77.0.110 lies in the DHCP pool 10.77.0.100-10.77.0.199\n  \
         --> site.toml:52:12\n  hint: another machine may be given it: take it out of the pool",
    );
}

#[test]
fn plain_routes_stay_in_one_network() {
    let second = "[[network]]\nname = \"two\"\ninterface = \"eth2\"\naddress = \"10.78.0.1/24\"\n\
                  pool = [\"10.78.0.100-10.78.0.199\"]\n\n[[reservation]]";
    let apart = GOOD.replace("[[reservation]]", second).replace("10.77.0.8\"", "10.78.0.8\"");
    let found = complaints(&apart);
    assert_eq!(
        found,
        ["error: nodes of cluster `prod` are in the networks `boot`, `two`, and host-gw routes within one \
             only\n  --> site.toml:56:10\n  hint: fabric = \"vxlan\"\n"]
    );
    let tunnels = apart.replace("endpoint =", "fabric = \"vxlan\"\nendpoint =");
    assert_eq!(complaints(&tunnels), Vec::<String>::new());
}
