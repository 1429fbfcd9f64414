//! The documents that kubeadm reads: the server's, with what only this machine is told. Pure.

use anyhow::{Context, Result, ensure};
use api::cluster::{JoinOrder, JoinSecrets, Role};
use serde_json::{Value, json};

const API_VERSION: &str = "kubeadm.k8s.io/v1beta4";

/// One file of the documents. Each is JSON, which YAML includes.
pub fn render(documents: &[Value]) -> String {
    documents.iter().map(|d| format!("---\n{d}\n")).collect()
}

/// kubeadm would print a join command with a token at the end.
pub fn for_init(order: &JoinOrder) -> Result<Vec<Value>> {
    let mut documents = order.documents.clone();
    let init = of_kind(&mut documents, "InitConfiguration")?;
    let skipped = init.entry("skipPhases").or_insert_with(|| json!([]));
    let skipped = skipped.as_array_mut().context("skipPhases of the InitConfiguration is no list")?;
    if !skipped.iter().any(|phase| phase == "show-join-command") {
        skipped.push("show-join-command".into());
    }
    Ok(documents)
}

/// The CA is pinned, whatever the documents say about skipping that.
pub fn for_join(order: &JoinOrder, secrets: &JoinSecrets) -> Result<Vec<Value>> {
    ensure!(!secrets.ca_hashes.is_empty(), "the server gave no hash of the cluster's CA: nothing is joined");
    let mut documents = order.documents.clone();
    let join = of_kind(&mut documents, "JoinConfiguration")?;
    join.insert(
        "discovery".into(),
        json!({"bootstrapToken": {
            "token": secrets.token,
            "apiServerEndpoint": order.endpoint,
            "caCertHashes": secrets.ca_hashes,
        }}),
    );
    if order.role == Role::ControlPlane {
        let key = secrets.certificate_key.as_ref();
        let key = key.context("the server gave no key for the control planes' certificates")?;
        let control_plane = join.entry("controlPlane").or_insert_with(|| json!({}));
        let control_plane = control_plane.as_object_mut().context("controlPlane is no object")?;
        control_plane.insert("certificateKey".into(), key.clone().into());
    }
    Ok(documents)
}

/// For `kubeadm init phase upload-certs`. Without a version kubeadm asks the internet for the newest.
pub fn for_upload(certificate_key: &str, version: &str) -> Vec<Value> {
    vec![
        json!({"apiVersion": API_VERSION, "kind": "InitConfiguration", "certificateKey": certificate_key}),
        json!({"apiVersion": API_VERSION, "kind": "ClusterConfiguration", "kubernetesVersion": version}),
    ]
}

/// Where this machine's API server will listen.
pub fn api_server_port(order: &JoinOrder) -> u16 {
    let port = |pointer: &str| order.documents.iter().find_map(|d| d.pointer(pointer)?.as_u64());
    let port = port("/localAPIEndpoint/bindPort").or(port("/controlPlane/localAPIEndpoint/bindPort"));
    port.and_then(|port| u16::try_from(port).ok()).unwrap_or(6443)
}

fn of_kind<'a>(documents: &'a mut [Value], kind: &str) -> Result<&'a mut serde_json::Map<String, Value>> {
    let found = documents.iter_mut().find(|d| d["kind"] == kind);
    let found = found.with_context(|| format!("the server's order has no {kind}"))?;
    found.as_object_mut().with_context(|| format!("the {kind} is no object"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::order;

    fn secrets(certificate_key: Option<&str>) -> JoinSecrets {
        JoinSecrets {
            token: "abcdef.0123456789abcdef".into(),
            ca_hashes: vec!["sha256:00".into()],
            certificate_key: certificate_key.map(Into::into),
        }
    }

    #[test]
    fn a_join_always_pins_the_ca() {
        let mut order = order(Role::ControlPlane);
        order.documents = vec![json!({
            "kind": "JoinConfiguration",
            "discovery": {"bootstrapToken": {"unsafeSkipCAVerification": true}, "file": {}},
            "controlPlane": {"localAPIEndpoint": {"bindPort": 7443}},
        })];
        let documents = for_join(&order, &secrets(Some("k"))).unwrap();
        assert_eq!(
            documents[0],
            json!({
                "kind": "JoinConfiguration",
                "discovery": {"bootstrapToken": {
                    "token": "abcdef.0123456789abcdef",
                    "apiServerEndpoint": "10.77.0.10:8443",
                    "caCertHashes": ["sha256:00"],
                }},
                "controlPlane": {"localAPIEndpoint": {"bindPort": 7443}, "certificateKey": "k"},
            })
        );
        assert_eq!(api_server_port(&order), 7443);
        assert!(for_join(&order, &secrets(None)).is_err(), "a control plane needs the key");
        let unpinned = JoinSecrets { ca_hashes: vec![], ..secrets(Some("k")) };
        assert!(for_join(&order, &unpinned).unwrap_err().to_string().contains("no hash"));
        order.documents.clear();
        assert!(for_join(&order, &secrets(Some("k"))).is_err());
    }

    #[test]
    fn an_upload_names_its_version() {
        let text = render(&for_upload("k", "v1.36.3"));
        assert!(
            text.contains(r#""certificateKey":"k""#) && text.contains(r#""kubernetesVersion":"v1.36.3""#),
            "{text}"
        );
    }

    #[test]
    fn an_init_prints_no_join_command() {
        let mut order = order(Role::ControlPlane);
        order.documents = vec![
            json!({"kind": "ClusterConfiguration"}),
            json!({"kind": "InitConfiguration", "skipPhases": ["a"]}),
        ];
        let documents = for_init(&order).unwrap();
        assert_eq!(documents[1]["skipPhases"], json!(["a", "show-join-command"]));
        assert_eq!(
            render(&documents),
            "---\n{\"kind\":\"ClusterConfiguration\"}\n---\n\
             {\"kind\":\"InitConfiguration\",\"skipPhases\":[\"a\",\"show-join-command\"]}\n"
        );
        assert_eq!(api_server_port(&order), 6443);
    }
}
