//! The task queue: the same work is one task, its end is told once, and what is unwanted is not handed out.

use api::event::Event;
use api::id::MachineId;
use api::state::{Home, State};
use api::task::{Outcome, Progress, Task, TaskKind, Work};
use server::store::{NewTask, Store};

use crate::database::Database;

fn task(machine: &MachineId, key: &str, id: &str, generation: i64) -> NewTask {
    let task = Task { id: id.into(), generation, work: Work::Inspect };
    NewTask { machine: machine.clone(), key: key.into(), task, deadline: 1_000 }
}

async fn offered(store: &Store, new: NewTask) -> Option<String> {
    store.task_offer(new, 20).await.unwrap().map(|task| task.id)
}

async fn inspecting(database: &Database) -> MachineId {
    let id = database.born(1).await;
    let hello = Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 };
    database.submit(&id, hello, 10).await;
    id
}

async fn state(database: &Database, id: &MachineId) -> State {
    database.store.machine(id).await.unwrap().life().unwrap().state
}

fn progress(phase: &str, done: u64) -> Progress {
    Progress { phase: phase.into(), done, total: 100 }
}

pub async fn a_task_is_handed_out_until_it_ends(database: Database) {
    let (store, id) = (&database.store, inspecting(&database).await);
    let other = database.replica().await;
    let mut asks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (store, new) = (
            if number % 2 == 0 { store.clone() } else { other.clone() },
            task(&id, "k", &format!("t{number}"), 0),
        );
        asks.spawn(async move { offered(&store, new).await.unwrap() });
    }
    let mut ids = asks.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1, "the same key is the same task");
    let one = ids.remove(0);
    assert!(store.task_progress(&id, &one, progress("disks", 10), 30).await.unwrap());
    assert!(store.task_progress(&id, &one, progress("disks", 40), 40).await.unwrap());
    assert_eq!(store.task_running(&id, TaskKind::Inspect).await.unwrap().as_ref(), Some(&one));
    assert_eq!(store.task_running(&id, TaskKind::Join).await.unwrap(), None);
    let (_, told) = store.progress(std::slice::from_ref(&id.0)).await.unwrap().remove(0);
    assert_eq!((told.since, told.at, told.progress.done), (30, 40, 40), "since the phase began");
    let stranger = database.born(2).await;
    assert!(!store.task_progress(&stranger, &one, progress("disks", 50), 41).await.unwrap());
    assert_eq!(store.task_finish(&stranger, &one, Outcome::Done, 42).await.unwrap(), None);
    let finished = store.task_finish(&id, &one, Outcome::Done, 50).await.unwrap().unwrap();
    assert_eq!((finished.kind.as_str(), finished.generation), ("inspect", 0));
    assert_eq!(state(&database, &id).await, State::Available);
    assert_eq!(store.task_running(&id, TaskKind::Inspect).await.unwrap(), None);
    assert_eq!(store.task_finish(&id, &one, Outcome::Done, 51).await.unwrap(), None, "told once");
    assert!(!store.task_progress(&id, &one, progress("disks", 60), 52).await.unwrap());
    assert_eq!(offered(store, task(&id, "k", "t9", 0)).await, None, "it has ended");
    assert!(store.progress(std::slice::from_ref(&id.0)).await.unwrap().is_empty());
}

pub async fn an_end_and_what_it_means_are_one_write(database: Database) {
    let (store, id) = (&database.store, inspecting(&database).await);
    offered(store, task(&id, "k", "t1", 0)).await.unwrap();
    database.execute("UPDATE machine SET errand = 'unheard of'").await;
    assert!(store.task_finish(&id, "t1", Outcome::Done, 50).await.is_err());
    database.execute("UPDATE machine SET errand = 'none'").await;
    assert_eq!(
        database.numbers("SELECT COUNT(*) FROM task WHERE state = 'running'").await,
        [1],
        "nothing half done"
    );
    let reason = "no disks".to_string();
    store.task_finish(&id, "t1", Outcome::Failed { reason }, 60).await.unwrap().unwrap();
    let row = store.machine(&id).await.unwrap();
    assert_eq!((row.state.as_str(), row.failed_in.as_deref()), ("failed", Some("inspecting")));
    assert_eq!(row.reason.as_deref(), Some("no disks"));
}

pub async fn what_is_no_longer_wanted_is_not_handed_out(database: Database) {
    let (store, id) = (&database.store, inspecting(&database).await);
    assert_eq!(offered(store, task(&id, "k0", "t0", 1)).await, None, "of another generation");
    offered(store, task(&id, "k1", "t1", 0)).await.unwrap();
    offered(store, task(&id, "k2", "t2", 0)).await.unwrap();
    assert!(!store.task_progress(&id, "t1", progress("disks", 1), 30).await.unwrap(), "one thing at a time");
    assert_eq!(offered(store, task(&id, "k1", "t3", 0)).await.as_deref(), Some("t1"), "wanted again");
    database.submit(&id, Event::FactsReported, 40).await;
    assert_eq!(store.task_finish(&id, "t1", Outcome::Done, 50).await.unwrap(), None, "its state is over");
    assert_eq!(database.numbers("SELECT COUNT(*) FROM task WHERE state <> 'dropped'").await, [0]);
}

pub async fn a_hold_stops_a_task_and_its_release_hands_it_out_again(database: Database) {
    let (store, id) = (&database.store, inspecting(&database).await);
    offered(store, task(&id, "k", "t1", 0)).await.unwrap();
    database.submit(&id, Event::Hold, 30).await;
    assert!(!store.task_progress(&id, "t1", progress("disks", 1), 31).await.unwrap());
    assert_eq!(offered(store, task(&id, "k", "t2", 0)).await, None);
    database.submit(&id, Event::Release, 40).await;
    assert_eq!(offered(store, task(&id, "k", "t3", 0)).await.as_deref(), Some("t1"));
    assert!(store.task_finish(&id, "t1", Outcome::Done, 50).await.unwrap().is_some());
}

/// They lock the same two rows; whoever took them in another order would be killed as a deadlock.
pub async fn reports_and_events_do_not_block_each_other(database: Database) {
    let id = inspecting(&database).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..6 {
        let (store, id) = (database.replica().await, id.clone());
        tasks.spawn(async move {
            for round in 0..15 {
                let key = format!("k{number}-{round}");
                offered(&store, task(&id, &key, &key, 0)).await;
                store.task_progress(&id, &key, progress("disks", 1), 30).await.unwrap();
                let held = if round % 2 == 0 { Event::Hold } else { Event::Release };
                store.submit(&id, held, "test", 31).await.unwrap();
                store.task_finish(&id, &key, Outcome::Done, 32).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert!(database.numbers("SELECT COUNT(*) FROM task WHERE state = 'running'").await[0] <= 1);
}
