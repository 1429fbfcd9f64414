//! When each BMC is read next: every one in its own moment of the period, so that a thousand are a steady trickle and
//! not a storm. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

/// When each machine's BMC is due, in microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule(BTreeMap<String, i64>);

/// After a start all are read within this time: an outage may just have ended.
const FIRST: Duration = Duration::from_secs(10);

impl Schedule {
    /// From now on it is these. One that is new is read soon.
    pub fn set(&mut self, machines: impl IntoIterator<Item = String>, period: Duration, now: i64) {
        let soon = micros(FIRST.min(period));
        let old = std::mem::take(&mut self.0);
        for machine in machines {
            let at = old.get(&machine).copied().unwrap_or_else(|| now + phase(&machine, soon));
            self.0.insert(machine, at);
        }
    }

    /// Those whose time has come, with when it came. Each is due again a period later, however late this was asked; one
    /// that missed whole periods makes up for none of them.
    pub fn due(&mut self, period: Duration, now: i64) -> Vec<(String, i64)> {
        let period = micros(period).max(1);
        let mut due = Vec::new();
        for (machine, at) in self.0.iter_mut().filter(|(_, at)| **at <= now) {
            due.push((machine.clone(), *at));
            *at += (now - *at) / period * period + period;
        }
        due
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Somewhere within `span`, always the same for one machine (FNV-1a).
fn phase(machine: &str, span: i64) -> i64 {
    let hash = machine.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::try_from(hash % u64::try_from(span.max(1)).unwrap_or(1)).unwrap_or(0)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const MINUTE: Duration = Duration::from_secs(60);

    fn rack(size: usize) -> Vec<String> {
        (0..size).map(|i| format!("0193{i:06}")).collect()
    }

    #[test]
    fn a_thousand_are_a_trickle() {
        let mut schedule = Schedule::default();
        schedule.set(rack(1000), MINUTE, 0);
        assert_eq!(schedule.len(), 1000);
        let (mut seen, mut most) = (0, 0);
        for second in 1..=600 {
            let due = schedule.due(MINUTE, second * SECOND);
            seen += due.len();
            most = most.max(due.len());
            assert!(due.iter().all(|(_, at)| second * SECOND - at < SECOND), "each in its second");
        }
        assert_eq!(seen, 10_000, "each once a minute");
        assert!(most < 150, "{most} in one second");
    }

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let mut schedule = Schedule::default();
        schedule.set(rack(1), MINUTE, 0);
        assert_eq!(schedule.due(MINUTE, 3600 * SECOND).len(), 1);
        assert_eq!(schedule.due(MINUTE, 3600 * SECOND + 1), []);
        assert_eq!(schedule.due(MINUTE, 3660 * SECOND).len(), 1);
    }

    #[test]
    fn who_comes_and_goes_moves_nobody_else() {
        let mut schedule = Schedule::default();
        schedule.set(rack(10), MINUTE, 0);
        let before = schedule.clone();
        schedule.set(rack(11), MINUTE, 5);
        schedule.set(rack(10), MINUTE, 6);
        assert_eq!(schedule, before);
        schedule.set([], MINUTE, 7);
        assert!(schedule.is_empty());
    }
}
