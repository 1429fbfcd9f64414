//! A cluster: whether it stands, its nodes, what was done for it and what is kept of it.

use api::cluster::{Cluster, ClusterDetail, ClusterTaskView, Node, OtherNode, Snapshot};
use api::id::MachineId;
use api::words;
use askama::Template;

use crate::frame::{Frame, Visitor};
use crate::node::Certificate;
use crate::tone::{of_cluster, of_node};
use crate::words::Since;

#[derive(Template)]
#[template(path = "cluster.html")]
struct ClusterPage<'a> {
    frame: Frame<'a>,
    cluster: &'a Cluster,
    parts: Parts<'a>,
}

struct Parts<'a> {
    status: Status<'a>,
    nodes: Nodes<'a>,
    tasks: Tasks<'a>,
    snapshots: Snapshots<'a>,
}

#[derive(Template)]
#[template(path = "cluster_status.html")]
struct Status<'a> {
    cluster: &'a Cluster,
    tone: &'static str,
    since: Since,
    initialised_by: Option<Named<'a>>,
}

#[derive(Template)]
#[template(path = "cluster_nodes.html")]
struct Nodes<'a> {
    rows: Vec<Row<'a>>,
    others: &'a [OtherNode],
}

struct Row<'a> {
    node: &'a Node,
    tone: &'static str,
    ready: String,
    since: Since,
    certificate: Option<Certificate<'a>>,
    hindrance: String,
}

#[derive(Template)]
#[template(path = "cluster_tasks.html")]
struct Tasks<'a> {
    rows: Vec<Task<'a>>,
}

struct Task<'a> {
    task: &'a ClusterTaskView,
    tone: &'static str,
    subject: Option<Named<'a>>,
    executor: Option<Named<'a>>,
    took: String,
}

#[derive(Template)]
#[template(path = "cluster_snapshots.html")]
struct Snapshots<'a> {
    rows: Vec<(&'a Snapshot, Since)>,
}

/// A machine by the name that its node has, else by its id.
struct Named<'a> {
    id: &'a MachineId,
    name: &'a str,
}

#[derive(Template)]
#[template(path = "cluster_chip.html")]
struct Chip<'a> {
    cluster: &'a Cluster,
    tone: &'static str,
}

pub fn cluster_page(detail: &ClusterDetail, visitor: &Visitor, now: i64) -> askama::Result<String> {
    let cluster = &detail.cluster;
    let frame = Frame::live(visitor, now, format!("/live?cluster={}", cluster.name));
    ClusterPage { frame, cluster, parts: parts(detail, now) }.render()
}

/// The page's sections in an order that stays, each to take the place of the one with the same id.
pub fn cluster_fragments(detail: &ClusterDetail, now: i64) -> askama::Result<[String; 4]> {
    let parts = parts(detail, now);
    Ok([parts.status.render()?, parts.nodes.render()?, parts.tasks.render()?, parts.snapshots.render()?])
}

/// A cluster in a word, for the rack.
pub fn cluster_chip(cluster: &Cluster) -> askama::Result<String> {
    Chip { cluster, tone: of_cluster(cluster) }.render()
}

fn parts(detail: &ClusterDetail, now: i64) -> Parts<'_> {
    let cluster = &detail.cluster;
    let initialised_by = cluster.initialised_by.as_ref().map(|id| named(detail, id));
    let since = Since { at: cluster.since, now };
    Parts {
        status: Status { cluster, tone: of_cluster(cluster), since, initialised_by },
        nodes: Nodes {
            rows: detail.nodes.iter().map(|node| row(node, now)).collect(),
            others: &detail.others,
        },
        tasks: Tasks { rows: detail.tasks.iter().map(|task| of_task(detail, task, now)).collect() },
        snapshots: Snapshots {
            rows: detail.snapshots.iter().map(|kept| (kept, Since { at: kept.at, now })).collect(),
        },
    }
}

fn row(node: &Node, now: i64) -> Row<'_> {
    Row {
        node,
        tone: of_node(node),
        ready: words::ready(node),
        since: Since { at: node.since, now },
        certificate: node.first_to_end().map(|first| Certificate::of(first, now)),
        hindrance: words::hindrance(node),
    }
}

fn of_task<'a>(detail: &'a ClusterDetail, task: &'a ClusterTaskView, now: i64) -> Task<'a> {
    let (end, tone) = match task.state.as_str() {
        "failed" => (task.at, "bad"),
        "done" => (task.at, "good"),
        _ => (now, "busy"),
    };
    Task {
        task,
        tone,
        subject: task.subject.as_ref().map(|id| named(detail, id)),
        executor: task.executor.as_ref().map(|id| named(detail, id)),
        took: words::lasting(task.created, end),
    }
}

fn named<'a>(detail: &'a ClusterDetail, id: &'a MachineId) -> Named<'a> {
    let node = detail.nodes.iter().find(|node| node.machine == *id);
    Named { id, name: node.map_or(id.0.as_str(), |node| node.name.as_str()) }
}
