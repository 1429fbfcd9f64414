//! What is seen of a machine that leaves: in the rows, at the API server, in etcd.

use api::bmc::Power;
use api::cluster::{ClusterState, EtcdMember, Role};
use api::state::{Errand, Home, Life, State};
use k8s_openapi::api::core::v1 as core;
use kube::Client;

use super::drain::{Leaver, verb};
use super::etcd::{self, Asked};
use super::leave::{Agent, Progress, Seen};
use super::pods::Pod;
use super::{Result, evict};
use crate::app::App;
use crate::bmc::drive::known;
use crate::clock;
use crate::lifecycle::next::is_installed;

/// An agent that asks for work is heard at least once a minute. Where a person says that the power is off, one
/// missed minute confirms it.
const SILENCE: i64 = 120_000_000;
const SILENCE_OF_FENCED: i64 = 60_000_000;
/// For how long a list of etcd's members is believed, in microseconds.
const FRESH: i64 = 60_000_000;

/// Machines that are looked through in a state.
const PAGE: i64 = 1000;

pub struct Floor {
    /// None where the cluster is not up: then there is nothing to leave but the machine's own half.
    pub client: Option<Client>,
    pub object: Option<core::Node>,
    pub pods: Vec<Pod>,
    pub agent: Agent,
    pub power: Option<Power>,
    pub stopped: bool,
    pub before: Option<String>,
    pub members: Option<Vec<EtcdMember>>,
    pub snapshot: Asked,
    pub address: Asked,
    pub removal: Asked,
}

impl Floor {
    pub fn seen<'a>(&'a self, leaver: &'a Leaver) -> Seen<'a> {
        Seen {
            node: &leaver.node.name,
            cluster: &leaver.node.cluster,
            verb: verb(leaver.life.errand),
            control_plane: leaver.role == Role::ControlPlane,
            before: self.before.as_deref(),
            agent: self.agent,
            stopped: self.stopped,
            fenced: leaver.node.fenced,
            power: self.power,
            power_off: leaver.life.power_off,
            forced: leaver.node.forced,
            object: self.object.as_ref().map(evict::seen),
            pods: &self.pods,
            snapshot: self.snapshot.progress.clone(),
            address: self.address.progress.clone(),
            members: self.members.as_deref(),
            removal: self.removal.progress.clone(),
        }
    }
}

pub async fn look_around(app: &App, leaver: &Leaver) -> Result<Floor> {
    let (id, since, cluster) = (leaver.row.id(), leaver.row.since, &leaver.node.cluster);
    let asked = async |what: &str| etcd::asked(app, &format!("{what}/{}/{since}", id.0)).await;
    let mut floor = Floor {
        client: None,
        object: None,
        pods: Vec::new(),
        agent: agent(leaver, clock::now()),
        power: known(app, &app.bmcs, &id).await?,
        stopped: app.store.leave_done(&id, leaver.life.generation).await?,
        before: None,
        members: Some(Vec::new()),
        snapshot: asked("leave/snapshot").await?,
        address: asked("leave/address").await?,
        removal: asked("leave/remove").await?,
    };
    let row = app.store.cluster(cluster).await?;
    if !row.is_some_and(|row| row.state().is_ok_and(|state| state == ClusterState::Up)) {
        return Ok(floor);
    }
    // One that is wanted off takes nobody's turn before it is off.
    let rests = leaver.life.power_off && floor.agent == Agent::Here && !floor.stopped;
    if leaver.role == Role::ControlPlane && !rests {
        control_plane(app, leaver, &mut floor).await?;
    }
    let client = app.clusters.client(app, cluster).await?;
    floor.object = evict::object(&client, &leaver.node.name).await?;
    if floor.object.is_some() {
        floor.pods = evict::pods(&client, &leaver.node.name).await?;
    }
    floor.client = Some(client);
    Ok(floor)
}

async fn control_plane(app: &App, leaver: &Leaver, floor: &mut Floor) -> Result<()> {
    let (id, cluster, now) = (leaver.row.id(), &leaver.node.cluster, clock::now());
    let holder = app.store.cluster(cluster).await?.and_then(|row| row.admitting);
    if holder.as_deref() != Some(&id.0) {
        floor.before = on_its_way_back(app, leaver).await?;
    }
    if floor.before.is_some() {
        return Ok(());
    }
    if !app.store.cluster_admit(cluster, &id, now).await? {
        floor.before = Some(before(app, cluster).await?);
        return Ok(());
    }
    // The members that are believed are younger than the last try to remove one; where the machine is still
    // among them, that try did not do it.
    let since = floor.removal.ended.max(now - FRESH);
    floor.members = match etcd::members(app, cluster, since).await? {
        Some(members) => Some(etcd::carrying(app, cluster, &id, members).await?),
        None => None,
    };
    if floor.removal.progress == Progress::Done {
        floor.removal.progress = Progress::Due;
    }
    let has_address = app.site.clusters.get(cluster).is_some_and(etcd::has_address);
    // Tried once: an address that stays moves all the same when its holder stops.
    if !has_address || floor.address.ended > 0 {
        floor.address.progress = Progress::Done;
    }
    Ok(())
}

/// Another control plane that is being installed or inspected, or joins: one after the other, or etcd shrinks to one member
/// while all wait to come back.
async fn on_its_way_back(app: &App, leaver: &Leaver) -> Result<Option<String>> {
    let ways = [State::Inspecting, State::Partitioning, State::Installing, State::Booting, State::Joining];
    for state in ways {
        for row in app.store.machines_in(state, "", PAGE).await? {
            let Some(profile) = app.profile(&row) else { continue };
            let role = app.site.role(profile, row.hostname.as_deref());
            let same = profile.cluster.as_ref() == Some(&leaver.node.cluster) && role == Role::ControlPlane;
            let comes = state != State::Inspecting || comes_back(&row.life()?);
            if same && comes && row.id != leaver.row.id {
                return Ok(Some(row.name().into()));
            }
        }
    }
    Ok(None)
}

/// From its inspection: to a new install, or to the OS that it has.
fn comes_back(life: &Life) -> bool {
    match life.errand {
        Errand::Reprovision => true,
        Errand::None | Errand::Inspect => is_installed(life),
        Errand::Release | Errand::Retire | Errand::Rescue | Errand::Delete => false,
    }
}

/// The name of the control plane whose turn it is.
async fn before(app: &App, cluster: &str) -> Result<String> {
    let holder = app.store.cluster(cluster).await?.and_then(|row| row.admitting);
    let Some(holder) = holder else { return Ok("another control plane".into()) };
    Ok(app.store.machine(&api::id::MachineId(holder)).await?.name().to_string())
}

/// Whether the OS of this generation is heard.
fn agent(leaver: &Leaver, now: i64) -> Agent {
    let Leaver { row, life, node, .. } = leaver;
    let ours = row.home() == Some(Home::Disk) && row.session_generation == life.generation;
    let silence = if node.fenced { SILENCE_OF_FENCED } else { SILENCE };
    match row.agent_seen {
        Some(seen) if ours && now - seen <= silence => Agent::Here,
        Some(seen) => Agent::Silent { since: seen },
        None => Agent::Silent { since: row.since },
    }
}
