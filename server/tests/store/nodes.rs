//! Nodes: a row from the join to the end of the drain, and what a join's or leave's end means.

use api::cluster::{CertificateExpiry, JoinOrder, Needs, Node, Role};
use api::event::Event;
use api::id::{Hostname, MachineId};
use api::task::{Outcome, Task, Work};
use server::store::{NewTask, NodeRow, Store};

use crate::database::{Database, woken};

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

async fn begin(store: &Store, machine: &MachineId, role: Role, generation: i64, hostname: &str) {
    store.node_begin(machine, "prod", role, generation, &name(hostname), 10 * generation).await.unwrap();
}

async fn row(store: &Store, machine: &MachineId) -> NodeRow {
    store.node(machine).await.unwrap().unwrap()
}

fn ready(node: &Node) -> Node {
    Node { uid: "u1".into(), ready: true, reason: String::new(), since: 77, ..node.clone() }
}

pub async fn a_node_begins_once_a_generation(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    assert!(store.node(&id).await.unwrap().is_none());
    begin(store, &id, Role::Worker, 2, "node01").await;
    let begun = row(store, &id).await;
    let node = begun.node().unwrap();
    assert_eq!((begun.role().unwrap(), begun.generation, begun.cluster.as_str()), (Role::Worker, 2, "prod"));
    assert_eq!((node.uid.as_str(), node.ready, node.since), ("", false, 20), "nobody has seen it yet");
    assert!(store.node_seen(&id, &ready(&node)).await.unwrap());
    store.node_wish(&id, true, true).await.unwrap();
    store.node_leaving(&id, Some("two pods".into()), true).await.unwrap();
    begin(store, &id, Role::Worker, 2, "node01").await;
    begin(store, &id, Role::ControlPlane, 1, "node01").await;
    let kept = row(store, &id).await;
    assert_eq!((kept.role().unwrap(), kept.fenced, kept.forced), (Role::Worker, true, true));
    assert!(kept.node().unwrap().ready);
    begin(store, &id, Role::ControlPlane, 2, "node01").await;
    let moved = row(store, &id).await;
    assert_eq!((moved.role().unwrap(), moved.fenced), (Role::ControlPlane, false), "the site file changed");
    store.node_leaving(&id, Some("two pods".into()), true).await.unwrap();
    begin(store, &id, Role::ControlPlane, 3, "node01").await;
    let new = row(store, &id).await;
    assert_eq!((new.generation, new.leaving.as_deref(), new.leave_ready), (3, None, false));
    assert_eq!(new.node().unwrap().uid, "");
}

pub async fn a_token_stays_until_it_is_revoked(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    begin(store, &id, Role::Worker, 1, "node01").await;
    store.node_token(&id, Some(("abcdef".into(), 500))).await.unwrap();
    begin(store, &id, Role::Worker, 2, "node01").await;
    database.submit(&id, Event::Hold, 60).await;
    let kept = row(store, &id).await;
    assert_eq!((kept.token_id.as_deref(), kept.token_expires), (Some("abcdef"), Some(500)));
    store.node_token(&id, None).await.unwrap();
    assert_eq!((row(store, &id).await.token_id, row(store, &id).await.token_expires), (None, None));
}

pub async fn only_news_wakes_somebody(database: Database) {
    let (store, machines) = (&database.store, database.rack(2).await);
    let id = &machines[0];
    let mut changes = store.changes();
    begin(store, id, Role::Worker, 1, "node01").await;
    assert_eq!(woken(&mut changes), ["m1"]);
    begin(store, id, Role::Worker, 1, "node01").await;
    assert!(woken(&mut changes).is_empty());
    let node = ready(&row(store, id).await.node().unwrap());
    for (seen, news) in
        [(node.clone(), true), (node.clone(), false), (Node { ready: false, ..node.clone() }, true)]
    {
        assert_eq!(store.node_seen(id, &seen).await.unwrap(), news);
        assert_eq!(!woken(&mut changes).is_empty(), news);
    }
    for (leaving, ready, news) in [
        (None, false, false),
        (Some("pods"), false, true),
        (Some("pods"), false, false),
        (Some("pods"), true, true),
    ] {
        store.node_leaving(id, leaving.map(String::from), ready).await.unwrap();
        assert_eq!(!woken(&mut changes).is_empty(), news, "{leaving:?} {ready}");
    }
    let these = store.nodes_of(&["m1".into(), "m2".into()]).await.unwrap();
    let [(machine, seen)] = these.as_slice() else { panic!("one node: {these:?}") };
    assert_eq!((machine.as_str(), seen.leaving.as_deref()), ("m1", Some("pods")));
    assert!(store.nodes_of(&["m2".into(), "m9".into()]).await.unwrap().is_empty());
    store.node_gone(id).await.unwrap();
    assert_eq!(woken(&mut changes), ["m1"]);
    store.node_gone(id).await.unwrap();
    assert!(!store.node_seen(id, &node).await.unwrap(), "late news of a node that left");
    assert!(woken(&mut changes).is_empty());
}

/// Its agent and the API server tell of it side by side; neither takes back what the other said.
pub async fn certificates_are_the_agents_word(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    begin(store, &id, Role::ControlPlane, 2, "node01").await;
    let ends = |not_after| vec![CertificateExpiry { name: "apiserver".into(), not_after }];
    let before = row(store, &id).await.node().unwrap();
    let mut changes = store.changes();
    assert!(!store.node_certificates(&id, 1, &ends(1)).await.unwrap(), "of an older install");
    assert!(woken(&mut changes).is_empty());
    assert!(store.node_certificates(&id, 2, &ends(5)).await.unwrap());
    assert_eq!(woken(&mut changes), ["m1"]);
    assert!(store.node_certificates(&id, 2, &ends(5)).await.unwrap());
    assert!(woken(&mut changes).is_empty(), "no news");
    store.node_seen(&id, &ready(&before)).await.unwrap();
    let node = row(store, &id).await.node().unwrap();
    assert_eq!((node.ready, node.certificates), (true, ends(5)));
    assert!(!store.node_seen(&id, &row(store, &id).await.node().unwrap()).await.unwrap(), "no news");
    begin(store, &id, Role::ControlPlane, 3, "node01").await;
    assert!(row(store, &id).await.node().unwrap().certificates.is_empty());
    store.node_gone(&id).await.unwrap();
    assert!(!store.node_certificates(&id, 3, &ends(5)).await.unwrap());
}

pub async fn what_a_person_said_stays_said(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    begin(store, &id, Role::Worker, 1, "node01").await;
    let mut changes = store.changes();
    let said =
        [((false, false), (false, false)), ((true, false), (true, false)), ((false, true), (true, true))];
    for ((fenced, forced), all) in said {
        store.node_wish(&id, fenced, forced).await.unwrap();
        let row = row(store, &id).await;
        assert_eq!((row.fenced, row.forced), all);
        assert_eq!(!woken(&mut changes).is_empty(), fenced || forced);
    }
    store.node_wish(&id, true, true).await.unwrap();
    assert!(woken(&mut changes).is_empty());
}

pub async fn a_node_goes_with_its_machine(database: Database) {
    let (store, machines) = (&database.store, database.rack(2).await);
    for machine in &machines {
        begin(store, machine, Role::Worker, 1, &format!("node-{machine}")).await;
    }
    database.execute("DELETE FROM machine WHERE id = 'm1'").await;
    let left: Vec<String> = store.nodes("prod").await.unwrap().into_iter().map(|row| row.machine).collect();
    assert_eq!(left, ["m2"]);
}

fn task(machine: &MachineId, key: &str, work: Work) -> NewTask {
    let task = Task { id: format!("task-{key}"), generation: 0, work };
    NewTask { machine: machine.clone(), key: key.into(), task, deadline: 1_000 }
}

fn join() -> Work {
    let order = JoinOrder {
        cluster: "prod".into(),
        node: name("node01"),
        role: Role::Worker,
        address: "10.77.0.21".into(),
        init: false,
        kubernetes: "1.36.3".into(),
        endpoint: "10.77.0.10:8443".into(),
        documents: Vec::new(),
        files: Vec::new(),
        services: Vec::new(),
        grant: None,
        needs: Needs { memory: 0, cpus: 1, disk: 0 },
    };
    Work::Join { order: Box::new(order) }
}

pub async fn the_end_of_a_join_is_the_api_servers_word(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    database.execute("UPDATE machine SET state = 'joining'").await;
    store.task_offer(task(&id, "a", join()), 20).await.unwrap().unwrap();
    store.task_finish(&id, "task-a", Outcome::Done, 30).await.unwrap().unwrap();
    assert_eq!(store.machine(&id).await.unwrap().state, "joining", "not Ready yet");
    store.task_offer(task(&id, "b", join()), 40).await.unwrap().unwrap();
    let reason = "the token has expired".to_string();
    store.task_finish(&id, "task-b", Outcome::Failed { reason }, 50).await.unwrap().unwrap();
    let row = store.machine(&id).await.unwrap();
    assert_eq!((row.state.as_str(), row.failed_in.as_deref()), ("failed", Some("joining")));
    assert_eq!(row.reason.as_deref(), Some("the token has expired"));
}

pub async fn a_leave_counts_for_its_drain_only(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    database.execute("UPDATE machine SET state = 'draining', since = 15").await;
    store.task_offer(task(&id, "a", Work::Leave), 20).await.unwrap().unwrap();
    assert!(!store.leave_done(&id, 0).await.unwrap(), "it runs");
    store.task_finish(&id, "task-a", Outcome::Done, 30).await.unwrap().unwrap();
    assert_eq!(store.machine(&id).await.unwrap().state, "draining", "the cluster has not let go of it");
    assert!(store.leave_done(&id, 0).await.unwrap());
    assert!(!store.leave_done(&id, 1).await.unwrap(), "of another generation");
    database.execute("UPDATE machine SET since = 40").await;
    assert!(!store.leave_done(&id, 0).await.unwrap(), "of an earlier drain");
    store.task_offer(task(&id, "b", Work::Leave), 50).await.unwrap().unwrap();
    let reason = "kubelet does not stop".to_string();
    store.task_finish(&id, "task-b", Outcome::Failed { reason }, 60).await.unwrap().unwrap();
    assert!(!store.leave_done(&id, 0).await.unwrap());
    assert_eq!(store.machine(&id).await.unwrap().failed_in.as_deref(), Some("draining"));
}
