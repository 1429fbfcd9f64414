//! Whether what an operator wants may take a control plane out of its cluster: etcd's members are asked for, and
//! the guard answers.

use std::time::Duration;

use api::cluster::{ClusterState, EtcdMember, Role};
use api::event::Event;
use api::state::{Life, State};
use tokio::sync::OwnedMutexGuard;

use super::guard::{Interruption, guard, last};
use super::{Refusal, etcd, steps};
use crate::app::App;
use crate::clock;
use crate::lifecycle::next::{Step, next};
use crate::store::machine::Row;

/// An operator waits so long for a control plane to answer: it may just be starting etcd with new certificates.
const PATIENCE: Duration = Duration::from_secs(60);
/// A list this young is as good as a new one, in microseconds.
const FRESH: i64 = 15_000_000;

/// `powered_off`: somebody vouches that the machine does not run.
pub async fn may_leave(
    app: &App,
    row: &Row,
    life: &Life,
    event: &Event,
    powered_off: bool,
) -> Result<(), Refusal> {
    // Whatever else it is, it leaves the node where it is, or has left it already.
    if next(life, event) != Step::Go(State::Draining) {
        return Ok(());
    }
    let Some(node) = app.store.node(&row.id()).await? else { return Ok(()) };
    let Some(cluster) = app.store.cluster(&node.cluster).await? else { return Ok(()) };
    if node.role()? != Role::ControlPlane || cluster.state()? != ClusterState::Up {
        return Ok(());
    }
    let refuse = |no: String| Refusal::NotNow(format!("{} stays: {no}", row.name()));
    let nodes = app.store.nodes(&node.cluster).await?;
    let planes = nodes.iter().filter(|node| node.role().is_ok_and(|role| role == Role::ControlPlane)).count();
    // In a cluster that was adopted there may be others that are not ours.
    if planes == 1 && cluster.machine.is_some() {
        return Err(refuse(last(&node.cluster)));
    }
    let members = members(app, row, &node.cluster).await.map_err(|error| {
        let name = &node.cluster;
        let hint = format!(
            "try again when `metalctl cluster health {name}` finds it well; \
             where it never will be, `metalctl cluster reset {name}` gives the cluster up"
        );
        refuse(format!("nobody says whether etcd can spare it ({error}); {hint}"))
    })?;
    let what = if powered_off { Interruption::RemoveDead } else { Interruption::Remove };
    guard(&node.cluster, &members, &node.name, what).map_err(refuse)
}

/// To be held from the question until what is asked for shows in the rows: of two who ask at the same time, the second is
/// answered as if the first had it already. None for what carries no cluster.
pub async fn turn(app: &App, row: &Row) -> Result<Option<OwnedMutexGuard<()>>, Refusal> {
    match member(app, row).await? {
        Some((cluster, _)) => Ok(Some(app.clusters.turn(&cluster).await)),
        None => Ok(None),
    }
}

/// Whether its power may be taken for a while: it comes back as the same member.
pub async fn may_pause(app: &App, row: &Row) -> Result<(), Refusal> {
    let Some((cluster, name)) = member(app, row).await? else { return Ok(()) };
    let members = members(app, row, &cluster)
        .await
        .map_err(|error| stays_on(row, format!("nobody says whether etcd can spare it ({error})")))?;
    guard(&cluster, &members, &name, Interruption::Pause).map_err(|no| stays_on(row, no))
}

/// The same for one that was switched on and not heard of. Where nobody lists the members there is no quorum that could be
/// lost, and after an outage there may be none before this machine is up.
pub async fn may_restart(app: &App, row: &Row) -> Result<(), Refusal> {
    let Some((cluster, name)) = member(app, row).await? else { return Ok(()) };
    let Ok(members) = members(app, row, &cluster).await else { return Ok(()) };
    guard(&cluster, &members, &name, Interruption::Restart).map_err(|no| stays_on(row, no))
}

fn stays_on(row: &Row, no: String) -> Refusal {
    Refusal::NotNow(format!("{} stays on: {no}; `--force` takes its power all the same", row.name()))
}

/// Its cluster and its name there, where it is a control plane of one that is up.
async fn member(app: &App, row: &Row) -> Result<Option<(String, String)>, Refusal> {
    let Some(node) = app.store.node(&row.id()).await? else { return Ok(None) };
    let Some(cluster) = app.store.cluster(&node.cluster).await? else { return Ok(None) };
    let counts = node.role()? == Role::ControlPlane && cluster.state()? == ClusterState::Up;
    Ok(counts.then_some((node.cluster, node.name)))
}

async fn members(app: &App, row: &Row, cluster: &str) -> Result<Vec<EtcdMember>, Refusal> {
    let since = clock::now() - FRESH;
    if let Some(members) = etcd::members(app, cluster, since).await? {
        return Ok(etcd::carrying(app, cluster, &row.id(), members).await?);
    }
    let key = etcd::list_members(app, cluster).await?;
    match steps::wait(app, &key, PATIENCE).await? {
        Some(api::cluster::ClusterResult::Members { members }) => {
            Ok(etcd::carrying(app, cluster, &row.id(), members).await?)
        }
        _ => Err(Refusal::NotNow("a control plane listed no members".into())),
    }
}
