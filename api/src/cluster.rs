//! Clusters, their nodes, and what travels between server, control planes and joining machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Hostname, MachineId, ParseError};
use crate::user;

/// Whether there is a cluster to join. Init is claimed once, and never inferred from absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterState {
    /// Nobody has initialised it. Ends when a control plane claims the init.
    Empty,
    /// One machine runs `kubeadm init`. Ends when it has, or by a typed reset.
    Initialising,
    /// There is an API server to join.
    Up,
}

impl ClusterState {
    pub const ALL: [ClusterState; 3] = [ClusterState::Empty, ClusterState::Initialising, ClusterState::Up];

    pub const fn as_str(self) -> &'static str {
        match self {
            ClusterState::Empty => "empty",
            ClusterState::Initialising => "initialising",
            ClusterState::Up => "up",
        }
    }
}

impl fmt::Display for ClusterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ClusterState {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        ClusterState::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| ParseError { text: text.into(), expected: "a cluster state" })
    }
}

/// What a node is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    ControlPlane,
    Worker,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::ControlPlane => "control-plane",
            Role::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "control-plane" => Ok(Role::ControlPlane),
            "worker" => Ok(Role::Worker),
            _ => Err(ParseError { text: text.into(), expected: "`control-plane` or `worker`" }),
        }
    }
}

/// A cluster as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    /// Release that the site file names: `1.36` or `1.36.3`.
    pub kubernetes: String,
    /// `host:port` of the API server as every kubeconfig names it.
    pub endpoint: String,
    pub state: ClusterState,
    /// Since when, in microseconds since 1970.
    pub since: i64,
    /// For `initialising` and `up`: the machine that claimed the init.
    pub initialised_by: Option<MachineId>,
    pub ready: usize,
    pub nodes: usize,
    /// What is not as it should be, a sentence each; empty when all is well.
    pub problems: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDetail {
    pub cluster: Cluster,
    pub nodes: Vec<Node>,
    /// Nodes that are no machines of this site, as a cluster that was adopted may have.
    #[serde(default)]
    pub others: Vec<OtherNode>,
    /// Newest first.
    pub tasks: Vec<ClusterTaskView>,
    /// Newest first.
    pub snapshots: Vec<Snapshot>,
}

/// A node as the API server shows it, beside the machine that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub machine: MachineId,
    pub name: Hostname,
    pub cluster: String,
    pub role: Role,
    /// Of the Node object; empty while there is none.
    pub uid: String,
    pub ready: bool,
    /// Why it is not Ready, in the words of the API server or ours; empty when it is.
    pub reason: String,
    /// When `ready` last changed, in microseconds since 1970.
    pub since: i64,
    pub cordoned: bool,
    /// Of the kubelet, such as `v1.36.3`.
    pub version: String,
    pub address: String,
    pub certificates: Vec<CertificateExpiry>,
    /// While it leaves: what is waited for.
    pub leaving: Option<String>,
}

/// A node that nobody here installed: it is shown, and never touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherNode {
    pub name: String,
    pub role: Role,
    pub ready: bool,
    /// Why it is not Ready, in the words of the API server; empty when it is.
    pub reason: String,
    /// Of the kubelet, such as `v1.36.3`.
    pub version: String,
    pub address: String,
}

impl Node {
    /// The certificate whose end comes first.
    pub fn first_to_end(&self) -> Option<&CertificateExpiry> {
        self.certificates.iter().min_by_key(|certificate| certificate.not_after)
    }
}

/// A certificate of a node, by the name kubeadm gives it (`apiserver`, `kubelet-client`, …).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateExpiry {
    pub name: String,
    /// Microseconds since 1970.
    pub not_after: i64,
}

impl CertificateExpiry {
    /// Within 30 days: people are told, for renewal should have come long before.
    pub const fn ends_soon(&self, now: i64) -> bool {
        self.not_after - now < 30 * 86_400 * 1_000_000
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterTaskView {
    pub id: String,
    pub kind: String,
    /// The machine it is about.
    pub subject: Option<MachineId>,
    /// The control plane whose agent does it.
    pub executor: Option<MachineId>,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    pub reason: Option<String>,
    pub created: i64,
    pub at: i64,
}

/// An etcd snapshot that the server keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub cluster: String,
    /// File name below the state folder's `snapshots/CLUSTER`.
    pub file: String,
    pub at: i64,
    pub size: u64,
    /// Hex.
    pub sha256: String,
}

/// Who asks, as a token says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub operator: String,
    /// What clusters know this operator as.
    pub user: String,
}

/// Asks for a client certificate; the key stays with the one who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeconfigRequest {
    /// For the user of one's [`Identity`] as common name, and the group of `access` as organisation.
    pub csr_pem: String,
    pub access: Access,
    /// Of life, 1 to 24.
    pub hours: u32,
}

/// What a minted kubeconfig may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Viewer,
    Operator,
    Admin,
}

impl Access {
    /// The group in the certificate, which a role binding of ours gives its rights.
    pub const fn group(self) -> &'static str {
        match self {
            Access::Viewer => "metal:viewer",
            Access::Operator => "metal:operator",
            Access::Admin => "metal:admin",
        }
    }

    /// The least role of an operator who may mint it.
    pub const fn role(self) -> user::Role {
        match self {
            Access::Viewer => user::Role::Viewer,
            Access::Operator => user::Role::Operator,
            Access::Admin => user::Role::Admin,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeconfigAnswer {
    /// `https://host:port`.
    pub server: String,
    pub ca_pem: String,
    pub certificate_pem: String,
}

/// Asks for a reset: the cluster's name typed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retyped {
    pub name: String,
}

/// What an administrator of an existing cluster applies to it before it is adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub manifest: String,
}

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
    /// `metald` in `metal-system`, whose token is reported with [`ClusterAccess`].
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

/// How the server reaches a cluster that was just made.
#[derive(Clone, Serialize, Deserialize)]
pub struct ClusterAccess {
    pub ca_pem: String,
    /// Of the service account `metald`.
    pub token: String,
}

impl fmt::Debug for ClusterAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterAccess(masked)")
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
