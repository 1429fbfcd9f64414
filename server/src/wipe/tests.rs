//! Which disks a wipe takes: one test a reason to leave one.

use api::id::MachineId;
use api::wipe::{WipeStep, WipedDisk};

use super::*;
use crate::sample::{disk, facts, installed};

fn with_ours<T>(planned: &[DiskName], test: impl FnOnce(&Ours<'_>) -> T) -> T {
    let machine = MachineId("m1".into());
    test(&Ours { owner: Owner { site: "lab", machine: &machine, generation: 3 }, planned })
}

fn all() -> WipeWish {
    WipeWish { scope: WipeScope::All, ..WipeWish::default() }
}

/// The names of those erased, and the reasons of those left.
fn shown(wish: &WipeWish, disks: Vec<Disk>) -> (Vec<String>, Vec<String>) {
    let preview = with_ours(&[], |ours| preview(ours, wish, &facts(disks)));
    let erased = preview.erased.into_iter().map(|disk| disk.name).collect();
    (erased, preview.left.into_iter().map(|left| left.why).collect())
}

#[test]
fn only_disks_with_an_install_of_ours_go_unless_all_are_wanted() {
    let disks = || vec![installed("sda", "lab", "m1", 3), disk("sdb")];
    let (erased, left) = shown(&WipeWish::default(), disks());
    assert_eq!(erased, ["sda"]);
    assert_eq!(left, ["no install of ours was on it: --all-disks erases it, too"]);
    assert_eq!(shown(&all(), disks()).0, ["sda", "sdb"]);
    let none = WipeWish { scope: WipeScope::None, ..WipeWish::default() };
    assert!(shown(&none, disks()).0.is_empty());
    let planned = [DiskName::of(&disk("sdb"))];
    let preview = with_ours(&planned, |ours| preview(ours, &WipeWish::default(), &facts(disks())));
    assert_eq!(preview.erased.len(), 2, "a plan of this machine named it, whatever is on it now");
}

#[test]
fn what_another_installed_goes_only_when_that_is_said() {
    for foreign in [
        installed("sda", "other", "m1", 1),
        installed("sda", "lab", "m2", 1),
        installed("sda", "lab", "m1", 4),
    ] {
        let (erased, left) = shown(&all(), vec![foreign.clone()]);
        assert!(erased.is_empty() && left[0].contains("say --erase-foreign"), "{left:?}");
        let allowed = WipeWish { erase_foreign: true, ..all() };
        assert_eq!(shown(&allowed, vec![foreign]).0, ["sda"]);
    }
}

#[test]
fn what_is_not_built_in_or_has_no_name_stays() {
    let twin = Disk { name: "sdb".into(), ..disk("sda") };
    let stays = [
        (vec![Disk { read_only: true, ..disk("sda") }], "it is read-only"),
        (vec![Disk { removable: true, ..disk("sda") }], "it is removable or on USB"),
        (vec![Disk { transport: Transport::Usb, ..disk("sda") }], "it is removable or on USB"),
        (vec![Disk { serial: " ".into(), ..disk("sda") }], "no serial and no WWN tell it from another disk"),
        (vec![disk("sda"), twin], "no serial and no WWN tell it from another disk"),
    ];
    for (disks, why) in stays {
        let (erased, left) = shown(&all(), disks);
        assert!(erased.is_empty());
        assert_eq!(left[0], why);
    }
}

fn wipe(disks: &[Disk], wish: WipeWish) -> Wipe {
    let wish = WipeWish { disks: disks.iter().map(DiskName::of).collect(), ..wish };
    Wipe { number: 2, at: 1, who: "ann".into(), wish, plan: None, record: Vec::new() }
}

#[test]
fn a_plan_names_what_was_shown_and_is_there() {
    let here = facts(vec![installed("sda", "lab", "m1", 3), disk("sdb"), disk("sdc")]);
    let wipe = wipe(&[installed("sda", "lab", "m1", 3), disk("sdb"), disk("sdx")], all());
    let plan = with_ours(&[], |ours| freeze(ours, &wipe, Some(&here)));
    let names: Vec<&str> = plan.disks.iter().map(|disk| disk.name.serial.as_str()).collect();
    assert_eq!(names, ["S-sda", "S-sdb"]);
    assert_eq!(plan.disks[0].fingerprint, "f-sda", "as this boot saw it");
    assert_eq!((plan.number, plan.boot_id.as_str()), (2, "boot-1"));
    let left: Vec<(&str, bool)> =
        plan.left.iter().map(|left| (left.name.serial.as_str(), left.wanted)).collect();
    assert_eq!(left, [("S-sdc", false), ("S-sdx", true)], "one that came, and one that went");
    let other = WipePlan { number: 3, ..plan.clone() };
    assert_ne!(plan.hash(), other.hash());
}

#[test]
fn a_disk_that_changed_hands_since_it_was_shown_stays() {
    let wipe = wipe(&[disk("sda")], all());
    let here = facts(vec![installed("sda", "other", "m9", 1)]);
    let plan = with_ours(&[], |ours| freeze(ours, &wipe, Some(&here)));
    assert!(plan.disks.is_empty() && plan.left[0].wanted, "{plan:?}");
}

#[test]
fn a_wipe_counts_when_all_is_erased_or_a_person_lets_it() {
    let mut wipe = wipe(&[disk("sda"), disk("sdb")], all());
    let here = facts(vec![disk("sda"), disk("sdb")]);
    wipe.plan = Some(with_ours(&[], |ours| freeze(ours, &wipe, Some(&here))));
    let wiped = |name: &str, outcome, error: Option<&str>| {
        let step = WipeStep { method: "zeros".into(), error: error.map(String::from) };
        WipedDisk { name: DiskName::of(&disk(name)), outcome, steps: vec![step], at: 5 }
    };
    wipe.record = vec![wiped("sda", WipeOutcome::Erased, None)];
    let why = wipe.unfinished().unwrap();
    assert_eq!(why, "not erased: TESTDISK, serial S-sdb, 21.5 GB: nothing of it was begun");
    wipe.record.push(wiped("sdb", WipeOutcome::Failed, Some("I/O error at 4096")));
    assert!(wipe.unfinished().unwrap().ends_with("I/O error at 4096"));
    wipe.wish.skip_failed = true;
    assert_eq!(wipe.unfinished(), None);
    assert_eq!(wipe.undone().len(), 1, "and it stays on record");
    wipe.wish.skip_failed = false;
    wipe.record[1] = wiped("sdb", WipeOutcome::Erased, None);
    assert_eq!(wipe.unfinished(), None);
}
