//! An agent that was let in under the wrong row, and machines in quarantine.

use api::facts::{Facts, Interface, Product};
use api::id::{Mac, MachineId};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use server::store::machine::Birth;

use crate::bench::{Bench, MAC, disk, facts};

const NEW: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 2]);

/// All that tells a machine from another, and the port that it booted from.
fn hardware(boot: &str, number: u8, mac: Mac) -> Facts {
    let product = |what: &str| Product { serial: format!("{what}-{number}"), ..Product::default() };
    let facts = facts(boot, vec![disk(&format!("disk-{number}"))]);
    let interfaces = facts.interfaces.iter().map(|port| Interface { mac, ..port.clone() }).collect();
    Facts {
        system: product("system"),
        board: product("board"),
        chassis: product("chassis"),
        uuid: Some(format!("9f0c4b1e-0000-4000-8000-0000000000{number:02}")),
        interfaces,
        ..facts
    }
}

/// The machine is known by its hardware, and named.
async fn known() -> Bench {
    let bench = Bench::new().await;
    bench.hello("b1").await;
    let (kind, task) = bench.task("b1").await;
    assert_eq!(kind, "inspect");
    bench.reports(&hardware("b1", 1, MAC)).await;
    assert_eq!(bench.is_done("b1", &task).await, StatusCode::NO_CONTENT);
    assert_eq!(bench.task("b1").await.0, "partition");
    bench
}

#[tokio::test]
async fn an_agent_behind_the_wrong_row_is_told_to_boot_again_and_nothing_else() {
    let known = known().await;
    let birth = Birth { macs: vec![NEW], enrolled: true, ..Birth::default() };
    let id = MachineId("m-2".into());
    known.app.store.machine_born(birth, id.clone(), 1).await.unwrap();
    let swapped = Bench { id: id.clone(), ..known };
    swapped.hello("b2").await;
    let (_, inspect) = swapped.task("b2").await;
    swapped.reports(&hardware("b2", 1, NEW)).await;
    assert_eq!(swapped.app.store.machine_by_mac(NEW).await.unwrap().unwrap().id, "m-1");
    assert_eq!(
        swapped.is_done("b2", &inspect).await,
        StatusCode::NO_CONTENT,
        "it is heard, and means nothing"
    );
    swapped.hello("b2").await;
    let (kind, task) = swapped.task("b2").await;
    assert_eq!((kind.as_str(), &task["work"]["to"]), ("reboot", &json!("network")));
    assert_eq!(swapped.is_done("b2", &task).await, StatusCode::NO_CONTENT, "or it would stay");
    let secret =
        swapped.call("b2", Method::POST, "/agent/v1/certificate", json!({ "csr_pem": "", "generation": 1 }));
    assert_eq!(secret.await.0, StatusCode::NOT_FOUND);
    let history = swapped.app.store.history(&MachineId("m-1".into()), 5).await.unwrap();
    assert!(history.iter().any(|entry| entry.event == "merged"), "a swapped card is on record");
}

#[tokio::test]
async fn a_quarantined_machine_rests_until_somebody_says_who_it_is() {
    let bench = known().await;
    // Its port is in another box now.
    bench.hello("b9").await;
    let (kind, _) = bench.task("b9").await;
    assert_eq!(kind, "inspect", "a plan is not carried out in a boot whose hardware nobody has seen");
    bench.reports(&hardware("b9", 9, MAC)).await;
    assert_eq!(bench.task("b9").await.0, "nothing");
    let row = bench.app.store.machine(&bench.id).await.unwrap();
    assert!(row.hold && row.state == "partitioning");
    assert_eq!(
        bench.app.store.facts(&bench.id).await.unwrap().unwrap().boot_id,
        "b1",
        "they are not its facts"
    );
    let view = bench.app.view(&bench.id).await.unwrap();
    let quarantine = view.quarantine.as_ref().unwrap();
    assert_eq!(quarantine.interfaces, [MAC]);
    assert!(quarantine.why.contains("its port is in other hardware than before"), "{}", quarantine.why);
    let why = server::why::why(&view, None, 1);
    assert_eq!((why.entry.as_str(), why.sentence.contains(&quarantine.why)), ("quarantined", true));
    assert!(why.todo.contains("`metalctl machine merge node01 node01`"), "{}", why.todo);
    let refusal = bench.says("release", false).await.unwrap_err();
    assert!(refusal.contains("`metalctl machine split node01`"), "{refusal}");
    assert!(bench.why().await.contains("its port is in other hardware than before"), "{}", bench.why().await);
    let new = MachineId("m-9".into());
    bench.app.store.machine_split(&bench.id, (new.clone(), vec![MAC], true), "ada", 5).await.unwrap();
    assert_eq!(bench.app.view(&bench.id).await.unwrap().quarantine, None);
    assert_eq!(bench.task("b9").await.0, "reboot");
    // It comes back under its own row, and is as new as any.
    let other = Bench { id: new, ..bench };
    other.hello("b10").await;
    let (_, task) = other.task("b10").await;
    other.reports(&hardware("b10", 9, MAC)).await;
    assert_eq!(other.is_done("b10", &task).await, StatusCode::NO_CONTENT);
    assert_eq!(other.app.store.machine(&other.id).await.unwrap().state, "available");
}

#[tokio::test]
async fn what_was_replaced_is_on_record_and_the_name_stays() {
    let bench = known().await;
    bench.hello("b2").await;
    let replaced = Facts { disks: vec![disk("disk-8")], ..hardware("b2", 1, MAC) };
    bench.reports(&replaced).await;
    let row = bench.app.store.machine(&bench.id).await.unwrap();
    assert_eq!((row.hostname.as_deref(), row.hold), (Some("node01"), false));
    let history = bench.app.store.history(&bench.id, 1).await.unwrap();
    assert_eq!(
        (history[0].event.as_str(), history[0].note.as_str()),
        ("hardware", "disk SSD disk-1 is gone; disk SSD disk-8 is new")
    );
    assert_eq!(bench.call("b2", Method::GET, "/agent/v1/task?wait=0", Value::Null).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_hold_that_a_person_wants_outlives_the_quarantine() {
    for wanted in [false, true] {
        let bench = known().await;
        bench.hello("b9").await;
        bench.reports(&hardware("b9", 9, MAC)).await;
        assert!(bench.app.view(&bench.id).await.unwrap().quarantine.is_some());
        if wanted {
            bench.says("hold", false).await.unwrap();
        }
        assert!(bench.app.store.machine_merge(&bench.id, &bench.id, "ada", 5).await.unwrap());
        let row = bench.app.store.machine(&bench.id).await.unwrap();
        assert_eq!(row.hold, wanted, "hands may be in its chassis");
    }
}
