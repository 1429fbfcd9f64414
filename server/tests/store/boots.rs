//! Boot keys, boot attempts and logs.

use api::agent::{LogLine, LogSource};
use api::trace::{Hop, HopName};

use crate::database::{Database, gapless};

fn hop(name: HopName, seconds: i64) -> Hop {
    Hop { name, at: seconds * 1_000_000, detail: "as told".into() }
}

fn line(text: &str) -> LogLine {
    LogLine { at: 1, source: LogSource::Kernel, text: text.into() }
}

pub async fn a_boot_key_works_once_and_only_the_newest(database: Database) {
    let store = &database.store;
    let (one, two) = (database.born(1).await, database.born(2).await);
    store.boot_key_put(&one, "old".into(), 100).await.unwrap();
    store.boot_key_put(&one, "new".into(), 100).await.unwrap();
    store.boot_key_put(&two, "twos".into(), 100).await.unwrap();
    assert_eq!(
        store.boot_key_use("old".into(), 50).await.unwrap(),
        None,
        "each rendering kills the one before"
    );
    assert_eq!(store.boot_key_use("twos".into(), 100).await.unwrap(), None, "too old");
    let other = database.replica().await;
    let mut uses = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = if number % 2 == 0 { store.clone() } else { other.clone() };
        uses.spawn(async move { store.boot_key_use("new".into(), 50).await.unwrap() });
    }
    let used: Vec<_> = uses.join_all().await.into_iter().flatten().collect();
    assert_eq!(used, [one]);
}

pub async fn hops_are_counted_without_gaps(database: Database) {
    let store = &database.store;
    let id = database.born(1).await;
    assert_eq!(store.attempt_number(&id).await.unwrap(), 0);
    assert_eq!(store.hop(&id, hop(HopName::Discover, 1), true).await.unwrap(), 1);
    assert_eq!(store.hop(&id, hop(HopName::Discover, 3), true).await.unwrap(), 1, "asked again");
    assert_eq!(store.hop(&id, hop(HopName::Hello, 60), false).await.unwrap(), 1);
    assert_eq!(store.hop(&id, hop(HopName::Discover, 61), true).await.unwrap(), 2);
    let other = database.replica().await;
    let mut hops = tokio::task::JoinSet::new();
    for number in 0..30 {
        let (id, store) = (id.clone(), if number % 2 == 0 { store.clone() } else { other.clone() });
        hops.spawn(async move { store.hop(&id, hop(HopName::Kernel, 62), true).await.unwrap() });
    }
    assert_eq!(hops.join_all().await, [2; 30]);
    assert!(gapless(&database.numbers("SELECT number FROM hop WHERE attempt = 2 ORDER BY number").await));
    let attempts = store.attempts(&id).await.unwrap();
    let counted: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.hops.len())).collect();
    assert_eq!(counted, [(2, 31), (1, 3)], "newest first");
    assert_eq!(attempts[1].hops[2], hop(HopName::Hello, 60));
}

pub async fn old_boots_are_forgotten_with_their_logs(database: Database) {
    let id = database.born(1).await;
    for boot in 1..=25 {
        let number = database.store.hop(&id, hop(HopName::Discover, boot * 600), true).await.unwrap();
        assert_eq!(number, boot);
        database.store.log_add(&id, vec![line("booting")]).await.unwrap();
    }
    let attempts = database.store.attempts(&id).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].number), (20, 25));
    let logs = database.store.log(&id, 100).await.unwrap();
    assert_eq!((logs.len(), logs[0].attempt), (20, 6));
}

pub async fn log_lines_are_counted_without_gaps(database: Database) {
    let id = database.born(1).await;
    let other = database.replica().await;
    let mut batches = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (id, store) = (id.clone(), if number % 2 == 0 { database.store.clone() } else { other.clone() });
        batches.spawn(async move { store.log_add(&id, vec![line("first"), line("second")]).await.unwrap() });
    }
    batches.join_all().await;
    assert!(gapless(&database.numbers("SELECT number FROM log ORDER BY number").await));
    let log = database.store.log(&id, 3).await.unwrap();
    let texts: Vec<_> = log.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts, ["second", "first", "second"], "a batch stays together");
    assert_eq!(log[0].source, LogSource::Kernel);
}
