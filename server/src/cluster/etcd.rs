//! What control planes' agents are asked to do for one that leaves: list etcd's members, take a snapshot, move the
//! virtual address, remove the member. Each is a cluster task whose key says for what; a failed one gets another key.

use std::time::Duration;

use api::cluster::{ClusterResult, ClusterStep, EtcdMember, NodeFile};
use api::id::MachineId;

use super::balancer::{self, Member};
use super::leave::Progress;
use super::steps::{self, Step};
use super::{Result, members};
use crate::app::App;
use crate::clock;
use crate::config::Cluster;

/// A task that a control plane's agent ends in time, or another one gets it.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// A snapshot is sent over the network.
const SENDING: Duration = Duration::from_secs(30 * 60);
/// Between a failure and the next try, in microseconds: twice as long after each further one, up to an hour.
const PAUSE: i64 = 20_000_000;
const LONGEST_PAUSE: i64 = 3_600_000_000;
/// Tasks to look through: one drain asks for few.
const RECENT: i64 = 100;

/// What is asked for, and how far that is.
pub struct Asked {
    pub progress: Progress,
    /// The key under which it is asked for next.
    pub next: String,
    /// When the last try ended, in microseconds since 1970; 0 when there was none.
    pub ended: i64,
}

/// How far the tries of something are whose keys begin so.
pub async fn asked(app: &App, prefix: &str) -> Result<Asked> {
    let mut last = None;
    let mut tries = 0_u32;
    while let Some(task) = app.store.cluster_task_by_key(&format!("{prefix}/{tries}")).await? {
        last = Some(task);
        tries += 1;
    }
    let next = format!("{prefix}/{tries}");
    let Some(task) = last else { return Ok(Asked { progress: Progress::Due, next, ended: 0 }) };
    let progress = match task.state.as_str() {
        "done" => Progress::Done,
        "failed" if clock::now() - task.at < pause(tries) => {
            Progress::Failed(task.reason.unwrap_or_default())
        }
        "failed" => Progress::Due,
        _ => Progress::Running,
    };
    let ended = if progress == Progress::Running { 0 } else { task.at };
    Ok(Asked { progress, next, ended })
}

fn pause(failures: u32) -> i64 {
    PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST_PAUSE)
}

/// Etcd's members as an agent has listed them, asked for no earlier than `since`.
pub async fn members(app: &App, cluster: &str, since: i64) -> Result<Option<Vec<EtcdMember>>> {
    let tasks = app.store.cluster_tasks(cluster, RECENT).await?;
    let listed = |kind: &str, state: &str| kind == "members" && state == "done";
    let newest = tasks.iter().find(|task| listed(&task.kind, &task.state) && task.created >= since);
    Ok(match newest {
        Some(task) => match steps::result(app, task)? {
            Some(ClusterResult::Members { members }) => Some(without_renewals(app, cluster, members).await?),
            _ => None,
        },
        None => None,
    })
}

/// A member whose certificates are being renewed restarts at any moment: it carries nobody meanwhile, whatever the list
/// says that was made before.
async fn without_renewals(app: &App, cluster: &str, mut members: Vec<EtcdMember>) -> Result<Vec<EtcdMember>> {
    for machine in app.store.renewals(cluster).await? {
        let Some(node) = app.store.node(&machine).await? else { continue };
        for member in members.iter_mut().filter(|member| member.name == node.name) {
            member.healthy = false;
        }
    }
    Ok(members)
}

/// The members as far as they carry the cluster without `but`: none does whose certificates are being renewed, whose machine
/// is being switched off or on, or whose firmware is being written, for which its BMC may restart it at any moment, whatever
/// the list says that was made before.
pub async fn carrying(
    app: &App,
    cluster: &str,
    but: &MachineId,
    members: Vec<EtcdMember>,
) -> Result<Vec<EtcdMember>> {
    let mut members = without_renewals(app, cluster, members).await?;
    for node in app.store.nodes(cluster).await?.iter().filter(|node| node.id() != *but) {
        let off = app.store.machine(&node.id()).await?.life()?.power_off;
        let updates = app.bmcs.known(&node.machine).is_some_and(|lane| lane.is_updating());
        if off || updates || app.store.power(&node.id()).await?.is_some_and(|power| power.pending) {
            for member in members.iter_mut().filter(|member| member.name == node.name) {
                member.healthy = false;
            }
        }
    }
    Ok(members)
}

/// Has them listed, unless somebody is at it or has just failed. Returns what is waited for.
pub async fn read_members(app: &App, cluster: &str) -> Result<String> {
    let what = "the list of etcd's members";
    let tasks = app.store.cluster_tasks(cluster, RECENT).await?;
    match tasks.iter().find(|task| task.kind == "members") {
        Some(task) if task.state == "failed" && clock::now() - task.at < PAUSE => {
            let why = task.reason.as_deref().unwrap_or_default();
            return Ok(format!("{what}, which failed and is tried again: {why}"));
        }
        _ => list_members(app, cluster).await?,
    };
    Ok(what.into())
}

/// Has them listed, unless somebody is at it; returns the key of that.
pub async fn list_members(app: &App, cluster: &str) -> Result<String> {
    let now = clock::now();
    let tasks = app.store.cluster_tasks(cluster, RECENT).await?;
    let open = |state: &str| matches!(state, "queued" | "running");
    if let Some(task) = tasks.iter().find(|task| task.kind == "members" && open(&task.state)) {
        return Ok(task.key.clone());
    }
    let key = format!("members/{cluster}/{now}");
    let patience = Duration::from_secs(60);
    let step = Step { key: key.clone(), step: ClusterStep::Members, subject: None, executor: None, patience };
    steps::ask(app, cluster, step, now).await?;
    Ok(key)
}

/// `before`: the machine whose removal follows.
pub async fn snapshot(app: &App, cluster: &str, before: Option<&MachineId>, asked: Asked) -> Result<()> {
    let subject = before.cloned();
    let step =
        Step { key: asked.next, step: ClusterStep::Snapshot, subject, executor: None, patience: SENDING };
    steps::ask(app, cluster, step, clock::now()).await.map(drop)
}

/// `who`: a member's name, or its id.
pub async fn remove(app: &App, cluster: &str, machine: &MachineId, who: String, asked: Asked) -> Result<()> {
    let remove = ClusterStep::RemoveMember { name: who };
    let subject = Some(machine.clone());
    let step = Step { key: asked.next, step: remove, subject, executor: None, patience: PATIENCE };
    steps::ask(app, cluster, step, clock::now()).await.map(drop)
}

/// Has the machine itself put its claim to the virtual address behind all others', so that one of them takes it.
pub async fn give_up_address(
    app: &App,
    cluster: &str,
    machine: &MachineId,
    node: &str,
    asked: Asked,
) -> Result<()> {
    let Some(cluster) = app.site.clusters.get(cluster) else { return Ok(()) };
    let Some(place) = members::place(app, machine).await? else { return Ok(()) };
    let me = Member { node: node.into(), address: place.address };
    let others = members::others(app, &cluster.name, machine).await?;
    let files = last_in_line(balancer::files(cluster, &me, &place.interface, &others));
    let services = vec![KEEPALIVED.to_string()];
    let executor = Some(machine.clone());
    let step = ClusterStep::Balance { files, services };
    let step = Step { key: asked.next, step, subject: executor.clone(), executor, patience: PATIENCE };
    steps::ask(app, &cluster.name, step, clock::now()).await.map(drop)
}

/// Whether the cluster has an address that a control plane of ours holds.
pub fn has_address(cluster: &Cluster) -> bool {
    balancer::services(cluster).iter().any(|service| service == KEEPALIVED)
}

const KEEPALIVED: &str = "keepalived.service";

/// Keepalived's settings alone, with the lowest priority there is.
fn last_in_line(files: Vec<NodeFile>) -> Vec<NodeFile> {
    let keepalived = files.into_iter().filter(|file| file.path.ends_with("/keepalived.conf"));
    keepalived
        .map(|file| NodeFile { text: file.text.replace("    priority 100\n", "    priority 1\n"), ..file })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_less_often() {
        assert_eq!([1, 2, 3, 9, u32::MAX].map(pause), [20, 40, 80, 3600, 3600].map(|s| s * 1_000_000));
    }

    #[test]
    fn who_gives_up_the_address_is_last_in_line() {
        let text = "[cluster.prod]\nkubernetes = \"1.36\"\nendpoint = \"10.77.0.10:8443\"\n";
        let text = text.replace("[cluster.prod]\n", "");
        let mut cluster: Cluster = toml::from_str(&text).unwrap();
        cluster.name = "prod".into();
        let member = |node: &str, last| Member { node: node.into(), address: [10, 77, 0, last].into() };
        let files = balancer::files(&cluster, &member("node01", 21), "net0", &[member("node02", 22)]);
        let files = last_in_line(files);
        assert_eq!(files.len(), 1);
        assert!(files[0].text.contains("    priority 1\n"), "{}", files[0].text);
        assert!(has_address(&cluster));
    }
}
