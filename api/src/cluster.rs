//! Clusters and their nodes as operators see them; what machines do for them is in `work`.

mod work;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Hostname, MachineId, ParseError};
use crate::user;

pub use self::work::{
    ClusterResult, ClusterStep, EtcdMember, JoinOrder, JoinSecrets, Needs, NodeFile, NodeReport,
};

/// Whether there is a cluster to join. Init is claimed once, and never inferred from absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "NodeRole"))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    pub operator: String,
    /// What clusters know this operator as.
    pub user: String,
}

/// Asks for a client certificate; the key stays with the one who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KubeconfigRequest {
    /// For the user of one's [`Identity`] as common name, and the group of `access` as organisation.
    pub csr_pem: String,
    pub access: Access,
    /// Of life, 1 to 24.
    pub hours: u32,
}

/// What a minted kubeconfig may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KubeconfigAnswer {
    /// `https://host:port`.
    pub server: String,
    pub ca_pem: String,
    pub certificate_pem: String,
}

/// Asks for a reset: the cluster's name typed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Retyped {
    pub name: String,
}

/// What an administrator of an existing cluster applies to it before it is adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    pub manifest: String,
}

/// How the server reaches a cluster that was just made.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
