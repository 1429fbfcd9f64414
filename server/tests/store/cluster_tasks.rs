//! Cluster tasks: each is done by one control plane at a time, and by another when that one falls silent.

use api::cluster::Role;
use api::id::MachineId;
use api::task::{Outcome, Progress};
use server::store::{ClusterTaskRow, NewClusterTask, Store};

use crate::database::{Database, woken};

const SECOND: i64 = 1_000_000;

fn task(key: &str) -> NewClusterTask {
    NewClusterTask {
        cluster: "prod".into(),
        key: key.into(),
        step_kind: "members",
        subject: None,
        executor: None,
        body: format!("body of {key}"),
        deadline: 10_000 * SECOND,
    }
}

/// Control planes of `prod`: `m1` and so on.
async fn control_planes(database: &Database, size: u8) -> Vec<MachineId> {
    database.store.cluster_declare(vec!["prod".into(), "test".into()], 1).await.unwrap();
    let machines = database.rack(size).await;
    for machine in &machines {
        let name = format!("cp-{machine}").parse().unwrap();
        database.store.node_begin(machine, "prod", Role::ControlPlane, 1, &name, 1).await.unwrap();
    }
    machines
}

async fn take(store: &Store, executor: &MachineId, now: i64) -> Option<String> {
    let offered = store.cluster_task_offer("prod", executor, now).await.unwrap();
    offered.map(|(_, body)| body.trim_start_matches("body of ").to_string())
}

async fn row(store: &Store, key: &str) -> ClusterTaskRow {
    store.cluster_task_by_key(key).await.unwrap().unwrap()
}

async fn alive(store: &Store, executor: &MachineId, key: &str, now: i64) -> bool {
    let progress = Progress { phase: "etcd".into(), ..Progress::default() };
    store.task_progress(executor, &row(store, key).await.id, progress, now).await.unwrap()
}

pub async fn the_same_key_is_the_same_task(database: Database) {
    let (machines, other) = (control_planes(&database, 1).await, database.replica().await);
    let mut adds = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = if number % 2 == 0 { database.store.clone() } else { other.clone() };
        adds.spawn(async move { store.cluster_task_add(task("k"), number).await.unwrap() });
    }
    let mut ids = adds.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let (store, id) = (&database.store, &ids[0]);
    assert_eq!(take(store, &machines[0], 10).await.as_deref(), Some("k"));
    store.task_finish(&machines[0], id, Outcome::Done, 20).await.unwrap().unwrap();
    assert_eq!(store.cluster_task_add(task("k"), 30).await.unwrap(), *id, "also when it has ended");
    assert_eq!(take(store, &machines[0], 31).await, None);
    assert_eq!(row(store, "k").await.state, "done");
}

/// Its etcd may be what is wrong. Alone, it tries again.
pub async fn who_has_just_failed_leaves_the_next_try_to_another(database: Database) {
    let machines = control_planes(&database, 2).await;
    let store = &database.store;
    let id = store.cluster_task_add(task("first"), SECOND).await.unwrap();
    assert_eq!(take(store, &machines[0], SECOND).await.as_deref(), Some("first"));
    let failed = Outcome::Failed { reason: "no etcd here".into() };
    store.task_finish(&machines[0], &id, failed, 2 * SECOND).await.unwrap().unwrap();
    for (key, created) in [("second", 3), ("third", 4)] {
        store.cluster_task_add(task(key), created * SECOND).await.unwrap();
    }
    assert_eq!(take(store, &machines[0], 5 * SECOND).await, None);
    assert_eq!(take(store, &machines[1], 5 * SECOND).await.as_deref(), Some("second"));
    assert_eq!(take(store, &machines[0], 20 * SECOND).await.as_deref(), Some("third"), "nobody else took it");
}

pub async fn two_executors_never_have_the_same_task(database: Database) {
    let (machines, other) = (control_planes(&database, 6).await, database.replica().await);
    for round in 0..8 {
        for number in 0..3 {
            database.store.cluster_task_add(task(&format!("{round}-{number}")), round).await.unwrap();
        }
        let mut asks = tokio::task::JoinSet::new();
        for (number, machine) in machines.iter().cloned().enumerate() {
            let store = if number % 2 == 0 { database.store.clone() } else { other.clone() };
            asks.spawn(async move {
                let offered = store.cluster_task_offer("prod", &machine, 10).await.unwrap();
                offered.map(|(id, _)| (id, machine))
            });
        }
        let taken: Vec<(String, MachineId)> = asks.join_all().await.into_iter().flatten().collect();
        let mut ids: Vec<&String> = taken.iter().map(|(id, _)| id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), taken.len()), (3, 3), "each task has one executor");
        for (id, machine) in &taken {
            assert!(database.store.task_finish(machine, id, Outcome::Done, 20).await.unwrap().is_some());
        }
    }
}

pub async fn the_oldest_comes_first_and_what_runs_before_it(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 2).await);
    assert_eq!(take(store, &machines[0], 1).await, None);
    for (key, now) in [("b", 20), ("a", 10), ("c", 30)] {
        store.cluster_task_add(task(key), now).await.unwrap();
    }
    assert_eq!(take(store, &machines[0], 40).await.as_deref(), Some("a"));
    assert_eq!(take(store, &machines[1], 41).await.as_deref(), Some("b"));
    assert_eq!(take(store, &machines[1], 42).await.as_deref(), Some("b"), "its agent was started again");
    assert_eq!(row(store, "b").await.tries, 1, "and that is not another try");
    assert!(alive(store, &machines[1], "b", 55 * SECOND).await);
    assert_eq!(
        take(store, &machines[1], 70 * SECOND).await.as_deref(),
        Some("b"),
        "though the older one is free"
    );
    assert_eq!(row(store, "a").await.tries, 1);
    assert_eq!(store.cluster_task_offer("test", &machines[0], 43).await.unwrap(), None, "another cluster");
    assert_eq!(store.cluster_task(&row(store, "b").await.id).await.unwrap().unwrap().key, "b");
    assert!(store.cluster_task("b").await.unwrap().is_none());
    let listed = store.cluster_tasks("prod", 2).await.unwrap();
    let listed: Vec<(String, String)> =
        listed.iter().map(|row| (row.key.clone(), row.view().state)).collect();
    assert_eq!(listed, [("c".into(), "queued".into()), ("b".into(), "running".into())], "newest first");
}

pub async fn who_falls_silent_loses_its_task(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 2).await);
    let [first, second] = machines.as_slice() else { panic!("two control planes") };
    store.cluster_task_add(task("k"), 1).await.unwrap();
    assert_eq!(take(store, first, 10 * SECOND).await.as_deref(), Some("k"));
    assert_eq!(take(store, second, 69 * SECOND).await, None);
    assert!(alive(store, first, "k", 65 * SECOND).await);
    assert_eq!(take(store, second, 120 * SECOND).await, None, "it was heard of 55 s ago");
    assert_eq!(take(store, second, 126 * SECOND).await.as_deref(), Some("k"));
    assert!(!alive(store, first, "k", 127 * SECOND).await, "it is another's now");
    let id = row(store, "k").await.id;
    assert!(!store.cluster_task_result(first, &id, "sealed".into()).await.unwrap());
    assert!(store.task_finish(first, &id, Outcome::Done, 128 * SECOND).await.unwrap().is_none());
    assert!(alive(store, second, "k", 129 * SECOND).await);
}

pub async fn after_five_tries_it_has_failed(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 2).await);
    store.cluster_task_add(task("k"), 1).await.unwrap();
    for number in 0..5 {
        let (executor, now) = (&machines[number % 2], (1 + 61 * i64::try_from(number).unwrap()) * SECOND);
        assert_eq!(take(store, executor, now).await.as_deref(), Some("k"), "try {number}");
    }
    assert!(alive(store, &machines[0], "k", 290 * SECOND).await, "the fifth may take its time");
    let mut changes = store.changes();
    assert_eq!(take(store, &machines[1], 351 * SECOND).await, None);
    let row = row(store, "k").await;
    assert_eq!((row.state.as_str(), row.tries, row.at), ("failed", 5, 351 * SECOND));
    let reason = row.reason.unwrap();
    assert!(reason.contains("5 times") && reason.contains("cp-m1"), "{reason}");
    assert_eq!(woken(&mut changes), ["m1", "m2"]);
}

pub async fn a_fixed_executor_is_the_only_one(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 2).await);
    let fixed = NewClusterTask { executor: Some(machines[1].clone()), ..task("k") };
    store.cluster_task_add(fixed, 1).await.unwrap();
    assert_eq!(take(store, &machines[0], 10).await, None);
    assert_eq!(take(store, &machines[1], 11).await.as_deref(), Some("k"));
    assert_eq!(take(store, &machines[0], 100 * SECOND).await, None, "also when that one is silent");
    assert_eq!(take(store, &machines[1], 101 * SECOND).await.as_deref(), Some("k"));
    assert_eq!(row(store, "k").await.tries, 2);
}

pub async fn nobody_takes_what_is_too_late(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 1).await);
    for key in ["a", "b"] {
        store.cluster_task_add(NewClusterTask { deadline: 50 * SECOND, ..task(key) }, 1).await.unwrap();
    }
    assert_eq!(take(store, &machines[0], 10 * SECOND).await.as_deref(), Some("a"));
    assert!(alive(store, &machines[0], "a", 49 * SECOND).await);
    store.cluster_tasks_expire("prod", 50 * SECOND).await.unwrap();
    assert_eq!(row(store, "b").await.state, "queued");
    assert_eq!(take(store, &machines[0], 51 * SECOND).await, None);
    for (key, said) in [("a", "cp-m1 did not finish"), ("b", "no control plane")] {
        let row = row(store, key).await;
        assert_eq!(row.state, "failed");
        assert!(row.reason.as_deref().unwrap().contains(said), "{:?}", row.reason);
    }
    assert!(!alive(store, &machines[0], "a", 52 * SECOND).await);
}

pub async fn only_its_executor_may_report(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 2).await);
    let id = store.cluster_task_add(task("k"), 1).await.unwrap();
    let [executor, stranger] = machines.as_slice() else { panic!("two control planes") };
    assert!(!alive(store, executor, "k", 5).await, "nobody has it yet");
    take(store, executor, 10).await.unwrap();
    assert!(!alive(store, stranger, "k", 20).await);
    assert!(!store.cluster_task_result(stranger, &id, "forged".into()).await.unwrap());
    assert_eq!(store.task_finish(stranger, &id, Outcome::Done, 21).await.unwrap(), None);
    assert_eq!((row(store, "k").await.at, row(store, "k").await.result), (10, None));
    assert!(store.cluster_task_result(executor, &id, "sealed".into()).await.unwrap());
    let finished = store.task_finish(executor, &id, Outcome::Done, 30).await.unwrap().unwrap();
    assert_eq!((finished.kind.as_str(), finished.generation), ("cluster", 0));
    assert!(!store.cluster_task_result(executor, &id, "late".into()).await.unwrap());
    assert_eq!(store.task_finish(executor, &id, Outcome::Done, 31).await.unwrap(), None, "told once");
    let row = row(store, "k").await;
    assert_eq!((row.state.as_str(), row.result.as_deref(), row.at), ("done", Some("sealed"), 30));
}

pub async fn a_failed_task_fails_no_machine(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 1).await);
    database.execute("UPDATE machine SET state = 'active'").await;
    let id = store.cluster_task_add(task("k"), 1).await.unwrap();
    take(store, &machines[0], 10).await.unwrap();
    let reason = "etcdctl: context deadline exceeded".to_string();
    store
        .task_finish(&machines[0], &id, Outcome::Failed { reason: reason.clone() }, 20)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row(store, "k").await.state.as_str(), row(store, "k").await.reason),
        ("failed", Some(reason))
    );
    assert_eq!(store.machine(&machines[0]).await.unwrap().state, "active");
    assert!(store.history(&machines[0], 5).await.unwrap().is_empty());
    assert_eq!(take(store, &machines[0], 21).await, None);
}

pub async fn a_member_does_not_remove_itself(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 2).await);
    let remove =
        NewClusterTask { step_kind: "remove_member", subject: Some(machines[0].clone()), ..task("k") };
    store.cluster_task_add(remove, 1).await.unwrap();
    assert_eq!(take(store, &machines[0], 10).await, None);
    assert_eq!(take(store, &machines[1], 11).await.as_deref(), Some("k"));
    assert_eq!(take(store, &machines[0], 100 * SECOND).await, None);
    store.cluster_task_add(NewClusterTask { step_kind: "remove_member", ..task("l") }, 2).await.unwrap();
    assert_eq!(take(store, &machines[0], 101 * SECOND).await.as_deref(), Some("l"), "a member of no machine");
}

pub async fn those_concerned_are_woken(database: Database) {
    let (store, machines) = (&database.store, control_planes(&database, 2).await);
    let worker = database.born(9).await;
    store.node_begin(&worker, "prod", Role::Worker, 1, &"w".parse().unwrap(), 1).await.unwrap();
    let mut changes = store.changes();
    let id = store.cluster_task_add(task("k"), 1).await.unwrap();
    assert_eq!(woken(&mut changes), ["m1", "m2"]);
    store.cluster_task_add(task("k"), 2).await.unwrap();
    assert!(woken(&mut changes).is_empty(), "it is there already");
    take(store, &machines[0], 10).await.unwrap();
    store.task_finish(&machines[0], &id, Outcome::Done, 20).await.unwrap();
    assert_eq!(woken(&mut changes), ["m1", "m2"]);
    let about = NewClusterTask { subject: Some(worker), ..task("l") };
    store.cluster_task_add(about, 30).await.unwrap();
    assert_eq!(woken(&mut changes), ["m1", "m2", "m9"]);
}

pub async fn ended_ones_are_forgotten_in_the_end(database: Database) {
    const DAY: i64 = 24 * 3600 * SECOND;
    let (store, machines) = (&database.store, control_planes(&database, 1).await);
    let id = store.cluster_task_add(task("ended"), 1).await.unwrap();
    take(store, &machines[0], 2).await.unwrap();
    store.cluster_task_add(NewClusterTask { deadline: i64::MAX, ..task("queued") }, 3).await.unwrap();
    store.task_finish(&machines[0], &id, Outcome::Done, 4).await.unwrap().unwrap();
    for (day, kept) in [(29, true), (31, false)] {
        store.cluster_task_add(task("new"), day * DAY).await.unwrap();
        assert_eq!(store.cluster_task_by_key("ended").await.unwrap().is_some(), kept, "day {day}");
    }
    assert!(store.cluster_task_by_key("queued").await.unwrap().is_some());
}
