//! What monitoring is told, on both databases.

use api::event::Event;
use api::state::Home;
use api::trace::{Hop, HopName};
use server::store::count::Counts;

use crate::database::Database;

pub async fn everything_is_counted_once(database: Database) {
    let store = &database.store;
    assert_eq!(store.counts(1, 0).await.unwrap(), Counts::default());
    let (first, _) = (database.born(1).await, database.born(2).await);
    let hello = Event::Hello { home: Home::Ram, boot_id: "b1".into(), generation: 0 };
    database.submit(&first, hello, 10).await;
    for at in [1, 2, 600_000_000] {
        let hop = Hop { name: HopName::Discover, at, detail: String::new() };
        store.hop(&first, hop, true).await.unwrap();
    }
    let boots = store.attempt_number(&first).await.unwrap();
    let counts = store.counts(1, 0).await.unwrap();
    assert_eq!(counts.machines, [("discovered".into(), 1), ("inspecting".into(), 1)]);
    assert_eq!(counts.boots, boots);
    assert!(boots > 0 && counts.failed.is_empty());
    assert_eq!(counts.oldest, [("discovered".into(), 1), ("inspecting".into(), 10)]);
}

pub async fn who_is_held_or_silent_is_counted(database: Database) {
    let held = database.born(1).await;
    database.born(2).await;
    database.submit(&held, Event::Hold, 2).await;
    database.execute("UPDATE machine SET state = 'active', agent_seen = 100, last_seen = 500").await;
    let counts = database.store.counts(1, 100).await.unwrap();
    assert_eq!((counts.held, counts.silent), (1, 0));
    assert_eq!(
        database.store.counts(1, 101).await.unwrap().silent,
        2,
        "firmware that starts over is no agent"
    );
}

pub async fn a_lease_that_has_ended_is_none(database: Database) {
    let pool = ("10.77.0.100".parse().unwrap(), "10.77.0.103".parse().unwrap());
    let addresses = server::store::lease::Addresses {
        network: "rack".into(),
        pools: vec![pool],
        reserved: vec![],
        excluded: vec![],
    };
    database.store.lease_site(vec![addresses]).await.unwrap();
    assert_eq!(database.store.counts(1, 0).await.unwrap().pools, [("rack".into(), 4, 0)]);
    let take = "UPDATE lease SET state = 'leased', until = 100";
    database.execute(take).await;
    assert_eq!(database.store.counts(99, 0).await.unwrap().pools, [("rack".into(), 4, 4)]);
    assert_eq!(database.store.counts(100, 0).await.unwrap().pools, [("rack".into(), 4, 0)]);
}
