//! What is written down of which event.

use lab::bmc::board::{Boot, Mode, Persistence, Severity, Target};
use lab::bmc::event_log::{EventLog, of_boot, of_event};
use serde_json::json;

#[test]
fn events_are_written_down_in_words() {
    let reset = |reason: &str| json!({ "guest": true, "reason": reason });
    let table = [
        ("POWER_ON", json!({}), Some((Severity::Ok, "System power on"))),
        ("POWER_OFF", json!({}), Some((Severity::Ok, "System power off: power was cut"))),
        ("POWERDOWN", json!({}), Some((Severity::Ok, "Power button pressed"))),
        (
            "SHUTDOWN",
            reset("guest-shutdown"),
            Some((Severity::Ok, "System power off by its operating system")),
        ),
        // QEMU that is told to end.
        ("SHUTDOWN", reset("host-signal"), None),
        (
            "RESET",
            reset("guest-reset"),
            Some((Severity::Ok, "System restarted by its operating system or firmware")),
        ),
        ("RESET", reset("host-qmp-system-reset"), Some((Severity::Ok, "System reset"))),
        (
            "RESET",
            reset("board-watchdog"),
            Some((Severity::Critical, "System power cycled by the board's watchdog: it did not go on")),
        ),
        (
            "WATCHDOG",
            json!({ "action": "reset" }),
            Some((Severity::Critical, "Watchdog of the operating system expired: reset")),
        ),
        ("NIC_RX_FILTER_CHANGED", json!({}), None),
    ];
    for (name, data, expected) in table {
        let expected = expected.map(|(severity, message)| (severity, message.to_owned()));
        assert_eq!(of_event(name, &data), expected, "{name} {data}");
    }
}

#[test]
fn an_override_is_written_down_with_all_that_it_says() {
    let boot = Boot { target: Target::Network, persistence: Persistence::Always, mode: Some(Mode::Uefi) };
    assert_eq!(of_boot(boot), "Boot override set: network, always, UEFI");
    assert_eq!(of_boot(Boot { target: Target::Disk, ..Boot::NONE }), "Boot override set: disk, once");
    assert_eq!(of_boot(Boot::NONE), "Boot override cleared");
}

#[test]
fn a_full_log_loses_its_oldest_and_numbers_go_on() {
    let mut log = EventLog::default();
    (0..600).for_each(|at| log.write(at, Severity::Ok, "more".to_owned()));
    let entries = log.entries();
    assert_eq!((entries.len(), entries[0].id, entries[511].id, entries[511].at), (512, 89, 600, 599));
    log.clear();
    assert_eq!(log.entries(), []);
    log.write(0, Severity::Ok, "anew".to_owned());
    assert_eq!(log.entries()[0].id, 1);
}
