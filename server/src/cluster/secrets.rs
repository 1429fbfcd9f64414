//! What lets one machine into its cluster: a bootstrap token for it alone, the pin of the cluster's CA, and for a
//! control plane the key of the certificates that an older one has uploaded. Minted when it is ready to join,
//! minutes of life, revoked when it has joined or failed.

use std::time::Duration;

use api::cluster::{ClusterStep, JoinSecrets, Role};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::client::{within, within_or_gone};
use super::steps::{self, Standing, Step, persist};
use super::{Error, Refusal, Result};
use crate::app::App;
use crate::store::NodeRow;

/// Of a token: the slowest machine's way from here to its first certificate.
const LIFE: i64 = 15 * 60 * 1_000_000;
/// Of the request to upload certificates.
const UPLOAD: Duration = Duration::from_secs(10 * 60);
const SYSTEM: &str = "kube-system";
/// What kubeadm's own rules admit to joining.
const GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";

/// Whether the control planes' certificates are there for a machine that joins as one.
pub enum Upload {
    Ready {
        certificate_key: String,
    },
    /// In words.
    Waits(String),
}

/// Mints a token for the node and takes back the one before.
pub async fn mint(
    app: &App,
    node: &NodeRow,
    certificate_key: Option<String>,
    now: i64,
) -> std::result::Result<JoinSecrets, Refusal> {
    let row = app.store.cluster(&node.cluster).await?;
    let ca_pem = row.and_then(|row| row.ca_pem).ok_or_else(|| Error::NotUp(node.cluster.clone()))?;
    let pin =
        pin(&ca_pem).ok_or_else(|| Refusal::NotNow("the cluster's CA certificate is not readable".into()))?;
    let client = app.clusters.client(app, &node.cluster).await?;
    revoke(app, node).await?;
    let (id, secret) = (random(6)?, random(16)?);
    let expires = now + LIFE;
    // Noted first: a token that nobody knows of would not be revoked.
    app.store.node_token(&node.id(), Some((id.clone(), expires))).await?;
    let token = token_secret(&id, &secret, &node.name, expires);
    within(Api::<Secret>::namespaced(client, SYSTEM).create(&PostParams::default(), &token)).await?;
    Ok(JoinSecrets { token: format!("{id}.{secret}"), ca_hashes: vec![pin], certificate_key })
}

/// Deletes the node's token, wherever it is in its life.
pub async fn revoke(app: &App, node: &NodeRow) -> Result<()> {
    let Some(id) = &node.token_id else { return Ok(()) };
    let client = app.clusters.client(app, &node.cluster).await?;
    let secrets = Api::<Secret>::namespaced(client, SYSTEM);
    within_or_gone(secrets.delete(&format!("bootstrap-token-{id}"), &DeleteParams::default())).await?;
    Ok(app.store.node_token(&node.id(), None).await?)
}

/// Has an older control plane upload the certificates, once for each try to join.
pub async fn upload(app: &App, node: &NodeRow, join_task: &str, now: i64) -> Result<Upload> {
    let key = format!("upload/{}/{}/{join_task}", node.machine, node.generation);
    let step = ClusterStep::UploadCertificates { certificate_key: hex::encode(bytes::<32>()?) };
    let step = Step { key, step, subject: Some(node.id()), executor: None, patience: UPLOAD };
    let task = match persist(app, &node.cluster, step, now).await? {
        Standing::Done(task) => task,
        Standing::Pending => {
            return Ok(Upload::Waits("the control planes' certificates are being uploaded".into()));
        }
        Standing::Failed(why) => {
            return Ok(Upload::Waits(format!(
                "the control planes' certificates could not be uploaded: {why}"
            )));
        }
    };
    match steps::open(app, &task)? {
        // The one that it was done with, and not the one above.
        ClusterStep::UploadCertificates { certificate_key } => Ok(Upload::Ready { certificate_key }),
        _ => Ok(Upload::Waits("the task that should upload the certificates is of another kind".into())),
    }
}

/// The uploaded certificates are of no use to anybody once the machine has joined.
pub async fn forget_certificates(app: &App, node: &NodeRow) -> Result<()> {
    if node.role()? != Role::ControlPlane {
        return Ok(());
    }
    let client = app.clusters.client(app, &node.cluster).await?;
    let secrets = Api::<Secret>::namespaced(client, SYSTEM);
    within_or_gone(secrets.delete("kubeadm-certs", &DeleteParams::default())).await.map(drop)
}

/// kubeadm's form of a pin: the SHA-256 of the CA's public key.
fn pin(ca_pem: &str) -> Option<String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(ca_pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&pem.contents).ok()?;
    Some(format!("sha256:{}", hex::encode(Sha256::digest(certificate.public_key().raw))))
}

fn token_secret(id: &str, secret: &str, node: &str, expires: i64) -> Secret {
    let description = format!("for {node} to join, from metald");
    let expiration = api::words::moment(expires).replace(' ', "T");
    let fields = [
        ("token-id", id),
        ("token-secret", secret),
        ("description", &description),
        ("expiration", &expiration),
        ("usage-bootstrap-authentication", "true"),
        // The controller manager signs the cluster's public description with it, which kubeadm reads first.
        ("usage-bootstrap-signing", "true"),
        ("auth-extra-groups", GROUP),
    ];
    let data = fields.map(|(name, value)| (name.to_string(), ByteString(value.as_bytes().to_vec())));
    Secret {
        metadata: ObjectMeta { name: Some(format!("bootstrap-token-{id}")), ..ObjectMeta::default() },
        type_: Some("bootstrap.kubernetes.io/token".into()),
        data: Some(data.into()),
        ..Secret::default()
    }
}

/// Of a token: lower case letters and digits.
fn random(length: usize) -> Result<String> {
    const SIGNS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    // 256 is a multiple of 32, so each sign is as likely as any other.
    Ok(bytes::<16>()?.iter().take(length).map(|byte| char::from(SIGNS[usize::from(*byte) % 32])).collect())
}

fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Sealed(anyhow::anyhow!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}
