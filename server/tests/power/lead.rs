//! What firmware boots next, by a BMC that obeys, keeps, or cannot.

use api::bmc::{BootOnce, Fault, Power};
use api::event::Event;
use api::power::Trouble;
use api::rung::Rung;
use api::state::Home;
use api::trace::{Hop, HopName};
use server::bmc::kept::Stuck;
use server::bmc::lane::Asker;
use server::bmc::lead::{Lead, is_led, lead};
use server::lifecycle::ladder::{Goal, Ground};

use crate::rack::{Rack, Way};

fn hello(home: Home, boot_id: &str) -> Event {
    Event::Hello { home, boot_id: boot_id.into(), generation: 0 }
}

/// Until the BMC was asked this.
async fn asked(rack: &Rack, what: &str) {
    while !rack.fakes.moves("bmc-1").iter().any(|asked| asked == what) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_os_that_is_to_leave_its_disk_is_led_to_the_network_once() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.submit(&id, hello(Home::Disk, "d1")).await;
    rack.poll(&id).await;
    let row = rack.app.store.machine(&id).await.unwrap();
    let mut changes = rack.app.store.changes();
    let led = || is_led(&rack.app, &rack.bmcs, &row, "d1");
    assert!(!led(), "it is being told");
    assert_eq!(changes.recv().await.unwrap(), id, "whoever waits for it is woken");
    assert!(led() && led());
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi"]);
    assert!(!is_led(&rack.app, &rack.bmcs, &row, "d2"), "the next boot is another start");
    asked(&rack, "boot network uefi").await;
}

/// Nobody has inspected it yet; its firmware asked for an address.
#[tokio::test]
async fn a_machine_without_facts_is_led_in_the_mode_of_its_firmware() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.poll(&id).await;
    let row = rack.app.store.machine(&id).await.unwrap();
    for (at, firmware) in [(1, "BIOS PXE"), (1_000_000_000, "UEFI PXE")] {
        let hop = Hop { name: HopName::Discover, at, detail: firmware.into() };
        rack.app.store.hop(&id, hop, true).await.unwrap();
        lead(&rack.app, &rack.bmcs, &row, BootOnce::Network, Asker::Errand).await.unwrap();
    }
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network bios", "boot network uefi"]);
}

#[tokio::test]
async fn a_bmc_that_cannot_lead_ends_its_rung_with_its_reason() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.submit(&id, hello(Home::Disk, "d1")).await;
    rack.poll(&id).await;
    let row = rack.app.store.machine(&id).await.unwrap();
    let ground = Ground {
        goal: Goal::Ram,
        since: row.since,
        bios: false,
        secure_boot: false,
        bmc: true,
        ram_image: true,
        netboots_first: None,
        patience: rack.app.site.back_to_ram(None),
    };
    let now = server::clock::now();
    let ladder = rack.app.store.ladder_climb(&id, ground, "d1", now).await.unwrap().unwrap();
    assert_eq!(ladder.open().unwrap().rung, Rung::Bmc);
    let mut changes = rack.app.store.changes();
    rack.fakes.change("bmc-1", |fake| fake.way = Way::Fails(Fault::Unsupported("no overrides".into())));
    assert!(!is_led(&rack.app, &rack.bmcs, &row, "d1"));
    assert_eq!(changes.recv().await.unwrap(), id, "whoever waits for it is woken");
    let ladder = rack.app.store.ladder_climb(&id, ground, "d1", now).await.unwrap().unwrap();
    assert_eq!(ladder.open().unwrap().rung, Rung::BootNext);
    assert!(ladder.tried().contains("a boot override of its BMC: not supported: no overrides"), "{ladder:?}");
}

/// Firmware that hangs on the way boots again, and to the network: nobody is there to press a button.
#[tokio::test]
async fn one_that_falls_silent_on_its_way_back_to_ram_is_cycled() {
    const MINUTE: i64 = 60_000_000;
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.submit(&id, hello(Home::Disk, "d1")).await;
    let (store, now) = (&rack.app.store, server::clock::now());
    let row = store.machine(&id).await.unwrap();
    let ground = Ground {
        goal: Goal::Ram,
        since: row.since,
        bios: true,
        secure_boot: false,
        bmc: false,
        ram_image: true,
        netboots_first: None,
        patience: std::time::Duration::from_secs(60),
    };
    // Told an hour ago, with its last packet a second later.
    store.ladder_climb(&id, ground, "d1", now - 60 * MINUTE).await.unwrap();
    store.machine_seen(&id, "leaves".into(), now - 60 * MINUTE + 1_000_000).await.unwrap();
    rack.poll(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), [""; 0], "its time is not over");
    store.ladder_silent(&id, now).await.unwrap();
    rack.poll(&id).await;
    rack.poll(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "cycle"]);
}

#[tokio::test]
async fn an_override_that_firmware_kept_is_taken_back_after_the_start() {
    for (kept, moves) in [
        (Some(true), vec!["boot network uefi", "kept?", "clear"]),
        (Some(false), vec!["boot network uefi", "kept?"]),
        // What cannot be read is told all the same.
        (None, vec!["boot network uefi", "kept?", "clear"]),
    ] {
        let rack = Rack::new("").await;
        let id = rack.machine(1, Power::On, Way::Obeys).await;
        rack.fakes.change("bmc-1", |fake| fake.kept = kept);
        rack.submit(&id, hello(Home::Ram, "r1")).await;
        rack.poll(&id).await;
        let row = rack.app.store.machine(&id).await.unwrap();
        let set = lead(&rack.app, &rack.bmcs, &row, BootOnce::Network, Asker::Errand).await.unwrap();
        assert_eq!(set, Lead::Set);
        rack.pass(&id).await;
        assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi"], "its start has not been yet");
        rack.submit(&id, hello(Home::Ram, "r2")).await;
        rack.pass(&id).await;
        rack.pass(&id).await;
        assert_eq!(rack.fakes.moves("bmc-1"), moves);
        let told = rack.notes(&id).await.iter().any(|note| note.contains("kept the boot override"));
        assert_eq!(told, kept == Some(true));
    }
}

/// Some BMCs take "no override" and keep what they have.
#[tokio::test]
async fn an_override_that_is_not_taken_back_is_told_and_not_asked_of_it_at_each_look() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.fakes.change("bmc-1", |fake| fake.kept = Some(true));
    rack.submit(&id, hello(Home::Ram, "r1")).await;
    rack.poll(&id).await;
    let row = rack.app.store.machine(&id).await.unwrap();
    lead(&rack.app, &rack.bmcs, &row, BootOnce::Network, Asker::Errand).await.unwrap();
    rack.submit(&id, hello(Home::Ram, "r2")).await;
    rack.fakes
        .change("bmc-1", |fake| fake.refuses = Some(("clear", Fault::NotObeyed("it reads a0 04".into()))));
    let clears = || rack.fakes.moves("bmc-1").iter().filter(|asked| *asked == "clear").count();
    let trouble = async || rack.view(&id).await.power.unwrap().trouble;
    rack.pass(&id).await;
    rack.pass(&id).await;
    assert_eq!((clears(), trouble().await), (1, Trouble::None), "it is left alone for a while");
    let lane = rack.bmcs.lane(&id.0);
    let fault = Fault::NotObeyed("it reads a0 04".into());
    // What two tries come to, an hour ago.
    lane.set_stuck(Stuck::default().after(&fault, 0).after(&fault, 0));
    rack.pass(&id).await;
    assert_eq!((clears(), trouble().await), (2, Trouble::BootKept));
    rack.pass(&id).await;
    assert_eq!((clears(), trouble().await), (2, Trouble::BootKept));
    let notes = rack.notes(&id).await;
    let told: Vec<&String> = notes.iter().filter(|note| note.contains("is not taken back")).collect();
    assert!(told.len() == 1 && told[0].ends_with("it reads a0 04"), "{notes:?}");
    // A newer firmware, or a person at its page.
    rack.fakes.change("bmc-1", |fake| fake.refuses = None);
    lane.set_stuck(Stuck::default());
    rack.pass(&id).await;
    assert_eq!((clears(), trouble().await), (3, Trouble::None));
    assert_eq!(rack.app.store.power(&id).await.unwrap().unwrap().led, None);
}

/// Such as IPMI's flags, of a BMC that has them hold for every start.
#[tokio::test]
async fn an_override_that_is_another_than_was_asked_for_is_taken_back_too() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.submit(&id, hello(Home::Ram, "r1")).await;
    rack.poll(&id).await;
    let row = rack.app.store.machine(&id).await.unwrap();
    let stays = Fault::NotObeyed("the boot override holds for every start".into());
    rack.fakes.change("bmc-1", |fake| fake.way = Way::Fails(stays));
    let set = lead(&rack.app, &rack.bmcs, &row, BootOnce::Network, Asker::Errand).await.unwrap();
    assert!(matches!(set, Lead::Cannot(_)), "{set:?}");
    rack.fakes.change("bmc-1", |fake| (fake.way, fake.kept) = (Way::Obeys, Some(true)));
    rack.submit(&id, hello(Home::Ram, "r2")).await;
    rack.pass(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "kept?", "clear"]);
}

#[tokio::test]
async fn without_a_bmc_nothing_leads() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.app.store.bmc_forget(&id).await.unwrap();
    let row = rack.app.store.machine(&id).await.unwrap();
    let set = lead(&rack.app, &rack.bmcs, &row, BootOnce::Network, Asker::Server).await.unwrap();
    assert!(matches!(set, Lead::Cannot(_)));
}
