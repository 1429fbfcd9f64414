//! Tells the server how this node is: when its certificates expire, and whether its kubelet runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use api::cluster::{CertificateExpiry, NodeReport};
use api::routes::agent::NODE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use x509_parser::pem::Pem;

use super::{blocking, files, standing};
use crate::command;
use crate::session::Session;

const EVERY: Duration = Duration::from_secs(60);

/// Until it is dropped; silent while this machine is no node.
pub async fn report_each_minute(session: &Session) {
    loop {
        tokio::time::sleep(EVERY).await;
        if standing::read(Path::new("/")).is_some() {
            tell(session).await;
        }
    }
}

/// What is not heard now is told again in a minute.
pub async fn tell(session: &Session) {
    let report = blocking(|| {
        let kubelet = command::end("systemctl", ["is-active", "kubelet"])?.output.trim().to_string();
        Ok(NodeReport { certificates: in_use(Path::new("/")), kubelet })
    });
    let told = match report.await {
        Ok(report) => {
            let told = session.client.call::<serde_json::Value>(Method::PUT, NODE, Some(&report)).await;
            told.map(drop).map_err(anyhow::Error::from)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        session.log.say(format!("the node's state was not told: {error:#}"));
    }
}

/// Told of as long as this file is there: it goes with the folder when the node leaves.
const BEFORE: &str = "etc/kubernetes/pki/before-renewal.json";

/// Holds on to what is in use: of certificates that were renewed nothing is told until all that serves has them. Should
/// it never come that far, the server still sees the old ones end, and asks again.
pub fn hold(root: &Path) -> Result<()> {
    let place = root.join(BEFORE);
    if held(root).is_none() {
        let text =
            serde_json::to_vec(&certificates(root)).context("the certificates cannot be written down")?;
        files::replace(&place, 0o644, &text)?;
    }
    Ok(())
}

pub fn let_go(root: &Path) -> Result<()> {
    files::remove(&root.join(BEFORE)).with_context(|| format!("cannot remove /{BEFORE}"))
}

fn held(root: &Path) -> Option<Vec<CertificateExpiry>> {
    serde_json::from_slice(&fs::read(root.join(BEFORE)).ok()?).ok()
}

fn in_use(root: &Path) -> Vec<CertificateExpiry> {
    held(root).unwrap_or_else(|| certificates(root))
}

/// By the names that kubeadm gives them.
fn certificates(root: &Path) -> Vec<CertificateExpiry> {
    let mut found = Vec::new();
    let kubernetes = root.join("etc/kubernetes");
    for (folder, prefix) in [("pki", ""), ("pki/etcd", "etcd-")] {
        for path in sorted(&kubernetes.join(folder), ".crt") {
            found.extend(expiry(&format!("{prefix}{}", stem(&path)), &fs::read(&path).unwrap_or_default()));
        }
    }
    for path in sorted(&kubernetes, ".conf") {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap_or_default();
        found.extend(embedded(&text).and_then(|pem| expiry(&name, &pem)));
    }
    let kubelet = root.join("var/lib/kubelet/pki/kubelet-client-current.pem");
    found.extend(expiry("kubelet-client", &fs::read(kubelet).unwrap_or_default()));
    found
}

fn sorted(folder: &Path, suffix: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> =
        entries.map(|e| e.path()).filter(|p| p.to_string_lossy().ends_with(suffix)).collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A kubeconfig that names a file instead has its certificate there.
fn embedded(kubeconfig: &str) -> Option<Vec<u8>> {
    let data = kubeconfig.lines().find_map(|l| l.trim().strip_prefix("client-certificate-data:"))?;
    STANDARD.decode(data.trim()).ok()
}

/// Of the first certificate; a key may stand in the same file.
fn expiry(name: &str, pem: &[u8]) -> Option<CertificateExpiry> {
    let block = Pem::iter_from_buffer(pem).flatten().find(|block| block.label == "CERTIFICATE")?;
    let certificate = block.parse_x509().ok()?;
    Some(CertificateExpiry {
        name: name.into(),
        not_after: certificate.validity().not_after.timestamp() * 1_000_000,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn certificate(year: i32) -> String {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn every_certificate_of_a_control_plane_is_found() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("etc/kubernetes/pki/apiserver.crt", &certificate(2030));
        write("etc/kubernetes/pki/apiserver.key", "secret");
        write("etc/kubernetes/pki/etcd/peer.crt", &certificate(2031));
        write("etc/kubernetes/pki/sa.pub", "key");
        let data = STANDARD.encode(certificate(2032));
        write(
            "etc/kubernetes/admin.conf",
            &format!("users:\n- user:\n    client-certificate-data: {data}\n"),
        );
        write("etc/kubernetes/kubelet.conf", "users:\n- user:\n    client-certificate: /var/lib/x.pem\n");
        let key = KeyPair::generate().unwrap().serialize_pem();
        write("var/lib/kubelet/pki/kubelet-client-current.pem", &(key + &certificate(2033)));
        let found = certificates(root.path());
        let seen: Vec<_> = found.iter().map(|c| (c.name.as_str(), c.not_after)).collect();
        let at = |year| date_time_ymd(year, 1, 1).unix_timestamp() * 1_000_000;
        assert_eq!(
            seen,
            [
                ("apiserver", at(2030)),
                ("etcd-peer", at(2031)),
                ("admin.conf", at(2032)),
                ("kubelet-client", at(2033)),
            ]
        );
        assert!(certificates(Path::new("/nowhere")).is_empty());

        hold(root.path()).unwrap();
        write("etc/kubernetes/pki/apiserver.crt", &certificate(2040));
        hold(root.path()).unwrap();
        assert_eq!(in_use(root.path()), found, "no pod has the new one yet");
        let_go(root.path()).unwrap();
        let_go(root.path()).unwrap();
        assert_eq!(in_use(root.path())[0].not_after, at(2040));
    }
}
