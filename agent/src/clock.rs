//! The machine's clock, read and set. All other files get the time from here.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

/// Microseconds since 1970.
pub fn now() -> i64 {
    micros(SystemTime::now())
}

pub fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds since the kernel started, on the clock that stamps its log.
pub fn uptime() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}

pub fn set(to: i64) -> Result<()> {
    let time = Timespec { tv_sec: to.div_euclid(1_000_000), tv_nsec: to.rem_euclid(1_000_000) * 1000 };
    clock_settime(ClockId::Realtime, time).context("cannot set the clock")
}
