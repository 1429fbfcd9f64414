//! This machine's own API server, asked at its own address: the cluster's address leads to any of them. It is asked often
//! while it starts, so without a kubectl, which takes seconds of a slow processor each time.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use api::client::{Client, ClientCertificate};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::MANIFESTS;
use super::manifest::argument;

const PKI: &str = "/etc/kubernetes/pki";
const PATIENCE: Duration = Duration::from_secs(15);

/// Outside of async code.
pub fn is_ready() -> bool {
    client().is_ok_and(|client| {
        Handle::current().block_on(async {
            timeout(PATIENCE, client.stream("/readyz")).await.is_ok_and(|said| said.is_ok())
        })
    })
}

/// As the API server itself goes to kubelets: a site may let nobody in without a certificate.
fn client() -> Result<Client> {
    let read =
        |name: &str| fs::read_to_string(format!("{PKI}/{name}")).with_context(|| format!("no {PKI}/{name}"));
    let base = own_url(&fs::read_to_string(format!("{MANIFESTS}/kube-apiserver.yaml")).unwrap_or_default())
        .context("no address in its manifest")?;
    let (certificate, key) = (read("apiserver-kubelet-client.crt")?, read("apiserver-kubelet-client.key")?);
    let own = ClientCertificate { certificate_pem: &certificate, key_pem: &key };
    Ok(Client::new(&base, &read("ca.crt")?, Some(own))?)
}

/// By the manifest that kubeadm wrote for it.
fn own_url(manifest: &str) -> Option<String> {
    let address = argument(manifest, "advertise-address")?;
    let port = argument(manifest, "secure-port").unwrap_or("6443");
    Some(match address.contains(':') {
        true => format!("https://[{address}]:{port}"),
        false => format!("https://{address}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_where_kubeadm_let_it_listen() {
        let manifest = |address: &str, port: &str| {
            format!(
                "spec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --advertise-address={address}\n{port}"
            )
        };
        let url = |address, port| own_url(&manifest(address, port));
        assert_eq!(
            url("10.77.0.102", "    - --secure-port=6444\n").as_deref(),
            Some("https://10.77.0.102:6444")
        );
        assert_eq!(url("10.77.0.102", "").as_deref(), Some("https://10.77.0.102:6443"));
        assert_eq!(url("fd00::2", "").as_deref(), Some("https://[fd00::2]:6443"));
        assert_eq!(own_url(""), None);
    }
}
