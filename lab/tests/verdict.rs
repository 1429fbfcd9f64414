//! When the board's watchdog steps in, by tables of what it sees.

use std::time::Duration;

use lab::console::plain;
use lab::post::verdict::{Cure, Look, Watchdog};

const KERNEL: &str = "[   33.1] reboot: Restarting system\n[   33.2] reboot: machine restart\n";

/// What is seen in each second of a stretch: resets so far, QEMU's answer, and the console, whose bytes are
/// counted by their text.
struct Stretch(u64, usize, bool, &'static str);

/// The cures with the second in which each was ordered, with 60 s of patience.
fn cures(stretches: &[Stretch]) -> Vec<(u64, Cure)> {
    let mut watchdog = Watchdog::new(Duration::from_secs(60), 0, 0);
    let (mut second, mut cures) = (0, vec![]);
    for Stretch(seconds, resets, answered, console) in stretches {
        for _ in 0..*seconds {
            second += 1;
            let tail = plain(console.as_bytes());
            let mark = usize::try_from(watchdog.mark()).unwrap_or(usize::MAX);
            let since_mark = console.get(mark..).unwrap_or_default();
            let look = Look {
                passed: Duration::from_secs(1),
                resets: *resets,
                answered: *answered,
                length: console.len() as u64,
                since_mark: &plain(since_mark.as_bytes()),
                tail: &tail,
            };
            cures.extend(watchdog.look(look).map(|cure| (second, cure)));
        }
    }
    cures
}

#[test]
fn a_machine_that_goes_on_is_left_alone() {
    // Firmware that speaks, and then an hour of a system that does not.
    assert_eq!(cures(&[Stretch(20, 0, true, ""), Stretch(3600, 0, true, "BdsDxe: loading")]), []);
    // A reboot that takes its time at each step.
    let reboot = [
        Stretch(20, 0, true, "login:"),
        Stretch(50, 0, true, KERNEL),
        Stretch(50, 1, true, KERNEL),
        Stretch(50, 1, true, "reboot: machine restart\nSeaBIOS (version 1.16.2-debian-1.16.2-1)\nBooting\n"),
        Stretch(600, 1, true, "reboot: machine restart\nSeaBIOS (version 1.16.2-debian-1.16.2-1)\nlogin:\n"),
    ];
    assert_eq!(cures(&reboot), []);
    // QEMU that is busy for less than the patience, again and again.
    let busy = [
        Stretch(50, 0, false, "login:"),
        Stretch(1, 0, true, "login:"),
        Stretch(50, 0, false, "login:"),
        Stretch(1, 0, true, "login:"),
    ];
    assert_eq!(cures(&busy), []);
    // Somebody reads the kernel's last word in a file.
    assert_eq!(cures(&[Stretch(600, 0, true, "reboot: machine restart\n# ")]), []);
}

#[test]
fn firmware_that_says_nothing_is_reset_and_then_power_cycled() {
    assert_eq!(cures(&[Stretch(130, 0, true, "")]), [(60, Cure::Reset), (120, Cure::Cycle)]);
    let cleared = "\x1b[2J\x1b[01;01H\x1b[=3h";
    assert_eq!(cures(&[Stretch(119, 0, true, cleared)]), [(60, Cure::Reset)]);
    // The cure's own reset is seen a second later, and helps.
    let helped = [
        Stretch(60, 0, true, ""),
        Stretch(20, 1, true, ""),
        Stretch(10, 1, true, "BdsDxe: loading"),
        Stretch(10, 1, true, KERNEL),
        // One later starts from the mild cure again.
        Stretch(61, 2, true, KERNEL),
    ];
    assert_eq!(cures(&helped), [(60, Cure::Reset), (161, Cure::Reset)]);
    let in_vain = [Stretch(60, 0, true, ""), Stretch(61, 1, true, "")];
    assert_eq!(cures(&in_vain), [(60, Cure::Reset), (121, Cure::Cycle)]);
}

#[test]
fn a_reset_that_does_not_come_is_a_power_cycle() {
    assert_eq!(cures(&[Stretch(5, 0, true, "x"), Stretch(61, 0, true, KERNEL)]), [(66, Cure::Cycle)]);
    let quiet = "[   33.1] reboot: Restarting system\r\n\x1b[0m";
    assert_eq!(cures(&[Stretch(5, 0, true, "x"), Stretch(61, 0, true, quiet)]), [(66, Cure::Cycle)]);
}

#[test]
fn qemu_that_does_not_answer_is_ended() {
    let hung = [Stretch(9, 0, true, "login:"), Stretch(60, 0, false, "login:")];
    assert_eq!(cures(&hung), [(69, Cure::Cycle)]);
    let ending = [Stretch(9, 0, true, "x"), Stretch(60, 0, false, "[ 9.1] reboot: Power down\n")];
    assert_eq!(cures(&ending), [(69, Cure::Cut)]);
}

#[test]
fn a_host_that_slept_is_not_the_machines_silence() {
    let mut watchdog = Watchdog::new(Duration::from_secs(60), 0, 0);
    let night = Duration::from_secs(8 * 3600);
    let look = Look { passed: night, resets: 0, answered: false, length: 0, since_mark: "", tail: "" };
    assert_eq!(watchdog.look(look), None);
    assert!(!watchdog.has_spoken());
    watchdog.look(Look { answered: true, length: 9, since_mark: "SeaBIOS", ..look });
    assert!(watchdog.has_spoken());
}
