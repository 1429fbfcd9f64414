//! From an agent's first hello to the task that erases: what waits for a person, what fails, and what no yes covers.
//! Nothing is written to a disk without a partition task, so each refusal ends with there being none.

use api::event::Event;
use api::facts::{Disk, DiskContent, Transport};
use api::machine::Allowed;
use api::order::Order;
use api::wipe::{DiskName, WipeOutcome, WipeScope, WipeWish, WipedDisk};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bench::{Bench, GIB, disk, installed, with_data};

#[tokio::test]
async fn an_empty_disk_goes_by_rule_and_somebodys_data_waits_for_a_person() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![disk("A")]).await, "partition");

    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![with_data("A")]).await, "nothing");
    assert_eq!(bench.state().await, "available");
    let why = bench.why().await;
    let evidence = "sda (SSD, serial A, 20.0 GiB) is not empty (mbr table, sda1 ntfs Data): if that may go, \
                    `metalctl machine approve node01`";
    assert!(why.contains(evidence), "{why}");
    bench.says("approve", false).await.unwrap();
    assert_eq!(bench.works("b1", vec![]).await, "partition", "a person saw it");
}

#[tokio::test]
async fn held_approved_swapped_and_released_it_fails() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![with_data("A")]).await, "nothing");
    bench.says("hold", false).await.unwrap();
    bench.says("approve", false).await.unwrap();
    assert_eq!(bench.task("b1").await.0, "nothing", "hands may be in the chassis");
    assert_eq!(bench.boots("b2", vec![with_data("B")]).await, "nothing");
    assert_eq!(bench.state().await, "available");
    bench.says("release", false).await.unwrap();
    assert_eq!(bench.works("b2", vec![with_data("B")]).await, "nothing");
    let reason = [
        "sda (SSD, serial B, 20.0 GiB) would be erased, and what a person was shown is sda (SSD, serial A, 20.0 GiB)",
        "`metalctl machine reprovision node01` shows what is there now",
    ];
    bench.failed_with_nothing_written("b2", &reason).await;
    // A retry knows no more; who looks again may say yes to the other disk.
    bench.says("retry", false).await.unwrap();
    bench.works("b2", vec![with_data("B")]).await;
    bench.failed_with_nothing_written("b2", &reason).await;
    bench.says("reprovision", false).await.unwrap();
    assert_eq!(bench.works("b2", vec![with_data("B")]).await, "partition");
}

#[tokio::test]
async fn what_came_onto_the_disk_after_the_yes_is_not_erased() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![with_data("A")]).await, "nothing");
    bench.says("hold", false).await.unwrap();
    bench.says("approve", false).await.unwrap();
    let mut other = with_data("A");
    other.content.signatures = vec!["sda1 zfs_member tank".into()];
    bench.says("release", false).await.unwrap();
    bench.boots("b2", vec![other]).await;
    let reason = ["held mbr table, sda1 ntfs Data when a person said yes", "sda1 zfs_member tank now"];
    bench.failed_with_nothing_written("b2", &reason).await;
}

#[tokio::test]
async fn no_disk_that_matches_is_no_other_disk() {
    let bench = Bench::new().await;
    bench.boots("b1", vec![with_data("A")]).await;
    bench.says("hold", false).await.unwrap();
    bench.says("approve", false).await.unwrap();
    bench.says("release", false).await.unwrap();
    let small = Disk { size: GIB, ..disk("B") };
    let stick = Disk { transport: Transport::Usb, ..disk("C") };
    bench.boots("b2", vec![stick]).await;
    bench
        .failed_with_nothing_written(
            "b2",
            &[
                "node01 has failed: no disk fits the profile's disk rule",
                "sda (SSD, serial C, 20.0 GiB) is on USB, and the rule names no serial or wwn",
            ],
        )
        .await;
    bench.says("retry", false).await.unwrap();
    bench.boots("b3", vec![]).await;
    bench.failed_with_nothing_written("b3", &["the machine has no disk"]).await;
    bench.says("retry", false).await.unwrap();
    bench.boots("b4", vec![small]).await;
    bench.failed_with_nothing_written("b4", &["serial B, 1.0 GiB", "make the layout smaller"]).await;
}

#[tokio::test]
async fn a_database_from_before_the_install_does_not_erase_it() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![installed("A", 1, "g-1")]).await, "nothing");
    let refusal = "sda (SSD, serial A, 20.0 GiB) holds `node01` of site `lab` (machine m-1, generation 1), newer than \
                   generation 0 (was the database restored?): if that may go, `metalctl machine approve node01 --erase-foreign`";
    assert!(bench.why().await.contains(refusal), "{}", bench.why().await);
    assert_eq!(bench.says("approve", false).await, Err(refusal.into()));
    assert_eq!(bench.task("b1").await.0, "nothing");
    bench.says("approve", true).await.unwrap();
    assert_eq!(bench.works("b1", vec![]).await, "partition");
}

#[tokio::test]
async fn a_yes_from_before_the_install_does_not_erase_it() {
    let bench = Bench::new().await;
    bench.boots("b1", vec![with_data("A")]).await;
    bench.says("hold", false).await.unwrap();
    bench.says("approve", false).await.unwrap();
    // The backup was taken here; restored, the machine is released, and has been installed since.
    bench.says("release", false).await.unwrap();
    bench.boots("b2", vec![installed("A", 1, "g-1")]).await;
    bench.failed_with_nothing_written("b2", &["was the database restored?", "--erase-foreign"]).await;
}

#[tokio::test]
async fn a_plan_from_before_the_install_does_not_erase_it() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![disk("A")]).await, "partition");
    // The backup was taken here: the plan is frozen, and carried out since.
    let plan = bench.app.store.plan(&bench.id, 1).await.unwrap().unwrap();
    assert_eq!(bench.boots("b2", vec![installed("A", 1, &plan.disk.guid)]).await, "nothing");
    assert_eq!(bench.state().await, "failed");
    assert!(bench.why().await.contains("was the database restored?"), "{}", bench.why().await);
    assert_eq!(bench.task("b2").await.0, "nothing");
}

#[tokio::test]
async fn a_cut_before_the_layout_is_verified_is_repeated_with_the_same_plan() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![disk("A")]).await, "partition");
    let plan = bench.app.store.plan(&bench.id, 1).await.unwrap().unwrap();
    let half = DiskContent {
        table: Some("gpt".into()),
        guid: Some(plan.disk.guid.clone()),
        ..DiskContent::default()
    };
    for boot in ["b2", "b3"] {
        let disks = vec![Disk { content: half.clone(), fingerprint: boot.into(), ..disk("A") }];
        assert_eq!(bench.boots(boot, disks).await, "partition");
        let (_, task) = bench.task(boot).await;
        assert_eq!(task["work"]["hash"], json!(plan.hash()));
    }
    let verified = Event::LayoutVerified { generation: 1 };
    bench.app.store.submit(&bench.id, verified, "agent", server::clock::now()).await.unwrap();
    assert_eq!(
        bench.boots("b4", vec![]).await,
        "install",
        "no task of this generation touches the table again"
    );
}

/// A yes to the erasure of all disks, as they were last seen.
async fn wants_all_erased(bench: &Bench, verb: &str) {
    let wish = WipeWish { scope: WipeScope::All, ..WipeWish::default() };
    let row = bench.app.store.machine(&bench.id).await.unwrap();
    let shown = bench.app.wipe_preview(&row, &wish).await.unwrap().unwrap().digest;
    let order = Order { wipe: wish, ..Order::yes_to(&shown) };
    bench.orders(verb, Allowed::default(), order).await.unwrap();
}

/// What the agent of this boot tells of the disk `A`.
async fn tells(bench: &Bench, boot: &str, task: &Value, outcome: WipeOutcome) {
    let path = format!("/agent/v1/task/{}/wiped", task["id"].as_str().unwrap());
    let told = WipedDisk { name: DiskName::of(&disk("A")), outcome, steps: Vec::new(), at: 1 };
    assert_eq!(bench.call(boot, Method::PUT, &path, json!(told)).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn after_a_wipe_the_disks_are_looked_at_again_in_the_same_boot() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![with_data("A")]).await, "nothing");
    wants_all_erased(&bench, "wipe").await;
    let (kind, task) = bench.task("b1").await;
    assert_eq!(kind, "wipe");
    tells(&bench, "b1", &task, WipeOutcome::Erased).await;
    assert_eq!(bench.is_done("b1", &task).await, StatusCode::NO_CONTENT);
    assert_eq!(bench.state().await, "available");
    let erased = Disk { fingerprint: "erased".into(), ..disk("A") };
    assert_eq!(bench.works("b1", vec![erased]).await, "partition", "nothing is on it any more");
    let plan = bench.app.store.plan(&bench.id, 1).await.unwrap().unwrap();
    assert_eq!(plan.disk.fingerprint, "erased", "else its agent would refuse the disk");
}

#[tokio::test]
async fn an_install_that_is_given_up_is_wiped_as_it_has_become() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![disk("A")]).await, "partition");
    let verified = Event::LayoutVerified { generation: 1 };
    bench.app.store.submit(&bench.id, verified, "agent", server::clock::now()).await.unwrap();
    assert_eq!(bench.task("b1").await.0, "install");
    wants_all_erased(&bench, "retire").await;
    let half = Disk { fingerprint: "half".into(), ..disk("A") };
    assert_eq!(bench.works("b1", vec![half]).await, "wipe");
    let (_, task) = bench.task("b1").await;
    assert_eq!(task["work"]["plan"]["disks"][0]["fingerprint"], "half");
}

#[tokio::test]
async fn a_wipe_that_was_begun_before_the_install_does_not_erase_it() {
    let told = [(WipeOutcome::Begun, false), (WipeOutcome::Failed, false), (WipeOutcome::Erased, true)];
    for (outcome, erased) in told {
        let bench = Bench::new().await;
        bench.boots("b1", vec![with_data("A")]).await;
        wants_all_erased(&bench, "wipe").await;
        let (_, task) = bench.task("b1").await;
        tells(&bench, "b1", &task, outcome).await;
        // The backup was taken here; restored, the machine has been installed since.
        let given = bench.boots("b2", vec![installed("A", 1, "g-1")]).await;
        if erased {
            assert_eq!(given, "wipe", "what is erased is left by its agent");
            continue;
        }
        assert_eq!(given, "nothing");
        assert_eq!(bench.state().await, "failed");
        let why = bench.why().await;
        let words =
            "(was the database restored?): if that may go, `metalctl machine wipe node01 --erase-foreign`";
        assert!(why.contains(words), "{why}");
        assert_eq!(bench.task("b2").await.0, "nothing");
    }
}
