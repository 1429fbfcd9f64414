//! The one writer of state: nothing lost, nothing twice, all of it told.

use api::event::Event;
use api::id::MachineId;
use api::state::{Home, State};
use api::task::Progress;
use server::lifecycle::next::Step;
use server::store::machine::Birth;
use server::store::{Error, Store};

use crate::database::{Database, gapless};

const RAM: fn(&str) -> Event = |boot| Event::Hello { home: Home::Ram, boot_id: boot.into(), generation: 0 };

/// Inspected, with a profile.
async fn available(database: &Database) -> MachineId {
    let id = database.born(1).await;
    let profile = Birth { profile: Some("worker".into()), ..Birth::default() };
    database.store.machine_describe(&id, profile).await.unwrap();
    for event in [RAM("b1"), Event::FactsReported] {
        database.submit(&id, event, 10).await;
    }
    id
}

pub async fn nothing_is_lost_when_many_submit_at_once(database: Database) {
    let id = available(&database).await;
    let before = database.store.history(&id, 1000).await.unwrap().len();
    let other = database.replica().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = if number % 2 == 0 { database.store.clone() } else { other.clone() };
        tasks.spawn(begin_and_fail(store, id.clone()));
    }
    let begun: i64 = tasks.join_all().await.into_iter().sum();
    let row = database.store.machine(&id).await.unwrap();
    assert!(begun > 0 && row.generation == begun, "{begun} installs begun, generation {}", row.generation);
    let numbers = database.numbers("SELECT number FROM history ORDER BY number").await;
    assert!(gapless(&numbers));
    assert_eq!(numbers.len(), before + 8 * 12 * 4, "each event once");
}

/// How many times this task's event was the one that began a generation.
async fn begin_and_fail(store: Store, id: MachineId) -> i64 {
    let mut begun = 0;
    for round in 0..12 {
        let failed = Event::StepFailed { reason: "no disk".into() };
        for event in [Event::Approved { erase_foreign: false }, failed, Event::Inspect, Event::FactsReported]
        {
            let applied = store.submit(&id, event, "test", round).await.unwrap();
            begun += i64::from(applied.step == Step::Go(State::Partitioning));
        }
    }
    begun
}

pub async fn history_tells_all_in_order(database: Database) {
    let id = available(&database).await;
    database.submit(&id, Event::NodeReady, 20).await;
    database.submit(&id, Event::Approved { erase_foreign: false }, 21).await;
    let failed = database.submit(&id, Event::StepFailed { reason: "the disk is gone".into() }, 22).await;
    assert_eq!((failed.step, failed.life.failed_in), (Step::Go(State::Failed), Some(State::Partitioning)));
    let history = database.store.history(&id, 3).await.unwrap();
    let told: Vec<_> = history.iter().map(|entry| (entry.event.as_str(), entry.to, entry.refused)).collect();
    let expected = [
        ("step_failed", State::Failed, false),
        ("approved", State::Partitioning, false),
        ("node_ready", State::Available, true),
    ];
    assert_eq!(told, expected);
    assert_eq!((history[0].note.as_str(), history[0].at), ("the disk is gone", 22));
    assert_eq!((history[1].who.as_str(), history[1].from), ("test", State::Available));
    assert!(!history[2].note.is_empty(), "a refusal says why");
    let row = database.store.machine(&id).await.unwrap();
    assert_eq!((row.reason.as_deref(), row.since), (Some("the disk is gone"), 22));
    database.submit(&id, Event::Retry, 23).await;
    let row = database.store.machine(&id).await.unwrap();
    assert_eq!((row.reason, row.generation, row.state.as_str()), (None, 1, "partitioning"));
    let nobody = database.store.submit(&MachineId("nobody".into()), Event::Hold, "test", 1).await;
    assert!(matches!(nobody, Err(Error::NoMachine(_))));
}

pub async fn a_hello_is_news_once_a_boot(database: Database) {
    let id = available(&database).await;
    let count = database.store.history(&id, 100).await.unwrap().len();
    database.submit(&id, RAM("b1"), 30).await;
    assert_eq!(database.store.history(&id, 100).await.unwrap().len(), count);
    database.submit(&id, RAM("b2"), 40).await;
    assert_eq!(
        database.store.history(&id, 100).await.unwrap().len(),
        count + 1,
        "a reboot that nobody asked for"
    );
    let row = database.store.machine(&id).await.unwrap();
    assert_eq!((row.home(), row.boot_id.as_str(), row.last_seen), (Some(Home::Ram), "b2", Some(40)));
}

/// Firmware that starts over and over is seen all the time, and the agent that was there is silent.
pub async fn an_agent_is_heard_by_its_own_words_only(database: Database) {
    const SECOND: i64 = 1_000_000;
    let id = available(&database).await;
    let store = &database.store;
    let seen = async || {
        let row = store.machine(&id).await.unwrap();
        (row.last_seen, row.agent_seen)
    };
    database.submit(&id, RAM("b2"), 100 * SECOND).await;
    assert_eq!(seen().await, (Some(100 * SECOND), Some(100 * SECOND)));
    store.machine_seen(&id, "discover: uefi-pxe".into(), 200 * SECOND).await.unwrap();
    assert_eq!(seen().await, (Some(200 * SECOND), Some(100 * SECOND)));
    store.agent_seen(&id, 205 * SECOND).await.unwrap();
    assert_eq!(seen().await, (Some(205 * SECOND), Some(205 * SECOND)), "a packet keeps no word of it away");
    store.agent_seen(&id, 206 * SECOND).await.unwrap();
    assert_eq!(seen().await.1, Some(205 * SECOND), "not written each second");
    store.machine_noted(&id, "the server says why it waits".into()).await.unwrap();
    assert_eq!(seen().await, (Some(205 * SECOND), Some(205 * SECOND)));
    let progress = Progress { phase: "writing".into(), done: 1, total: 2 };
    store.task_progress(&id, "t1", progress, 300 * SECOND).await.unwrap();
    assert_eq!(seen().await, (Some(300 * SECOND), Some(300 * SECOND)));
}

pub async fn time_on_hold_does_not_count(database: Database) {
    let id = available(&database).await;
    database.submit(&id, Event::Approved { erase_foreign: false }, 100).await;
    database.submit(&id, Event::Hold, 200).await;
    assert_eq!(database.store.machine(&id).await.unwrap().since, 100);
    database.submit(&id, Event::Release, 9_000).await;
    let row = database.store.machine(&id).await.unwrap();
    assert_eq!((row.since, row.hold), (9_000, false), "its patience begins anew");
}

pub async fn a_remark_and_a_note_change_no_state(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    store.remark(&id, "fenced", "its power was said to be off".into(), 50).await.unwrap();
    store.machine_noted(&id, "the node leaves".into()).await.unwrap();
    let row = store.machine(&id).await.unwrap();
    assert_eq!(
        (row.state.as_str(), row.evidence.as_str(), row.last_seen),
        ("discovered", "the node leaves", None)
    );
    let entry = store.history(&id, 5).await.unwrap().remove(0);
    assert_eq!((entry.event.as_str(), entry.at, entry.refused), ("fenced", 50, false));
    assert_eq!((entry.from, entry.to), (row.life().unwrap().state, row.life().unwrap().state));
    let nobody = store.remark(&MachineId("nobody".into()), "fenced", String::new(), 60).await;
    assert!(matches!(nobody, Err(Error::NoMachine(_))));
}
