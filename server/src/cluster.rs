//! Kubernetes clusters: what operators ask of them, and the parts that make machines their nodes and let them
//! go again. kubeadm itself runs on the nodes; here is what is decided, and what the API server is told.

pub mod addons;
mod apply;
pub mod approve;
pub mod balancer;
pub mod client;
pub mod dead;
pub mod drain;
pub mod etcd;
pub mod evict;
pub mod floor;
pub mod grant;
pub mod guard;
pub mod interrupt;
pub mod kubeadm;
pub mod leave;
mod member;
pub mod members;
pub mod observe;
pub mod order;
mod pass;
pub mod pods;
pub mod secrets;
pub mod steps;
mod strangers;
pub mod tasks_due;
pub mod turn;
pub mod upkeep;
pub mod watch;

use std::time::Duration;

use ::api::cluster::{
    Cluster, ClusterAccess, ClusterDetail, ClusterResult, ClusterState, ClusterStep, ClusterTaskView,
    KubeconfigAnswer, KubeconfigRequest, Node,
};

use crate::app::App;
use crate::clock;
use crate::config;
use crate::store::{self, ClusterRow};
use steps::Step;

pub use client::Clusters;

/// Why something of a cluster could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("cluster {0} is not up")]
    NotUp(String),
    #[error("the API server does not answer: {0}")]
    Silent(String),
    #[error("the API server answers: {}", client::words(.0))]
    Kube(Box<kube::Error>),
    #[error("{0:#}")]
    Sealed(anyhow::Error),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Error {
        Error::Kube(Box::new(error))
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// Why a wish of an operator is not fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("no cluster `{0}`: the site file declares none of this name")]
    NoCluster(String),
    /// What has to change first.
    #[error("{0}")]
    NotNow(String),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Refusal {
        Refusal::Failed(error.into())
    }
}

/// How long an operator waits for a control plane to sign.
const SIGNING: Duration = Duration::from_secs(120);
/// Tasks that a page shows.
const TASKS: i64 = 50;

/// The clusters that are up; None where they cannot be read, which is said.
async fn all_up(app: &App) -> Option<Vec<ClusterRow>> {
    match app.store.clusters().await {
        Ok(mut rows) => {
            rows.retain(|row| row.state().is_ok_and(|state| state == ClusterState::Up));
            Some(rows)
        }
        Err(error) => {
            tracing::error!(%error, "the clusters cannot be read");
            None
        }
    }
}

/// The clusters that the site file declares, by name.
pub async fn list(app: &App) -> store::Result<Vec<Cluster>> {
    let mut list = Vec::new();
    for declared in app.site.clusters.values() {
        if let Some(row) = app.store.cluster(&declared.name).await? {
            list.push(view(app, declared, &row, &nodes(app, &declared.name).await?)?);
        }
    }
    Ok(list)
}

pub async fn detail(app: &App, name: &str) -> store::Result<Option<ClusterDetail>> {
    let Some(declared) = app.site.clusters.get(name) else { return Ok(None) };
    let Some(row) = app.store.cluster(name).await? else { return Ok(None) };
    let nodes = nodes(app, name).await?;
    let tasks = app.store.cluster_tasks(name, TASKS).await?;
    let cluster = view(app, declared, &row, &nodes)?;
    Ok(Some(ClusterDetail {
        others: if cluster.state == ClusterState::Up { app.clusters.others(name) } else { Vec::new() },
        cluster,
        nodes,
        tasks: tasks.iter().map(|task| task.view()).collect(),
        snapshots: app.store.snapshots(name).await?,
    }))
}

/// Has a control plane sign a client certificate of `user`, whose key stays where it was made.
pub async fn kubeconfig(
    app: &App,
    name: &str,
    user: &str,
    request: KubeconfigRequest,
) -> std::result::Result<KubeconfigAnswer, Refusal> {
    let (declared, row) = up(app, name).await?;
    if !(1..=24).contains(&request.hours) {
        return Err(Refusal::NotNow(format!("{} hours: a certificate lives 1 to 24", request.hours)));
    }
    let ca_pem = row.ca_pem.ok_or_else(|| Error::NotUp(name.into()))?;
    let step = ClusterStep::Sign {
        csr_pem: request.csr_pem,
        user: user.into(),
        group: request.access.group().into(),
        seconds: request.hours * 3600,
    };
    let key = format!("sign/{name}/{}", uuid::Uuid::now_v7());
    let step = Step { key: key.clone(), step, subject: None, executor: None, patience: SIGNING };
    steps::ask(app, name, step, clock::now()).await?;
    match steps::wait(app, &key, SIGNING).await? {
        Some(ClusterResult::Certificate { certificate_pem }) => {
            Ok(KubeconfigAnswer { server: format!("https://{}", declared.endpoint), ca_pem, certificate_pem })
        }
        _ => Err(Refusal::NotNow(format!(
            "the control plane signed nothing; `metalctl cluster show {name}` has its task"
        ))),
    }
}

/// There is no cluster any more: nothing on the machines is touched, but the server forgets it.
pub async fn reset(app: &App, name: &str) -> std::result::Result<Cluster, Refusal> {
    declared(app, name)?;
    app.store.cluster_reset(name, clock::now()).await?;
    app.clusters.forget(name);
    one(app, name).await
}

/// Has a control plane send an etcd snapshot.
pub async fn snapshot(app: &App, name: &str) -> std::result::Result<ClusterTaskView, Refusal> {
    up(app, name).await?;
    let now = clock::now();
    let key = format!("snapshot/{name}/{}", uuid::Uuid::now_v7());
    let patience = Duration::from_secs(15 * 60);
    let step =
        Step { key: key.clone(), step: ClusterStep::Snapshot, subject: None, executor: None, patience };
    steps::ask(app, name, step, now).await?;
    let task = app.store.cluster_task_by_key(&key).await?;
    task.map(|task| task.view()).ok_or_else(|| Refusal::NotNow("the task was forgotten at once".into()))
}

/// What an administrator of an existing cluster applies before it is adopted.
pub fn grant_of(app: &App, name: &str) -> std::result::Result<String, Refusal> {
    declared(app, name)?;
    Ok(grant::manifest())
}

/// Takes a cluster that somebody else has made, once its API server has let us in.
pub async fn adopt(app: &App, name: &str, access: ClusterAccess) -> std::result::Result<Cluster, Refusal> {
    let declared = declared(app, name)?;
    client::try_access(declared, &access).await?;
    let sealed = client::seal_access(app, name, &access);
    if !app.store.cluster_adopt(name, access.ca_pem, sealed, clock::now()).await? {
        return Err(Refusal::NotNow(format!(
            "cluster {name} is not empty: `metalctl cluster reset {name}` makes the server forget the one it knows"
        )));
    }
    one(app, name).await
}

fn declared<'a>(app: &'a App, name: &str) -> std::result::Result<&'a config::Cluster, Refusal> {
    app.site.clusters.get(name).ok_or_else(|| Refusal::NoCluster(name.into()))
}

async fn up<'a>(app: &'a App, name: &str) -> std::result::Result<(&'a config::Cluster, ClusterRow), Refusal> {
    let declared = declared(app, name)?;
    let row = app.store.cluster(name).await?.ok_or_else(|| Refusal::NoCluster(name.into()))?;
    match row.state()? {
        ClusterState::Up => Ok((declared, row)),
        state => Err(Refusal::NotNow(format!("cluster {name} is {state}: there is no API server yet"))),
    }
}

async fn one(app: &App, name: &str) -> std::result::Result<Cluster, Refusal> {
    let detail = detail(app, name).await?;
    detail.map(|detail| detail.cluster).ok_or_else(|| Refusal::NoCluster(name.into()))
}

async fn nodes(app: &App, name: &str) -> store::Result<Vec<Node>> {
    Ok(app.store.nodes(name).await?.iter().filter_map(|row| row.node()).collect())
}

fn view(app: &App, declared: &config::Cluster, row: &ClusterRow, nodes: &[Node]) -> store::Result<Cluster> {
    let state = row.state()?;
    Ok(Cluster {
        name: declared.name.clone(),
        kubernetes: declared.kubernetes.clone(),
        endpoint: declared.endpoint.to_string(),
        state,
        since: row.since,
        initialised_by: row.machine.clone().map(::api::id::MachineId),
        ready: nodes.iter().filter(|node| node.ready).count(),
        nodes: nodes.len(),
        problems: if state == ClusterState::Up { app.clusters.problems(&declared.name) } else { Vec::new() },
    })
}
