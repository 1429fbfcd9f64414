//! New certificates for control planes: one after the other, whatever else is due, because each restarts a member of etcd.

use api::cluster::{CertificateExpiry, ClusterState, Node, Role};
use api::event::Event;
use api::id::MachineId;
use server::cluster::{etcd, upkeep};

use crate::leave::bench::{Bench, members, serve};

const MINUTE: i64 = 60_000_000;

async fn shows(bench: &Bench, id: &MachineId, ends: i64) {
    shows_as(bench, id, true, ends).await;
}

async fn shows_as(bench: &Bench, id: &MachineId, ready: bool, ends: i64) {
    let row = bench.app.store.node(id).await.unwrap().unwrap();
    let node = Node { ready, ..row.node().unwrap() };
    bench.app.store.node_seen(id, &node).await.unwrap();
    let certificates = [CertificateExpiry { name: "apiserver".into(), not_after: ends }];
    assert!(bench.app.store.node_certificates(id, 1, &certificates).await.unwrap());
}

/// Both have ended already, so nothing is left to wait for but the other one.
#[tokio::test]
async fn two_that_are_due_are_renewed_one_after_the_other() {
    let bench = Bench::new().await;
    let (first, second) =
        (bench.active(1, Role::ControlPlane, 0).await, bench.active(2, Role::ControlPlane, 0).await);
    let now = server::clock::now();
    shows(&bench, &first, now - 2 * MINUTE).await;
    shows(&bench, &second, now - MINUTE).await;
    let cluster = bench.app.store.clusters().await.unwrap().remove(0);
    assert_eq!(cluster.state().unwrap(), ClusterState::Up);
    let mut listed = members(&["node01", "node02"]);
    let key = etcd::list_members(&bench.app, "prod").await.unwrap();
    let mut done = Vec::new();
    serve(&bench, &second, &mut listed, &mut done).await;
    assert!(
        bench.app.store.cluster_task_by_key(&key).await.unwrap().is_some_and(|task| task.state == "done")
    );

    upkeep::look(&bench.app, &cluster).await.unwrap();
    assert_eq!(bench.app.store.renewals("prod").await.unwrap(), std::slice::from_ref(&first));
    // Its certificates are new long before what reads them was restarted.
    shows(&bench, &first, now + 600 * MINUTE).await;
    upkeep::look(&bench.app, &cluster).await.unwrap();
    assert_eq!(bench.app.store.renewals("prod").await.unwrap(), std::slice::from_ref(&first));
    // Whoever asks meanwhile whether another can be spared hears that this one carries nothing.
    let seen = etcd::members(&bench.app, "prod", 0).await.unwrap().unwrap();
    let well: Vec<(&str, bool)> = seen.iter().map(|member| (member.name.as_str(), member.healthy)).collect();
    assert_eq!(well, [("node01", false), ("node02", true)]);

    // The daily snapshot is before it in the queue.
    for _ in 0..2 {
        serve(&bench, &first, &mut listed, &mut done).await;
    }
    assert_eq!(done, ["snapshot by machine-1", "renew by machine-1"]);
    assert_eq!(bench.app.store.renewals("prod").await.unwrap(), []);
    upkeep::look(&bench.app, &cluster).await.unwrap();
    assert_eq!(bench.app.store.renewals("prod").await.unwrap(), [second]);
}

/// Its own have ended too, so that it stays the first of all that are due.
#[tokio::test]
async fn one_that_is_dead_does_not_keep_another_from_new_certificates() {
    let bench = Bench::new().await;
    let (dead, other) =
        (bench.active(1, Role::ControlPlane, 0).await, bench.active(2, Role::ControlPlane, 0).await);
    let now = server::clock::now();
    shows_as(&bench, &dead, false, now - MINUTE).await;
    shows(&bench, &other, now + MINUTE).await;
    let cluster = bench.app.store.clusters().await.unwrap().remove(0);
    upkeep::look(&bench.app, &cluster).await.unwrap();
    assert_eq!(bench.app.store.renewals("prod").await.unwrap(), [other]);
}

/// It may be on hold for weeks, with a screwdriver in it. What has time left waits for it.
#[tokio::test]
async fn one_that_has_stopped_on_its_way_keeps_nobody_from_new_certificates_for_ever() {
    let bench = Bench::new().await;
    let (serving, leaving) =
        (bench.active(1, Role::ControlPlane, 0).await, bench.active(2, Role::ControlPlane, 0).await);
    bench.reprovision(&leaving).await;
    assert!(bench.app.store.cluster_admit("prod", &leaving, 5).await.unwrap());
    let cluster = bench.app.store.clusters().await.unwrap().remove(0);
    for (days, renewed) in [(10_i64, Vec::new()), (2, vec![serving.clone()])] {
        shows(&bench, &serving, server::clock::now() + days * 24 * 60 * MINUTE).await;
        upkeep::look(&bench.app, &cluster).await.unwrap();
        assert_eq!(bench.app.store.renewals("prod").await.unwrap(), renewed, "{days} days are left");
    }
}

/// An etcd that is told to end answers for a while, and the list of members is of a moment before.
#[tokio::test]
async fn nothing_is_renewed_while_another_is_being_switched_off() {
    let bench = Bench::new().await;
    let mut planes = Vec::new();
    for number in 1..=3 {
        planes.push(bench.active(number, Role::ControlPlane, 0).await);
    }
    for (id, days) in planes.iter().zip([10_i64, 100, 100]) {
        shows(&bench, id, server::clock::now() + days * 24 * 60 * MINUTE).await;
    }
    let cluster = bench.app.store.clusters().await.unwrap().remove(0);
    etcd::list_members(&bench.app, "prod").await.unwrap();
    serve(&bench, &planes[0], &mut members(&["node01", "node02", "node03"]), &mut Vec::new()).await;
    let renewed = async |event: Event| {
        bench.app.store.submit(&planes[1], event, "ada", server::clock::now()).await.unwrap();
        upkeep::look(&bench.app, &cluster).await.unwrap();
        bench.app.store.renewals("prod").await.unwrap()
    };
    assert_eq!(renewed(Event::PowerOff).await, []);
    assert_eq!(renewed(Event::PowerOn).await, [planes[0].clone()]);
}
