//! The way of a machine out of its cluster, against an API server in memory: what is evicted and what is waited
//! for, who is asked in which order, and what a server that was killed in the middle finds.

mod api_server;
pub mod bench;

use std::time::Duration;

use api::cluster::{ClusterStep, Role};
use api::event::Event;
use api::id::MachineId;
use server::cluster::steps::{self, Step};
use server::cluster::{dead, interrupt};
use server::store::Claim;

use self::bench::{Bench, MINUTE, members, pod, serve};

#[tokio::test]
async fn a_worker_leaves_and_a_killed_server_goes_on_where_it_stands() {
    let bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 0).await;
    let pods = [pod("web-1", Some("ReplicaSet")), pod("proxy", Some("DaemonSet")), pod("anna", None)];
    bench.object(7, true, &pods);
    bench.api.lock().budget_is_spent = true;
    bench.reprovision(&id).await;
    let running = bench.drain();
    bench
        .until("the budget and the notebook are named", async || {
            let evidence = bench.evidence(&id).await;
            evidence.contains(
                "hub/web-1: the disruption budget web allows no eviction since 2026-11-24 08:00:00Z",
            ) && evidence.contains("1 pod without a controller: hub/anna")
                && evidence.contains("`metalctl machine reprovision node07 --force`")
        })
        .await;
    assert_eq!(bench.api.lock().calls, ["cordon"]);
    running.abort();

    bench.api.lock().budget_is_spent = false;
    let running = bench.drain();
    let evicted = |name: &str| !bench.api.lock().pods.contains_key(name);
    bench.until("the web server is evicted", async || evicted("web-1")).await;
    assert!(!evicted("anna") && !bench.is_ready_to_leave(&id).await);
    assert_eq!(bench.has_history(&id, "evicted").await, None);

    bench.app.store.node_wish(&id, false, true).await.unwrap();
    bench.until("its agent may stop it", async || bench.is_ready_to_leave(&id).await).await;
    assert!(evicted("anna") && !evicted("proxy"));
    assert!(bench.has_history(&id, "evicted").await.unwrap().contains("hub/anna"));
    assert!(bench.api.lock().node.is_some(), "its kubelet would register again");
    running.abort();

    bench.stop_node(&id).await;
    let running = bench.drain();
    bench.until("it is inspected", async || bench.state(&id).await == "inspecting").await;
    assert!(bench.api.lock().node.is_none());
    assert!(bench.app.store.node(&id).await.unwrap().is_none());
    running.abort();
}

#[tokio::test]
async fn a_machine_without_power_leaves_when_a_person_says_so_and_is_known_when_it_returns() {
    let bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    bench.object(7, false, &[pod("web-1", Some("ReplicaSet")), pod("proxy", Some("DaemonSet"))]);
    bench.reprovision(&id).await;
    let running = bench.drain();
    bench
        .until("a person is asked", async || {
            bench.evidence(&id).await.contains("reprovision node07 --powered-off")
        })
        .await;
    assert_eq!(bench.api.lock().calls, Vec::<String>::new());
    bench.app.store.node_wish(&id, true, false).await.unwrap();
    bench.until("it is inspected", async || bench.state(&id).await == "inspecting").await;
    assert_eq!(bench.api.lock().calls, ["cordon", "taint", "delete"]);
    assert!(bench.has_history(&id, "fenced").await.unwrap().contains("its power was said to be off"));
    running.abort();

    let before = bench.app.store.machine(&id).await.unwrap();
    dead::spoke(&bench.app, &before, "a new boot").await.unwrap();
    assert!(bench.has_history(&id, "returned").await.is_some());
    assert!(bench.evidence(&id).await.starts_with("returned: the old system answers"));
}

#[tokio::test]
async fn a_machine_that_never_became_a_node_passes_at_once() {
    let bench = Bench::new().await;
    let id = bench.active(7, Role::Worker, 10 * MINUTE).await;
    bench.app.store.node_gone(&id).await.unwrap();
    bench.reprovision(&id).await;
    let running = bench.drain();
    bench.until("it is inspected", async || bench.state(&id).await == "inspecting").await;
    running.abort();
}

#[tokio::test]
async fn a_control_plane_leaves_etcd_first_and_the_next_one_waits_until_it_is_back() {
    let bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let (second, third) =
        (bench.active(2, Role::ControlPlane, 0).await, bench.active(3, Role::ControlPlane, 0).await);
    let mut etcd = members(&["node01", "node02", "node03"]);
    let mut done = Vec::new();
    bench.object(2, true, &[]);
    bench.reprovision(&second).await;
    let running = bench.drain();
    bench
        .until("it has the turn", async || {
            bench.app.store.node(&second).await.unwrap().unwrap().leaving.is_some()
        })
        .await;
    bench.reprovision(&third).await;
    bench
        .until("its agent may stop it", async || {
            serve(&bench, &first, &mut etcd, &mut done).await;
            if bench.app.store.cluster_task_calls(&second).await.unwrap() {
                serve(&bench, &second, &mut etcd, &mut done).await;
            }
            bench.is_ready_to_leave(&second).await
        })
        .await;
    assert_eq!(done, ["snapshot by machine-1", "balance by machine-2", "remove_member by machine-1"]);
    assert!(bench.evidence(&third).await.contains("its turn: node02 is joining or leaving prod before it"));

    bench.stop_node(&second).await;
    bench.until("it is inspected", async || bench.state(&second).await == "inspecting").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(bench.evidence(&third).await.contains("its turn: node02"), "etcd would shrink to one member");
    assert_eq!(etcd.len(), 2);
    running.abort();
}

/// With the same install: what it once made goes on without it, and a second init would make another cluster beside it.
#[tokio::test]
async fn who_made_the_cluster_joins_it_when_it_comes_back_from_an_inspection() {
    let bench = Bench::new().await;
    let (store, made) = (&bench.app.store, MachineId("machine-1".into()));
    let row = store.cluster("prod").await.unwrap().unwrap();
    store.cluster_reset("prod", 3).await.unwrap();
    assert_eq!(store.cluster_claim("prod", &made, 1, 4).await.unwrap(), Claim::Init);
    assert!(store.cluster_up("prod", &made, 1, row.ca_pem.unwrap(), row.access.unwrap(), 5).await.unwrap());
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    assert_eq!(first, made);
    let mut etcd = members(&["node01", "node02"]);
    let mut done = Vec::new();
    bench.object(1, true, &[]);
    store.submit(&first, Event::Inspect, "test", server::clock::now()).await.unwrap();
    let running = bench.drain();
    bench
        .until("its agent may stop it", async || {
            serve(&bench, &second, &mut etcd, &mut done).await;
            if bench.app.store.cluster_task_calls(&first).await.unwrap() {
                serve(&bench, &first, &mut etcd, &mut done).await;
            }
            bench.is_ready_to_leave(&first).await
        })
        .await;
    assert_eq!(store.cluster_claim("prod", &first, 1, 6).await.unwrap(), Claim::Init, "it is still in");
    bench.stop_node(&first).await;
    bench.until("it is inspected", async || bench.state(&first).await == "inspecting").await;
    bench.object(2, true, &[]);
    bench.reprovision(&second).await;
    bench
        .until("the next one waits for it", async || {
            bench.evidence(&second).await.contains("its turn: node01")
        })
        .await;
    running.abort();
    assert_eq!(store.machine(&first).await.unwrap().life().unwrap().generation, 1);
    assert_eq!(store.cluster_claim("prod", &first, 1, 7).await.unwrap(), Claim::Join);
}

/// The load balancer of a control plane that is off for days has to be changed when it is back.
#[tokio::test]
async fn a_step_that_nobody_takes_is_asked_for_again_as_long_as_it_is_wanted() {
    let bench = Bench::new().await;
    let mut now = server::clock::now();
    for tries in 0..30 {
        let (step, patience) = (ClusterStep::Members, Duration::from_secs(60));
        let step = Step { key: "wanted".into(), step, subject: None, executor: None, patience };
        steps::persist(&bench.app, "prod", step, now).await.unwrap();
        let task = bench.app.store.cluster_task_by_key(&format!("wanted/{tries}")).await.unwrap();
        assert_eq!(task.map(|task| task.state).as_deref(), Some("queued"), "try {tries}");
        now += 2 * MINUTE;
        bench.app.store.cluster_tasks_expire("prod", now).await.unwrap();
        now += 60 * MINUTE;
    }
}

#[tokio::test]
async fn operators_are_told_what_etcd_cannot_spare() {
    let bench = Bench::new().await;
    let first = bench.active(1, Role::ControlPlane, 0).await;
    let second = bench.active(2, Role::ControlPlane, 0).await;
    let mut etcd = members(&["node01", "node02", "node03"]);
    etcd[2].healthy = false;
    let refuse = async |powered_off| {
        let row = bench.app.store.machine(&second).await.unwrap();
        let event = Event::Reprovision { erase_foreign: false };
        interrupt::may_leave(&bench.app, &row, &row.life().unwrap(), &event, powered_off).await
    };
    let agent = async {
        loop {
            serve(&bench, &first, &mut etcd.clone(), &mut Vec::new()).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let asked = async { (refuse(false).await, refuse(true).await) };
    let (kept, alive) = tokio::select! {
        answers = asked => answers,
        () = agent => unreachable!("an agent never ends"),
    };
    assert_eq!(
        kept.unwrap_err().to_string(),
        "node02 stays: 3 voters, 2 healthy: removing node02 would leave 1 healthy of 2, and 2 are needed"
    );
    assert_eq!(
        alive.unwrap_err().to_string(),
        "node02 stays: node02 still answers as a member of etcd, so it is not off"
    );
}
