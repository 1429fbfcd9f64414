//! Lists of machines, labels and reservations.

use std::net::Ipv4Addr;
use std::sync::Arc;

use api::bmc::DriverKind;
use api::id::MachineId;
use api::import::{ImportRow, Imported, Problem};
use api::machine::{Reservation, Uplink};
use server::config::Site;
use server::store::bmc::BmcRow;
use server::store::import::Import;
use server::store::lease::{Addresses, Wish};
use server::store::reservation::Keep;
use uuid::Uuid;

use crate::database::{Database, mac};

const SITE: &str = r#"name = "test"

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.101"]

[layout.plain]
root = { size = "4G" }

[profile.worker]
image = "debian-12"
layout = "plain"
hostname = "node{:02}"

[[machine]]
name = "edge01"
macs = ["52:54:00:ab:00:63"]
address = "10.77.0.50"

[bmc.any]
default = true
user = "metald"
password_file = "/etc/metald/bmc.key"
"#;

fn row(line: u64, number: u8) -> ImportRow {
    ImportRow {
        line,
        hostname: Some(format!("node{number:02}").parse().unwrap()),
        macs: vec![mac(number)],
        address: Some(Ipv4Addr::new(10, 77, 0, number)),
        switch: Some("sw1".into()),
        port: Some(number.to_string()),
        rack: Some("A".into()),
        unit: Some(number.into()),
        profile: Some("worker".into()),
        labels: Some([("zone".to_string(), "a".to_string())].into()),
        ..ImportRow::default()
    }
}

async fn import(database: &Database, rows: &[ImportRow], dry_run: bool) -> Result<Imported, Vec<String>> {
    import_as(database, true, rows, dry_run).await
}

async fn import_as(
    database: &Database,
    admin: bool,
    rows: &[ImportRow],
    dry_run: bool,
) -> Result<Imported, Vec<String>> {
    let import = Import {
        rows: rows.to_vec(),
        site: Arc::new(Site::parse(SITE).unwrap()),
        who: "anna".into(),
        admin,
        now: 1,
        new_id: || MachineId(Uuid::now_v7().to_string()),
        dry_run,
    };
    let outcome = database.store.import(import).await.unwrap();
    outcome
        .map(|(imported, _)| imported)
        .map_err(|problems| problems.iter().map(Problem::to_string).collect())
}

pub async fn a_list_is_imported_once(database: Database) {
    let store = &database.store;
    let rows = [row(2, 11), row(3, 12)];
    let new = Imported { new: 2, ..Imported::default() };
    assert_eq!(import(&database, &rows, true).await, Ok(new));
    assert!(store.machine_by_mac(mac(11)).await.unwrap().is_none(), "a dry run made a machine");
    assert_eq!(import(&database, &rows, false).await, Ok(new));

    let node11 = store.machine_by_mac(mac(11)).await.unwrap().unwrap();
    assert_eq!((node11.name(), node11.state.as_str(), node11.enrolled), ("node11", "discovered", true));
    assert_eq!(
        (node11.rack.as_deref(), node11.unit, node11.profile.as_deref()),
        (Some("A"), Some(11), Some("worker"))
    );
    let uplink = Uplink { switch: "sw1".into(), port: "11".into() };
    assert_eq!(store.uplinks(std::slice::from_ref(&node11.id)).await.unwrap(), [(node11.id.clone(), uplink)]);
    let label = (node11.id.clone(), "zone".into(), "a".into());
    assert_eq!(store.labels_of(std::slice::from_ref(&node11.id)).await.unwrap(), [label]);
    assert_eq!(store.reservation_of(mac(11)).await.unwrap(), Some(Ipv4Addr::new(10, 77, 0, 11)));
    let history = store.history(&node11.id(), 10).await.unwrap();
    assert_eq!((history[0].event.as_str(), history[0].who.as_str()), ("imported", "anna"));

    let unchanged = Imported { unchanged: 2, ..Imported::default() };
    assert_eq!(import(&database, &rows, false).await, Ok(unchanged));
    assert_eq!(store.machine_by_mac(mac(11)).await.unwrap().unwrap().version, node11.version);

    let silent = ImportRow { line: 2, macs: vec![mac(11)], ..ImportRow::default() };
    assert_eq!(
        import(&database, &[silent], false).await,
        Ok(Imported { unchanged: 1, ..Imported::default() })
    );
    // Two machines change places: each finds the other's free, since the list moves both.
    let swapped = [
        ImportRow { rack: Some("A".into()), unit: Some(12), hostname: None, ..row(2, 11) },
        ImportRow { rack: Some("A".into()), unit: Some(11), hostname: None, ..row(3, 12) },
    ];
    assert_eq!(import(&database, &swapped, false).await, Ok(Imported { changed: 2, ..Imported::default() }));
    assert_eq!(store.machine_by_mac(mac(11)).await.unwrap().unwrap().unit, Some(12));
}

pub async fn a_list_says_what_switches_its_machines(database: Database) {
    let store = &database.store;
    let bmc = |line, number: u8, bmc: &str| ImportRow { bmc: Some(bmc.into()), ..row(line, number) };
    let first = ImportRow {
        bmc_driver: Some(DriverKind::Ipmi),
        bmc_user: Some("metald".into()),
        ..bmc(2, 11, "10.0.0.11")
    };
    let sleeper = ImportRow { bmc_driver: Some(DriverKind::WakeOnLan), ..row(3, 12) };
    let rows = [first.clone(), sleeper];
    let refused = import_as(&database, false, &rows, false).await.unwrap_err();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].starts_with("line 2: where the password of a BMC is sent"), "{refused:?}");
    import(&database, &rows, false).await.unwrap();
    let of = async |number| {
        let id = store.machine_by_mac(mac(number)).await.unwrap().unwrap().id();
        store.bmc(&id).await.unwrap().unwrap()
    };
    let one = of(11).await;
    assert_eq!(
        (one.driver.as_str(), one.address.as_str(), one.username.as_str()),
        ("ipmi", "10.0.0.11", "metald")
    );
    assert_eq!((one.origin.as_str(), one.password.clone()), ("import", None));
    assert_eq!(of(12).await.driver, "wake-on-lan");
    let unchanged = Imported { unchanged: 2, ..Imported::default() };
    assert_eq!(
        import_as(&database, false, &rows, false).await,
        Ok(unchanged),
        "nothing new is anybody's to import"
    );

    // What was pinned and sealed stays with its address.
    let sealed = BmcRow { certificate: Some("aa".into()), password: Some("sealed".into()), ..one };
    store.bmc_put(sealed).await.unwrap();
    import(&database, &[ImportRow { bmc_user: Some("other".into()), ..first.clone() }], false).await.unwrap();
    let kept = of(11).await;
    assert_eq!((kept.username.as_str(), kept.password.as_deref()), ("other", Some("sealed")));
    import(&database, &[bmc(2, 11, "10.0.0.99")], false).await.unwrap();
    let moved = of(11).await;
    assert_eq!((moved.address.as_str(), moved.driver.as_str()), ("10.0.0.99", "ipmi"));
    assert_eq!(
        (moved.password.clone(), moved.certificate.clone()),
        (None, None),
        "another BMC may answer there"
    );

    let taken = import(&database, &[bmc(7, 13, "10.0.0.99")], false).await.unwrap_err();
    assert_eq!(taken, ["line 7: the BMC at that address is node11's"]);
    store.bmc_put(BmcRow { origin: "operator".into(), ..moved }).await.unwrap();
    let said = import(&database, &[bmc(8, 11, "10.0.0.12")], false).await.unwrap_err();
    assert!(said[0].contains("as an operator said: `metalctl bmc set node11 --driver ipmi"), "{said:?}");
    let command = ImportRow { bmc_driver: Some(DriverKind::Command), ..row(9, 14) };
    let said = import(&database, &[command], false).await.unwrap_err();
    assert_eq!(said, ["line 9: a command is named by a set of the site file, and not by a list"]);
}

pub async fn of_a_list_that_clashes_nothing_is_imported(database: Database) {
    let store = &database.store;
    import(&database, &[row(2, 11), row(3, 12), row(4, 13), row(5, 14)], false).await.unwrap();
    let both = ImportRow { line: 4, macs: vec![mac(13), mac(14)], ..ImportRow::default() };
    let rows = [
        row(2, 20),
        ImportRow { hostname: Some("node11".parse().unwrap()), ..row(3, 21) },
        both,
        ImportRow { hostname: Some("node98".parse().unwrap()), profile: Some("gpu".into()), ..row(5, 12) },
        ImportRow { address: Some(Ipv4Addr::new(10, 77, 0, 11)), ..row(6, 22) },
        ImportRow { address: Some(Ipv4Addr::new(10, 77, 0, 50)), unit: Some(11), ..row(7, 23) },
        ImportRow { address: Some(Ipv4Addr::new(192, 0, 2, 7)), port: Some("11".into()), ..row(8, 24) },
        ImportRow {
            address: Some(Ipv4Addr::new(10, 77, 0, 1)),
            hostname: Some("edge01".parse().unwrap()),
            ..row(9, 25)
        },
        ImportRow { address: Some(Ipv4Addr::new(10, 77, 0, 255)), ..row(10, 26) },
        ImportRow { address: None, ..row(11, 99) },
    ];
    let problems = import(&database, &rows, false).await.unwrap_err();
    let expected = [
        "line 3: node11 is the name of another machine",
        "line 4: its MACs belong to node13 and to node14",
        "line 5: its profile is worker: `metalctl machine assign node12 --profile gpu`",
        "line 5: there is no profile `gpu`",
        "line 5: this machine is node12: `metalctl machine rename node12 node98`",
        "line 6: its address is kept for 52:54:00:ab:00:0b",
        "line 7: node11 is in that place",
        "line 7: the site file keeps 10.77.0.50 for another machine",
        "line 8: 192.0.2.7 is in no network",
        "line 8: node11 is plugged into that port",
        "line 9: 10.77.0.1 is this server's or the router's",
        "line 9: the site file has another machine with the name edge01",
        "line 10: 10.77.0.255 is the name or the broadcast address",
        "line 11: the site file calls this machine edge01",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert!(store.machine_by_mac(mac(20)).await.unwrap().is_none(), "half of the list was imported");
}

pub async fn a_reserved_address_is_nobody_elses(database: Database) {
    let store = &database.store;
    let (first, last) = (Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 101));
    let pool = || Addresses {
        network: "rack".into(),
        pools: vec![(first, last)],
        reserved: vec![],
        excluded: vec![],
    };
    store.lease_site(vec![pool()]).await.unwrap();
    let keep = |number, address| Keep {
        reservation: Reservation { mac: mac(number), address },
        network: "rack".into(),
        who: "anna".into(),
        now: 1,
    };
    assert!(store.reserve(keep(1, first)).await.unwrap());
    assert!(!store.reserve(keep(2, first)).await.unwrap(), "one address was kept for two cards");
    // The server starts again and reads its pools anew.
    store.lease_site(vec![pool()]).await.unwrap();
    let wish = |number, reserved| Wish {
        mac: mac(number),
        network: "rack".into(),
        reserved,
        remembered: None,
        now: 10,
    };
    assert_eq!(store.lease_offer(wish(3, None)).await.unwrap().unwrap().address, last);
    assert!(store.lease_offer(wish(4, None)).await.unwrap().is_none(), "a reserved address was given away");
    assert_eq!(store.lease_offer(wish(1, Some(first))).await.unwrap().unwrap().address, first);

    assert!(store.reserve(keep(1, Ipv4Addr::new(10, 77, 0, 20))).await.unwrap());
    assert_eq!(store.reservation_of(mac(1)).await.unwrap(), Some(Ipv4Addr::new(10, 77, 0, 20)));
    let kept = Reservation { mac: mac(1), address: Ipv4Addr::new(10, 77, 0, 20) };
    assert!(store.unreserve(kept, false).await.unwrap() && !store.unreserve(kept, false).await.unwrap());
    assert_eq!(store.reservations().await.unwrap(), []);
}

pub async fn events_of_all_machines_come_in_order(database: Database) {
    let store = &database.store;
    import(&database, &[row(2, 11), row(3, 12)], false).await.unwrap();
    let id = store.machine_by_mac(mac(11)).await.unwrap().unwrap();
    store.submit(&id.id(), api::event::Event::Hold, "anna", 5).await.unwrap();
    let names = |events: Vec<api::machine::MachineEvent>| -> Vec<String> {
        events.iter().map(|event| format!("{} {}", event.name, event.entry.event)).collect()
    };
    let newest = names(store.events_newest(2).await.unwrap());
    assert_eq!(newest[0], "node11 hold");
    assert_eq!(names(store.events_since(2, 10).await.unwrap()), ["node11 hold"]);
    assert_eq!(names(store.events_since(1, 10).await.unwrap()).len(), 3);
    assert_eq!(names(store.events_of(&id, 10).await.unwrap()), ["node11 hold", "node11 imported"]);
}
