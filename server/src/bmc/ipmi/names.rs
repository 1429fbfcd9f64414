//! The words of IPMI 2.0's tables of sensors and events (42-1 to 42-3), as far as machines in racks use them, and
//! how much each matters. Pure.

use Weight::{Bad, Fine, Grave};

/// Table 42-3.
pub fn kind(sensor_type: u8) -> String {
    const NAMES: [&str; 45] = [
        "reserved",
        "Temperature",
        "Voltage",
        "Current",
        "Fan",
        "Physical security",
        "Platform security",
        "Processor",
        "Power supply",
        "Power unit",
        "Cooling device",
        "Units-based sensor",
        "Memory",
        "Drive bay",
        "POST memory resize",
        "Firmware progress",
        "Event logging",
        "Watchdog 1",
        "System event",
        "Critical interrupt",
        "Button",
        "Module",
        "Microcontroller",
        "Add-in card",
        "Chassis",
        "Chip set",
        "Other FRU",
        "Cable",
        "Terminator",
        "System boot",
        "Boot error",
        "OS boot",
        "OS stop",
        "Slot",
        "ACPI power state",
        "Watchdog 2",
        "Platform alert",
        "Entity presence",
        "Monitor ASIC",
        "LAN",
        "Management subsystem health",
        "Battery",
        "Session audit",
        "Version change",
        "FRU state",
    ];
    NAMES
        .get(usize::from(sensor_type))
        .map_or_else(|| format!("Sensor type {sensor_type:#04x}"), |name| (*name).into())
}

/// How much a state or event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Fine,
    Bad,
    Grave,
}

impl Weight {
    /// In the words that Redfish has for it, so that all logs sort alike.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "OK",
            Self::Bad => "Warning",
            Self::Grave => "Critical",
        }
    }
}

/// What an offset says: for states of a kind's own (table 42-3), or generic ones (table 42-2).
pub fn state(sensor_type: u8, reading: u8, offset: u8) -> Option<(&'static str, Weight)> {
    let words = match reading {
        0x01 => &THRESHOLDS[..],
        0x6f => own(sensor_type),
        _ => generic(reading),
    };
    words.get(usize::from(offset)).copied().filter(|(text, _)| !text.is_empty())
}

type Words = &'static [(&'static str, Weight)];

const NONE: (&str, Weight) = ("", Fine);

const THRESHOLDS: [(&str, Weight); 12] = [
    ("below lower non-critical, falling", Bad),
    ("above lower non-critical, rising", Bad),
    ("below lower critical, falling", Grave),
    ("above lower critical, rising", Grave),
    ("below lower non-recoverable, falling", Grave),
    ("above lower non-recoverable, rising", Grave),
    ("below upper non-critical, falling", Bad),
    ("above upper non-critical, rising", Bad),
    ("below upper critical, falling", Grave),
    ("above upper critical, rising", Grave),
    ("below upper non-recoverable, falling", Grave),
    ("above upper non-recoverable, rising", Grave),
];

fn generic(reading: u8) -> Words {
    match reading {
        0x02 => &[("idle", Fine), ("active", Fine), ("busy", Fine)],
        0x03 => &[("deasserted", Fine), ("asserted", Fine)],
        0x04 => &[("no failure predicted", Fine), ("failure predicted", Bad)],
        0x05 => &[("limit not exceeded", Fine), ("limit exceeded", Bad)],
        0x06 => &[("performance met", Fine), ("performance lags", Bad)],
        0x07 => &[
            ("OK", Fine),
            ("to non-critical from OK", Bad),
            ("to critical from less severe", Grave),
            ("to non-recoverable from less severe", Grave),
            ("to non-critical from more severe", Bad),
            ("to critical from non-recoverable", Grave),
            ("to non-recoverable", Grave),
            ("monitor", Fine),
            ("informational", Fine),
        ],
        0x08 => &[("absent", Fine), ("present", Fine)],
        0x09 => &[("disabled", Fine), ("enabled", Fine)],
        0x0a => &[
            ("running", Fine),
            ("in test", Fine),
            ("power off", Fine),
            ("on line", Fine),
            ("off line", Fine),
            ("off duty", Fine),
            ("degraded", Bad),
            ("power save", Fine),
            ("install error", Bad),
        ],
        0x0b => &[
            ("fully redundant", Fine),
            ("redundancy lost", Bad),
            ("redundancy degraded", Bad),
            ("not redundant, was redundant", Bad),
            ("not redundant, resources suffice", Bad),
            ("not redundant, resources do not suffice", Grave),
        ],
        0x0c => &[
            ("D0 power state", Fine),
            ("D1 power state", Fine),
            ("D2 power state", Fine),
            ("D3 power state", Fine),
        ],
        _ => &[],
    }
}

fn own(sensor_type: u8) -> Words {
    match sensor_type {
        0x05 => &[
            ("chassis opened", Bad),
            ("drive bay opened", Bad),
            ("I/O card area opened", Bad),
            ("processor area opened", Bad),
            ("LAN cable pulled", Bad),
            ("unauthorised dock", Bad),
            ("fan area opened", Bad),
        ],
        0x07 => &[
            ("internal error", Grave),
            ("thermal trip", Grave),
            ("failed its self test", Grave),
            ("hung in POST", Grave),
            ("did not start", Grave),
            ("configuration error", Grave),
            ("uncorrectable error", Grave),
            ("present", Fine),
            ("disabled", Bad),
            ("terminator present", Fine),
            ("throttled", Bad),
            ("machine check", Grave),
            ("correctable machine check", Bad),
        ],
        0x08 => &[
            ("present", Fine),
            ("failed", Grave),
            ("failure predicted", Bad),
            ("input lost", Grave),
            ("input lost or out of range", Grave),
            ("input out of range", Bad),
            ("configuration error", Bad),
            ("standby", Fine),
        ],
        0x09 => &[
            ("power off", Fine),
            ("power cycle", Fine),
            ("240 VA power down", Grave),
            ("interlock power down", Grave),
            ("AC lost", Grave),
            ("soft power control failed", Bad),
            ("failed", Grave),
            ("failure predicted", Bad),
        ],
        0x0c => &[
            ("correctable ECC error", Bad),
            ("uncorrectable ECC error", Grave),
            ("parity error", Grave),
            ("scrub failed", Bad),
            ("module disabled", Bad),
            ("limit of correctable ECC errors reached", Bad),
            ("present", Fine),
            ("configuration error", Bad),
            ("spare", Fine),
            ("throttled", Bad),
            ("critical overtemperature", Grave),
        ],
        0x0d => &[
            ("drive present", Fine),
            ("drive failed", Grave),
            ("drive failure predicted", Bad),
            ("hot spare", Fine),
            ("consistency check", Fine),
            ("in critical array", Grave),
            ("in failed array", Grave),
            ("rebuild", Bad),
            ("rebuild aborted", Bad),
        ],
        0x0f => &[("firmware error", Grave), ("firmware hangs", Grave), ("firmware progress", Fine)],
        0x10 => &[
            ("logging of correctable memory errors switched off", Bad),
            ("logging of an event type switched off", Fine),
            ("log cleared", Fine),
            ("all logging switched off", Bad),
            ("log full", Bad),
            ("log almost full", Bad),
            ("logging of correctable machine checks switched off", Bad),
        ],
        0x12 => &[
            ("configuration changed", Fine),
            ("OEM system boot", Fine),
            ("hardware failure, not known which", Grave),
            ("entry added to the auxiliary log", Fine),
            ("platform event filter acted", Fine),
            ("clock set", Fine),
        ],
        0x13 => &[
            ("front panel NMI", Bad),
            ("bus timeout", Grave),
            ("I/O channel check NMI", Grave),
            ("software NMI", Bad),
            ("PCI parity error", Grave),
            ("PCI system error", Grave),
            ("EISA fail-safe timeout", Grave),
            ("correctable bus error", Bad),
            ("uncorrectable bus error", Grave),
            ("fatal NMI", Grave),
            ("fatal bus error", Grave),
            ("bus degraded", Bad),
        ],
        0x14 => {
            &[("power button pressed", Fine), ("sleep button pressed", Fine), ("reset button pressed", Fine)]
        }
        0x1b => &[("cable connected", Fine), ("cable configuration error", Bad)],
        0x1d => &[
            ("started by power-up", Fine),
            ("started by hard reset", Fine),
            ("started by warm reset", Fine),
            ("PXE boot requested", Fine),
            ("booted for diagnosis", Fine),
            ("hard reset by the OS", Fine),
            ("warm reset by the OS", Fine),
            ("restarted", Fine),
        ],
        0x1e => &[
            ("nothing to boot from", Grave),
            ("no boot disk", Grave),
            ("no PXE server found", Bad),
            ("boot sector invalid", Grave),
            ("boot menu timed out", Bad),
        ],
        0x1f => &[
            ("A: booted", Fine),
            ("C: booted", Fine),
            ("booted by PXE", Fine),
            ("diagnosis booted", Fine),
            ("CD booted", Fine),
            ("ROM booted", Fine),
            ("booted", Fine),
        ],
        0x20 => &[
            ("OS stopped while it was loaded", Grave),
            ("OS stopped", Grave),
            ("OS stopped in order", Fine),
            ("OS shut down in order", Fine),
            ("soft shutdown by a filter", Fine),
            ("agent does not answer", Bad),
        ],
        0x22 => &[
            ("S0/G0 working", Fine),
            ("S1 sleeping", Fine),
            ("S2 sleeping", Fine),
            ("S3 sleeping", Fine),
            ("S4 hibernated", Fine),
            ("S5/G2 soft off", Fine),
            ("S4/S5 soft off", Fine),
            ("G3 mechanical off", Fine),
            ("sleeping in S1 to S3", Fine),
            ("G1 sleeping", Fine),
            ("S5 by override", Fine),
            ("legacy on", Fine),
            ("legacy off", Fine),
        ],
        0x23 => &[
            ("watchdog expired", Bad),
            ("watchdog reset the machine", Bad),
            ("watchdog switched the machine off", Grave),
            ("watchdog cycled the power", Bad),
            NONE,
            NONE,
            NONE,
            NONE,
            ("watchdog interrupt", Fine),
        ],
        0x25 => &[("present", Fine), ("absent", Fine), ("disabled", Fine)],
        0x27 => &[("LAN heartbeat lost", Bad), ("LAN heartbeat", Fine)],
        0x28 => &[
            ("sensor access degraded", Bad),
            ("controller access degraded", Bad),
            ("management controller off line", Grave),
            ("management controller unavailable", Grave),
            ("sensor failed", Bad),
            ("FRU failed", Bad),
        ],
        0x29 => &[("battery low", Bad), ("battery failed", Grave), ("battery present", Fine)],
        0x2a => &[
            ("session opened", Fine),
            ("session closed", Fine),
            ("wrong user or password", Bad),
            ("user locked out", Bad),
        ],
        0x2b => &[
            ("hardware change", Fine),
            ("firmware change", Fine),
            ("hardware incompatible", Grave),
            ("firmware incompatible", Grave),
            ("invalid hardware version", Grave),
            ("invalid firmware version", Grave),
            ("hardware change succeeded", Fine),
            ("firmware change succeeded", Fine),
        ],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_found_by_their_table() {
        assert_eq!(state(0x01, 0x01, 9), Some(("above upper critical, rising", Grave)));
        assert_eq!(state(0x0c, 0x6f, 1), Some(("uncorrectable ECC error", Grave)));
        assert_eq!(state(0x08, 0x0b, 1), Some(("redundancy lost", Bad)));
        assert_eq!(state(0x23, 0x6f, 4), None, "reserved");
        assert_eq!(state(0xc0, 0x6f, 0), None, "a maker's own");
        assert_eq!(kind(0x0c), "Memory");
        assert_eq!(kind(0x2c), "FRU state");
        assert_eq!(kind(0xc1), "Sensor type 0xc1");
        for (sensor_type, reading, offset) in (0..=255).flat_map(|t| [(t, 0x6f, 15), (t, t, 15)]) {
            let _ = state(sensor_type, reading, offset);
        }
    }
}
