//! What a board's BMC writes down: what happened to the machine, in a person's words, oldest first. Pure.

use std::collections::VecDeque;

use serde_json::Value;

use super::board::{Action, Boot, Entry, Mode, Persistence, Severity, Target};

/// As boards have room for; then the oldest goes.
const ENTRIES_AT_MOST: usize = 512;

#[derive(Debug, Default)]
pub struct EventLog {
    entries: VecDeque<Entry>,
    last: u32,
}

impl EventLog {
    pub fn write(&mut self, at: u64, severity: Severity, message: String) {
        self.last += 1;
        self.entries.push_back(Entry { id: self.last, at, severity, message });
        if self.entries.len() > ENTRIES_AT_MOST {
            self.entries.pop_front();
        }
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Of a machine's event, if a BMC would write it down.
pub fn of_event(name: &str, data: &Value) -> Option<(Severity, String)> {
    let reason = data["reason"].as_str().unwrap_or_default();
    let (severity, message) = match (name, reason) {
        ("POWER_ON", _) => (Severity::Ok, "System power on"),
        ("POWER_OFF", _) => (Severity::Ok, "System power off: power was cut"),
        ("POWERDOWN", _) => (Severity::Ok, "Power button pressed"),
        ("SHUTDOWN", "guest-shutdown") => (Severity::Ok, "System power off by its operating system"),
        ("RESET", "guest-reset") => (Severity::Ok, "System restarted by its operating system or firmware"),
        ("RESET", "board-watchdog") => {
            (Severity::Critical, "System power cycled by the board's watchdog: it did not go on")
        }
        ("RESET", _) => (Severity::Ok, "System reset"),
        ("WATCHDOG", _) => {
            let action = data["action"].as_str().unwrap_or("none");
            return Some((Severity::Critical, format!("Watchdog of the operating system expired: {action}")));
        }
        _ => return None,
    };
    Some((severity, message.to_owned()))
}

/// Of what was ordered and leaves no event of its own.
pub fn of_action(action: Action) -> Option<&'static str> {
    match action {
        Action::Nmi => Some("Non-maskable interrupt sent to the processors"),
        Action::On | Action::Off | Action::Shutdown | Action::Reset | Action::Cycle => None,
    }
}

pub fn of_boot(boot: Boot) -> String {
    let target = match boot.target {
        Target::Usual => return "Boot override cleared".to_owned(),
        Target::Network => "network",
        Target::Disk => "disk",
        Target::Cd => "CD",
        Target::Setup => "setup",
    };
    let persistence = match boot.persistence {
        Persistence::Once => "once",
        Persistence::Always => "always",
    };
    let mode = match boot.mode {
        None => "",
        Some(Mode::Bios) => ", BIOS",
        Some(Mode::Uefi) => ", UEFI",
    };
    format!("Boot override set: {target}, {persistence}{mode}")
}
