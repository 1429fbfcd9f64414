//! Lets machines in `draining` go from their clusters. Each look begins with the rows and the API server's word,
//! asks `leave` for the next step and takes it; nothing is kept between two looks.

use std::time::Duration;

use api::cluster::Role;
use api::event::Event;
use api::state::{Errand, Life, State};
use futures::StreamExt;
use futures::stream::iter;

use super::floor::{Floor, look_around};
use super::leave::{Action, Agent, force, step};
use super::pods::{Kind, Pod, Refused, named, sort, waited_for};
use super::{Error, Result, etcd, evict, secrets};
use crate::app::App;
use crate::bmc::drive;
use crate::clock;
use crate::lifecycle::want::hands_off;
use crate::store::machine::Row;
use crate::store::{self, NodeRow};

/// Between two looks while something leaves, and while nothing does.
const PASS: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(30);
/// News come in bursts.
const GATHER: Duration = Duration::from_millis(700);
/// Machines that are looked at side by side.
const ABREAST: usize = 8;
const PAGE: i64 = 500;
/// Steps at one look: what needs nobody's answer is done at once.
const STEPS: usize = 8;

/// A machine that leaves, and the node that it is.
pub struct Leaver {
    pub row: Row,
    pub life: Life,
    pub node: NodeRow,
    pub role: Role,
}

/// Runs until its task is dropped.
pub async fn drain(app: App) {
    loop {
        let mut changes = app.store.changes();
        let leaving = match pass(&app).await {
            Ok(leaving) => leaving,
            Err(error) => {
                tracing::error!(%error, "the machines that leave cannot be read");
                true
            }
        };
        tokio::time::sleep(GATHER).await;
        let _ = tokio::time::timeout(if leaving { PASS } else { IDLE }, changes.recv()).await;
    }
}

/// One look at all machines that leave. False when there are none.
async fn pass(app: &App) -> Result<bool> {
    let (mut after, mut leaving) = (String::new(), false);
    loop {
        let rows = app.store.machines_in(State::Draining, &after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(leaving) };
        (after, leaving) = (last.id.clone(), true);
        iter(rows).for_each_concurrent(ABREAST, |row| look(app, row)).await;
    }
}

async fn look(app: &App, row: Row) {
    let name = row.name().to_string();
    if let Err(error) = go_on(app, row).await {
        tracing::error!(machine = name, %error, "a look at a machine that leaves failed; the next one tries again");
    }
}

async fn go_on(app: &App, row: Row) -> Result<()> {
    let life = row.life()?;
    if hands_off(&life) {
        return Ok(());
    }
    let Some(node) = node_of(app, &row, &life).await? else { return drained(app, &row, &life).await };
    let role = node.role()?;
    let leaver = Leaver { row, life, node, role };
    match steps(app, &leaver).await {
        // Who does not answer is waited for, and that is said.
        Err(error @ (Error::Silent(_) | Error::Kube(_) | Error::NotUp(_))) => {
            waits(app, &leaver, error.to_string(), false).await
        }
        outcome => outcome,
    }
}

/// The node that the machine is; made where a join never began, so that there is a place for what is waited for.
/// None where nothing says which cluster it could be a node of.
async fn node_of(app: &App, row: &Row, life: &Life) -> store::Result<Option<NodeRow>> {
    let id = row.id();
    if let Some(node) = app.store.node(&id).await? {
        return Ok(Some(node));
    }
    let Some(profile) = app.profile(row) else { return Ok(None) };
    let name = row.hostname.as_deref().and_then(|name| name.parse().ok());
    let (Some(cluster), Some(name)) = (&profile.cluster, name) else { return Ok(None) };
    let role = app.site.role(profile, row.hostname.as_deref());
    app.store.node_begin(&id, cluster, role, life.generation, &name, clock::now()).await?;
    app.store.node(&id).await
}

async fn steps(app: &App, leaver: &Leaver) -> Result<()> {
    for _ in 0..STEPS {
        let floor = look_around(app, leaver).await?;
        let action = step(&floor.seen(leaver));
        tracing::debug!(node = leaver.node.name, ?action, "leaving");
        let asks = action == Action::AskAgent;
        if action == Action::Done {
            return gone(app, leaver, &floor).await;
        }
        if let Some(waited_for) = act(app, leaver, floor, action).await? {
            return waits(app, leaver, waited_for, asks).await;
        }
    }
    Ok(())
}

/// Takes the step. Returns what has to be waited for before the next one.
async fn act(app: &App, leaver: &Leaver, floor: Floor, action: Action) -> Result<Option<String>> {
    let (id, name, cluster) = (leaver.row.id(), &leaver.node.name, &leaver.node.cluster);
    let waited_for = match action {
        Action::Wait(waited_for) => waited_for,
        Action::Fence => match drive::fence(app, &app.bmcs, &id).await? {
            true => "nothing more: its BMC reads it as off".into(),
            false => "its BMC to say again that it is off".into(),
        },
        Action::ReadMembers => etcd::read_members(app, cluster).await?,
        Action::Snapshot => {
            etcd::snapshot(app, cluster, Some(&id), floor.snapshot).await?;
            "a snapshot of etcd".into()
        }
        Action::MoveAddress => {
            etcd::give_up_address(app, cluster, &id, name, floor.address).await?;
            "the virtual address to move".into()
        }
        Action::RemoveMember(who) => {
            etcd::remove(app, cluster, &id, who, floor.removal).await?;
            "etcd to let go of its member".into()
        }
        Action::AskAgent => "its agent to stop the kubelet".into(),
        Action::Done => return Ok(None),
        Action::Cordon | Action::Evict(_) | Action::TaintOutOfService | Action::DeleteNode => {
            return tell(app, leaver, &floor, action).await;
        }
    };
    Ok(Some(waited_for))
}

/// What the API server is told.
async fn tell(app: &App, leaver: &Leaver, floor: &Floor, action: Action) -> Result<Option<String>> {
    let (Some(client), Some(object)) = (&floor.client, &floor.object) else { return Ok(None) };
    let node = &leaver.node.name;
    match action {
        Action::Evict(pods) => return evict(app, leaver, floor, pods).await.map(Some),
        Action::Cordon => evict::cordon(client, node).await?,
        Action::TaintOutOfService => evict::taint_out_of_service(client, object).await?,
        _ => evict::delete(client, object).await?,
    }
    tracing::info!(node, ?action, "done");
    Ok(None)
}

async fn evict(app: &App, leaver: &Leaver, floor: &Floor, pods: Vec<Pod>) -> Result<String> {
    let Some(client) = &floor.client else { return Ok(String::new()) };
    let forced = leaver.node.forced || pods.iter().any(|pod| pod.kind == Kind::Alone);
    let refused = evict::evict(client, &pods).await?;
    let stays = |pod: &Pod| refused.iter().any(|Refused { pod: stays, .. }| *stays == pod.title());
    let went: Vec<Pod> = pods.into_iter().filter(|pod| !stays(pod)).collect();
    if !went.is_empty() {
        tracing::info!(node = leaver.node.name, pods = named(&went), "evicted");
    }
    let alone: Vec<Pod> = went.into_iter().filter(|pod| pod.kind == Kind::Alone).collect();
    if !alone.is_empty() {
        let note = format!("evicted, though nobody makes them again: {}", named(&alone));
        app.store.remark(&leaver.row.id(), "evicted", note, clock::now()).await?;
    }
    let sorted = sort(&floor.pods, forced);
    Ok(waited_for(&sorted, &refused, &force(&floor.seen(leaver))))
}

/// The cluster has nothing of it any more.
async fn gone(app: &App, leaver: &Leaver, floor: &Floor) -> Result<()> {
    let id = leaver.row.id();
    if !floor.stopped && floor.agent != Agent::Here && leaver.node.fenced {
        let note = format!("it left {} without its agent: its power was said to be off", leaver.node.cluster);
        app.store.remark(&id, "fenced", note, clock::now()).await?;
    }
    // With the row its token would be forgotten, not revoked.
    if floor.client.is_some() {
        secrets::revoke(app, &leaver.node).await?;
    }
    app.store.cluster_left(&leaver.node.cluster, &id).await?;
    app.store.cluster_release(&leaver.node.cluster, &id).await?;
    drained(app, &leaver.row, &leaver.life).await
}

/// The row of the node goes first: with it gone, the next look only repeats the event.
async fn drained(app: &App, row: &Row, life: &Life) -> Result<()> {
    app.store.node_gone(&row.id()).await?;
    app.store.submit(&row.id(), Event::Drained, "server", clock::now()).await?;
    tracing::info!(machine = row.name(), errand = verb(life.errand), "it has left its cluster");
    Ok(())
}

/// Says beside the machine what keeps it.
async fn waits(app: &App, leaver: &Leaver, waited_for: String, leave_ready: bool) -> Result<()> {
    let id = leaver.row.id();
    let evidence = format!("the node leaves and waits for {waited_for}");
    app.store.node_leaving(&id, Some(waited_for), leave_ready).await?;
    if app.store.machine(&id).await?.evidence != evidence {
        app.store.machine_noted(&id, evidence).await?;
    }
    Ok(())
}

/// What an operator types to send a machine on this errand.
pub fn verb(errand: Errand) -> &'static str {
    match errand {
        Errand::None | Errand::Reprovision => "reprovision",
        Errand::Inspect => "inspect",
        Errand::Release => "wipe",
        Errand::Retire => "retire",
        Errand::Rescue => "rescue",
        Errand::Delete => "delete",
    }
}
