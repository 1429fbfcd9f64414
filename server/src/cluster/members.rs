//! The control planes of a cluster, with what the load balancers have to know of each.

use std::time::Duration;

use api::cluster::{ClusterStep, Role};
use api::id::MachineId;
use api::state::State;
use sha2::{Digest, Sha256};

use super::Result;
use super::balancer::{self, Member};
use super::steps::{Standing, Step, persist};
use crate::app::App;
use crate::config::Cluster;
use crate::store::{self, NodeRow};

/// How long a control plane may take to change its load balancer.
const BALANCE: Duration = Duration::from_secs(3 * 60);

/// Where a machine is reached, and by which of its interfaces: installed systems name them in the order of MACs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub address: std::net::Ipv4Addr,
    pub interface: String,
}

pub async fn place(app: &App, machine: &MachineId) -> store::Result<Option<Place>> {
    let addresses = app.store.lease_addresses(std::slice::from_ref(&machine.0)).await?;
    let Some((_, address)) = addresses.first().cloned() else { return Ok(None) };
    for (number, mac) in app.store.macs_of(machine).await?.into_iter().enumerate() {
        if app.store.leases_of(mac).await?.iter().any(|lease| lease.address == address) {
            return Ok(Some(Place { address, interface: format!("net{number}") }));
        }
    }
    Ok(None)
}

/// All control planes that are or are becoming nodes, but one machine.
pub async fn others(app: &App, cluster: &str, but: &MachineId) -> store::Result<Vec<Member>> {
    let mut members = Vec::new();
    for row in control_planes(app, cluster).await?.iter().filter(|row| row.machine != but.0) {
        if let Some(place) = place(app, &row.id()).await? {
            members.push(Member { node: row.name.clone(), address: place.address });
        }
    }
    Ok(members)
}

/// Control planes whose load balancers do not know all members yet.
#[derive(Default)]
pub struct Behind {
    /// By name.
    pub pending: Vec<String>,
    /// A sentence each: they serve with their old settings.
    pub failed: Vec<String>,
}

/// Has each active control plane balance over all that there are now.
pub async fn balance(app: &App, cluster: &Cluster, now: i64) -> Result<Behind> {
    let mut behind = Behind::default();
    for row in control_planes(app, &cluster.name).await? {
        let Some(step) = balancing(app, cluster, &row).await? else { continue };
        match persist(app, &cluster.name, step, now).await? {
            Standing::Done(_) => {}
            Standing::Pending => behind.pending.push(row.name.clone()),
            Standing::Failed(why) => {
                behind
                    .failed
                    .push(format!("the load balancer of {} keeps its old settings: {why}", row.name));
            }
        }
    }
    Ok(behind)
}

/// The step by which an active control plane gets its settings. Others have theirs with the order to join.
async fn balancing(app: &App, cluster: &Cluster, row: &NodeRow) -> Result<Option<Step>> {
    let active = app.store.machine(&row.id()).await?.life()?.state == State::Active;
    let Some(place) = place(app, &row.id()).await?.filter(|_| active) else { return Ok(None) };
    let me = Member { node: row.name.clone(), address: place.address };
    let others = others(app, &cluster.name, &row.id()).await?;
    let files = balancer::files(cluster, &me, &place.interface, &others);
    if files.is_empty() {
        return Ok(None);
    }
    let digest = files.iter().fold(Sha256::new(), |hash, file| hash.chain_update(&file.text)).finalize();
    let key = format!("balance/{}/{}/{}", row.machine, row.generation, &hex::encode(digest)[..12]);
    let step = ClusterStep::Balance { files, services: balancer::services(cluster) };
    let executor = Some(row.id());
    Ok(Some(Step { key, step, subject: executor.clone(), executor, patience: BALANCE }))
}

async fn control_planes(app: &App, cluster: &str) -> store::Result<Vec<NodeRow>> {
    let rows = app.store.nodes(cluster).await?;
    Ok(rows.into_iter().filter(|row| row.role().is_ok_and(|role| role == Role::ControlPlane)).collect())
}
