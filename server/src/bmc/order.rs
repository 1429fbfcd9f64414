//! Whose turn it is to be switched on: groups in the order of the site file, each waiting for those before it, and never
//! more machines in a moment than the mains can bear. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

/// What the site allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stagger {
    /// At most so many machines are switched on
    pub at_once: usize,
    /// within this time: until their inrush is over.
    pub within: Duration,
}

/// A group as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its machines serve and its hosts answer.
    pub well: bool,
    /// How long the groups after it wait for that.
    pub patience: Duration,
}

/// When each group was first waited for; kept by the caller for as long as somebody waits.
pub type Waits = BTreeMap<usize, i64>;

/// Whether group `index` may be switched on: each group before it is well, or was waited for long enough.
/// Groups are waited for one after the other, so `waits` learns of the first that is not well.
pub fn may_begin(groups: &[Group], index: usize, waits: &mut Waits, now: i64) -> Result<(), usize> {
    for (i, group) in groups.iter().enumerate().take(index) {
        if group.well {
            waits.remove(&i);
            continue;
        }
        let since = *waits.entry(i).or_insert(now);
        if now.saturating_sub(since) < micros(group.patience) {
            return Err(i);
        }
    }
    Ok(())
}

/// Takes one of the places of this moment. `recent`: when machines were switched on, oldest first; what is past goes.
pub fn take_place(stagger: Stagger, recent: &mut Vec<i64>, now: i64) -> bool {
    recent.retain(|at| now.saturating_sub(*at) < micros(stagger.within));
    let free = recent.len() < stagger.at_once.max(1);
    if free {
        recent.push(now);
    }
    free
}

/// How long until one of them is free, if nobody takes it before: nothing where one is.
pub fn free_in(stagger: Stagger, recent: &[i64], now: i64) -> Duration {
    let Some(index) = recent.len().checked_sub(stagger.at_once.max(1)) else { return Duration::ZERO };
    let free_at = recent[index].saturating_add(micros(stagger.within));
    Duration::from_micros(u64::try_from(free_at.saturating_sub(now)).unwrap_or(0))
}

/// Whether one of them is free.
pub fn has_place(stagger: Stagger, recent: &[i64], now: i64) -> bool {
    take_place(stagger, &mut recent.to_vec(), now)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn group(well: bool) -> Group {
        Group { well, patience: Duration::from_secs(600) }
    }

    #[test]
    fn a_group_waits_for_all_before_it() {
        let mut waits = Waits::new();
        let mut groups = [group(false), group(false), group(false)];
        assert_eq!(may_begin(&groups, 0, &mut waits, 0), Ok(()));
        assert_eq!(may_begin(&groups, 1, &mut waits, 0), Err(0));
        assert_eq!(may_begin(&groups, 2, &mut waits, 0), Err(0));
        groups[0].well = true;
        assert_eq!(may_begin(&groups, 1, &mut waits, 60 * SECOND), Ok(()));
        assert_eq!(may_begin(&groups, 2, &mut waits, 60 * SECOND), Err(1));
        groups[1].well = true;
        assert_eq!(may_begin(&groups, 2, &mut waits, 90 * SECOND), Ok(()));
    }

    #[test]
    fn one_dead_machine_keeps_the_site_dark_for_its_patience_only() {
        let mut waits = Waits::new();
        let groups = [group(false), group(false)];
        assert_eq!(may_begin(&groups, 2, &mut waits, 0), Err(0));
        assert_eq!(may_begin(&groups, 2, &mut waits, 599 * SECOND), Err(0));
        assert_eq!(may_begin(&groups, 2, &mut waits, 600 * SECOND), Err(1), "now the second is waited for");
        assert_eq!(may_begin(&groups, 1, &mut waits, 600 * SECOND), Ok(()));
        assert_eq!(may_begin(&groups, 2, &mut waits, 1200 * SECOND), Ok(()));
    }

    #[test]
    fn whoever_waits_for_a_place_finds_it_when_the_wait_is_over() {
        let stagger = Stagger { at_once: 2, within: Duration::from_secs(10) };
        assert_eq!(free_in(stagger, &[], 0), Duration::ZERO);
        assert_eq!(free_in(stagger, &[SECOND], 2 * SECOND), Duration::ZERO);
        let mut recent = vec![SECOND, 4 * SECOND];
        assert_eq!(free_in(stagger, &recent, 5 * SECOND), Duration::from_secs(6));
        assert!(
            !take_place(stagger, &mut recent, 11 * SECOND - 1)
                && take_place(stagger, &mut recent, 11 * SECOND)
        );
        assert_eq!(free_in(stagger, &recent, 11 * SECOND), Duration::from_secs(3));
    }

    #[test]
    fn a_thousand_machines_never_draw_more_than_a_few_at_once() {
        let stagger = Stagger { at_once: 4, within: Duration::from_secs(2) };
        let (mut recent, mut begun, mut now) = (Vec::new(), Vec::new(), 0);
        while begun.len() < 1000 {
            if take_place(stagger, &mut recent, now) {
                begun.push(now);
            } else {
                now += SECOND / 10;
            }
        }
        for window in begun.windows(5) {
            assert!(window[4] - window[0] >= 2 * SECOND, "{window:?}");
        }
        assert_eq!(now / SECOND, 498);
    }
}
