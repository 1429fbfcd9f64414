//! What travels between server, control planes and joining machines.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CertificateExpiry, Role};
use crate::id::Hostname;

/// All that an agent needs to make its machine a node, but the secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinOrder {
    pub cluster: String,
    pub node: Hostname,
    pub role: Role,
    /// The node's own address, on which kubelet and API server are reached.
    pub address: String,
    /// This machine claimed the init: `kubeadm init`, not join.
    pub init: bool,
    /// Exact release that the image holds, such as `1.36.3`.
    pub kubernetes: String,
    /// `host:port`.
    pub endpoint: String,
    /// The documents of a kubeadm configuration. Of a JoinConfiguration the agent fills in the discovery, and
    /// of both kinds the certificate key.
    pub documents: Vec<serde_json::Value>,
    /// Written before anything starts.
    pub files: Vec<NodeFile>,
    /// systemd units that are enabled and restarted before kubeadm runs.
    pub services: Vec<String>,
    /// Applied with the administrator's kubeconfig when init has succeeded; makes the service account
    /// `metald` in `metal-system`, whose token is reported with [`super::ClusterAccess`].
    pub grant: Option<String>,
    /// What this machine needs at least.
    pub needs: Needs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Bytes.
    pub memory: u64,
    pub cpus: u32,
    /// Bytes free below /var.
    pub disk: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFile {
    /// Absolute.
    pub path: String,
    pub mode: u32,
    pub text: String,
}

/// Given to a machine in `joining` that is ready, over its home=disk certificate. Minted for it alone.
#[derive(Clone, Serialize, Deserialize)]
pub struct JoinSecrets {
    /// `id.secret`.
    pub token: String,
    /// `sha256:…` of the cluster CA's public key.
    pub ca_hashes: Vec<String>,
    /// Only for a control plane.
    pub certificate_key: Option<String>,
}

impl fmt::Debug for JoinSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinSecrets(masked)")
    }
}

/// What a node's agent tells of it, beside its hardware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    pub certificates: Vec<CertificateExpiry>,
    /// systemd's word for kubelet: `active`, `inactive`, `failed`, …
    pub kubelet: String,
}

/// A step for the cluster, done by the agent of a healthy control plane.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum ClusterStep {
    /// `kubectl apply --server-side` of a manifest.
    Apply {
        name: String,
        manifest: String,
    },
    /// The control planes' certificates into a Secret, encrypted with this key, for two hours.
    UploadCertificates {
        certificate_key: String,
    },
    Members,
    RemoveMember {
        name: String,
    },
    /// An etcd snapshot, sent to the server.
    Snapshot,
    /// Signs a client certificate.
    Sign {
        csr_pem: String,
        user: String,
        group: String,
        seconds: u32,
    },
    /// Renews all certificates of the executing control plane itself, and restarts what reads them.
    Renew,
    /// New settings of the executing control plane's load balancer.
    Balance {
        files: Vec<NodeFile>,
        services: Vec<String>,
    },
}

impl ClusterStep {
    pub const fn kind(&self) -> &'static str {
        match self {
            ClusterStep::Apply { .. } => "apply",
            ClusterStep::UploadCertificates { .. } => "upload_certificates",
            ClusterStep::Members => "members",
            ClusterStep::RemoveMember { .. } => "remove_member",
            ClusterStep::Snapshot => "snapshot",
            ClusterStep::Sign { .. } => "sign",
            ClusterStep::Renew => "renew",
            ClusterStep::Balance { .. } => "balance",
        }
    }
}

impl fmt::Debug for ClusterStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// What a cluster step brought. Steps without a result bring none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ClusterResult {
    Members { members: Vec<EtcdMember> },
    Certificate { certificate_pem: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdMember {
    /// Hex.
    pub id: String,
    /// The node's name; empty for one that has not started yet.
    pub name: String,
    pub learner: bool,
    pub healthy: bool,
}
