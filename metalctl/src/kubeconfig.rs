//! A kubeconfig as kubectl reads it: JSON, which every reader of YAML takes. Pure.

use api::cluster::KubeconfigAnswer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// `user` names the entry, for people who merge several into one file.
pub fn kubeconfig(cluster: &str, user: &str, answer: &KubeconfigAnswer, key_pem: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": cluster,
            "cluster": {
                "server": answer.server,
                "certificate-authority-data": STANDARD.encode(&answer.ca_pem),
            },
        }],
        "users": [{
            "name": user,
            "user": {
                "client-certificate-data": STANDARD.encode(&answer.certificate_pem),
                "client-key-data": STANDARD.encode(key_pem),
            },
        }],
        "contexts": [{ "name": cluster, "context": { "cluster": cluster, "user": user } }],
        "current-context": cluster,
    })
}

/// CA and token out of the Secret of a service account, as `kubectl get secret -o json` prints it.
pub fn account(secret: &str) -> Result<(String, String), String> {
    let secret: Value = serde_json::from_str(secret).map_err(|e| format!("it is no JSON: {e}"))?;
    let field = |name: &str| {
        let text = secret["data"][name].as_str().ok_or_else(|| format!("it has no `data.{name}`"))?;
        let bytes = STANDARD.decode(text).map_err(|e| format!("`data.{name}` is no base64: {e}"))?;
        String::from_utf8(bytes).map_err(|_| format!("`data.{name}` is no text"))
    };
    Ok((field("ca.crt")?, field("token")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_where_kubectl_looks_for_it() {
        let answer = KubeconfigAnswer {
            server: "https://10.77.0.10:8443".into(),
            ca_pem: "CA".into(),
            certificate_pem: "CERT".into(),
        };
        let config = kubeconfig("prod", "prod-operator", &answer, "KEY");
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://10.77.0.10:8443");
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority-data"], "Q0E=");
        assert_eq!(config["users"][0]["user"]["client-certificate-data"], "Q0VSVA==");
        assert_eq!(config["users"][0]["user"]["client-key-data"], "S0VZ");
        assert_eq!(config["contexts"][0]["context"]["user"], "prod-operator");
        assert_eq!(config["current-context"], "prod");
    }

    #[test]
    fn a_secret_is_read_as_kubectl_prints_it() {
        let secret = r#"{"kind":"Secret","data":{"ca.crt":"Q0E=","token":"dG9r","namespace":"bQ=="}}"#;
        assert_eq!(account(secret), Ok(("CA".into(), "tok".into())));
        assert_eq!(account("kind: Secret").unwrap_err().split(':').next(), Some("it is no JSON"));
        assert_eq!(account(r#"{"data":{"token":"dG9r"}}"#), Err("it has no `data.ca.crt`".into()));
        assert!(account(r#"{"data":{"ca.crt":"=","token":""}}"#).unwrap_err().contains("no base64"));
    }
}
