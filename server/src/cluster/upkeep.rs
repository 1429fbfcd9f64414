//! Asks control planes for what is due: the daily snapshot and new certificates. Looks at rows and at the list of
//! snapshots, so that it goes on after a restart where it was.

use std::time::Duration;

use api::cluster::{ClusterStep, Node, Role};
use api::id::MachineId;
use api::state::State;

use super::etcd::{self, asked};
use super::guard::{Interruption, guard};
use super::leave::Progress;
use super::steps::{self, Step};
use super::tasks_due::{Due, Plane, life, renewals_due, snapshot_due, superfluous};
use super::{Result, all_up};
use crate::app::App;
use crate::clock;
use crate::store::ClusterRow;

const EVERY: Duration = Duration::from_secs(20);
/// For a list of etcd's members to be believed, and before a renewal that did nothing is repeated, in microseconds.
const FRESH: i64 = 60_000_000;
const HOUR: i64 = 3_600_000_000;
/// Of a control plane to restart what reads its certificates.
const RENEWAL: Duration = Duration::from_secs(20 * 60);

/// Runs until its task is dropped.
pub async fn keep_up(app: App) {
    let mut timer = tokio::time::interval(EVERY);
    loop {
        timer.tick().await;
        let Some(up) = all_up(&app).await else { continue };
        for row in up {
            if let Err(error) = look(&app, &row).await {
                tracing::error!(cluster = row.name, %error, "its upkeep failed; the next look tries again");
            }
        }
    }
}

/// One look at one cluster that is up.
pub async fn look(app: &App, row: &ClusterRow) -> Result<()> {
    // Tasks that nobody takes end too.
    app.store.cluster_tasks_expire(&row.name, clock::now()).await?;
    remove_old(app, &row.name).await?;
    let nodes = control_planes(app, &row.name).await?;
    if nodes.is_empty() {
        return Ok(());
    }
    snapshot(app, row).await?;
    // One at a time: each restarts a member of etcd.
    if app.store.renewals(&row.name).await?.is_empty() {
        renew(app, row, &nodes).await?;
    }
    Ok(())
}

/// Who joins or leaves needs the others undisturbed. One that has failed at it may stay so for weeks.
async fn somebody_moves(app: &App, row: &ClusterRow) -> Result<bool> {
    let Some(holder) = &row.admitting else { return Ok(false) };
    let state = app.store.machine(&MachineId(holder.clone())).await?.life()?.state;
    Ok(matches!(state, State::Joining | State::Draining))
}

/// Those that serve.
async fn control_planes(app: &App, cluster: &str) -> Result<Vec<(MachineId, Node)>> {
    let mut found = Vec::new();
    for row in app.store.nodes(cluster).await? {
        let serves = app.store.machine(&row.id()).await?.life()?.state == State::Active;
        if let Some(node) = row.node().filter(|node| node.role == Role::ControlPlane && serves) {
            found.push((row.id(), node));
        }
    }
    Ok(found)
}

async fn snapshot(app: &App, row: &ClusterRow) -> Result<()> {
    let snapshots = app.store.snapshots(&row.name).await?;
    if !snapshot_due(&snapshots, row.since, clock::now()) {
        return Ok(());
    }
    let last = snapshots.first().map_or(row.since, |newest| newest.at);
    let asked = asked(app, &format!("snapshot/{}/after/{last}", row.name)).await?;
    if let Progress::Due = asked.progress {
        etcd::snapshot(app, &row.name, None, asked).await?;
    }
    Ok(())
}

/// The file goes first: a row without its file would promise what is not there.
async fn remove_old(app: &App, cluster: &str) -> Result<()> {
    let snapshots = app.store.snapshots(cluster).await?;
    let folder = app.site.server.state.join("snapshots").join(cluster);
    for snapshot in superfluous(&snapshots, clock::now()) {
        match tokio::fs::remove_file(folder.join(&snapshot.file)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = snapshot.file, %error, "an old snapshot cannot be removed");
                continue;
            }
            _ => app.store.snapshot_remove(cluster, &snapshot.file).await?,
        }
    }
    Ok(())
}

/// Its API server and its member of etcd restart: the others have to carry the cluster meanwhile. Two cannot, so
/// there it is enough that both are well before.
async fn can_pause(app: &App, cluster: &str, (machine, node): (&MachineId, &str)) -> Result<bool> {
    let Some(members) = etcd::members(app, cluster, clock::now() - FRESH).await? else {
        etcd::read_members(app, cluster).await?;
        return Ok(false);
    };
    let members = etcd::carrying(app, cluster, machine, members).await?;
    match guard(cluster, &members, node, Interruption::Pause) {
        Err(no) if !members.iter().all(|member| member.healthy) => {
            tracing::warn!(node, no, "its certificates are not renewed yet");
            Ok(false)
        }
        _ => Ok(true),
    }
}

async fn renew(app: &App, row: &ClusterRow, nodes: &[(MachineId, Node)]) -> Result<()> {
    let (cluster, moves) = (row.name.as_str(), somebody_moves(app, row).await?);
    let Some(declared) = app.site.clusters.get(cluster) else { return Ok(()) };
    let plane =
        |(_, node): &(MachineId, Node)| (node.name.to_string(), node.ready, node.certificates.clone());
    let owned: Vec<_> = nodes.iter().map(plane).collect();
    let planes: Vec<Plane<'_>> =
        owned.iter().map(|(node, ready, certificates)| Plane { node, ready: *ready, certificates }).collect();
    let life = life(&declared.kubeadm.cluster_configuration);
    let due = renewals_due(&planes, life, clock::now());
    // One on its way may be on hold, or off, for as long as others' certificates last.
    for Due { plane, ends, at_last } in due.into_iter().filter(|due| due.at_last || !moves) {
        let of_plane = |(_, node): &&(MachineId, Node)| node.name.as_str() == plane.node;
        let Some((machine, _)) = nodes.iter().find(of_plane) else { continue };
        let asked = asked(app, &format!("renew/{machine}/{ends}")).await?;
        match asked.progress {
            // It is tried again in a while, and the certificates of others end meanwhile.
            Progress::Failed(_) => continue,
            // Done, and an hour later it still tells of the old ones.
            Progress::Done if clock::now() - asked.ended > HOUR.min(life / 6) => {}
            Progress::Done | Progress::Running => return Ok(()),
            Progress::Due => {}
        }
        if planes.len() > 1 && !at_last && !can_pause(app, cluster, (machine, plane.node)).await? {
            return Ok(());
        }
        tracing::info!(node = plane.node, ends = api::words::moment(ends), "its certificates are renewed");
        let (step, executor) = (ClusterStep::Renew, Some(machine.clone()));
        let step = Step { key: asked.next, step, subject: executor.clone(), executor, patience: RENEWAL };
        return steps::ask(app, cluster, step, clock::now()).await.map(drop);
    }
    Ok(())
}
