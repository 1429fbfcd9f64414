//! One look at a cluster: what its API server shows, beside the rows. Closes what gaps it finds, and may be
//! repeated at any time, by any server.

use std::collections::BTreeMap;

use api::event::Event;
use api::state::{Home, State};
use api::task::TaskKind;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::approve::{Verdict, judge};
use super::client::{within, within_or_gone, words};
use super::member::{Member, members_of};
use super::observe::{self, Wanted};
use super::strangers::strangers;
use super::watch::Shown;
use super::{Error, Result, addons, apply, kubeadm, members, secrets};
use crate::app::App;
use crate::clock;
use crate::config::{Cluster, Fabric};
use crate::store::{self, NodeRow};

/// Owns what it sets on a Node.
const MANAGER: &str = "metald";

pub async fn pass(app: &App, name: &str, client: &Client, shown: &mut Shown) -> Result<()> {
    let Some(cluster) = app.site.clusters.get(name) else { return Ok(()) };
    let members = members_of(app, name).await?;
    approve(client, &members, shown).await?;
    let mut problems = Vec::new();
    for member in &members {
        let name = &member.node.name;
        match look(app, cluster, client, member, shown.nodes.get(name)).await {
            // What the API server refuses for one node is no reason to leave the others alone.
            Err(Error::Kube(error)) => problems.push(format!("node {name}: {}", words(&error))),
            looked => looked?,
        }
    }
    release(app, name, &members).await?;
    problems.extend(members::balance(app, cluster, clock::now()).await?.failed);
    let pending = apply::addons(app, cluster, clock::now()).await?;
    problems.extend(fabric(cluster, client, pending.is_empty()).await?);
    problems.extend(pending);
    problems.extend(strangers(app, cluster, client, &members, &shown.nodes).await?);
    app.clusters.set_problems(name, problems);
    Ok(())
}

/// Lets kubelets in whose machines join, and says once of each other one why not.
async fn approve(client: &Client, members: &[Member], shown: &mut Shown) -> Result<()> {
    let joining = members.iter().filter(|member| member.state == State::Joining);
    let joining: Vec<NodeRow> = joining.map(|member| member.node.clone()).collect();
    let now = clock::now();
    let requests = &shown.requests;
    shown.told.retain(|name| requests.contains_key(name));
    for (name, request) in requests {
        match judge(request, &joining, now) {
            Verdict::Approve => match approve_one(client, name).await {
                Err(Error::Kube(error)) => tracing::warn!(request = name, "not approved: {}", words(&error)),
                approved => approved?,
            },
            Verdict::NotOurs => {}
            Verdict::Leave(reason) if shown.told.insert(name.clone()) => {
                tracing::warn!(request = name, reason, "a kubelet's certificate request is left alone");
            }
            Verdict::Leave(_) => {}
        }
    }
    Ok(())
}

async fn approve_one(client: &Client, name: &str) -> Result<()> {
    let now = api::words::moment(clock::now()).replace(' ', "T");
    let condition = json!({
        "type": "Approved", "status": "True", "reason": "JoinedByMetald", "lastUpdateTime": now,
        "message": "the token is of this machine, and the name is this machine's",
    });
    let patch = Patch::Merge(json!({ "status": { "conditions": [condition] } }));
    let requests = Api::<CertificateSigningRequest>::all(client.clone());
    within_or_gone(requests.patch_approval(name, &PatchParams::default(), &patch)).await?;
    tracing::info!(request = name, "a kubelet's certificate request is approved");
    Ok(())
}

/// One node beside its machine.
async fn look(
    app: &App,
    cluster: &Cluster,
    client: &Client,
    member: &Member,
    object: Option<&Node>,
) -> Result<()> {
    let Some(before) = member.node.node() else { return Ok(()) };
    let profile = app.profile(&member.machine);
    let address = members::place(app, &member.node.id()).await?.map(|place| place.address.to_string());
    let role = member.node.role()?;
    let taints = profile.map(|profile| kubeadm::taints(cluster, profile, role)).unwrap_or_default();
    let no_labels = BTreeMap::new();
    let joins = member.state == State::Joining;
    let wanted = Wanted {
        kubernetes: &cluster.kubernetes,
        labels: profile.map_or(&no_labels, |profile| &profile.labels),
        taints: &taints,
        address: address.as_deref(),
        boot_id: (joins && member.machine.home() == Some(Home::Disk)).then_some(&member.machine.boot_id),
    };
    let node = observe::node(object, &before, &wanted, clock::now());
    app.store.node_seen(&member.node.id(), &node).await?;
    if let (Some(object), State::Joining | State::Active) = (object, member.state) {
        label(client, object, &wanted).await?;
        taint(client, object, &wanted).await?;
    }
    if !joins {
        // It has joined, failed or been called away: its token is of no more use, nor what was uploaded for it.
        if member.node.token_id.is_some() {
            secrets::forget_certificates(app, &member.node).await?;
        }
        return secrets::revoke(app, &member.node).await;
    }
    // A kubelet may be Ready before kubeadm has done all: the machine counts when its agent says so too.
    if app.store.task_running(&member.node.id(), TaskKind::Join).await?.is_some() {
        return Ok(());
    }
    match node.ready {
        true => joined(app, member).await,
        false if object.is_some() => Ok(evidence(app, member, &node.reason).await?),
        false => Ok(()),
    }
}

/// The API server says Ready, and all is as the site file says.
async fn joined(app: &App, member: &Member) -> Result<()> {
    let id = member.node.id();
    secrets::forget_certificates(app, &member.node).await?;
    secrets::revoke(app, &member.node).await?;
    app.store.submit(&id, Event::NodeReady, "server", clock::now()).await?;
    app.store.cluster_release(&member.node.cluster, &id).await?;
    tracing::info!(node = member.node.name, cluster = member.node.cluster, "a node has joined");
    Ok(())
}

async fn evidence(app: &App, member: &Member, reason: &str) -> store::Result<()> {
    let evidence = format!("the API server shows the node: {reason}");
    if member.machine.evidence == evidence {
        return Ok(());
    }
    app.store.machine_noted(&member.node.id(), evidence).await
}

async fn label(client: &Client, object: &Node, wanted: &Wanted<'_>) -> Result<()> {
    if observe::missing_labels(object, wanted.labels).is_empty() {
        return Ok(());
    }
    let patch = json!({
        "apiVersion": "v1", "kind": "Node",
        // With the uid it can only change this very node, and never make one.
        "metadata": { "name": object.name_any(), "uid": object.metadata.uid, "labels": wanted.labels },
    });
    let nodes = Api::<Node>::all(client.clone());
    let params = PatchParams::apply(MANAGER).force();
    within_or_gone(nodes.patch(&object.name_any(), &params, &Patch::Apply(patch))).await.map(drop)
}

/// Taints are one list, which Kubernetes itself writes too: ours are added to exactly the list that was seen.
async fn taint(client: &Client, object: &Node, wanted: &Wanted<'_>) -> Result<()> {
    let missing = observe::missing_taints(object, wanted.taints);
    if missing.is_empty() {
        return Ok(());
    }
    let has = object.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let mut taints = Vec::new();
    for taint in has {
        let replaced = missing.iter().any(|new| new.key == taint.key && new.effect == taint.effect);
        if !replaced {
            taints.push(json!(taint));
        }
    }
    taints.extend(
        missing.iter().map(|new| json!({ "key": new.key, "value": new.value, "effect": new.effect })),
    );
    let patch = json!({
        "metadata": { "resourceVersion": object.resource_version() }, "spec": { "taints": taints },
    });
    let nodes = Api::<Node>::all(client.clone());
    let patched =
        within(nodes.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await;
    match patched {
        // Somebody was faster: the next look sees what is there now.
        Err(Error::Kube(error)) if matches!(&*error, kube::Error::Api(s) if s.code == 409) => Ok(()),
        patched => patched.map(drop),
    }
}

/// Frees the place of a joining control plane that joins no more. One whose join has failed keeps it: etcd may
/// hold half of it, and the next one would be refused there.
async fn release(app: &App, name: &str, members: &[Member]) -> Result<()> {
    let Some(holder) = app.store.cluster(name).await?.and_then(|row| row.admitting) else { return Ok(()) };
    let holder = api::id::MachineId(holder);
    let half = members.iter().any(|member| {
        member.node.id() == holder && matches!(member.state, State::Joining | State::Failed | State::Draining)
    });
    let waits = app.store.machine(&holder).await?.life()?.state == State::Joining;
    if !half && !waits {
        app.store.cluster_release(name, &holder).await?;
    }
    Ok(())
}

async fn fabric(cluster: &Cluster, client: &Client, applied: bool) -> Result<Option<String>> {
    if cluster.fabric == Fabric::None {
        return Ok(None);
    }
    let (namespace, set) = addons::FABRIC;
    let sets = Api::<DaemonSet>::namespaced(client.clone(), namespace);
    match within_or_gone(sets.get(set)).await {
        Ok(set) => Ok(addons::fabric_problem(set.as_ref(), applied)),
        // The right to look comes with the fabric.
        Err(Error::Kube(error)) if matches!(&*error, kube::Error::Api(s) if s.code == 403) => {
            Ok(addons::fabric_problem(None, applied))
        }
        Err(error) => Err(error),
    }
}
