//! The sign of life that systemd's watchdog waits for. A loop gives it that does the server's work, each time it has come
//! round: one that hangs gives none, however well the rest of the process sleeps.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock;

/// At least so often the loop comes round when nothing happens.
pub const MOST_BETWEEN: Duration = Duration::from_secs(10);

pub struct Pulse {
    tell: Box<dyn Fn() + Send + Sync>,
    beats: Mutex<Beats>,
}

impl Pulse {
    /// `tell` is called no more often than every `pause`: a loop may go round a thousand times a second.
    pub fn new(pause: Duration, tell: impl Fn() + Send + Sync + 'static) -> Pulse {
        Pulse { tell: Box::new(tell), beats: Mutex::new(Beats::new(pause)) }
    }

    /// Nobody listens.
    pub fn silent() -> Pulse {
        Pulse::new(Duration::MAX, || {})
    }

    /// Something was done, to its end.
    pub fn beat(&self) {
        if self.beats.lock().unwrap_or_else(PoisonError::into_inner).is_due(clock::now()) {
            (self.tell)();
        }
    }
}

/// Which beats are told.
struct Beats {
    /// Microseconds.
    pause: i64,
    told: Option<i64>,
}

impl Beats {
    fn new(pause: Duration) -> Beats {
        Beats { pause: i64::try_from(pause.as_micros()).unwrap_or(i64::MAX), told: None }
    }

    /// A clock that was set back is no reason to be silent.
    fn is_due(&mut self, now: i64) -> bool {
        let due = self.told.is_none_or(|told| now < told || now.saturating_sub(told) >= self.pause);
        if due {
            self.told = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_loop_is_told_once_a_pause() {
        let mut beats = Beats::new(Duration::from_micros(10));
        let told: Vec<i64> = (100..130).filter(|now| beats.is_due(*now)).collect();
        assert_eq!(told, [100, 110, 120]);
        assert!(beats.is_due(50), "the clock was set back");
        assert!(!beats.is_due(59) && beats.is_due(60));
    }
}
