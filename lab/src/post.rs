//! The watchdog that server boards have over their firmware's start (IPMI 2.0, 27: "BIOS FRB2"): OVMF under
//! emulation sometimes hangs right after a guest's reboot, and a board would start it once more.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::qmp::Event;

/// Firmware says something on its console within seconds, even beside another machine.
const SILENCE: Duration = Duration::from_secs(60);

/// Watches until QEMU has closed its control line.
pub fn watch(mut control: UnixStream, events: Arc<Mutex<Vec<Event>>>, console: PathBuf) {
    let length = move || fs::metadata(&console).map_or(0, |file| file.len());
    thread::spawn(move || {
        let (mut resets, mut began, mut silent_at) = (0, Instant::now(), None);
        // Ends with the line's reader, which holds the other reference beside the machine's own.
        while Arc::strong_count(&events) > 1 {
            thread::sleep(Duration::from_millis(500));
            let seen = events
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .filter(|e| e.name == "RESET")
                .count();
            if seen > resets {
                (resets, began, silent_at) = (seen, Instant::now(), Some(length()));
            }
            if silent_at.is_some_and(|at| length() != at) {
                silent_at = None;
            }
            if silent_at.is_some() && began.elapsed() > SILENCE {
                // The answer has an id that no caller waits for.
                if writeln!(control, r#"{{"execute":"system_reset","id":"post"}}"#).is_err() {
                    return;
                }
                (began, silent_at) = (Instant::now(), None);
            }
        }
    });
}
