//! How the server reaches an API server: with the cluster's own CA and the token of our service account, through the
//! endpoint of the site file, or else through a control plane's own address. Nothing of the environment is asked.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::cluster::{ClusterAccess, ClusterState, Node, OtherNode};
use kube::Client;
use tokio::sync::OwnedMutexGuard;

use super::{Error, Result};
use crate::app::App;
use crate::config::Cluster;

/// A connection, and each answer of the API server.
const CONNECT: Duration = Duration::from_secs(4);
const ANSWER: Duration = Duration::from_secs(30);

/// The clusters that are reached now; clones share them.
#[derive(Clone, Default)]
pub struct Clusters {
    held: Arc<Mutex<Held>>,
    /// Whoever takes a control plane's power: one after the other.
    turns: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

#[derive(Default)]
struct Held {
    /// By cluster, with the sealed access that the client was made of.
    clients: BTreeMap<String, (String, Client)>,
    problems: BTreeMap<String, Vec<String>>,
    others: BTreeMap<String, Vec<OtherNode>>,
}

impl Clusters {
    /// A client whose API server has answered before.
    pub async fn client(&self, app: &App, name: &str) -> Result<Client> {
        let not_up = || Error::NotUp(name.into());
        let declared = app.site.clusters.get(name).ok_or_else(not_up)?;
        let row = app.store.cluster(name).await?.ok_or_else(not_up)?;
        let (ClusterState::Up, Some(ca_pem), Some(sealed)) = (row.state()?, row.ca_pem, row.access) else {
            return Err(not_up());
        };
        if let Some((made_of, client)) = self.lock().clients.get(name)
            && *made_of == sealed
        {
            return Ok(client.clone());
        }
        let access = ClusterAccess { ca_pem, token: open_access(app, name, &sealed)? };
        let nodes: Vec<Node> = app.store.nodes(name).await?.iter().filter_map(|row| row.node()).collect();
        let client = first_that_answers(declared, &access, &nodes).await?;
        self.lock().clients.insert(name.into(), (sealed, client.clone()));
        Ok(client)
    }

    /// Its API server did not answer: the next one who asks looks for another.
    pub fn forget(&self, name: &str) {
        self.lock().clients.remove(name);
    }

    /// What the cluster's loop has found, a sentence each.
    pub fn problems(&self, name: &str) -> Vec<String> {
        self.lock().problems.get(name).cloned().unwrap_or_default()
    }

    /// The nodes that are no machines of ours, as they were last seen.
    pub fn others(&self, name: &str) -> Vec<OtherNode> {
        self.lock().others.get(name).cloned().unwrap_or_default()
    }

    pub fn set_others(&self, name: &str, others: Vec<OtherNode>) {
        self.lock().others.insert(name.into(), others);
    }

    pub fn set_problems(&self, name: &str, problems: Vec<String>) {
        self.lock().problems.insert(name.into(), problems);
    }

    /// Nobody else interrupts the cluster as long as it is held.
    pub async fn turn(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(name.into()).or_default().clone()
        };
        turn.lock_owned().await
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer of the API server, or that there was none in time.
pub async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T> {
    match tokio::time::timeout(ANSWER, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::Silent(format!("nothing came back in {} seconds", ANSWER.as_secs()))),
    }
}

/// As [`within`], for what may be gone already.
pub async fn within_or_gone<T>(call: impl Future<Output = kube::Result<T>>) -> Result<Option<T>> {
    match within(call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Kube(error)) if matches!(&*error, kube::Error::Api(status) if status.code == 404) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An error in the words of whoever made it.
pub fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    // The outermost layers say only that something inside them failed.
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Whether this access works, before it is kept.
pub async fn try_access(cluster: &Cluster, access: &ClusterAccess) -> Result<()> {
    first_that_answers(cluster, access, &[]).await.map(drop)
}

pub fn seal_access(app: &App, cluster: &str, access: &ClusterAccess) -> String {
    app.seal.seal(&access_place(cluster), access.token.as_bytes())
}

fn open_access(app: &App, cluster: &str, sealed: &str) -> Result<String> {
    let plain = app.seal.unseal(&access_place(cluster), sealed).map_err(Error::Sealed)?;
    String::from_utf8(plain).map_err(|error| Error::Sealed(error.into()))
}

fn access_place(cluster: &str) -> String {
    format!("cluster.access/{cluster}")
}

async fn first_that_answers(cluster: &Cluster, access: &ClusterAccess, nodes: &[Node]) -> Result<Client> {
    let own = |node: &Node| format!("{}:{}", node.address, cluster.api_server_port);
    let control_planes =
        nodes.iter().filter(|node| node.role == api::cluster::Role::ControlPlane && !node.address.is_empty());
    let places = std::iter::once(cluster.endpoint.to_string()).chain(control_planes.map(own));
    let mut refusal = None;
    for place in places {
        let client = client(&place, access)?;
        // A question that needs the token, so that a foreign API server behind the address is not taken for ours.
        let nodes = kube::Api::<k8s_openapi::api::core::v1::Node>::all(client.clone());
        match within(nodes.list_metadata(&kube::api::ListParams::default().limit(1))).await {
            Ok(_) => return Ok(client),
            Err(error) => refusal = refusal.or(Some(Error::Silent(format!("{place}: {error}")))),
        }
    }
    Err(refusal.unwrap_or_else(|| Error::Silent("it has no address".into())))
}

fn client(place: &str, access: &ClusterAccess) -> Result<Client> {
    let url =
        format!("https://{place}").parse().map_err(|error| Error::Silent(format!("{place}: {error}")))?;
    let mut config = kube::Config::new(url);
    let pems = x509_parser::pem::Pem::iter_from_buffer(access.ca_pem.as_bytes());
    config.root_cert = Some(pems.filter_map(|pem| pem.ok()).map(|pem| pem.contents).collect());
    config.auth_info.token = Some(access.token.clone().into());
    config.connect_timeout = Some(CONNECT);
    config.write_timeout = Some(ANSWER);
    // Who calls decides whether to ask again: a budget that allows no eviction is an answer.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}
