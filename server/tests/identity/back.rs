//! The ladder from the agent's side: each way is named in a task, a killed server goes on where it was, and what worked
//! is tried first the next time.

mod bench;
mod patience;

use api::event::Event;
use api::rung::Rung;
use api::state::Home;
use api::task::Way;
use api::trace::{Hop, HopName};
use axum::http::Method;
use serde_json::json;
use server::lifecycle::circle;
use sha2::{Digest, Sha256};

use self::bench::{active, image};
use crate::bench::facts;

#[tokio::test]
async fn a_climb_goes_on_through_a_killed_server_and_is_learned() {
    let mut bench = active().await;
    bench.reprovision().await;
    let (way, task) = bench.way("d0").await.unwrap();
    let ram = way.ram.unwrap();
    assert_eq!(way.rung, Rung::Grub, "BIOS has no BootNext, and its disk came first");
    assert_eq!(ram.kernel.path, "/images/ram/vmlinuz");
    assert_eq!(ram.initrd.sha256, hex::encode(Sha256::digest("initrd")));
    assert_eq!(bench.way("d0").await.unwrap().1, task, "asked again, it is the same task");
    bench.ends(&task, json!({ "outcome": "done" })).await;
    assert_eq!(bench.way("d0").await, None, "it is on its way down");
    let wait = bench.wait().await;
    assert_eq!(wait.waiting_for, "the agent's hello from RAM, by a GRUB entry for one boot");
    assert!(wait.deadline.unwrap() > wait.since && wait.then == "kexec is tried", "{wait:?}");
    assert_eq!(bench.entry().await, "way-back");

    bench.restart().await;
    bench.disk_hello("d1").await;
    let (way, task) = bench.way("d1").await.unwrap();
    assert_eq!((way.rung, way.ram.is_some()), (Rung::Kexec, true));
    bench.ends(&task, json!({ "outcome": "failed", "reason": "the kernel refuses" })).await;
    bench.restart().await;
    let (way, task) = bench.way("d1").await.unwrap();
    assert_eq!((way.rung, way.ram), (Rung::Reboot, None));
    bench.ends(&task, json!({ "outcome": "done" })).await;
    assert!(bench.wait().await.evidence.contains("kexec: the kernel refuses"));

    bench.restart().await;
    bench.hello("r1").await;
    assert_eq!(bench.wait().await.waiting_for, "the agent to finish reading the hardware");
    assert_eq!(bench.task("r1").await.0, "inspect");
    assert_eq!(bench.app.store.ladder(&bench.id).await.unwrap().learned, Some(Rung::Reboot));
    let history = bench.app.store.history(&bench.id, 50).await.unwrap();
    let told: Vec<_> = history.iter().filter(|entry| entry.event == "way_back").collect();
    assert_eq!(told.len(), 7, "one skipped, three begun, two failed, one led: {told:?}");
}

#[tokio::test]
async fn when_no_way_is_left_a_hand_is_asked_for_and_nothing_reboots_any_more() {
    let bench = active().await;
    bench.reprovision().await;
    for (boot, rung) in ["d0", "d1", "d2"].into_iter().zip([Rung::Grub, Rung::Kexec, Rung::Reboot]) {
        bench.disk_hello(boot).await;
        let (way, task) = bench.way(boot).await.unwrap();
        assert_eq!(way.rung, rung);
        bench.ends(&task, json!({ "outcome": "done" })).await;
    }
    for boot in ["d3", "d4"] {
        bench.disk_hello(boot).await;
        assert_eq!(bench.way(boot).await, None);
    }
    let wait = bench.wait().await;
    assert_eq!((wait.waiting_for.as_str(), wait.deadline), ("a hand: boot it from the network once", None));
    assert_eq!(wait.evidence.matches("its own OS answered instead").count(), 3, "{}", wait.evidence);
    assert_eq!(bench.entry().await, "boot-by-hand");
    // Said as the wait says it: all ways again.
    for event in [Event::Hold, Event::Release] {
        bench.app.store.submit(&bench.id, event, "ada", server::clock::now()).await.unwrap();
    }
    assert_eq!(bench.way("d4").await.unwrap().0.rung, Rung::Grub);
    // A person boots it from the network.
    bench.hello("r1").await;
    assert_eq!(bench.task("r1").await.0, "inspect");
}

#[tokio::test]
async fn a_bmc_leads_first_and_the_os_only_reboots() {
    let mut bench = active().await;
    bench.bmc(0).await;
    bench.reprovision().await;
    // Its BMC is told first, and has answered before or after this is asked.
    let (way, task) = bench.way_within("d0", 50).await.unwrap();
    assert_eq!(way, Way { rung: Rung::Reboot, ram: None });
    assert_eq!(bench.way("d0").await.unwrap().1, task, "asked again, it is the same task");
    bench.ends(&task, json!({ "outcome": "done" })).await;
    let wait = bench.wait().await;
    assert_eq!(wait.waiting_for, "the agent's hello from RAM, by a boot override of its BMC");
    bench.hello("r1").await;
    assert_eq!(bench.app.store.ladder(&bench.id).await.unwrap().learned, Some(Rung::Bmc));
}

#[tokio::test]
async fn a_bmc_that_leads_back_to_the_os_or_says_no_is_not_the_last_way() {
    let mut bench = active().await;
    bench.bmc(0).await;
    bench.reprovision().await;
    bench.way("d0").await;
    let (_, task) = bench.way_within("d0", 50).await.unwrap();
    bench.ends(&task, json!({ "outcome": "done" })).await;
    bench.disk_hello("d1").await;
    assert_eq!(bench.way("d1").await.unwrap().0.rung, Rung::Grub);
    assert!(bench.wait().await.evidence.contains("a boot override of its BMC: its own OS answered instead"));

    let mut bench = active().await;
    bench.bmc(2).await;
    bench.reprovision().await;
    assert_eq!(bench.way_within("d0", 50).await.unwrap().0.rung, Rung::Grub, "in the same boot");
    assert!(bench.wait().await.evidence.contains("a boot override of its BMC: not supported"));
}

#[tokio::test]
async fn boots_that_came_to_our_script_make_a_plain_reboot_the_first_way() {
    let bench = active().await;
    let mut facts = facts("d0", vec![]);
    facts.home = Home::Disk;
    bench.disk(Method::PUT, "/agent/v1/facts", json!(facts)).await;
    bench.reprovision().await;
    assert_eq!(
        bench.way("d0").await.unwrap().0.rung,
        Rung::BootNext,
        "UEFI, and nothing is known of its order"
    );
    for event in [Event::Hold, Event::Release] {
        bench.app.store.submit(&bench.id, event, "ada", server::clock::now()).await.unwrap();
    }
    for (name, by_firmware) in [(HopName::Discover, true), (HopName::Script, true)] {
        let hop = Hop { name, at: server::clock::now(), detail: "its own disk".into() };
        bench.app.store.hop(&bench.id, hop, by_firmware).await.unwrap();
    }
    bench.disk_hello("d1").await;
    assert_eq!(bench.way("d1").await.unwrap().0.rung, Rung::Reboot);
}

#[tokio::test]
async fn an_old_os_is_sent_to_the_network_only_and_the_new_ones_patience_runs_on() {
    let bench = active().await;
    bench.reprovision().await;
    bench.hello("r1").await;
    let store = &bench.app.store;
    for event in
        [Event::FactsReported, Event::LayoutVerified { generation: 2 }, Event::Installed { generation: 2 }]
    {
        store.submit(&bench.id, event, "test", server::clock::now()).await.unwrap();
    }
    let state_ends = bench.wait().await.deadline;
    bench.disk_hello("d1").await;
    assert_eq!(bench.state().await, "booting");
    let refused = store.history(&bench.id, 1).await.unwrap().remove(0);
    assert_eq!((refused.refused, refused.note.as_str()), (true, "the old OS answered"));
    let (way, task) = bench.way("d1").await.unwrap();
    assert_eq!(way.rung, Rung::Reboot, "no RAM image where no agent is wanted in RAM");
    bench.ends(&task, json!({ "outcome": "done" })).await;
    let wait = bench.wait().await;
    assert_eq!(wait.waiting_for, "the hello of generation 2 from its own disk, by a plain reboot");
    assert!(wait.deadline <= state_ends);
    assert_eq!(bench.entry().await, "old-os");
    bench.disk_hello("d2").await;
    assert_eq!(bench.way("d2").await, None);
    let wait = bench.wait().await;
    assert!(wait.waiting_for.starts_with("a hand") && wait.deadline == state_ends, "{wait:?}");
}

#[tokio::test]
async fn a_boot_that_repeats_itself_gets_the_next_loader_and_then_fails_with_its_hop() {
    let bench = active().await;
    image(&bench, "loaders", &[("snponly.efi", "loader"), ("ipxe.efi", "loader")]);
    bench.reprovision().await;
    let store = &bench.app.store;
    let begin = server::clock::now();
    let own = async || store.loader(&bench.id).await.unwrap().and_then(|loader| loader.file);
    let mut at = begin;
    let mut boots = async |count: usize| {
        for _ in 0..count {
            at += 100_000_000;
            let hop = |name, detail: &str| Hop { name, at, detail: detail.into() };
            store.hop(&bench.id, hop(HopName::Discover, "UEFI PXE"), true).await.unwrap();
            let row = store.machine(&bench.id).await.unwrap();
            circle::look(&bench.app, &row, begin, at).await.unwrap();
            store.hop(&bench.id, hop(HopName::TftpLast, "snponly.efi"), true).await.unwrap();
        }
    };
    boots(3).await;
    assert_eq!(own().await, None, "the third is still running");
    boots(1).await;
    assert_eq!(own().await.as_deref(), Some("ipxe.efi"));
    let told = store.history(&bench.id, 1).await.unwrap().remove(0);
    assert!(
        told.event == "loader" && told.note.contains("each got to `tftp_last` and no further"),
        "{told:?}"
    );
    boots(3).await;
    assert_eq!(bench.state().await, "inspecting", "the new one has its own three");
    boots(1).await;
    assert_eq!((bench.state().await.as_str(), own().await), ("failed", None));
    assert_eq!(bench.entry().await, "same-boot");
    store.submit(&bench.id, Event::Retry, "ada", server::clock::now()).await.unwrap();
    boots(3).await;
    assert_eq!((bench.state().await.as_str(), own().await), ("inspecting", None), "a retry begins anew");
}
