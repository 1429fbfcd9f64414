//! Clusters and their nodes.

use std::collections::BTreeMap;

use api::cluster::{Cluster, ClusterDetail, ClusterState, ClusterTaskView, Node, Snapshot};
use api::machine::Machine;
use api::words;

use super::paint::{Paint, Tone, ready, tone};
use super::table::Table;
use super::words::{clean, lasting, moment, or_dash, size, state};

/// Tasks beyond this are the JSON's.
const NEWEST: usize = 12;

pub fn list(clusters: &[Cluster], now: i64, paint: Paint) -> String {
    let mut table = Table::new(&["NAME", "STATE", "FOR", "READY", "KUBERNETES", "ENDPOINT", "PROBLEMS"]);
    for cluster in clusters {
        let first = cluster.problems.first().cloned().unwrap_or_default();
        let more = cluster.problems.len().saturating_sub(1);
        let problems = if more > 0 { format!("{first}, and {more} more") } else { first };
        table.row([
            (cluster.name.clone(), Tone::Plain),
            (cluster.state.to_string(), standing(cluster)),
            (lasting(cluster.since, now), Tone::Plain),
            (format!("{} of {}", cluster.ready, cluster.nodes), Tone::Plain),
            (cluster.kubernetes.clone(), Tone::Plain),
            (cluster.endpoint.clone(), Tone::Plain),
            (problems, Tone::Bad),
        ]);
    }
    table.render(paint, None)
}

pub fn show(detail: &ClusterDetail, machines: &[Machine], now: i64, paint: Paint) -> String {
    let cluster = &detail.cluster;
    let names = names(machines, &detail.nodes);
    let mut text = line(cluster, paint) + "\n";
    text += &summary(cluster, &names, now).render(paint, None);
    let mut section = |head: &str, table: Table| {
        let body = table.indented().render(paint, None);
        if body.lines().count() > 1 {
            text += &format!("\n{}\n{body}", paint.bold(head));
        }
    };
    section("Nodes", node_table(detail, machines, now));
    section("Tasks", tasks(&detail.tasks, &names, now));
    section("Snapshots", snapshots(&detail.snapshots, now));
    text
}

/// One cluster in a line of its own.
pub fn line(cluster: &Cluster, paint: Paint) -> String {
    let state = paint.tone(standing(cluster), cluster.state.as_str());
    format!("{}  {state}, {} of {} nodes Ready", paint.bold(&cluster.name), cluster.ready, cluster.nodes)
}

pub fn nodes(detail: &ClusterDetail, machines: &[Machine], now: i64, paint: Paint) -> String {
    node_table(detail, machines, now).render(paint, None)
}

/// A line a problem; empty when all is well. A certificate that ends soon is none yet: some live for days only.
pub fn problems(detail: &ClusterDetail, now: i64) -> Vec<String> {
    let cluster = &detail.cluster;
    let mut lines: Vec<String> = cluster.problems.iter().map(|problem| clean(problem)).collect();
    if cluster.state != ClusterState::Up && lines.is_empty() {
        lines.push(format!("{} is {}", cluster.name, cluster.state));
    }
    for node in &detail.nodes {
        if !node.ready {
            lines.push(clean(&format!("{} is {}", node.name, words::node(node))));
        }
        for ended in node.certificates.iter().filter(|certificate| certificate.not_after <= now) {
            lines.push(clean(&format!("{}: its certificate {}", node.name, words::certificate(ended, now))));
        }
    }
    lines
}

/// What a reset means, for a person who is about to say yes.
pub fn reset(detail: &ClusterDetail, paint: Paint) -> String {
    let name = clean(&detail.cluster.name);
    let mut text = format!(
        "{}\n\n{}\n",
        line(&detail.cluster, paint),
        paint.bad(&format!("Resetting `{name}` makes the server forget this cluster:")),
    );
    text += "  its nodes, its CA, its tasks and the access to it go; etcd snapshots stay\n";
    text += "  the next control plane that joins initialises a new cluster of that name\n";
    text += "  no machine is touched: each runs on as it is until it is reprovisioned\n";
    for node in &detail.nodes {
        text += &format!("  {} {}: {}\n", clean(node.name.as_str()), node.role, clean(&words::node(node)));
    }
    text
}

fn summary(cluster: &Cluster, names: &BTreeMap<&str, String>, now: i64) -> Table {
    let mut table = Table::pairs();
    table.pair("since", format!("{} ({})", moment(cluster.since), lasting(cluster.since, now)));
    table.pair("kubernetes", &*cluster.kubernetes);
    table.pair("endpoint", &*cluster.endpoint);
    if let Some(machine) = &cluster.initialised_by {
        table.pair("initialised by", name(names, &machine.0));
    }
    for problem in &cluster.problems {
        table.row([("problem".into(), Tone::Quiet), (problem.clone(), Tone::Bad)]);
    }
    table
}

fn node_table(detail: &ClusterDetail, machines: &[Machine], now: i64) -> Table {
    let head = ["NAME", "ROLE", "STATE", "NODE", "FOR", "VERSION", "ADDRESS", "CERTIFICATE", "REASON"];
    let mut table = Table::new(&head);
    for node in &detail.nodes {
        let machine = machines.iter().find(|machine| machine.id == node.machine);
        table.row([
            (node.name.to_string(), Tone::Plain),
            (node.role.to_string(), Tone::Plain),
            machine.map_or((String::from("–"), Tone::Plain), |m| (state(m), tone(m))),
            (words::ready(node), ready(node)),
            (lasting(node.since, now), Tone::Plain),
            (or_dash(&node.version).into(), Tone::Plain),
            (or_dash(&node.address).into(), Tone::Plain),
            certificate(node, now),
            (words::hindrance(node), Tone::Plain),
        ]);
    }
    // Those that are no machines of this site have no state of ours.
    for node in &detail.others {
        let (ready, tone) = if node.ready { ("Ready", Tone::Good) } else { ("NotReady", Tone::Bad) };
        table.row([
            (clean(&node.name), Tone::Plain),
            (node.role.to_string(), Tone::Plain),
            ("–".into(), Tone::Plain),
            (ready.into(), tone),
            ("–".into(), Tone::Plain),
            (clean(or_dash(&node.version)), Tone::Plain),
            (clean(or_dash(&node.address)), Tone::Plain),
            ("–".into(), Tone::Plain),
            (clean(&node.reason), Tone::Plain),
        ]);
    }
    table
}

fn certificate(node: &Node, now: i64) -> (String, Tone) {
    match node.first_to_end() {
        Some(first) if first.ends_soon(now) => (words::certificate(first, now), Tone::Bad),
        Some(first) => (words::certificate(first, now), Tone::Plain),
        None => ("–".into(), Tone::Plain),
    }
}

fn tasks(tasks: &[ClusterTaskView], names: &BTreeMap<&str, String>, now: i64) -> Table {
    let mut table = Table::new(&["TASK", "STATE", "ABOUT", "DONE BY", "BEGAN", "TOOK", "REASON"]);
    for task in tasks.iter().take(NEWEST) {
        let of = |machine: &Option<api::id::MachineId>| {
            machine.as_ref().map_or("–".into(), |id| name(names, &id.0))
        };
        let (end, tone) = match task.state.as_str() {
            "failed" => (task.at, Tone::Bad),
            "done" => (task.at, Tone::Good),
            _ => (now, Tone::Busy),
        };
        table.row([
            (task.kind.clone(), Tone::Plain),
            (task.state.clone(), tone),
            (of(&task.subject), Tone::Plain),
            (of(&task.executor), Tone::Plain),
            (moment(task.created), Tone::Plain),
            (lasting(task.created, end), Tone::Plain),
            (task.reason.clone().unwrap_or_default(), Tone::Plain),
        ]);
    }
    table
}

fn snapshots(snapshots: &[Snapshot], now: i64) -> Table {
    let mut table = Table::new(&["SNAPSHOT", "TAKEN", "AGE", "SIZE", "SHA-256"]);
    for snapshot in snapshots.iter().take(NEWEST) {
        table.plain([
            snapshot.file.clone(),
            moment(snapshot.at),
            lasting(snapshot.at, now),
            size(snapshot.size),
            snapshot.sha256.clone(),
        ]);
    }
    table
}

/// What people call the machines of this cluster.
fn names<'a>(machines: &'a [Machine], nodes: &'a [Node]) -> BTreeMap<&'a str, String> {
    let of_machines = machines.iter().map(|machine| (machine.id.0.as_str(), machine.name()));
    of_machines.chain(nodes.iter().map(|node| (node.machine.0.as_str(), node.name.to_string()))).collect()
}

fn name(names: &BTreeMap<&str, String>, id: &str) -> String {
    names.get(id).cloned().unwrap_or_else(|| id.into())
}

fn standing(cluster: &Cluster) -> Tone {
    match cluster.state {
        _ if !cluster.problems.is_empty() => Tone::Bad,
        ClusterState::Up if cluster.ready < cluster.nodes => Tone::Waiting,
        ClusterState::Up => Tone::Good,
        ClusterState::Initialising => Tone::Busy,
        ClusterState::Empty => Tone::Quiet,
    }
}
