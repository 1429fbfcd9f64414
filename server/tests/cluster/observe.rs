//! What is shown of a node beside its machine.

use std::collections::BTreeMap;

use api::cluster::{Node, Role};
use api::id::MachineId;
use k8s_openapi::api::core::v1 as core;
use serde_json::json;
use server::cluster::observe::{
    Runs, Wanted, comes_home, missing_labels, missing_taints, node, out_of_reach,
};
use server::config::Taint;

const NOW: i64 = 2_000_000_000_000_000;
const THEN: i64 = 1_700_000_000_000_000;

fn unseen() -> Node {
    Node {
        machine: MachineId("m1".into()),
        name: "node01".parse().unwrap(),
        cluster: "prod".into(),
        role: Role::Worker,
        uid: String::new(),
        ready: false,
        reason: "it has not joined yet".into(),
        since: 1,
        cordoned: false,
        version: String::new(),
        address: String::new(),
        certificates: vec![],
        leaving: None,
    }
}

fn object(ready: &str, message: &str) -> core::Node {
    serde_json::from_value(json!({
        "metadata": { "name": "node01", "uid": "u1", "labels": { "disk": "ssd" } },
        "spec": { "taints": [{ "key": "dedicated", "value": "gpu", "effect": "NoSchedule" }] },
        "status": {
            "addresses": [
                { "type": "Hostname", "address": "node01" }, { "type": "InternalIP", "address": "10.77.0.101" }
            ],
            "conditions": [{
                "type": "Ready", "status": ready, "reason": "KubeletNotReady", "message": message,
                "lastTransitionTime": "2023-11-14T22:13:20Z"
            }],
            "nodeInfo": {
                "kubeletVersion": "v1.36.3", "bootID": "b2", "machineID": "", "systemUUID": "", "kernelVersion": "",
                "osImage": "", "containerRuntimeVersion": "", "kubeProxyVersion": "", "operatingSystem": "",
                "architecture": ""
            }
        }
    }))
    .unwrap()
}

fn labels(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("disk".to_string(), value.to_string())])
}

fn reason(kubernetes: &str, label: &str, taint: &str, address: &str, boot_id: &str) -> String {
    let (labels, taints) = (labels(label), [taint.parse::<Taint>().unwrap()]);
    let wanted = Wanted {
        kubernetes,
        labels: &labels,
        taints: &taints,
        address: Some(address),
        boot_id: Some(boot_id),
    };
    let shown = node(Some(&object("True", "")), &unseen(), &wanted, NOW);
    assert_eq!(shown.ready, shown.reason.is_empty());
    shown.reason
}

#[test]
fn ready_counts_when_all_is_as_the_site_says() {
    let taint = "dedicated=gpu:NoSchedule";
    assert_eq!(reason("1.36", "ssd", taint, "10.77.0.101", "b2"), "");
    assert_eq!(reason("1.36.3", "ssd", taint, "10.77.0.101", "b2"), "");
    let all = [
        reason("1.3", "ssd", taint, "10.77.0.101", "b2"),
        reason("1.36.2", "ssd", taint, "10.77.0.101", "b2"),
        reason("1.36", "hdd", taint, "10.77.0.101", "b2"),
        reason("1.36", "ssd", "dedicated=gpu:NoExecute", "10.77.0.101", "b2"),
        reason("1.36", "ssd", taint, "10.77.0.102", "b2"),
        reason("1.36", "ssd", taint, "10.77.0.101", "b3"),
    ];
    assert_eq!(
        all,
        [
            "Ready, but its kubelet is v1.36.3, and the site file says 1.3",
            "Ready, but its kubelet is v1.36.3, and the site file says 1.36.2",
            "Ready, but its labels are not set yet: disk=hdd",
            "Ready, but its taints are not set yet: dedicated=gpu:NoExecute",
            "Ready, but under the address 10.77.0.101 instead of 10.77.0.102",
            "what is shown is of an earlier boot",
        ]
    );
}

#[test]
fn a_node_that_is_not_ready_says_why_in_its_own_words() {
    let (labels, taints) = (labels("ssd"), []);
    let wanted =
        Wanted { kubernetes: "1.36", labels: &labels, taints: &taints, address: None, boot_id: None };
    let shown = node(Some(&object("False", "cni plugin not initialized")), &unseen(), &wanted, NOW);
    assert_eq!(shown.reason, "NotReady: KubeletNotReady: cni plugin not initialized");
    assert_eq!((shown.since, shown.uid.as_str(), shown.version.as_str()), (THEN, "u1", "v1.36.3"));
    let ready = node(Some(&object("True", "")), &shown, &wanted, NOW);
    assert!(ready.ready && ready.reason.is_empty() && ready.since == THEN);
    let gone = node(None, &ready, &wanted, NOW);
    assert_eq!((gone.ready, gone.reason.as_str(), gone.since), (false, "its Node object is gone", NOW));
    assert_eq!(node(None, &gone, &wanted, NOW + 5), Node { reason: gone.reason.clone(), ..gone.clone() });
    assert_eq!(node(None, &unseen(), &wanted, NOW), unseen(), "one that never joined has nothing to lose");
}

#[test]
fn a_cluster_out_of_reach_is_not_a_node_that_changed_again_and_again() {
    let (labels, taints) = (labels("ssd"), []);
    let wanted =
        Wanted { kubernetes: "1.36", labels: &labels, taints: &taints, address: None, boot_id: None };
    let ready = node(Some(&object("True", "")), &unseen(), &wanted, NOW);
    let silent = out_of_reach(&ready, THEN, "connection refused");
    assert_eq!(
        silent.reason,
        "the API server does not answer since 2023-11-14 22:13:20Z: connection refused"
    );
    assert_eq!(out_of_reach(&silent, THEN, "connection refused"), silent);
}

#[test]
fn only_what_is_missing_is_added() {
    let object = object("True", "");
    let wanted: BTreeMap<String, String> =
        [("disk", "ssd"), ("rack", "A")].map(|(k, v)| (k.to_string(), v.to_string())).into();
    assert_eq!(missing_labels(&object, &wanted), BTreeMap::from([("rack".into(), "A".into())]));
    let taints: Vec<Taint> =
        ["dedicated=gpu:NoSchedule", "old:NoExecute"].map(|t| t.parse().unwrap()).to_vec();
    assert_eq!(missing_taints(&object, &taints), taints[1..]);
}

#[test]
fn a_machine_comes_home_to_a_node_that_is_what_it_runs() {
    let mut object = object("True", "");
    let runs = Runs { boot_id: Some("b2"), address: Some("10.77.0.101"), role: Role::Worker };
    assert_eq!(comes_home(&object, &runs), Ok(Role::Worker));
    for (not, why) in [
        (Runs { boot_id: None, ..runs }, "the machine's agent is not heard from its installed system"),
        (Runs { boot_id: Some("b1"), ..runs }, "the machine runs the boot b1, and the node shows b2"),
        (Runs { address: None, ..runs }, "the machine has no lease, and the node 10.77.0.101"),
        (Runs { address: Some("10.77.0.9"), ..runs }, "the machine has 10.77.0.9, and the node 10.77.0.101"),
        (
            Runs { role: Role::ControlPlane, ..runs },
            "it is a worker there, and a control-plane in the site file",
        ),
    ] {
        assert_eq!(comes_home(&object, &not), Err(why.to_string()));
    }
    let labels = object.metadata.labels.get_or_insert_default();
    labels.insert("node-role.kubernetes.io/control-plane".into(), String::new());
    let plane = Runs { role: Role::ControlPlane, ..runs };
    assert_eq!(comes_home(&object, &plane), Ok(Role::ControlPlane));
}
