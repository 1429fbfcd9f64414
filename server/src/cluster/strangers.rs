//! Nodes that a cluster has and no row stands for: listed, led home, or kept out.

use std::collections::BTreeMap;

use api::cluster::ClusterState;
use api::state::{Home, State};
use k8s_openapi::api::core::v1::Node;
use kube::{Client, ResourceExt};

use super::member::Member;
use super::{Result, evict, members, observe};
use crate::app::App;
use crate::clock;
use crate::config::Cluster;
use crate::store::machine::Row;

/// Nodes without a row: somebody else's, which are listed only, machines of ours that come home, and those that the
/// cluster had let go of, which are kept from getting work.
pub async fn strangers(
    app: &App,
    cluster: &Cluster,
    client: &Client,
    members: &[Member],
    nodes: &BTreeMap<String, Node>,
) -> Result<Vec<String>> {
    let Some(row) = app.store.cluster(&cluster.name).await? else { return Ok(Vec::new()) };
    // It was reset in the middle of this pass: what it forgot stays forgotten.
    if row.state()? != ClusterState::Up {
        return Ok(Vec::new());
    }
    // Who made the cluster knows all of its nodes; in one that was adopted others may be at home.
    let made = row.machine.is_some();
    let (mut problems, mut others) = (Vec::new(), Vec::new());
    for (name, object) in nodes {
        let member = members.iter().find(|member| member.node.name == *name);
        let machine = match member {
            Some(member) => Some(member.machine.clone()),
            None => app.store.machine_find(name).await.ok().filter(|row| row.hostname.as_ref() == Some(name)),
        };
        let Some(machine) = machine else {
            if made {
                problems.push(format!("node {name} is no machine of this site"));
            }
            others.push(observe::other(object));
            continue;
        };
        let state = machine.life()?.state;
        if state == State::Active && member.is_none() {
            problems.extend(lead_home(app, cluster, &machine, object).await?);
        }
        if matches!(state, State::Joining | State::Active | State::Draining | State::Failed) {
            continue;
        }
        problems.push(format!("node {name} has returned, and its machine is {state}: stop it"));
        keep_out(client, name, object).await?;
    }
    app.clusters.set_others(&cluster.name, others);
    Ok(problems)
}

/// Makes a machine the node again that it is, or says why not.
async fn lead_home(app: &App, cluster: &Cluster, machine: &Row, object: &Node) -> Result<Option<String>> {
    let name = object.name_any();
    let profile = app.profile(machine).filter(|profile| profile.cluster.as_ref() == Some(&cluster.name));
    let (Some(profile), Ok(hostname)) = (profile, name.parse()) else {
        return Ok(Some(format!("node {name} is a machine whose profile names another cluster, or none")));
    };
    let id = machine.id();
    let address = members::place(app, &id).await?.map(|place| place.address.to_string());
    let runs = observe::Runs {
        boot_id: (machine.home() == Some(Home::Disk)).then_some(&*machine.boot_id),
        address: address.as_deref(),
        role: app.site.role(profile, Some(&name)),
    };
    let role = match observe::comes_home(object, &runs) {
        Ok(role) => role,
        Err(why) => return Ok(Some(format!("node {name} is not taken for the machine of that name: {why}"))),
    };
    let generation = machine.life()?.generation;
    app.store.node_begin(&id, &cluster.name, role, generation, &hostname, clock::now()).await?;
    tracing::info!(node = name, cluster = cluster.name, "a machine is led back to the node that it is");
    Ok(None)
}

/// A node that has returned gets no work while its kubelet runs. Once that is stopped the object goes, or the
/// machine would find its old cordon when it joins again.
async fn keep_out(client: &Client, name: &str, object: &Node) -> Result<()> {
    let seen = evict::seen(object);
    if !seen.cordoned {
        evict::cordon(client, name).await?;
        tracing::warn!(node = name, "a node has returned and is cordoned");
    } else if !seen.ready {
        evict::delete(client, object).await?;
        tracing::info!(node = name, "a node that had returned is deleted");
    }
    Ok(())
}
