//! The watchdog that server boards have over their firmware's start (IPMI 2.0, 27: "BIOS FRB2"), and over QEMU: under
//! emulation firmware sometimes hangs right after a guest's reboot, and so does QEMU. A board starts such a machine
//! once more, hard if it has to.

pub mod verdict;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::console;
use crate::qmp::{Events, Pulse};
use verdict::{Cure, Look, Watchdog};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Of the console, for its last line and for a first word.
const ENOUGH_BYTES: u64 = 4096;

/// What one start of QEMU is watched by.
pub(crate) struct Watched {
    /// QEMU's.
    pub process: u32,
    /// Firmware says something on its console within seconds, even beside another machine.
    pub patience: Duration,
    pub pulse: Pulse,
    pub events: Events,
    pub console: PathBuf,
    /// The console's length before this start.
    pub mark: u64,
}

/// Watches until QEMU has closed its control line, or does not go on; then `end` is called, with what to do about it.
pub(crate) fn watch(mut watched: Watched, end: impl FnOnce(Cure) + Send + 'static) {
    let mut watchdog = Watchdog::new(watched.patience, watched.mark, watched.events.count("RESET"));
    thread::spawn(move || {
        let (began, mut lived) = (Instant::now(), Duration::ZERO);
        while !watched.pulse.closed() {
            // Without a line to ask on, the next look finds it closed.
            let _ = watched.pulse.ask();
            thread::sleep(LOOK_EVERY);
            // A long wait is told at its end: then none passes until what was counted too much is made up for.
            let now = began.elapsed().saturating_sub(waited_for_processor(watched.process));
            let passed = now.saturating_sub(lived);
            lived = lived.max(now);
            let had_spoken = watchdog.has_spoken();
            let cure = look(&watched, &mut watchdog, passed);
            if watchdog.has_spoken() && !had_spoken {
                watched.events.push("POST", json!({}));
            }
            match cure {
                None => {}
                Some(Cure::Reset) => drop(watched.pulse.reset()),
                Some(cure) => return end(cure),
            }
        }
    });
}

/// How long the thread of QEMU that had to wait longest, the guest's processor, has waited for one of the host's: for
/// that long it was no fault of its own that it said nothing. A host that does not count it has given it one.
fn waited_for_processor(process: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Duration::ZERO };
    let nanoseconds = |thread: fs::DirEntry| -> Option<u64> {
        let counted = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        counted.split_whitespace().nth(1)?.parse().ok()
    };
    Duration::from_nanos(threads.flatten().filter_map(nanoseconds).max().unwrap_or_default())
}

fn look(watched: &Watched, watchdog: &mut Watchdog, passed: Duration) -> Option<Cure> {
    // The console before the events: what the kernel said before a reset is not taken for the firmware's word.
    let length = length(&watched.console);
    let read = |from| console::plain(&read(&watched.console, from).unwrap_or_default());
    watchdog.look(Look {
        passed,
        resets: watched.events.count("RESET"),
        answered: watched.pulse.answered(),
        length,
        since_mark: &if watchdog.mark() < length { read(watchdog.mark()) } else { String::new() },
        tail: &read(length.saturating_sub(ENOUGH_BYTES)),
    })
}

pub(crate) fn length(console: &Path) -> u64 {
    console.metadata().map_or(0, |file| file.len())
}

fn read(console: &Path, from: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(console)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![];
    file.take(ENOUGH_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
