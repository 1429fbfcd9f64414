//! What the site wants of kubeadm otherwise: nothing in it that another setting says or that we must
//! know ourselves, and no patch that kubeadm would pass over.

use serde_json::Value;

use crate::config::check::Findings;
use crate::config::{Cluster, Kubeadm};

/// What is not the site's to set in each document, and what is meant instead.
const OWNED: [(&str, &[(&str, &str)]); 5] = [
    (
        "cluster_configuration",
        &[
            ("clusterName", "the name in [cluster.NAME]"),
            ("kubernetesVersion", "kubernetes of the cluster"),
            ("controlPlaneEndpoint", "endpoint of the cluster"),
            ("networking.podSubnet", "pods of the cluster"),
            ("networking.serviceSubnet", "services of the cluster"),
            ("certificatesDir", "certificates stay in /etc/kubernetes/pki, where the agent reads them"),
            ("etcd.external", "etcd runs on the control planes, where its members are counted"),
        ],
    ),
    (
        "init_configuration",
        &[
            ("bootstrapTokens", "a token is made for each machine when it joins"),
            ("certificateKey", "a key is made for each control plane when it joins"),
            ("localAPIEndpoint.advertiseAddress", "address of a [[machine]], or a [[reservation]]"),
            ("localAPIEndpoint.bindPort", "api_server_port of the cluster"),
            ("nodeRegistration.name", "hostname of the profile, or name of the [[machine]]"),
            (
                "nodeRegistration.taints",
                "taints of the profile, or schedule_on_control_planes of the cluster",
            ),
            ("patches", "patches of the cluster's kubeadm"),
            ("skipPhases", "a phase that would print a token is left out"),
            ("dryRun", "nothing would be made"),
        ],
    ),
    (
        "join_configuration",
        &[
            ("discovery", "a token is made for each machine when it joins, with the CA's hash"),
            ("caCertPath", "certificates stay in /etc/kubernetes/pki, where the agent reads them"),
            ("controlPlane.certificateKey", "a key is made for each control plane when it joins"),
            (
                "controlPlane.localAPIEndpoint.advertiseAddress",
                "address of a [[machine]], or a [[reservation]]",
            ),
            ("controlPlane.localAPIEndpoint.bindPort", "api_server_port of the cluster"),
            ("nodeRegistration.name", "hostname of the profile, or name of the [[machine]]"),
            (
                "nodeRegistration.taints",
                "taints of the profile, or schedule_on_control_planes of the cluster",
            ),
            ("patches", "patches of the cluster's kubeadm"),
            ("dryRun", "nothing would be made"),
        ],
    ),
    ("kubelet_configuration", &[("cgroupDriver", "systemd, as the image's containerd has it")]),
    ("kube_proxy_configuration", &[("clusterCIDR", "pods of the cluster")]),
];

pub fn documents(kubeadm: &Kubeadm, path: &str, found: &mut Findings) {
    let documents = [
        &kubeadm.cluster_configuration,
        &kubeadm.init_configuration,
        &kubeadm.join_configuration,
        &kubeadm.kubelet_configuration,
        &kubeadm.kube_proxy_configuration,
    ];
    for (document, (name, owned)) in documents.into_iter().zip(OWNED) {
        for key in ["apiVersion", "kind"] {
            if document.get(key).is_some() {
                let message = format!("{key} of {name} is not the site's to set");
                found.error(&format!("{path}.{name}.{key}"), message, "leave it out: metald writes it");
            }
        }
        for (key, meant) in owned {
            if has(document, key) {
                let message = format!("{key} of {name} is not the site's to set");
                found.error(&format!("{path}.{name}.{key}"), message, &format!("what is meant: {meant}"));
            }
        }
    }
}

fn has(document: &Value, key: &str) -> bool {
    key.split('.').try_fold(document, |value, part| value.get(part)).is_some()
}

pub fn patches(cluster: &Cluster, path: &str, found: &mut Findings) {
    for (name, text) in &cluster.kubeadm.patches {
        let path = format!("{path}.{name}");
        if let Err(hint) = patch_name(name, cluster.minor()) {
            let message = format!("kubeadm would not apply a patch in a file named `{name}`");
            found.error(&path, message, &hint);
        }
        if text.trim().is_empty() {
            found.error(&path, format!("the patch `{name}` is empty"), "leave it out");
        } else if let Some(error) = broken_json(name, text) {
            let hint = "a name that ends with .yaml lets kubeadm read it as YAML";
            found.error(&path, format!("the patch `{name}` is not JSON: {error}"), hint);
        }
    }
}

fn broken_json(name: &str, text: &str) -> Option<serde_json::Error> {
    let is_json = name.ends_with(".json");
    is_json.then(|| serde_json::from_str::<serde::de::IgnoredAny>(text).err()).flatten()
}

/// `target[suffix][+patchtype].extension`: k8s.io/kubernetes, cmd/kubeadm/app/util/patches, parseFilename.
/// kubeadm passes over files that are named otherwise, with a line in its output.
fn patch_name(name: &str, minor: Option<u32>) -> Result<(), String> {
    let targets = targets(minor);
    let extension = ".json or .yaml ends the name, as in kube-apiserver+strategic.yaml";
    let stem = name.strip_suffix(".json").or_else(|| name.strip_suffix(".yaml")).ok_or(extension)?;
    let rest = targets.iter().find_map(|target| stem.strip_prefix(target));
    let rest = rest.ok_or_else(|| format!("it begins with one of {}", targets.join(", ")))?;
    let (suffix, patch_type) = rest.split_once('+').map_or((rest, None), |(s, t)| (s, Some(t)));
    if !suffix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err("between target and type: letters, digits, dashes and underscores".into());
    }
    match patch_type {
        None | Some("strategic" | "merge" | "json") => Ok(()),
        Some(_) => Err("after the + comes strategic, merge or json".into()),
    }
}

fn targets(minor: Option<u32>) -> Vec<&'static str> {
    let mut targets = vec![
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubeletconfiguration",
        "corednsdeployment",
    ];
    if minor.is_some_and(|minor| minor >= 37) {
        targets.push("kubeproxydaemonset");
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_names() {
        for name in [
            "kube-apiserver+strategic.json",
            "kube-apiserver0+merge.yaml",
            "etcd.json",
            "etcd-2+json.yaml",
            "kubeletconfiguration.yaml",
            "corednsdeployment+json.json",
        ] {
            assert_eq!(patch_name(name, Some(36)), Ok(()), "{name}");
        }
        for name in [
            "",
            ".json",
            "kube-apiserver",
            "kube-apiserver.yml",
            "kube-apiserver+.json",
            "kube-apiserver+jsonpatch.json",
            "kubelet.yaml",
            "../etcd.json",
            "etcd/../../passwd.json",
            "etcd.a.json",
            "etcd+json+merge.json",
            "kubeproxydaemonset.yaml",
        ] {
            assert!(patch_name(name, Some(36)).is_err(), "{name}");
        }
        assert_eq!(patch_name("kubeproxydaemonset.yaml", Some(37)), Ok(()));
    }
}
