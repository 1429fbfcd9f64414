//! Every way and every outcome of it, as a table; and what stays true whatever happens.

use super::*;

const MINUTE: i64 = 60_000_000;

fn ground() -> Ground {
    let patience = Duration::from_secs(600);
    let (goal, netboots_first) = (Goal::Ram, None);
    Ground {
        goal,
        since: 7,
        bios: false,
        secure_boot: false,
        bmc: false,
        ram_image: true,
        netboots_first,
        patience,
    }
}

/// Ways in their order; those in parentheses are not tried.
fn order(ground: Ground, learned: Option<Rung>) -> String {
    let ladder = climb(&Ladder { learned, ..Ladder::default() }, &ground, "b0", 0);
    let word = |step: &Step| match &step.stand {
        Stand::Skipped { .. } => format!("({})", step.rung),
        _ => step.rung.to_string(),
    };
    ladder.steps.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn which_ways_there_are_and_in_which_order() {
    let base = ground();
    let table = [
        (base, None, "bootnext reboot grub kexec hand"),
        (Ground { bios: true, ..base }, None, "(bootnext) reboot grub kexec hand"),
        (Ground { netboots_first: Some(true), ..base }, None, "reboot bootnext grub kexec hand"),
        (Ground { netboots_first: Some(false), ..base }, None, "bootnext grub kexec reboot hand"),
        (
            Ground { bios: true, netboots_first: Some(false), ..base },
            None,
            "(bootnext) grub kexec reboot hand",
        ),
        (Ground { secure_boot: true, ..base }, None, "(bootnext) (reboot) grub kexec hand"),
        (
            Ground { secure_boot: true, netboots_first: Some(true), ..base },
            None,
            "reboot bootnext grub kexec hand",
        ),
        (Ground { ram_image: false, ..base }, None, "bootnext reboot (grub) (kexec) hand"),
        (Ground { goal: Goal::Network, ..base }, None, "bootnext reboot hand"),
        (Ground { goal: Goal::Network, netboots_first: Some(true), ..base }, None, "reboot bootnext hand"),
        (Ground { goal: Goal::Network, ..base }, Some(Rung::Grub), "bootnext reboot hand"),
        (base, Some(Rung::Kexec), "kexec bootnext reboot grub hand"),
        (Ground { netboots_first: Some(true), ..base }, Some(Rung::Grub), "grub reboot bootnext kexec hand"),
        (Ground { secure_boot: true, ..base }, Some(Rung::Reboot), "reboot (bootnext) grub kexec hand"),
        (Ground { bmc: true, ..base }, None, "bmc bootnext reboot grub kexec hand"),
        (Ground { bmc: true, bios: true, ..base }, None, "bmc (bootnext) reboot grub kexec hand"),
        (
            Ground { bmc: true, netboots_first: Some(true), ..base },
            None,
            "bmc reboot bootnext grub kexec hand",
        ),
        (Ground { bmc: true, secure_boot: true, ..base }, None, "(bmc) (bootnext) (reboot) grub kexec hand"),
        (Ground { bmc: true, goal: Goal::Network, ..base }, None, "bmc bootnext reboot hand"),
        (Ground { bmc: true, ..base }, Some(Rung::Kexec), "kexec bmc bootnext reboot grub hand"),
        (base, Some(Rung::Bmc), "bootnext reboot grub kexec hand"),
    ];
    for (ground, learned, expected) in table {
        assert_eq!(order(ground, learned), expected, "{ground:?} {learned:?}");
    }
}

/// The way that is open, or how the last one ended.
fn open(ladder: &Ladder) -> Option<Rung> {
    ladder.open().map(|step| step.rung)
}

fn why(ladder: &Ladder, rung: Rung) -> String {
    let step = ladder.steps.iter().find(|step| step.rung == rung).unwrap();
    match &step.stand {
        Stand::Skipped { why } | Stand::Failed { why, .. } => why.clone(),
        stand => format!("{stand:?}"),
    }
}

#[test]
fn each_way_ends_in_each_manner_and_the_next_one_begins() {
    let ways = [Rung::BootNext, Rung::Reboot, Rung::Grub, Rung::Kexec];
    for (number, rung) in ways.into_iter().enumerate() {
        let mut told = Ladder::default();
        for boot in 0..=number {
            told = climb(&told, &ground(), &format!("b{boot}"), MINUTE);
        }
        let boot = format!("b{number}");
        assert_eq!(open(&told), Some(rung));
        let next = ways.get(number + 1).copied().unwrap_or(Rung::Hand);
        assert_eq!(told.next(), Some(next));

        assert_eq!(climb(&told, &ground(), &boot, 2 * MINUTE), told, "it is still leaving");
        let stayed = climb(&told, &ground(), &boot, 12 * MINUTE);
        assert_eq!((open(&stayed), why(&stayed, rung).contains("still up")), (Some(next), true));
        let back = climb(&told, &ground(), "other", 2 * MINUTE);
        assert_eq!((open(&back), why(&back, rung).contains("its own OS answered")), (Some(next), true));

        let cannot = refuse(&told, "no such entry", 2 * MINUTE);
        assert_eq!((open(&cannot), why(&cannot, rung).as_str()), (None, "no such entry"));
        assert_eq!(open(&climb(&cannot, &ground(), &boot, 2 * MINUTE)), Some(next), "in the same boot");

        assert!(!told.is_late(7, 11 * MINUTE) && told.is_late(7, 11 * MINUTE + 1));
        assert_eq!(fall_silent(&told, 11 * MINUTE), told);
        let silent = fall_silent(&told, 11 * MINUTE + 1);
        assert_eq!((open(&silent), silent.next()), (None, Some(next)));
        assert!(why(&silent, rung).contains("10 min"), "{silent:?}");
        assert_eq!(open(&climb(&silent, &ground(), "late", 20 * MINUTE)), Some(next));

        let led = arrive(&told, 7, 3 * MINUTE);
        assert_eq!((led.learned, led.arrived, open(&led)), (Some(rung), Some(3 * MINUTE), None));
        assert!(news(&told, &led)[0].ends_with("led to the agent in RAM after 120 s"));
        let late = arrive(&told, 7, 12 * MINUTE);
        assert_eq!((late.learned, late.arrived), (None, Some(12 * MINUTE)), "in time or not its doing");
        assert_eq!(arrive(&told, 8, 3 * MINUTE), told, "of another state");
    }
}

#[test]
fn in_the_end_a_person_is_waited_for_without_a_deadline() {
    let mut ladder = Ladder::default();
    for boot in 0..5 {
        ladder = climb(&ladder, &ground(), &format!("b{boot}"), boot * MINUTE);
    }
    assert_eq!((open(&ladder), ladder.next()), (Some(Rung::Hand), None));
    assert!(!ladder.is_late(7, i64::MAX));
    assert_eq!(climb(&ladder, &ground(), "b9", 100 * MINUTE), ladder, "no more reboots");
    assert_eq!(refuse(&ladder, "no", 1), ladder);
    assert_eq!(ladder.tried().matches("its own OS answered instead").count(), 4);
    let led = arrive(&ladder, 7, 200 * MINUTE);
    assert_eq!((led.learned, led.arrived), (None, Some(200 * MINUTE)), "a hand is not to be learned");
}

#[test]
fn what_was_learned_is_first_in_the_next_climb() {
    let told = climb(&Ladder::default(), &ground(), "b0", 0);
    let led = arrive(&climb(&told, &ground(), "b1", MINUTE), 7, 2 * MINUTE);
    let again = climb(&led, &Ground { since: 99, ..ground() }, "b5", 100 * MINUTE);
    assert_eq!((open(&again), again.arrived, again.since), (Some(Rung::Reboot), None, 99));
    assert_eq!(news(&led, &again).len(), 1);
    // Back on the disk in the same state: the ladder begins anew, the state's patience does not.
    let fell = climb(&led, &ground(), "b6", 3 * MINUTE);
    assert_eq!((open(&fell), fell.arrived), (Some(Rung::Reboot), Some(2 * MINUTE)));
}

#[test]
fn what_worked_before_and_fails_now_is_forgotten() {
    let learned = Ladder { learned: Some(Rung::Kexec), ..Ladder::default() };
    let told = climb(&learned, &ground(), "b0", 0);
    assert_eq!((open(&told), told.learned), (Some(Rung::Kexec), Some(Rung::Kexec)));
    assert_eq!(refuse(&told, "no", 1).learned, None);
    assert_eq!(fall_silent(&told, 11 * MINUTE).learned, None);
    let next = climb(&told, &ground(), "b1", 1);
    assert_eq!((open(&next), next.learned), (Some(Rung::BootNext), None));
    assert_eq!(refuse(&Ladder { learned: Some(Rung::Grub), ..told }, "no", 1).learned, Some(Rung::Grub));
}

#[test]
fn the_states_patience_rests_on_the_way_and_runs_from_the_first_arrival() {
    let nothing = Ladder::default();
    assert_eq!(nothing.patience_from(7), Some(7));
    let told = climb(&nothing, &ground(), "b0", MINUTE);
    assert_eq!((told.patience_from(7), told.patience_from(8)), (None, Some(8)));
    let led = arrive(&told, 7, 2 * MINUTE);
    let again = arrive(&climb(&led, &ground(), "b2", 3 * MINUTE), 7, 4 * MINUTE);
    assert_eq!((led.patience_from(7), again.patience_from(7)), (Some(2 * MINUTE), Some(2 * MINUTE)));
}

#[test]
fn what_the_server_cannot_do_ends_that_way_only() {
    let ground = Ground { bmc: true, ..ground() };
    let begun = climb(&Ladder::default(), &ground, "b0", 0);
    assert_eq!(open(&begun), Some(Rung::Bmc));
    for other in [(ground.since + 1, Rung::Bmc), (ground.since, Rung::BootNext)] {
        assert_eq!(refuse_way(&begun, other, "no", 1), begun, "{other:?}");
    }
    let refused = refuse_way(&begun, (ground.since, Rung::Bmc), "it is left alone until noon", 1);
    assert_eq!(why(&refused, Rung::Bmc), "it is left alone until noon");
    assert_eq!(open(&climb(&refused, &ground, "b0", 2)), Some(Rung::BootNext), "in the same boot");
}

#[test]
fn each_change_is_told_once() {
    let bios = Ground { bios: true, ..ground() };
    let told = climb(&Ladder::default(), &bios, "b0", 0);
    let said = news(&Ladder::default(), &told);
    assert_eq!(
        said,
        [
            "UEFI BootNext is no way: it boots by BIOS, which knows no BootNext",
            "a plain reboot is tried: the OS of boot b0 is told"
        ]
    );
    assert!(news(&told, &told).is_empty());
    let next = climb(&told, &bios, "b1", MINUTE);
    assert_eq!(
        news(&told, &next),
        [
            "a plain reboot did not lead there: its own OS answered instead (boot b1)",
            "a GRUB entry for one boot is tried: the OS of boot b1 is told"
        ]
    );
}

#[test]
fn steps_are_stored_as_they_are() {
    let told = climb(&Ladder::default(), &Ground { bios: true, ..ground() }, "b0", 0);
    let text = serde_json::to_string(&told.steps).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Step>>(&text).unwrap(), told.steps);
    assert!(
        text.contains(r#"{"rung":"reboot","stand":"begun","at":0,"deadline":600000000,"boot_id":"b0"}"#),
        "{text}"
    );
}
