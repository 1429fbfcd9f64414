//! Whose hardware a boot found, and what became of the rows.

use api::event::Event;
use api::facts::{BootMode, Disk, DiskContent, Facts, Firmware, Interface, Memory, Product, Transport};
use api::id::{Mac, MachineId};
use api::state::Home;
use api::who::Doubt;
use server::store::Error;
use server::store::machine::Birth;
use server::who::Verdict;

use crate::database::{Database, mac};

const RAM: fn(&str) -> Event = |boot| Event::Hello { home: Home::Ram, boot_id: boot.into(), generation: 0 };

/// A machine's own parts, and the ports that are in it now.
fn facts(number: u8, macs: &[Mac]) -> Facts {
    let product = |what: &str| Product { serial: format!("{what}-{number}"), ..Product::default() };
    let port = |mac: &Mac| Interface {
        name: "eth0".into(),
        mac: *mac,
        pci: String::new(),
        driver: "e1000e".into(),
        speed: 0,
        link: true,
        addresses: Vec::new(),
    };
    let disk = Disk {
        name: "sda".into(),
        model: "SSD".into(),
        serial: format!("disk-{number}"),
        wwn: String::new(),
        size: 1,
        sector_size: 512,
        rotational: false,
        removable: false,
        read_only: false,
        transport: Transport::Sata,
        content: DiskContent::default(),
        fingerprint: String::new(),
    };
    Facts {
        boot_id: format!("boot-{number}"),
        home: Home::Ram,
        boot_mode: BootMode::Uefi,
        secure_boot: None,
        kernel: String::new(),
        firmware: Firmware::default(),
        system: product("system"),
        board: product("board"),
        chassis: product("chassis"),
        uuid: Some(format!("9f0c4b1e-0000-4000-8000-0000000000{number:02}")),
        cpus: Vec::new(),
        memory: Memory::default(),
        disks: vec![disk],
        interfaces: macs.iter().map(port).collect(),
        bmc: None,
        clock_error_ms: 0,
    }
}

/// A machine with a name, and facts of its own.
async fn known(database: &Database, number: u8) -> MachineId {
    let hostname = Some(format!("node{number:02}").parse().unwrap());
    let birth = Birth { macs: vec![mac(number)], hostname, enrolled: true, ..Birth::default() };
    let id = MachineId(format!("m{number}"));
    database.store.machine_born(birth, id.clone(), 1).await.unwrap();
    database.submit(&id, RAM("first"), 2).await;
    let verdict = database.store.identify(&id, &facts(number, &[mac(number)]), 3).await.unwrap();
    assert_eq!(verdict, Verdict::Itself { absorbs: vec![] });
    id
}

async fn owner(database: &Database, last: u8) -> String {
    database.store.machine_by_mac(mac(last)).await.unwrap().unwrap().id
}

async fn last_event(database: &Database, id: &MachineId) -> (String, String) {
    let entry = database.store.history(id, 1).await.unwrap().remove(0);
    (entry.event, entry.note)
}

pub async fn a_swapped_card_leads_back_to_its_machine(database: Database) {
    let id = known(&database, 1).await;
    let new = database.born(7).await;
    database.submit(&new, RAM("boot-1"), 5).await;
    let verdict = database.store.identify(&new, &facts(1, &[mac(7)]), 6).await.unwrap();
    assert_eq!(verdict, Verdict::Another(id.clone()));
    assert_eq!(owner(&database, 7).await, id.0);
    assert!(
        matches!(database.store.machine(&new).await, Err(Error::NoMachine(_))),
        "the row that was only a port"
    );
    assert_eq!(
        database.store.merged_into("boot-1").await.unwrap(),
        Some(id.clone()),
        "its session is told to boot"
    );
    assert_eq!(database.store.merged_into("boot-2").await.unwrap(), None);
    assert_eq!(last_event(&database, &id).await.0, "merged");
    assert_eq!(
        database.store.machine(&id).await.unwrap().name(),
        "node01",
        "the name stays with the machine"
    );
    // From now on the port is its own, and so is what it boots.
    let again = database.store.identify(&id, &facts(1, &[mac(7)]), 7).await.unwrap();
    assert_eq!(again, Verdict::Itself { absorbs: vec![] });
}

pub async fn a_second_port_that_was_seen_alone_is_absorbed(database: Database) {
    let id = known(&database, 1).await;
    let port = database.born(7).await;
    let other = known(&database, 2).await;
    let verdict = database.store.identify(&id, &facts(1, &[mac(1), mac(7), mac(2)]), 6).await.unwrap();
    assert_eq!(verdict, Verdict::Itself { absorbs: vec![port] });
    assert_eq!(owner(&database, 7).await, id.0);
    assert_eq!(owner(&database, 2).await, other.0, "a port of a machine with more to it stays");
    let of_disk = Facts { home: Home::Disk, ..facts(1, &[mac(1), mac(8)]) };
    database.store.identify(&id, &of_disk, 8).await.unwrap();
    assert_eq!(owner(&database, 8).await, id.0, "an installed system tells of its ports, too");
}

pub async fn a_port_in_other_hardware_is_quarantined(database: Database) {
    let id = known(&database, 1).await;
    let verdict = database.store.identify(&id, &facts(9, &[mac(1)]), 10).await.unwrap();
    assert!(matches!(verdict, Verdict::Doubt { .. }));
    let (row, quarantine) = (
        database.store.machine(&id).await.unwrap(),
        database.store.quarantine_of(&id).await.unwrap().unwrap(),
    );
    assert!(row.hold && row.evidence == quarantine.why, "{}", row.evidence);
    assert_eq!(quarantine.interfaces, [mac(1)]);
    assert_eq!(last_event(&database, &id).await, ("quarantined".into(), quarantine.why));
    let events = database.store.history(&id, 100).await.unwrap().len();
    database.store.identify(&id, &facts(9, &[mac(1)]), 11).await.unwrap();
    assert_eq!(database.store.history(&id, 100).await.unwrap().len(), events, "it is told once");

    // The port was moved: its row is another one.
    database.submit(&id, RAM("boot-9"), 12).await;
    let new = MachineId("m9".into());
    database.store.machine_split(&id, (new.clone(), vec![mac(1)], false), "ada", 13).await.unwrap();
    assert_eq!(owner(&database, 1).await, new.0);
    let row = database.store.machine(&id).await.unwrap();
    assert!(!row.hold && database.store.quarantine_of(&id).await.unwrap().is_none());
    assert_eq!(database.store.merged_into("boot-9").await.unwrap(), Some(new.clone()));
    assert!(!database.store.machine(&new).await.unwrap().enrolled, "as the site's policy says");
    let verdict = database.store.identify(&new, &facts(9, &[mac(1)]), 14).await.unwrap();
    assert_eq!(verdict, Verdict::Itself { absorbs: vec![] });
}

pub async fn replaced_parts_are_its_own_when_a_person_says_so(database: Database) {
    let id = known(&database, 1).await;
    database.store.identify(&id, &facts(9, &[mac(1)]), 10).await.unwrap();
    assert!(database.store.machine_merge(&id, &id, "ada", 11).await.unwrap());
    assert!(!database.store.machine(&id).await.unwrap().hold);
    let verdict = database.store.identify(&id, &facts(9, &[mac(1)]), 12).await.unwrap();
    assert_eq!(verdict, Verdict::Itself { absorbs: vec![] });
}

pub async fn its_own_hardware_stays_known_when_one_of_two_systems_is_left(database: Database) {
    let id = known(&database, 1).await;
    database.store.quarantine(&id, (Doubt::Sessions, "two speak".into()), vec![], 10).await.unwrap();
    assert_eq!(database.store.quarantine_of(&id).await.unwrap().unwrap().about, Doubt::Sessions);
    assert!(database.store.machine_merge(&id, &id, "ada", 11).await.unwrap());
    let row = database.store.machine(&id).await.unwrap();
    assert!(!row.hold && database.store.quarantine_of(&id).await.unwrap().is_none());
    let verdict = database.store.identify(&id, &facts(9, &[mac(1)]), 12).await.unwrap();
    assert!(
        matches!(verdict, Verdict::Doubt { .. }),
        "the one that is left runs in other hardware: {verdict:?}"
    );
    assert_eq!(database.store.quarantine_of(&id).await.unwrap().unwrap().about, Doubt::Hardware);
}

pub async fn a_hold_from_before_outlives_the_quarantine(database: Database) {
    let id = known(&database, 1).await;
    database.submit(&id, Event::Hold, 5).await;
    database.store.identify(&id, &facts(9, &[mac(1)]), 10).await.unwrap();
    let sessions = (Doubt::Sessions, "two speak".into());
    database.store.quarantine(&id, sessions, vec![], 11).await.unwrap();
    assert!(database.store.machine_merge(&id, &id, "ada", 12).await.unwrap());
    assert!(database.store.quarantine_of(&id).await.unwrap().is_none());
    assert!(database.store.machine(&id).await.unwrap().hold, "hands may be in the chassis");
}

pub async fn a_replaced_board_is_merged_by_a_person(database: Database) {
    let id = known(&database, 1).await;
    let new = database.born(9).await;
    database.submit(&new, RAM("boot-9"), 5).await;
    let board = Facts { disks: facts(1, &[]).disks, chassis: facts(1, &[]).chassis, ..facts(9, &[mac(9)]) };
    let verdict = database.store.identify(&new, &board, 6).await.unwrap();
    assert!(matches!(verdict, Verdict::Doubt { .. }));
    assert!(database.store.machine(&new).await.unwrap().hold);
    assert!(!database.store.machine(&id).await.unwrap().hold, "the one that is sure goes on");
    assert!(database.store.machine_merge(&new, &id, "ada", 7).await.unwrap());
    assert_eq!(owner(&database, 9).await, id.0);
    assert_eq!(database.store.merged_into("boot-9").await.unwrap(), Some(id.clone()));
    let verdict = database.store.identify(&id, &board, 8).await.unwrap();
    assert_eq!(verdict, Verdict::Itself { absorbs: vec![] });
}

pub async fn an_install_is_merged_into_nothing(database: Database) {
    let (one, two) = (known(&database, 1).await, known(&database, 2).await);
    let profile = Birth { profile: Some("worker".into()), ..Birth::default() };
    database.store.machine_describe(&one, profile).await.unwrap();
    for event in [Event::FactsReported, Event::Approved { erase_foreign: false }] {
        database.submit(&one, event, 10).await;
    }
    assert_eq!(database.store.machine(&one).await.unwrap().state, "partitioning");
    assert!(!database.store.machine_merge(&one, &two, "ada", 11).await.unwrap());
    assert_eq!(owner(&database, 1).await, one.0);
}

pub async fn an_installed_system_moves_no_rows(database: Database) {
    let (one, two) = (known(&database, 1).await, known(&database, 2).await);
    // Its disk was carried into the other's box, or its agent lies.
    let of_disk = Facts { home: Home::Disk, ..facts(2, &[mac(2)]) };
    let verdict = database.store.identify(&one, &of_disk, 10).await.unwrap();
    assert!(matches!(verdict, Verdict::Doubt { .. }));
    assert_eq!(owner(&database, 2).await, two.0);
    assert!(
        database.store.machine(&one).await.unwrap().hold && !database.store.machine(&two).await.unwrap().hold
    );
}

pub async fn a_uuid_hints_at_one_machine_or_none(database: Database) {
    let id = known(&database, 1).await;
    let uuid = facts(1, &[]).uuid.unwrap();
    assert_eq!(database.store.machine_by_uuid(&uuid).await.unwrap().unwrap().id(), id);
    let two = known(&database, 2).await;
    let shared = Facts { uuid: Some(uuid.clone()), ..facts(2, &[mac(2)]) };
    database.store.identify(&two, &shared, 10).await.unwrap();
    assert!(database.store.machine_by_uuid(&uuid).await.unwrap().is_none(), "what two have tells nothing");
}

pub async fn a_name_is_one_machines(database: Database) {
    let (one, two) = (known(&database, 1).await, known(&database, 2).await);
    assert!(!database.store.machine_rename(&one, "node02", "ada", 10).await.unwrap());
    assert!(database.store.machine_rename(&one, "db01", "ada", 11).await.unwrap());
    assert!(database.store.machine_rename(&two, "node01", "ada", 12).await.unwrap(), "the old one is free");
    assert_eq!(database.store.machine_find("db01").await.unwrap().id(), one);
    assert_eq!(last_event(&database, &one).await, ("renamed".into(), "node01 is db01 now".into()));
}
