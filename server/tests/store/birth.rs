//! How a machine gets its row, and how people find it.

use std::collections::HashSet;

use api::id::{Hostname, Mac, MachineId};
use api::state::State;
use server::store::Error;
use server::store::machine::Birth;

use crate::database::{Database, mac};

fn birth(macs: &[Mac], hostname: Option<&str>) -> Birth {
    let hostname = hostname.map(|name| name.parse::<Hostname>().unwrap());
    Birth { macs: macs.to_vec(), hostname, enrolled: true, ..Birth::default() }
}

pub async fn many_packets_of_one_mac_make_one_machine(database: Database) {
    let other = database.replica().await;
    let mut packets = tokio::task::JoinSet::new();
    for number in 0..24 {
        let store = if number % 2 == 0 { database.store.clone() } else { other.clone() };
        let id = MachineId(format!("m{number:02}"));
        packets.spawn(async move { store.machine_born(birth(&[mac(1), mac(2)], None), id, 1).await });
    }
    let mut rows = HashSet::new();
    while let Some(row) = packets.join_next().await {
        rows.insert(row.unwrap().unwrap().id);
    }
    assert_eq!(rows.len(), 1, "all were told the same row");
    assert_eq!(database.numbers("SELECT COUNT(*) FROM machine").await, [1]);
    assert_eq!(database.numbers("SELECT COUNT(*) FROM interface").await, [2]);
}

pub async fn a_second_port_of_the_site_file_joins_its_machine(database: Database) {
    let known = database.born(7).await;
    let both = birth(&[mac(6), mac(7)], None);
    let row = database.store.machine_born(both, MachineId("new".into()), 2).await.unwrap();
    assert_eq!(row.id(), known);
    assert_eq!(database.store.macs_of(&known).await.unwrap(), [mac(6), mac(7)]);
    assert_eq!(database.store.machine_by_mac(mac(6)).await.unwrap().unwrap().id(), known);
    assert!(database.store.machine_by_mac(mac(8)).await.unwrap().is_none());
}

pub async fn a_hostname_stays_with_the_machine_that_has_it(database: Database) {
    let store = &database.store;
    let old = store.machine_born(birth(&[mac(1)], Some("node01")), MachineId("a".into()), 1).await.unwrap();
    let new = store.machine_born(birth(&[mac(2)], Some("node01")), MachineId("b".into()), 1).await.unwrap();
    assert_eq!((old.hostname.as_deref(), new.hostname), (Some("node01"), None), "a row all the same");
    let wish = Birth { profile: Some("worker".into()), ..birth(&[], Some("node01")) };
    store.machine_describe(&MachineId("b".into()), wish).await.unwrap();
    let row = store.machine(&MachineId("b".into())).await.unwrap();
    assert_eq!((row.hostname.as_deref(), row.profile.as_deref()), (None, Some("worker")));
    assert!(store.hostname_is_taken("node01").await.unwrap());
    assert!(!store.hostname_is_taken("node02").await.unwrap());
    store.machine_describe(&MachineId("a".into()), birth(&[], Some("node02"))).await.unwrap();
    assert_eq!(store.machine(&old.id()).await.unwrap().name(), "node01", "nothing known is overwritten");
}

pub async fn a_machine_is_found_by_what_fits_it_only(database: Database) {
    let store = &database.store;
    let with = |serial: &str, macs, hostname| Birth { serial: serial.into(), ..birth(macs, hostname) };
    let born = [
        ("0192-aa", with("SN_100", &[mac(0x11)], Some("node07"))),
        ("0192-bb", with("SNX100", &[mac(0x12)], Some("node070"))),
        ("0192-cc", with("node07", &[mac(0x21)], None)),
    ];
    for (id, birth) in born {
        store.machine_born(birth, MachineId(id.into()), 1).await.unwrap();
    }
    let finds = [
        ("node07", "0192-aa"),
        ("node070", "0192-bb"),
        ("0192-c", "0192-cc"),
        ("sn_1", "0192-aa"),
        ("SNX", "0192-bb"),
        ("52:54:00:ab:00:21", "0192-cc"),
        ("52-54-00-AB-00-2", "0192-cc"),
        ("5254.00ab.0012", "0192-bb"),
    ];
    for (reference, id) in finds {
        assert_eq!(store.machine_find(reference).await.unwrap().id, id, "{reference}");
    }
    for reference in ["0192", "SN", "52:54", "52:54:00:ab:00:1"] {
        let error = store.machine_find(reference).await.unwrap_err();
        assert!(matches!(error, Error::Ambiguous { .. }), "{reference}: {error}");
    }
    for reference in ["", "%", "_", "ode07", "0192-dd", "!", "sn%"] {
        let error = store.machine_find(reference).await.unwrap_err();
        assert!(matches!(error, Error::NoMachine(_)), "{reference}: {error}");
    }
}

pub async fn lists_come_in_pages(database: Database) {
    for last in 10..35 {
        database.born(last).await;
    }
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let page = database.store.machines(&after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id.clone();
        seen.extend(page.into_iter().map(|row| row.id));
    }
    assert!(seen.len() == 25 && seen.is_sorted(), "{seen:?}");
    let waiting = database.store.machines_in(State::Discovered, "m20", 100).await.unwrap();
    assert_eq!(waiting.len(), 14);
    assert!(database.store.machines_in(State::Active, "", 100).await.unwrap().is_empty());
    assert_eq!(database.store.interfaces(&["m10", "m11", "m12"].map(String::from)).await.unwrap().len(), 3);
}
