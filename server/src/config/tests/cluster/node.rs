//! What nodes and kubeadm are not to be told.

use super::{GOOD, complaint};
use crate::config::tests::complaints;

#[test]
fn profiles_that_name_no_cluster_or_say_what_nodes_cannot_have_are_found() {
    complaint(
        "cluster = \"prod\"\nlabels",
        "cluster = \"prd\"\nlabels",
        "error: profile `node` wants the cluster `prd`, which is not there\n  --> site.toml:31:11\n  \
         hint: there is the cluster `prod`",
    );
    let lonely = GOOD.replace("cluster = \"prod\"\n", "");
    let found = complaints(&lonely);
    for (i, setting) in ["role", "labels", "taints"].into_iter().enumerate() {
        assert!(found[i].contains(&format!("has {setting} and no cluster")), "{found:?}");
    }
    assert!(found[3].contains("`node07` has a role, and its profile `node` has no cluster"), "{found:?}");
    complaint(
        "root = { size = \"8G\", grow = true }",
        "root = { size = \"8G\", grow = true }\n[[layout.plain.extra]]\nname = \"swap\"\nsize = \"1G\"\nfs = \"swap\"",
        "error: profile `head` makes nodes, and its layout `plain` has the swap `swap`\n  --> site.toml:24:10\n  \
         hint: a kubelet does not start beside swap: take a layout without it",
    );
}

#[test]
fn labels_and_taints_are_as_the_api_server_takes_them() {
    complaint(
        "disk = \"ssd\"",
        "\"-disk\" = \"ssd\"",
        "error: `-disk` is not a label's key\n  --> site.toml:32:48\n  \
         hint: a name is 1 to 63 of letters, digits and inner dashes, dots and underscores",
    );
    complaint(
        "disk = \"ssd\"",
        "disk = \"s d\"",
        "error: `s d` is not a label's value\n  --> site.toml:32:45\n  \
         hint: empty, or 1 to 63 of letters, digits and inner dashes, dots and underscores",
    );
    complaint(
        "disk = \"ssd\"",
        "\"node-role.kubernetes.io/gpu\" = \"\"",
        "error: `node-role.kubernetes.io/gpu` says what a node is in its cluster, which its role says\n  \
         --> site.toml:32:70\n  \
         hint: role = \"control-plane\" or \"worker\" does this; another word needs another key",
    );
    complaint(
        "disk = \"ssd\"",
        "\"kubernetes.io/hostname\" = \"x\"",
        "error: the kubelet sets `kubernetes.io/hostname` itself, and sets it back\n  --> site.toml:32:65\n  \
         hint: leave it out",
    );
    complaint(
        "dedicated=gpu:",
        "dedicated=g=u:",
        "error: `g=u` is not a taint's value\n  --> site.toml:33:11\n  \
         hint: empty, or 1 to 63 of letters, digits and inner dashes, dots and underscores",
    );
    complaint(
        "gpu:NoSchedule",
        "gpu:Never",
        "error: `Never` is not a taint's effect\n  --> site.toml:33:11\n  \
         hint: NoSchedule, PreferNoSchedule or NoExecute, as in dedicated=gpu:NoSchedule",
    );
    complaint(
        "quiet:PreferNoSchedule",
        "dedicated=fpga:NoSchedule",
        "error: two taints have the key dedicated and the effect NoSchedule\n  --> site.toml:33:39\n  \
         hint: a node has one of each",
    );
    complaint(
        "dedicated=gpu:",
        "Example.org/a:",
        "error: `Example.org/a` is not a taint's key\n  --> site.toml:33:11\n  \
         hint: what is before the slash is a DNS name in lower case, such as example.org",
    );
    complaint(
        "dedicated=gpu:",
        "node-role.kubernetes.io/control-plane:",
        "error: the taint `node-role.kubernetes.io/control-plane` is not a profile's to give\n  \
         --> site.toml:33:11\n  \
         hint: control planes get it unless schedule_on_control_planes = true in the cluster",
    );
}

#[test]
fn what_kubeadm_must_not_be_told_twice_is_found() {
    for (document, key, meant) in [
        ("cluster_configuration", "controlPlaneEndpoint", "endpoint of the cluster"),
        ("cluster_configuration", "kubernetesVersion", "kubernetes of the cluster"),
        ("cluster_configuration", "networking.podSubnet", "pods of the cluster"),
        ("cluster_configuration", "networking.serviceSubnet", "services of the cluster"),
        ("init_configuration", "certificateKey", "a key is made for each control plane when it joins"),
        (
            "init_configuration",
            "nodeRegistration.name",
            "hostname of the profile, or name of the [[machine]]",
        ),
        (
            "join_configuration",
            "discovery",
            "a token is made for each machine when it joins, with the CA's hash",
        ),
        (
            "join_configuration",
            "controlPlane.certificateKey",
            "a key is made for each control plane when it joins",
        ),
        ("kube_proxy_configuration", "clusterCIDR", "pods of the cluster"),
    ] {
        complaint(
            "cluster_configuration = { encryptionAlgorithm = \"ECDSA-P256\", networking = { dnsDomain = \"k8s.test\" } }",
            &format!("[cluster.prod.kubeadm.{document}]\n{key} = \"x\""),
            &format!(
                "error: {key} of {document} is not the site's to set\n  --> site.toml:56:{}\n  \
                 hint: what is meant: {meant}",
                key.len() + 4
            ),
        );
    }
    for key in ["kind", "apiVersion"] {
        complaint(
            "cluster_configuration = {",
            &format!("kubelet_configuration = {{ {key} = \"x\" }}\ncluster_configuration = {{"),
            &format!(
                "error: {key} of kubelet_configuration is not the site's to set\n  --> site.toml:55:{}\n  \
                 hint: leave it out: metald writes it",
                30 + key.len()
            ),
        );
    }
}

#[test]
fn patches_that_kubeadm_would_pass_over_are_found() {
    complaint(
        "kube-apiserver+strategic.json",
        "kube-apiserver+strategic.yml",
        "error: kubeadm would not apply a patch in a file named `kube-apiserver+strategic.yml`\n  \
         --> site.toml:57:34\n  \
         hint: .json or .yaml ends the name, as in kube-apiserver+strategic.yaml",
    );
    complaint(
        "kube-apiserver+strategic.json",
        "apiserver.json",
        "error: kubeadm would not apply a patch in a file named `apiserver.json`\n  --> site.toml:57:20\n  \
         hint: it begins with one of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, \
         kubeletconfiguration, corednsdeployment",
    );
    complaint(
        "'{\"spec\": {}}'",
        "'spec: {}'",
        "error: the patch `kube-apiserver+strategic.json` is not JSON: expected value at line 1 column 1\n  \
         --> site.toml:57:35\n  hint: a name that ends with .yaml lets kubeadm read it as YAML",
    );
    complaint(
        "'{\"spec\": {}}'",
        "''",
        "error: the patch `kube-apiserver+strategic.json` is empty\n  --> site.toml:57:35\n  hint: leave it out",
    );
}
