//! The loop over a cluster that is up: whose kubelet is let in, when a node counts, and what is shown of it.

use api::event::Event;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use server::cluster::watch;

use crate::approve::request;
use crate::bench::{Bench, JOIN, installed, node};

#[tokio::test]
async fn the_first_control_plane_works_for_the_cluster_while_it_still_joins() {
    let bench = Bench::new().await;
    let first = bench.joining(1, "control").await;
    let (_, join) = bench.task(&first).await;
    assert_eq!(bench.tell_access(&first).await, StatusCode::NO_CONTENT);
    bench.done(&first, &join).await;
    let running = tokio::spawn(watch::watch(bench.app.clone()));
    let mut fabric = Value::Null;
    bench
        .until("the fabric is asked for", async || {
            fabric = bench.task(&first).await.1;
            fabric["work"]["step"]["name"] == "fabric"
        })
        .await;
    assert!(fabric["work"]["step"]["manifest"].as_str().unwrap().contains("\"Type\": \"host-gw\""));
    bench.done(&first, &fabric).await;
    bench.api.store.put("nodes", node(1, true));
    bench.until("it is active", async || bench.state(&first).await == "active").await;
    running.abort();
}

#[tokio::test]
async fn a_node_is_let_in_shown_and_counted_when_the_api_server_says_ready() {
    let bench = Bench::new().await;
    bench.up().await;
    let id = bench.joining(1, "worker").await;
    let (_, join) = bench.task(&id).await;
    let (_, secrets) = bench.call(installed(&id, 1), Method::POST, JOIN, None).await;
    let (token, _) = secrets["token"].as_str().unwrap().split_once('.').unwrap();
    let running = tokio::spawn(watch::watch(bench.app.clone()));

    for (name, subject) in [("right", "system:node:node01"), ("wrong", "system:node:node02")] {
        let mut request = request(subject, "system:nodes", &[]);
        request.metadata.name = Some(name.into());
        request.spec.username = Some(format!("system:bootstrap:{token}"));
        bench.api.store.put("certificatesigningrequests", serde_json::to_value(request).unwrap());
    }
    let approved = |name: &str| {
        let request = bench.api.store.get("certificatesigningrequests", name).unwrap();
        request["status"]["conditions"][0]["type"] == "Approved"
    };
    bench.until("the right request is approved", async || approved("right")).await;

    bench.api.store.put("nodes", node(1, true));
    let ready = async || {
        let row = bench.app.store.node(&id).await.unwrap().unwrap();
        row.node().is_some_and(|node| node.ready)
    };
    bench.until("it is Ready", ready).await;
    assert_eq!(bench.state(&id).await, "joining", "kubeadm still runs");

    bench.api.store.put("nodes", node(1, false));
    bench.until("it is NotReady", async || !ready().await).await;
    bench.done(&id, &join).await;
    bench
        .until("why it is not Ready is beside the machine", async || {
            bench.evidence(&id).await.ends_with("NotReady: KubeletNotReady: cni plugin not initialized")
        })
        .await;
    assert_eq!(bench.state(&id).await, "joining");
    let shown = bench.api.store.get("nodes", "node01").unwrap();
    assert_eq!(shown["metadata"]["labels"]["example.org/disk"], "ssd");
    let taints = shown["spec"]["taints"].as_array().unwrap();
    assert!(taints.len() == 2 && taints[1]["key"] == "dedicated", "{taints:?}");

    let mut ready = shown;
    ready["status"] = node(1, true)["status"].clone();
    bench.api.store.put("nodes", ready);
    bench.until("it is active", async || bench.state(&id).await == "active").await;
    bench.until("its token is revoked", async || bench.api.store.names("secrets").is_empty()).await;
    assert!(!approved("wrong"));

    bench.api.store.put("nodes", node(1, false));
    bench
        .until("NotReady is shown", async || {
            let row = bench.app.store.node(&id).await.unwrap().unwrap();
            row.node().is_some_and(|node| !node.ready && node.reason.contains("cni plugin"))
        })
        .await;
    running.abort();
}

#[tokio::test]
async fn what_lets_a_control_plane_in_is_gone_when_its_join_has_failed() {
    let bench = Bench::new().await;
    bench.up().await;
    let id = bench.joining(1, "control").await;
    assert_eq!(bench.task(&id).await.0, StatusCode::OK);
    bench.app.store.node_token(&id, Some(("abcdef".into(), i64::MAX))).await.unwrap();
    for name in ["bootstrap-token-abcdef", "kubeadm-certs"] {
        bench.api.store.put("secrets", json!({ "metadata": { "name": name } }));
    }
    let failed = Event::StepFailed { reason: "test".into() };
    bench.app.store.submit(&id, failed, "test", 3).await.unwrap();
    let running = tokio::spawn(watch::watch(bench.app.clone()));
    bench.until("both are gone", async || bench.api.store.names("secrets").is_empty()).await;
    running.abort();
}

#[tokio::test]
async fn what_has_no_row_is_listed_and_what_has_returned_is_cordoned() {
    let bench = Bench::new().await;
    bench.up().await;
    // It was let go of, and is installed anew while its old system comes back.
    let id = bench.joining(1, "worker").await;
    let failed = Event::StepFailed { reason: "test".into() };
    for event in [failed, Event::Reprovision { erase_foreign: false }, Event::Drained] {
        bench.app.store.submit(&id, event, "test", 3).await.unwrap();
    }
    bench.api.store.put("nodes", node(1, true));
    bench.api.store.put("nodes", node(9, true));
    let running = tokio::spawn(watch::watch(bench.app.clone()));
    let cordoned = |name| bench.api.store.get("nodes", name).unwrap()["spec"]["unschedulable"] == true;
    bench.until("the one that returned is cordoned", async || cordoned("node01")).await;
    let problems = async || server::cluster::list(&bench.app).await.unwrap()[0].problems.join("\n");
    bench
        .until("it is a problem", async || {
            let problems = problems().await;
            assert!(!problems.contains("node09"), "in a cluster that was adopted it is at home: {problems}");
            problems.contains("node node01 has returned, and its machine is inspecting: stop it")
        })
        .await;
    let detail = server::cluster::detail(&bench.app, "prod").await.unwrap().unwrap();
    let [other] = &detail.others[..] else { panic!("{:?}", detail.others) };
    assert_eq!((&*other.name, other.ready, &*other.version), ("node09", true, "v1.36.3"));
    assert!(!cordoned("node09"), "it is not ours to touch");
    running.abort();
}

#[tokio::test]
async fn in_a_cluster_of_our_own_a_stranger_is_a_problem() {
    let bench = Bench::new().await;
    let first = bench.joining(1, "control").await;
    bench.task(&first).await;
    assert_eq!(bench.tell_access(&first).await, StatusCode::NO_CONTENT);
    bench.api.store.put("nodes", node(9, true));
    let running = tokio::spawn(watch::watch(bench.app.clone()));
    bench
        .until("it is a problem", async || {
            let problems = &server::cluster::list(&bench.app).await.unwrap()[0].problems;
            problems.iter().any(|problem| problem == "node node09 is no machine of this site")
        })
        .await;
    running.abort();
}

#[tokio::test]
async fn an_active_machine_of_a_forgotten_cluster_is_led_back_to_its_node() {
    let bench = Bench::new().await;
    bench.up().await;
    let id = bench.joining(1, "control").await;
    let (_, join) = bench.task(&id).await;
    bench.done(&id, &join).await;
    let running = tokio::spawn(watch::watch(bench.app.clone()));
    let mut plane = node(1, true);
    plane["metadata"]["labels"] = json!({ "node-role.kubernetes.io/control-plane": "" });
    bench.api.store.put("nodes", plane.clone());
    bench.until("it is active", async || bench.state(&id).await == "active").await;

    // Somebody else's node of the same name, first.
    let mut false_one = plane.clone();
    false_one["metadata"]["uid"] = json!("u2");
    false_one["status"]["nodeInfo"]["bootID"] = json!("another");
    bench.api.store.put("nodes", false_one);
    let uid =
        async || bench.app.store.node(&id).await.unwrap().and_then(|row| row.node()).map(|node| node.uid);
    bench.until("the false one is seen", async || uid().await.as_deref() == Some("u2")).await;
    server::cluster::reset(&bench.app, "prod").await.unwrap();
    assert_eq!(uid().await, None, "forgotten");
    bench.up().await;
    bench
        .until("the false one is told", async || {
            let problems = server::cluster::list(&bench.app).await.unwrap()[0].problems.join("\n");
            problems.contains(
                "node node01 is not taken for the machine of that name: the machine runs the boot disk-1",
            )
        })
        .await;
    assert!(bench.app.store.node(&id).await.unwrap().is_none(), "a name alone is nobody's proof");

    bench.api.store.put("nodes", plane);
    bench
        .until("it is its node again", async || {
            let row = bench.app.store.node(&id).await.unwrap();
            row.is_some_and(|row| row.role == "control-plane" && row.node().is_some_and(|node| node.ready))
        })
        .await;
    assert_eq!(bench.state(&id).await, "active", "nothing is done to it");
    running.abort();
}

#[tokio::test]
async fn an_api_server_that_is_silent_is_said_beside_each_node() {
    let bench = Bench::new().await;
    bench.up().await;
    let id = bench.joining(1, "worker").await;
    bench.task(&id).await;
    bench.api.store.put("nodes", node(1, false));
    let running = tokio::spawn(watch::watch(bench.app.clone()));
    let reason = async || {
        let row = bench.app.store.node(&id).await.unwrap().unwrap();
        row.node().map(|node| node.reason).unwrap_or_default()
    };
    bench.until("it is shown", async || reason().await.starts_with("NotReady")).await;
    bench.api.store.silence(true);
    bench.until("silence", async || reason().await.starts_with("the API server does not answer since")).await;
    let said = reason().await;
    bench.api.store.silence(false);
    bench.until("it is shown again", async || reason().await.starts_with("NotReady")).await;
    assert!(said.ends_with("Z: it restarts"), "{said}");
    running.abort();
}
