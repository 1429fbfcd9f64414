//! Clusters: init is claimed once, and one control plane joins at a time.

use api::cluster::{ClusterState, Role, Snapshot};
use api::id::MachineId;
use server::store::{Claim, Error, NewClusterTask, Store};

use crate::database::{Database, woken};

async fn declared(database: &Database) {
    database.store.cluster_declare(vec!["prod".into(), "test".into()], 5).await.unwrap();
}

async fn state(store: &Store, name: &str) -> ClusterState {
    store.cluster(name).await.unwrap().unwrap().state().unwrap()
}

/// `prod` is up, initialised by this machine in its generation 1.
async fn up(database: &Database, machine: &MachineId) {
    declared(database).await;
    let store = &database.store;
    assert_eq!(store.cluster_claim("prod", machine, 1, 10).await.unwrap(), Claim::Init);
    assert!(store.cluster_up("prod", machine, 1, "CA".into(), "sealed".into(), 20).await.unwrap());
}

pub async fn of_many_at_once_one_initialises(database: Database) {
    let (machines, other) = (database.rack(6).await, database.replica().await);
    let names: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    database.store.cluster_declare(names.clone(), 5).await.unwrap();
    for name in names {
        let mut claims = tokio::task::JoinSet::new();
        for (number, machine) in machines.iter().cloned().enumerate() {
            let store = if number % 2 == 0 { database.store.clone() } else { other.clone() };
            let name = name.clone();
            claims.spawn(async move {
                let claim = store.cluster_claim(&name, &machine, 1, 10).await.unwrap();
                (machine, claim)
            });
        }
        let claims = claims.join_all().await;
        let winners: Vec<&MachineId> =
            claims.iter().filter(|(_, claim)| *claim == Claim::Init).map(|(machine, _)| machine).collect();
        assert_eq!(winners.len(), 1, "{name}");
        for (machine, claim) in claims.iter().filter(|(machine, _)| machine != winners[0]) {
            assert_eq!(*claim, Claim::Wait(Some(winners[0].clone())), "{machine} waits for the claimant");
        }
    }
    let undeclared = database.store.cluster_claim("prod", &machines[0], 1, 10).await;
    assert!(matches!(undeclared, Err(Error::NoCluster(_))));
}

pub async fn a_claim_outlives_the_server_and_its_machine(database: Database) {
    let machines = database.rack(2).await;
    declared(&database).await;
    let claim = async |store: &Store, number: usize, generation| {
        store.cluster_claim("prod", &machines[number], generation, 30).await.unwrap()
    };
    assert_eq!(claim(&database.store, 0, 1).await, Claim::Init);
    assert_eq!(claim(&database.store, 0, 1).await, Claim::Init, "asked again");
    let restarted = Store::open(&database.url).await.unwrap();
    restarted.cluster_declare(vec!["prod".into()], 40).await.unwrap();
    assert_eq!(claim(&restarted, 0, 1).await, Claim::Init);
    let waits = Claim::Wait(Some(machines[0].clone()));
    assert_eq!(claim(&restarted, 1, 1).await, waits);
    assert_eq!(claim(&restarted, 0, 2).await, waits, "what an older generation began is not known");
    database.execute("DELETE FROM machine WHERE id = 'm1'").await;
    assert_eq!(claim(&restarted, 1, 1).await, waits, "only a reset ends it");
    assert_eq!(restarted.cluster("prod").await.unwrap().unwrap().since, 30);
}

pub async fn only_the_claimant_brings_it_up(database: Database) {
    let (store, machines) = (&database.store, database.rack(2).await);
    declared(&database).await;
    let up = async |number: usize, generation, ca: &str, now| {
        store
            .cluster_up("prod", &machines[number], generation, ca.into(), "sealed".into(), now)
            .await
            .unwrap()
    };
    assert!(!up(0, 1, "CA", 10).await, "nobody has claimed it");
    store.cluster_claim("prod", &machines[0], 1, 11).await.unwrap();
    assert!(!up(1, 1, "CA", 12).await, "another machine");
    assert!(!up(0, 2, "CA", 12).await, "another generation");
    assert_eq!(state(store, "prod").await, ClusterState::Initialising);
    assert!(up(0, 1, "CA", 13).await);
    assert!(up(0, 1, "CA", 14).await, "its answer was lost");
    assert!(!up(0, 1, "another CA", 15).await, "a second cluster");
    let row = store.cluster("prod").await.unwrap().unwrap();
    assert_eq!((row.state().unwrap(), row.since, row.ca_pem.as_deref()), (ClusterState::Up, 13, Some("CA")));
    assert_eq!(store.cluster_claim("prod", &machines[1], 1, 16).await.unwrap(), Claim::Join);
    assert_eq!(store.cluster_claim("prod", &machines[0], 1, 16).await.unwrap(), Claim::Init, "not itself");
    assert_eq!(store.cluster_claim("prod", &machines[0], 2, 16).await.unwrap(), Claim::Join);
    store.cluster_left("prod", &machines[1]).await.unwrap();
    assert_eq!(store.cluster_claim("prod", &machines[0], 1, 17).await.unwrap(), Claim::Init, "another left");
    store.cluster_left("prod", &machines[0]).await.unwrap();
    assert_eq!(store.cluster_claim("prod", &machines[0], 1, 18).await.unwrap(), Claim::Join, "it has left");
    assert_eq!(store.cluster("prod").await.unwrap().unwrap().machine.as_ref(), Some(&machines[0].0));
    assert_eq!(state(store, "test").await, ClusterState::Empty);
}

pub async fn an_adopted_cluster_was_empty(database: Database) {
    let (store, machines) = (&database.store, database.rack(1).await);
    up(&database, &machines[0]).await;
    assert!(!store.cluster_adopt("prod", "CA".into(), "sealed".into(), 30).await.unwrap());
    assert!(store.cluster_adopt("test", "CA".into(), "sealed".into(), 30).await.unwrap());
    assert!(!store.cluster_adopt("test", "CA".into(), "sealed".into(), 31).await.unwrap());
    assert_eq!(store.cluster_claim("test", &machines[0], 1, 32).await.unwrap(), Claim::Join);
    let names: Vec<String> = store.clusters().await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["prod", "test"]);
}

pub async fn one_control_plane_joins_at_a_time(database: Database) {
    let (store, machines, other) = (&database.store, database.rack(5).await, database.replica().await);
    declared(&database).await;
    assert!(!store.cluster_admit("prod", &machines[1], 9).await.unwrap(), "there is no cluster yet");
    up(&database, &machines[0]).await;
    let mut asks = tokio::task::JoinSet::new();
    for (number, machine) in machines.iter().cloned().enumerate() {
        let store = if number % 2 == 0 { store.clone() } else { other.clone() };
        asks.spawn(async move { (store.cluster_admit("prod", &machine, 30).await.unwrap(), machine) });
    }
    let admitted: Vec<MachineId> =
        asks.join_all().await.into_iter().filter(|(yes, _)| *yes).map(|(_, machine)| machine).collect();
    let [first] = admitted.as_slice() else { panic!("one is admitted: {admitted:?}") };
    let next = machines.iter().find(|machine| *machine != first).unwrap();
    assert!(store.cluster_admit("prod", first, 40).await.unwrap(), "it has the place");
    store.cluster_release("prod", next).await.unwrap();
    assert!(!store.cluster_admit("prod", next, i64::MAX).await.unwrap(), "never taken over");
    assert_eq!(store.cluster("prod").await.unwrap().unwrap().admitted, Some(30));
    store.cluster_release("prod", first).await.unwrap();
    assert!(store.cluster_admit("prod", next, 50).await.unwrap());
    assert!(!store.cluster_admit("prod", first, 51).await.unwrap());
    database.execute("DELETE FROM machine").await;
    assert_eq!(
        store.cluster("prod").await.unwrap().unwrap().admitting,
        None,
        "a deleted machine joins no more"
    );
}

pub async fn a_reset_forgets_all_but_snapshots(database: Database) {
    let (store, machines) = (&database.store, database.rack(2).await);
    up(&database, &machines[0]).await;
    store.cluster_admit("prod", &machines[1], 20).await.unwrap();
    for (machine, cluster) in machines.iter().zip(["prod", "test"]) {
        let name = format!("node-{machine}").parse().unwrap();
        store.node_begin(machine, cluster, Role::ControlPlane, 1, &name, 20).await.unwrap();
        let key = format!("{cluster}/fabric");
        store.cluster_task_add(task(cluster, &key), 21).await.unwrap();
    }
    let snapshot = |at: i64| Snapshot {
        cluster: "prod".into(),
        file: format!("{at}.db"),
        at,
        size: 1 << 40,
        sha256: "ff".into(),
    };
    for at in [30, 10, 20] {
        store.snapshot_add(snapshot(at)).await.unwrap();
    }
    store.snapshot_remove("prod", "20.db").await.unwrap();
    let mut changes = store.changes();
    store.cluster_reset("prod", 50).await.unwrap();
    assert_eq!(woken(&mut changes), ["m1"]);
    let row = store.cluster("prod").await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.since, row.machine, row.ca_pem), ("empty", 50, None, None));
    assert_eq!((row.access, row.admitting), (None, None));
    assert!(store.nodes("prod").await.unwrap().is_empty());
    assert_eq!(store.cluster_task_by_key("prod/fabric").await.unwrap().map(|task| task.id), None);
    assert_eq!(store.nodes("test").await.unwrap().len(), 1, "another cluster's");
    assert!(store.cluster_task_by_key("test/fabric").await.unwrap().is_some());
    assert_eq!(store.snapshots("prod").await.unwrap(), [snapshot(30), snapshot(10)], "newest first");
    assert!(store.snapshots("test").await.unwrap().is_empty());
    assert_eq!(store.cluster_claim("prod", &machines[1], 1, 60).await.unwrap(), Claim::Init);
}

fn task(cluster: &str, key: &str) -> NewClusterTask {
    NewClusterTask {
        cluster: cluster.into(),
        key: key.into(),
        step_kind: "apply",
        subject: None,
        executor: None,
        body: "sealed".into(),
        deadline: i64::MAX,
    }
}

pub async fn who_waits_for_a_cluster_is_woken(database: Database) {
    let (store, machines) = (&database.store, database.rack(4).await);
    database.execute("UPDATE machine SET state = 'joining' WHERE id IN ('m2', 'm3')").await;
    declared(&database).await;
    store.cluster_claim("prod", &machines[0], 1, 10).await.unwrap();
    let mut changes = store.changes();
    store.cluster_up("prod", &machines[1], 1, "CA".into(), "sealed".into(), 20).await.unwrap();
    assert!(woken(&mut changes).is_empty(), "refused: no news");
    store.cluster_up("prod", &machines[0], 1, "CA".into(), "sealed".into(), 20).await.unwrap();
    assert_eq!(woken(&mut changes), ["m2", "m3"]);
    store.cluster_admit("prod", &machines[1], 21).await.unwrap();
    store.cluster_release("prod", &machines[2]).await.unwrap();
    assert!(woken(&mut changes).is_empty());
    store.cluster_release("prod", &machines[1]).await.unwrap();
    assert_eq!(woken(&mut changes), ["m2", "m3"], "the place is free");
    store.cluster_adopt("test", "CA".into(), "sealed".into(), 30).await.unwrap();
    assert_eq!(woken(&mut changes), ["m2", "m3"]);
}
