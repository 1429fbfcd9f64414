//! The way back to RAM in the database: steps survive whoever took them, and are told in the history once.

use std::time::Duration;

use api::event::Event;
use api::id::MachineId;
use api::rung::Rung;
use api::state::Home;
use api::task::{Outcome, RebootTo, Task, Way, Work};
use server::lifecycle::ladder::{Goal, Ground, Ladder};
use server::store::NewTask;
use server::store::loader::Loader;

use crate::database::Database;

const MINUTE: i64 = 60_000_000;

async fn inspecting(database: &Database) -> MachineId {
    let id = database.born(1).await;
    database.submit(&id, hello(Home::Ram, "r0"), 10).await;
    id
}

fn hello(home: Home, boot_id: &str) -> Event {
    Event::Hello { home, boot_id: boot_id.into(), generation: i64::from(home == Home::Disk) }
}

async fn ground(database: &Database, id: &MachineId) -> Ground {
    Ground {
        goal: Goal::Ram,
        since: database.store.machine(id).await.unwrap().since,
        bios: true,
        secure_boot: false,
        bmc: false,
        ram_image: true,
        netboots_first: Some(false),
        patience: Duration::from_secs(600),
    }
}

async fn notes(database: &Database, id: &MachineId) -> Vec<String> {
    let history = database.store.history(id, 100).await.unwrap();
    history.into_iter().rev().filter(|entry| entry.event == "way_back").map(|entry| entry.note).collect()
}

fn open(ladder: &Ladder) -> Option<Rung> {
    ladder.open().map(|step| step.rung)
}

pub async fn a_climb_is_one_climb_whichever_server_looks(database: Database) {
    let id = inspecting(&database).await;
    let ground = ground(&database, &id).await;
    assert_eq!(database.store.ladder(&id).await.unwrap(), Ladder::default());
    let mut looks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, id) = (database.replica().await, id.clone());
        looks.spawn(async move { store.ladder_climb(&id, ground, "d1", MINUTE).await.unwrap() });
    }
    for ladder in looks.join_all().await {
        assert_eq!(ladder.as_ref().and_then(open), Some(Rung::Grub));
    }
    assert_eq!(notes(&database, &id).await.len(), 2, "BootNext skipped and GRUB begun, each told once");
    let other = database.replica().await;
    let next = other.ladder_climb(&id, ground, "d2", 2 * MINUTE).await.unwrap().unwrap();
    assert_eq!(open(&next), Some(Rung::Kexec));
    other.ladder_silent(&id, 3 * MINUTE).await.unwrap();
    assert_eq!(other.ladder(&id).await.unwrap(), next, "it is not late yet");
    other.ladder_silent(&id, 13 * MINUTE).await.unwrap();
    let silent = database.store.ladder(&id).await.unwrap();
    assert_eq!((open(&silent), silent.next()), (None, Some(Rung::Reboot)));
    let these = database.store.ladders(std::slice::from_ref(&id.0)).await.unwrap();
    assert_eq!(these, [(id.0.clone(), silent)]);
    let moved = Ground { since: ground.since + 1, ..ground };
    assert_eq!(database.store.ladder_climb(&id, moved, "d3", 14 * MINUTE).await.unwrap(), None);
}

pub async fn the_hello_from_ram_ends_a_climb_and_teaches(database: Database) {
    let id = inspecting(&database).await;
    let ground = ground(&database, &id).await;
    database.store.ladder_climb(&id, ground, "d1", MINUTE).await.unwrap();
    database.submit(&id, hello(Home::Ram, "r1"), 2 * MINUTE).await;
    database.submit(&id, hello(Home::Ram, "r1"), 3 * MINUTE).await;
    let ladder = database.store.ladder(&id).await.unwrap();
    assert_eq!((ladder.learned, ladder.arrived), (Some(Rung::Grub), Some(2 * MINUTE)));
    assert_eq!(
        notes(&database, &id).await.last().unwrap(),
        "a GRUB entry for one boot led to the agent in RAM after 60 s"
    );
    // It goes with its machine.
    database.submit(&id, Event::Delete, 4 * MINUTE).await;
    assert_eq!(database.numbers("SELECT COUNT(*) FROM ladder").await, [0]);
}

pub async fn what_an_agent_cannot_do_is_no_failure_of_its_machine(database: Database) {
    let id = inspecting(&database).await;
    let ground = ground(&database, &id).await;
    let store = &database.store;
    store.ladder_climb(&id, ground, "d1", MINUTE).await.unwrap();
    let way = Box::new(Way { rung: Rung::Grub, ram: None });
    let work = Work::Reboot { to: RebootTo::Network, way: Some(way) };
    let task = Task { id: "t1".into(), generation: 0, work };
    let new = NewTask { machine: id.clone(), key: "k".into(), task, deadline: i64::MAX };
    store.task_offer(new, MINUTE).await.unwrap().unwrap();
    let reason = "GRUB's configuration has no entry for it".to_string();
    store
        .task_finish(&id, "t1", Outcome::Failed { reason: reason.clone() }, 2 * MINUTE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.machine(&id).await.unwrap().state, "inspecting");
    assert_eq!(
        notes(&database, &id).await.last().unwrap(),
        &format!("a GRUB entry for one boot did not lead there: {reason}")
    );
    let next = store.ladder_climb(&id, ground, "d1", 2 * MINUTE).await.unwrap().unwrap();
    assert_eq!(open(&next), Some(Rung::Kexec), "in the same boot");
}

/// What nobody asked for is told as such, and the machine goes on serving.
pub async fn an_active_machine_that_reboots_stays_active(database: Database) {
    let id = inspecting(&database).await;
    database
        .execute("UPDATE machine SET state = 'active', generation = 1, installed = 1, boot_id = 'd1'")
        .await;
    database.submit(&id, hello(Home::Disk, "d2"), 20).await;
    let entry = database.store.history(&id, 1).await.unwrap().remove(0);
    assert_eq!((entry.event.as_str(), entry.refused), ("disk_hello", false));
    assert!(entry.note.ends_with("a reboot that nobody here asked for"), "{}", entry.note);
    assert_eq!(database.store.machine(&id).await.unwrap().state, "active");
}

pub async fn an_active_machine_that_was_switched_on_says_by_whom(database: Database) {
    let id = inspecting(&database).await;
    database
        .execute("UPDATE machine SET state = 'active', generation = 1, installed = 1, boot_id = 'd1'")
        .await;
    let hello = async |boot_id, at| {
        database.submit(&id, hello(Home::Disk, boot_id), at).await;
        database.store.history(&id, 1).await.unwrap().remove(0).note
    };
    database.store.submit(&id, Event::PowerOff, "ada", MINUTE).await.unwrap();
    database.store.remark(&id, "power", "shutdown".into(), MINUTE).await.unwrap();
    database.store.submit(&id, Event::PowerOn, "bob", 2 * MINUTE).await.unwrap();
    database.store.remark(&id, "power", "on".into(), 2 * MINUTE).await.unwrap();
    let note = hello("d2", 4 * MINUTE).await;
    assert_eq!(note, "boot d2, generation 1: switched on by bob 2 min 0 s before");
    let note = hello("d3", 5 * MINUTE).await;
    assert!(note.ends_with("a reboot that nobody here asked for"), "{note}");
}

pub async fn a_machine_keeps_its_own_loader_until_another_is_chosen(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    assert_eq!(store.loader(&id).await.unwrap(), None);
    for file in [Some("ipxe.efi".to_string()), None] {
        let loader = Loader { file, attempt: 7 };
        store.loader_choose(&id, loader.clone()).await.unwrap();
        assert_eq!(store.loader(&id).await.unwrap(), Some(loader));
    }
}
