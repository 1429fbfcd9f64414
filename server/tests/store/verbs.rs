//! What verbs leave behind: tombstones that stay, wipes with their record, and keys of a rescue.

use api::event::Event;
use api::id::MachineId;
use api::state::{Home, State};
use api::task::{Outcome, Task, Work};
use api::wipe::{
    DiskName, LeftDisk, WipeDisk, WipeOutcome, WipePlan, WipeScope, WipeStep, WipeWish, WipedDisk,
};
use server::lifecycle::next::Step;
use server::store::NewTask;
use server::store::machine::Birth;

use crate::database::{Database, mac};

pub async fn a_deleted_machine_leaves_a_tombstone_until_a_person_lets_it_in(database: Database) {
    let store = &database.store;
    let birth = Birth {
        macs: vec![mac(1), mac(2)],
        hostname: Some("node07".parse().unwrap()),
        serial: "SN7".into(),
        enrolled: true,
        ..Birth::default()
    };
    let id = store.machine_born(birth, MachineId("m1".into()), 1).await.unwrap().id();
    assert_eq!(store.tombstone_of(mac(1)).await.unwrap(), None);
    let applied = store.submit(&id, Event::Delete, "ann", 50).await.unwrap();
    assert_eq!(applied.step, Step::Gone);
    assert!(store.machine(&id).await.is_err());
    assert_eq!(database.numbers("SELECT COUNT(*) FROM history").await, [0]);
    let tombstone = store.tombstone_of(mac(2)).await.unwrap().unwrap();
    assert_eq!((tombstone.who.as_str(), tombstone.at, tombstone.state), ("ann", 50, State::Discovered));
    assert_eq!(tombstone.interfaces, [mac(1), mac(2)]);
    assert_eq!(store.tombstones().await.unwrap(), [tombstone]);
    // It comes back by one port: recorded, deleted once more, recorded, and then let in.
    let again = Birth { macs: vec![mac(1)], enrolled: false, ..Birth::default() };
    let row = store.machine_born(again.clone(), MachineId("m2".into()), 60).await.unwrap();
    store.submit(&row.id(), Event::Delete, "bob", 70).await.unwrap();
    assert_eq!(store.tombstone_of(mac(1)).await.unwrap().unwrap().who, "bob", "the newer one has the port");
    assert_eq!(store.tombstone_of(mac(2)).await.unwrap().unwrap().who, "ann");
    let row = store.machine_born(again, MachineId("m3".into()), 80).await.unwrap();
    assert!(store.tombstone_of(mac(1)).await.unwrap().is_some(), "a sight lifts nothing");
    store.submit(&row.id(), Event::Enroll, "ann", 90).await.unwrap();
    assert_eq!(store.tombstone_of(mac(1)).await.unwrap(), None);
    assert!(store.tombstone_of(mac(2)).await.unwrap().is_some());
}

pub async fn a_profile_that_a_person_gives_is_kept_with_the_event(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    let assign = |profile: &str| Event::Assign { profile: profile.into(), clustered: false };
    database.submit(&id, assign("worker"), 10).await;
    database.submit(&id, assign("storage"), 20).await;
    assert_eq!(store.machine(&id).await.unwrap().profile.as_deref(), Some("storage"));
    assert_eq!(store.history(&id, 1).await.unwrap()[0].note, "storage");
    database.submit(&id, Event::Hold, 30).await;
    let refused = database.submit(&id, assign("worker"), 40).await;
    assert!(matches!(refused.step, Step::Refuse(_)));
    assert_eq!(store.machine(&id).await.unwrap().profile.as_deref(), Some("storage"), "refused is not kept");
}

fn disk(serial: &str) -> DiskName {
    DiskName { model: "TESTDISK".into(), serial: serial.into(), wwn: String::new(), size: 1 << 30 }
}

fn wish(serials: &[&str]) -> WipeWish {
    WipeWish {
        scope: WipeScope::All,
        disks: serials.iter().map(|serial| disk(serial)).collect(),
        ..WipeWish::default()
    }
}

fn plan(machine: &MachineId, number: i64, serials: &[&str]) -> WipePlan {
    let planned = |serial: &&str| WipeDisk { name: disk(serial), sector_size: 512, fingerprint: "f".into() };
    let disks = serials.iter().map(planned).collect();
    WipePlan { machine: machine.clone(), number, boot_id: "b1".into(), full: false, disks, left: Vec::new() }
}

fn wiped(serial: &str, outcome: WipeOutcome) -> WipedDisk {
    let steps = vec![WipeStep {
        method: "zeros".into(),
        error: (outcome == WipeOutcome::Failed).then(|| "I/O".into()),
    }];
    WipedDisk { name: disk(serial), outcome, steps, at: 1 }
}

/// A machine in `wiping` that its agent works on, and the id of its task.
async fn wiping(database: &Database, event: Event) -> (MachineId, String) {
    let (store, id) = (&database.store, database.born(1).await);
    database.submit(&id, Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 }, 10).await;
    database.submit(&id, Event::FactsReported, 20).await;
    database.submit(&id, event, 30).await;
    let frozen = plan(&id, 1, &["A", "B"]);
    store.wipe_freeze(frozen.clone()).await.unwrap();
    (id.clone(), task(database, &id, "k1", frozen).await)
}

async fn task(database: &Database, id: &MachineId, key: &str, plan: WipePlan) -> String {
    let work = Work::Wipe { hash: plan.hash(), plan: Box::new(plan), record: Vec::new() };
    let task = Task { id: format!("t-{key}"), generation: 0, work };
    let new = NewTask { machine: id.clone(), key: key.into(), task, deadline: 1_000 };
    database.store.task_offer(new, 40).await.unwrap().unwrap().id
}

async fn state(database: &Database, id: &MachineId) -> State {
    database.store.machine(id).await.unwrap().life().unwrap().state
}

pub async fn a_wipe_is_over_when_every_disk_is_erased(database: Database) {
    let (id, task) = wiping(&database, Event::Retire { wish: wish(&["A", "B"]) }).await;
    let store = &database.store;
    let other = plan(&id, 1, &["X"]);
    store.wipe_freeze(other).await.unwrap();
    let frozen = store.wipe(&id).await.unwrap().unwrap();
    assert_eq!(frozen.plan, Some(plan(&id, 1, &["A", "B"])), "the plan that was frozen first stands");
    assert_eq!((frozen.who.as_str(), frozen.number), ("test", 1));
    for (serial, outcome) in
        [("A", WipeOutcome::Begun), ("A", WipeOutcome::Erased), ("B", WipeOutcome::Erased)]
    {
        assert!(store.wipe_record(&id, &task, wiped(serial, outcome)).await.unwrap());
    }
    assert_eq!(store.wipe(&id).await.unwrap().unwrap().record.len(), 2, "a disk has one entry");
    store.task_finish(&id, &task, Outcome::Done, 50).await.unwrap().unwrap();
    assert_eq!(state(&database, &id).await, State::Retired);
    let late = store.wipe_record(&id, &task, wiped("A", WipeOutcome::Begun)).await.unwrap();
    assert!(!late, "whoever asks after the end does not write");
    assert_eq!(store.wipe(&id).await.unwrap().unwrap().record[0].outcome, WipeOutcome::Erased);
}

pub async fn a_disk_that_was_not_erased_fails_the_wipe_until_a_person_skips_it(database: Database) {
    let (id, first) = wiping(&database, Event::Wipe { wish: wish(&["A", "B"]) }).await;
    let store = &database.store;
    store.wipe_record(&id, &first, wiped("A", WipeOutcome::Erased)).await.unwrap();
    store.wipe_record(&id, &first, wiped("B", WipeOutcome::Failed)).await.unwrap();
    store.task_finish(&id, &first, Outcome::Done, 50).await.unwrap();
    let row = store.machine(&id).await.unwrap();
    assert_eq!(row.life().unwrap().state, State::Failed);
    assert_eq!(row.reason.as_deref(), Some("not erased: TESTDISK, serial B, 1.1 GB: I/O"));
    // The same wipe, tried again: what is erased stays on record.
    database.submit(&id, Event::Retry, 60).await;
    let second = task(&database, &id, "k2", plan(&id, 1, &["A", "B"])).await;
    let skips = WipeWish { skip_failed: true, ..wish(&[]) };
    database.submit(&id, Event::Wipe { wish: skips }, 70).await;
    let wipe = store.wipe(&id).await.unwrap().unwrap();
    assert!(wipe.wish.skip_failed && wipe.number == 1 && wipe.wish.disks.len() == 2, "{wipe:?}");
    store.task_finish(&id, &second, Outcome::Done, 80).await.unwrap();
    assert_eq!(state(&database, &id).await, State::Available);
    assert_eq!(store.wipe(&id).await.unwrap().unwrap().undone().len(), 1, "and the record says so");
    // The next one is another one.
    database.submit(&id, Event::Wipe { wish: wish(&["B"]) }, 90).await;
    let next = store.wipe(&id).await.unwrap().unwrap();
    assert_eq!((next.number, next.plan, next.record.len()), (2, None, 0));
}

pub async fn a_wanted_disk_that_is_missing_fails_the_wipe(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    let mut wipe = plan(&id, 1, &[]);
    database.submit(&id, Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 }, 10).await;
    database.submit(&id, Event::FactsReported, 20).await;
    database.submit(&id, Event::Wipe { wish: wish(&["A"]) }, 30).await;
    wipe.left = vec![LeftDisk { name: disk("A"), why: "it is not there".into(), wanted: true }];
    store.wipe_freeze(wipe).await.unwrap();
    let reason = store.wipe(&id).await.unwrap().unwrap().unfinished().unwrap();
    assert_eq!(reason, "not erased: TESTDISK, serial A, 1.1 GB: it is not there");
}

pub async fn a_rescue_has_its_own_keys(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    database.submit(&id, Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 }, 10).await;
    assert!(store.rescue_keys(&id).await.unwrap().is_empty());
    let keys = |keys: &[&str]| Event::Rescue { keys: keys.iter().map(|key| key.to_string()).collect() };
    database.submit(&id, keys(&["ssh-ed25519 AAAA ann", "ssh-rsa AAAA bob"]), 20).await;
    assert_eq!(store.rescue_keys(&id).await.unwrap(), ["ssh-ed25519 AAAA ann", "ssh-rsa AAAA bob"]);
    database.submit(&id, keys(&["ssh-rsa AAAA bob"]), 30).await;
    assert_eq!(store.rescue_keys(&id).await.unwrap(), ["ssh-rsa AAAA bob"]);
}
