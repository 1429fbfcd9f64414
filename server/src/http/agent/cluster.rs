//! What the agent of a machine that joins, or of a control plane, says and fetches: join secrets, the access to a
//! cluster that was just made, what a step brought, snapshots, and how its node is.

use std::io;
use std::path::Path as FilePath;
use std::time::Duration;

use api::cluster::{ClusterAccess, ClusterResult, JoinSecrets, NodeReport, Role, Snapshot};
use api::id::MachineId;
use api::routes::agent as routes;
use api::state::{Home, State as LifeState};
use api::task::TaskKind;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{post, put};
use axum::{Json, Router};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::Agent;
use crate::app::App;
use crate::ca::private_folder;
use crate::clock;
use crate::cluster::secrets::{self, Upload};
use crate::cluster::tasks_due::snapshot_name;
use crate::cluster::{client, steps};
use crate::http::error::Failure;
use crate::store::{ClusterTaskRow, NodeRow};

/// etcd's own limit is 8 GiB.
const SNAPSHOT: u64 = 8 << 30;

/// Nobody writes any more to what has not grown for so long.
const BROKEN_OFF: Duration = Duration::from_secs(3600);

pub fn routes() -> Router<App> {
    Router::new()
        .route(routes::JOIN, post(join))
        .route(routes::CLUSTER, put(cluster))
        .route(routes::NODE, put(node))
        .route(&format!("{}/{{id}}/result", routes::TASK), put(result))
        .route(&format!("{}/{{id}}/snapshot", routes::TASK), put(snapshot))
}

/// The node of a machine whose installed agent joins now; nobody else gets any further.
async fn joining(app: &App, agent: &Agent) -> Result<(NodeRow, String), Failure> {
    let refuse = |why: &str| Err(Failure::new(StatusCode::FORBIDDEN, why.to_string()));
    let machine = agent.machine();
    let life = app.store.machine(&machine).await?.life()?;
    if agent.0.home != Home::Disk {
        return refuse("only the installed system joins a cluster");
    }
    if agent.0.generation != life.generation {
        return refuse("this install has been replaced by a newer one");
    }
    if life.state != LifeState::Joining || life.hold || life.maintenance {
        return refuse("the machine is not joining");
    }
    let Some(task) = app.store.task_running(&machine, TaskKind::Join).await? else {
        return refuse("no task to join is running");
    };
    match app.store.node(&machine).await? {
        Some(node) if node.generation == life.generation => Ok((node, task)),
        _ => refuse("the machine is not admitted to its cluster"),
    }
}

async fn join(State(app): State<App>, agent: Agent) -> Result<Json<JoinSecrets>, Failure> {
    let (node, task) = joining(&app, &agent).await?;
    let now = clock::now();
    let certificate_key = match node.role()? {
        Role::Worker => None,
        Role::ControlPlane => match secrets::upload(&app, &node, &task, now).await? {
            Upload::Ready { certificate_key } => Some(certificate_key),
            Upload::Waits(why) => return Err(Failure::new(StatusCode::CONFLICT, why)),
        },
    };
    let secrets = secrets::mint(&app, &node, certificate_key, now).await?;
    tracing::info!(node = node.name, cluster = node.cluster, "a bootstrap token is minted");
    Ok(Json(secrets))
}

/// By the machine that has run `kubeadm init`.
async fn cluster(
    State(app): State<App>,
    agent: Agent,
    Json(access): Json<ClusterAccess>,
) -> Result<StatusCode, Failure> {
    let (node, _) = joining(&app, &agent).await?;
    let sealed = client::seal_access(&app, &node.cluster, &access);
    let (machine, now) = (agent.machine(), clock::now());
    match app.store.cluster_up(&node.cluster, &machine, node.generation, access.ca_pem, sealed, now).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Failure::new(
            StatusCode::CONFLICT,
            "another machine initialises this cluster, or has done so",
        )),
    }
}

async fn node(
    State(app): State<App>,
    agent: Agent,
    Json(report): Json<NodeReport>,
) -> Result<StatusCode, Failure> {
    let machine = agent.machine();
    let generation = agent.0.generation;
    let known = agent.0.home == Home::Disk
        && app.store.node_certificates(&machine, generation, &report.certificates).await?;
    match known {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Failure::new(StatusCode::CONFLICT, "the machine is no node")),
    }
}

/// A cluster task that this agent runs.
async fn running(app: &App, agent: &Agent, id: &str) -> Result<ClusterTaskRow, Failure> {
    let machine = agent.machine();
    let task = app.store.cluster_task(id).await?;
    let own = |task: &ClusterTaskRow| task.state == "running" && task.executor.as_deref() == Some(&machine.0);
    task.filter(own).ok_or_else(super::no_longer_wanted)
}

async fn result(
    State(app): State<App>,
    agent: Agent,
    Path(id): Path<String>,
    Json(result): Json<ClusterResult>,
) -> Result<StatusCode, Failure> {
    let task = running(&app, &agent, &id).await?;
    let sealed = steps::seal_result(&app, &task, &result)?;
    match app.store.cluster_task_result(&agent.machine(), &id, sealed).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(super::no_longer_wanted()),
    }
}

/// The bytes of an etcd snapshot, kept in the state folder.
async fn snapshot(
    State(app): State<App>,
    agent: Agent,
    Path(id): Path<String>,
    body: Body,
) -> Result<StatusCode, Failure> {
    let task = running(&app, &agent, &id).await?;
    if task.kind != "snapshot" {
        return Err(Failure::new(StatusCode::CONFLICT, "that task brings no snapshot"));
    }
    let now = clock::now();
    let folder = app.site.server.state.join("snapshots").join(&task.cluster);
    let before = match &task.subject {
        Some(machine) => app.store.node(&MachineId(machine.clone())).await?.map(|node| node.name),
        None => None,
    };
    let file = snapshot_name(now, before.as_deref());
    let failed = |error: io::Error| {
        let what = format!("the snapshot could not be kept in {}: {error}", folder.display());
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, what)
    };
    let (size, sha256) = keep(&folder, &file, body).await.map_err(failed)?;
    let snapshot = Snapshot { cluster: task.cluster, file, at: now, size, sha256 };
    app.store.snapshot_add(snapshot).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Under its name only when it is whole and on the disk. It holds every secret of the cluster: for root only.
async fn keep(folder: &FilePath, file: &str, body: Body) -> io::Result<(u64, String)> {
    private_folder(folder).map_err(io::Error::other)?;
    sweep(folder).await?;
    let part = folder.join(format!(".{file}.part"));
    let mut out = tokio::fs::OpenOptions::new();
    let mut out = out.write(true).create(true).truncate(true).mode(0o600).open(&part).await?;
    let (mut size, mut digest) = (0, Sha256::new());
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(io::Error::other)?;
        size += chunk.len() as u64;
        if size > SNAPSHOT {
            return Err(io::Error::other("it is larger than etcd can be"));
        }
        digest.update(&chunk);
        out.write_all(&chunk).await?;
    }
    out.sync_all().await?;
    tokio::fs::rename(&part, folder.join(file)).await?;
    // Its row promises it, also after a power cut.
    tokio::fs::File::open(folder).await?.sync_all().await?;
    Ok((size, hex::encode(digest.finalize())))
}

/// What was broken off keeps its name, since each try has another.
async fn sweep(folder: &FilePath) -> io::Result<()> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let part = entry.file_name().to_string_lossy().ends_with(".part");
        let changed = entry.metadata().await.and_then(|metadata| metadata.modified());
        let age = changed.ok().and_then(|at| at.elapsed().ok());
        if part && age.is_some_and(|age| age > BROKEN_OFF) {
            // One that stays goes with the next.
            let _ = tokio::fs::remove_file(entry.path()).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_snapshot_that_was_broken_off_goes_with_the_next() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("prod");
        fs::create_dir(&folder).unwrap();
        for (name, hours) in [(".old.db.part", 2), (".new.db.part", 0), ("kept.db", 2)] {
            let file = fs::File::create(folder.join(name)).unwrap();
            let at = file.metadata().unwrap().modified().unwrap() - Duration::from_secs(hours * 3600);
            file.set_modified(at).unwrap();
        }
        let (size, _) = keep(&folder, "next.db", Body::from("etcd")).await.unwrap();
        assert_eq!(size, 4);
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        assert_eq!(names, [".new.db.part", "kept.db", "next.db"]);
    }
}
