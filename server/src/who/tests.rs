//! Boxes that are opened: ports, disks and boards swapped, shared and missing, each with what becomes of its row.

use api::facts::{BootMode, Disk, DiskContent, Facts, Firmware, Interface, Memory, Product, Transport};
use api::state::Home;

use super::changes::changes;
use super::*;

/// A machine with everything: number 1 differs from number 2 in all of it.
fn hardware(number: u8) -> Facts {
    let product = |what: &str| Product {
        manufacturer: "ACME".into(),
        product: "R1".into(),
        serial: format!("{what}-{number}"),
    };
    Facts {
        boot_id: "b".into(),
        home: Home::Ram,
        boot_mode: BootMode::Uefi,
        secure_boot: None,
        kernel: "6.1".into(),
        firmware: Firmware::default(),
        system: product("system"),
        board: product("board"),
        chassis: product("chassis"),
        uuid: Some(format!("9f0c4b1e-0000-4000-8000-0000000000{number:02}")),
        cpus: Vec::new(),
        memory: Memory { total: 64 << 30, modules: Vec::new() },
        disks: vec![disk(number)],
        interfaces: vec![port(number)],
        bmc: None,
        clock_error_ms: 0,
    }
}

fn port(number: u8) -> Interface {
    Interface {
        name: "eth0".into(),
        mac: format!("52:54:00:00:00:{number:02}").parse().unwrap(),
        pci: String::new(),
        driver: "e1000e".into(),
        speed: 0,
        link: true,
        addresses: Vec::new(),
    }
}

fn disk(number: u8) -> Disk {
    Disk {
        name: "sda".into(),
        model: "SSD".into(),
        serial: format!("disk-{number}"),
        wwn: String::new(),
        size: 1 << 30,
        sector_size: 512,
        rotational: false,
        removable: false,
        read_only: false,
        transport: Transport::Sata,
        content: DiskContent::default(),
        fingerprint: String::new(),
    }
}

fn row(name: &str, facts: &Facts) -> Known {
    Known {
        machine: MachineId(name.into()),
        name: name.into(),
        identifiers: identifiers(facts),
        blank: false,
    }
}

/// Only a port of it was ever seen.
fn blank(name: &str, number: u8) -> Known {
    let identifiers = [Identifier::new(Kind::Mac, port(number).mac.to_string())].into();
    Known { machine: MachineId(name.into()), name: name.into(), identifiers, blank: true }
}

fn verdict(own: &Known, others: &[Known], found: &Facts) -> Verdict {
    // As the store does it: what several rows know tells nothing.
    let rows = || others.iter().chain([own]);
    let found = identifiers(found);
    let known_by = |id: &Identifier| rows().filter(|row| row.identifiers.contains(id)).count();
    let shared = found.iter().filter(|id| known_by(id) > 1).cloned().collect();
    decide(own, others, &found, &shared)
}

fn another(name: &str) -> Verdict {
    Verdict::Another(MachineId(name.into()))
}

fn itself() -> Verdict {
    Verdict::Itself { absorbs: Vec::new() }
}

fn doubt(verdict: Verdict) -> String {
    match verdict {
        Verdict::Doubt { why } => why,
        other => panic!("{other:?} without a doubt"),
    }
}

#[test]
fn a_machine_is_itself_whatever_one_part_of_it_was_swapped_for() {
    let own = row("node01", &hardware(1));
    assert_eq!(verdict(&own, &[], &hardware(1)), itself());
    let disk_replaced = Facts { disks: vec![disk(9)], ..hardware(1) };
    assert_eq!(verdict(&own, &[], &disk_replaced), itself());
    let other = hardware(9);
    // The maker's service writes the old system serial onto the new board; its UUID and serial are others.
    let board_replaced = Facts { board: other.board, uuid: other.uuid, ..hardware(1) };
    assert_eq!(verdict(&own, &[], &board_replaced), itself());
    let nothing = Facts { disks: vec![], uuid: None, board: Product::default(), ..hardware(1) };
    assert_eq!(verdict(&own, &[], &nothing), itself(), "what is not there says nothing");
}

#[test]
fn a_new_card_in_a_known_machine_is_that_machine() {
    let (new, known) = (blank("new", 7), row("node01", &hardware(1)));
    let swapped = Facts { interfaces: vec![port(7)], ..hardware(1) };
    assert_eq!(verdict(&new, std::slice::from_ref(&known), &swapped), another("node01"));
    let both = Facts { interfaces: vec![port(1), port(7)], ..hardware(1) };
    assert_eq!(verdict(&new, &[known], &both), another("node01"), "a second port");
}

#[test]
fn rows_that_are_only_a_port_of_it_are_absorbed() {
    let own = row("node01", &hardware(1));
    let both = Facts { interfaces: vec![port(1), port(7)], ..hardware(1) };
    let absorbs = vec![MachineId("port".into())];
    assert_eq!(verdict(&own, &[blank("port", 7)], &both), Verdict::Itself { absorbs });
    // A row with more to it is no mere port, whatever an agent says that its ports are.
    assert_eq!(verdict(&own, &[row("node07", &hardware(7))], &both), itself());
}

#[test]
fn a_card_that_was_moved_does_not_take_its_row_along() {
    let (owner, other) = (row("node01", &hardware(1)), row("node02", &hardware(2)));
    let moved = Facts { interfaces: vec![port(1), port(2)], ..hardware(2) };
    assert_eq!(verdict(&owner, std::slice::from_ref(&other), &moved), another("node02"));
    let into_unknown = Facts { interfaces: vec![port(1)], ..hardware(9) };
    assert_eq!(
        doubt(verdict(&owner, &[other], &into_unknown)),
        "its port is in other hardware than before: a port agrees, UUID, system serial, board serial, chassis serial \
         and a disk differ. If its parts were replaced, `metalctl machine merge node01 node01`; if the port was moved \
         into another machine, `metalctl machine split node01`"
    );
}

#[test]
fn a_board_with_its_ports_replaced_is_a_question() {
    let (new, known) = (blank("new", 9), row("node01", &hardware(1)));
    let replaced = Facts { chassis: hardware(1).chassis, disks: vec![disk(1)], ..hardware(9) };
    assert_eq!(
        doubt(verdict(&new, &[known], &replaced)),
        "it may be node01: chassis serial and a disk agree with node01's, a port, UUID, system serial and board serial \
         differ. If it is, `metalctl machine merge new node01`; if it is a machine of its own, `metalctl machine split new`"
    );
}

#[test]
fn a_disk_that_was_moved_makes_no_machine_another() {
    let (new, known) = (blank("new", 9), row("node01", &hardware(1)));
    let found = Facts { disks: vec![disk(1)], ..hardware(9) };
    assert_eq!(verdict(&new, std::slice::from_ref(&known), &found), itself());
    let inspected = row("node09", &hardware(9));
    assert_eq!(verdict(&inspected, &[known], &found), itself());
}

#[test]
fn what_a_batch_shares_is_a_question_once_and_then_tells_nothing() {
    let of_batch = |number: u8| {
        let (unlike, first) = (hardware(number), hardware(1));
        Facts { uuid: first.uuid, chassis: first.chassis, system: first.system, ..unlike }
    };
    let first = row("node01", &of_batch(1));
    let why = doubt(verdict(&blank("new", 2), std::slice::from_ref(&first), &of_batch(2)));
    assert!(why.starts_with("it may be node01: UUID, system serial and chassis serial agree"), "{why}");
    let second = row("node02", &of_batch(2));
    assert_eq!(verdict(&blank("new", 3), &[first, second], &of_batch(3)), itself());
}

#[test]
fn zero_and_default_uuids_and_placeholders_count_for_nothing() {
    for uuid in [
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
        "4C4C4544-0000-2010-8020-80C04F202020",
    ] {
        assert!(!uuid_counts(uuid), "{uuid}");
        let found = Facts { uuid: Some(uuid.into()), ..hardware(1) };
        assert!(identifiers(&found).iter().all(|id| id.kind != Kind::Uuid), "{uuid}");
    }
    assert!(uuid_counts("9f0c4b1e-0000-4000-8000-000000000001"));
    let usb = Interface { driver: "cdc_ether".into(), ..port(1) };
    let found = identifiers(&Facts { interfaces: vec![usb], ..hardware(1) });
    assert!(found.iter().all(|id| id.kind != Kind::Mac), "a BMC's port is the same on many machines");
}

#[test]
fn two_machines_in_one_box_are_a_question() {
    let (one, two) = (row("node01", &hardware(1)), row("node02", &hardware(2)));
    let mixed = Facts {
        interfaces: vec![port(1), port(2)],
        disks: vec![disk(1), disk(2)],
        uuid: hardware(2).uuid,
        board: Product::default(),
        chassis: Product::default(),
        system: hardware(1).system,
        ..hardware(1)
    };
    assert!(doubt(verdict(&one, &[two], &mixed)).starts_with("it may be node02"));
}

#[test]
fn what_changed_is_told_part_by_part() {
    assert!(changes(&hardware(1), &hardware(1)).is_empty());
    let now = Facts {
        interfaces: vec![port(7)],
        disks: vec![disk(1), disk(8)],
        board: Product { serial: String::new(), ..hardware(1).board },
        memory: Memory { total: 32 << 30, modules: Vec::new() },
        ..hardware(1)
    };
    assert_eq!(
        changes(&hardware(1), &now),
        [
            "port 52:54:00:00:00:01 is gone",
            "port 52:54:00:00:00:07 is new",
            "board serial was board-1, is none",
            "disk SSD disk-8 is new",
            "memory was 64.0 GiB, is 32.0 GiB",
        ]
    );
    let smaller = Facts { disks: vec![Disk { size: 1 << 29, ..disk(1) }], ..hardware(1) };
    assert_eq!(changes(&hardware(1), &smaller), ["disk SSD disk-1 had 1073741824 bytes, has 536870912"]);
    let gone = Facts { disks: vec![], ..hardware(1) };
    assert_eq!(changes(&hardware(1), &gone), ["disk SSD disk-1 is gone"]);
}
