//! Whether it is a machine's turn to join its cluster, and with which order. One initialises, control planes join one
//! at a time because etcd takes one learner, and workers join whenever there is an API server.

use std::net::Ipv4Addr;

use api::cluster::{ClusterState, JoinOrder, Role};
use api::id::{Hostname, MachineId};
use api::state::{Life, State};

use super::kubeadm::Joiner;
use super::members;
use super::order::order;
use super::{Refusal, Result};
use crate::app::App;
use crate::config::{Cluster, Profile};
use crate::store::machine::Row;
use crate::store::{self, Claim};

pub enum Turn {
    Go(Box<JoinOrder>),
    /// For what, in words.
    Wait(String),
}

/// A machine with all that the site file and the images say of it.
struct Candidate<'a> {
    id: MachineId,
    generation: i64,
    cluster: &'a Cluster,
    profile: &'a Profile,
    role: Role,
    node: Hostname,
    kubernetes: String,
}

pub async fn turn(app: &App, row: &Row, life: &Life, now: i64) -> std::result::Result<Turn, Refusal> {
    let candidate = candidate(app, row, life).map_err(Refusal::NotNow)?;
    let Some(place) = members::place(app, &candidate.id).await? else {
        return Ok(Turn::Wait("waits for a lease of its own".into()));
    };
    let name = &candidate.cluster.name;
    // The site file may have made a control plane of a worker that no person ever looked at.
    if candidate.role == Role::ControlPlane && app.store.install_by_rule(&candidate.id).await? {
        return Ok(Turn::Wait(format!(
            "it was installed by a rule, and a control plane needs a person's approval: `metalctl machine reprovision {}`",
            row.name()
        )));
    }
    let init = match candidate.role {
        Role::Worker => match worker_waits(app, name).await? {
            Some(wait) => return Ok(Turn::Wait(wait)),
            None => false,
        },
        Role::ControlPlane => {
            match app.store.cluster_claim(name, &candidate.id, candidate.generation, now).await? {
                Claim::Init => true,
                Claim::Join => false,
                Claim::Wait(who) => {
                    return Ok(Turn::Wait(initialises(app, name, who, Some(&candidate.id)).await?));
                }
            }
        }
    };
    let joins = candidate.role == Role::ControlPlane && !init;
    if joins && !app.store.cluster_admit(name, &candidate.id, now).await? {
        return Ok(Turn::Wait(admitted(app, name).await?));
    }
    begin(app, &candidate, now).await?;
    if joins {
        // Else both would take the address, for neither hears of the other.
        let pending = members::balance(app, candidate.cluster, now).await?.pending;
        if !pending.is_empty() {
            let pending = pending.join(", ");
            return Ok(Turn::Wait(format!("waits for the load balancer of {pending} to know it")));
        }
    }
    let others = if joins { members::others(app, name, &candidate.id).await? } else { Vec::new() };
    Ok(Turn::Go(Box::new(order(&candidate.joiner(place.address), init, &place.interface, &others))))
}

impl Candidate<'_> {
    fn joiner(&self, address: Ipv4Addr) -> Joiner<'_> {
        Joiner {
            cluster: self.cluster,
            profile: self.profile,
            role: self.role,
            node: &self.node,
            address,
            kubernetes: &self.kubernetes,
        }
    }
}

fn candidate<'a>(app: &'a App, row: &Row, life: &Life) -> std::result::Result<Candidate<'a>, String> {
    let profile = app.profile(row).ok_or("the machine's profile is no longer in the site file")?;
    let cluster = profile.cluster.as_ref().and_then(|name| app.site.clusters.get(name));
    let cluster = cluster.ok_or_else(|| format!("profile {} has no cluster any more", profile.name))?;
    let images = app.images.current();
    let kubernetes = images.os(&profile.image).and_then(|image| image.kubernetes.clone());
    let kubernetes = kubernetes
        .ok_or_else(|| format!("the image `{}` is not there, or holds no Kubernetes", profile.image))?;
    let hostname = row.hostname.as_deref();
    let node = hostname.and_then(|name| name.parse().ok()).ok_or("the machine has no hostname")?;
    let role = app.site.role(profile, hostname);
    Ok(Candidate { id: row.id(), generation: life.generation, cluster, profile, role, node, kubernetes })
}

async fn begin(app: &App, candidate: &Candidate<'_>, now: i64) -> store::Result<()> {
    let Candidate { id, generation, cluster, role, node, .. } = candidate;
    app.store.node_begin(id, &cluster.name, *role, *generation, node, now).await
}

async fn worker_waits(app: &App, name: &str) -> Result<Option<String>> {
    let row = app.store.cluster(name).await?;
    let row = row.ok_or_else(|| store::Error::NoCluster(name.into()))?;
    Ok(match row.state()? {
        ClusterState::Up => None,
        ClusterState::Empty => Some(format!("waits for a control plane that initialises cluster {name}")),
        ClusterState::Initialising => Some(initialises(app, name, row.machine.map(MachineId), None).await?),
    })
}

/// Who initialises the cluster.
async fn initialises(
    app: &App,
    name: &str,
    who: Option<MachineId>,
    me: Option<&MachineId>,
) -> store::Result<String> {
    if who.is_some() && who.as_ref() == me {
        return Ok(format!(
            "its earlier install began to initialise cluster {name} and is gone: `metalctl cluster reset {name}` \
             lets it begin anew"
        ));
    }
    let (who, state) = named(app, who).await?;
    Ok(match state {
        None | Some(State::Joining) => format!("waits for {who} to initialise cluster {name}"),
        Some(state) => format!(
            "waits for {who} to initialise cluster {name}, and that one is {state}: `metalctl cluster reset {name}` \
             lets another one begin"
        ),
    })
}

/// Which control plane joins now.
async fn admitted(app: &App, name: &str) -> store::Result<String> {
    let admitting = app.store.cluster(name).await?.and_then(|row| row.admitting).map(MachineId);
    let (who, state) = named(app, admitting).await?;
    Ok(match state {
        Some(State::Failed) => {
            format!(
                "waits for {who}, whose joining as a control plane has failed: retry or reprovision it first"
            )
        }
        _ => format!("waits for {who}, which joins as a control plane"),
    })
}

async fn named(app: &App, who: Option<MachineId>) -> store::Result<(String, Option<State>)> {
    let Some(who) = who else { return Ok(("another machine".into(), None)) };
    match app.store.machine(&who).await {
        Ok(row) => Ok((row.name().into(), Some(row.life()?.state))),
        Err(store::Error::NoMachine(_)) => Ok((format!("a machine that was deleted ({who})"), None)),
        Err(error) => Err(error),
    }
}
