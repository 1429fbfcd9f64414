//! What long lists are made of: all machines in few words, what a word or a label is found in, and events in pages.

use api::event::Event;
use api::id::MachineId;
use api::label::Labels;
use api::who::Doubt;
use server::store::history::Before;
use server::store::machine::Birth;

use crate::database::{Database, mac};

pub async fn a_word_is_found_wherever_people_know_a_machine_by_it(database: Database) {
    let store = &database.store;
    let birth = Birth {
        macs: vec![mac(1)],
        hostname: Some("node01".parse().unwrap()),
        serial: "SN-0815".into(),
        profile: Some("worker".into()),
        position: Some(api::machine::Position { rack: "Hall_2".into(), unit: 7 }),
        enrolled: true,
        ..Birth::default()
    };
    let id = store.machine_born(birth, MachineId("m1".into()), 1).await.unwrap().id();
    let other = database.born(2).await;
    store.machine_label(&id, Labels::from([("zone".into(), "a".into())]), vec![]).await.unwrap();
    store.quarantine(&other, (Doubt::Hardware, "who is it?".into()), vec![], 2).await.unwrap();

    for word in
        ["node01", "ODE0", "sn-08", "work", "hall_2", "52:54:00:ab:00:01", "525400ab0001", "zone=a", "m1"]
    {
        let found = store.found(word).await.unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["m1"], "{word}");
    }
    for word in ["hall%", "node02", "zone=b", "10.77", "!"] {
        assert!(store.found(word).await.unwrap().is_empty(), "{word}");
    }
    let mut lines = store.lines().await.unwrap();
    lines.sort_by(|one, next| one.id.cmp(&next.id));
    let seen: Vec<_> = lines.iter().map(|l| (l.hostname.as_deref(), l.unit, l.hold, l.quarantined)).collect();
    assert_eq!(seen, [(Some("node01"), Some(7), false, false), (None, None, true, true)]);
    assert_eq!(store.labelled("zone").await.unwrap().keys().collect::<Vec<_>>(), ["m1"]);
    assert_eq!(store.label_keys().await.unwrap(), ["zone"]);
    let rows = store.machines_of(&["m2".into(), "nobody".into()]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["m2"]);
    assert!(store.machines_of(&[]).await.unwrap().is_empty());
}

pub async fn a_list_has_a_pulse(database: Database) {
    let store = &database.store;
    let before = store.pulse().await.unwrap();
    let id = database.born(1).await;
    let born = store.pulse().await.unwrap();
    assert_ne!(before, born);
    store.machine_seen(&id, "it spoke".into(), 5).await.unwrap();
    assert_eq!(store.pulse().await.unwrap(), born, "nothing of it is listed otherwise now");
    database.submit(&id, Event::Hold, 9).await;
    assert_ne!(store.pulse().await.unwrap(), born);
}

pub async fn events_are_paged_without_a_gap(database: Database) {
    let store = &database.store;
    for id in database.rack(3).await {
        // All of them in the same moment, as after an import.
        for event in [Event::Hold, Event::NodeReady, Event::Release] {
            database.submit(&id, event, 7).await;
        }
    }
    let (mut before, mut seen) = (Before::default(), Vec::new());
    loop {
        let page = store.events_before(&before, None, false, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Before::read(&Before::of(last).to_string()).unwrap();
        seen.extend(page.iter().map(|event| (event.machine.0.clone(), event.number)));
    }
    let all = store.events_newest(100).await.unwrap();
    assert_eq!(seen, all.iter().map(|event| (event.machine.0.clone(), event.number)).collect::<Vec<_>>());
    let refused = store.events_before(&Before::default(), None, true, 100).await.unwrap();
    assert!(refused.len() == 3 && refused.iter().all(|event| event.entry.refused));
    let m2 = MachineId("m2".into());
    let of_one = store.events_before(&Before::default(), Some(&m2), false, 2).await.unwrap();
    let older = store.events_before(&Before::of(&of_one[1]), Some(&m2), false, 100).await.unwrap();
    assert_eq!(of_one.len() + older.len(), all.iter().filter(|event| event.machine == m2).count());
    assert!(Before::read("soon").is_none());
}
