//! A boot override that is to be taken back and stays: when that is tried again, and from when on it is told. Pure.

use api::bmc::Fault;
use api::power::Trouble;

use super::gap::Doing;

/// What is known of the override that was for one start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// There is none, or its start is still to come.
    None,
    /// It could not be taken back yet; that may pass.
    Doubtful,
    /// Its BMC answers, and does not take it back.
    Stays,
}

/// How often in a row it was not taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    failures: u32,
    stays: u32,
    /// Not tried before then, in microseconds since 1970.
    again_at: i64,
}

const SECOND: i64 = 1_000_000;
const FIRST_PAUSE: i64 = 30 * SECOND;
const LONGEST_PAUSE: i64 = 3600 * SECOND;
/// Once is no sign: firmware that is starting keeps its settings to itself.
const TOLD: u32 = 3;

impl Stuck {
    pub const fn is_due(self, now: i64) -> bool {
        now >= self.again_at
    }

    /// It was tried, and failed so. What was not asked at all changes nothing, and of a BMC that does not answer is told
    /// as of one that does not.
    pub fn after(self, fault: &Fault, now: i64) -> Stuck {
        if matches!(fault, Fault::Busy(_)) {
            return self;
        }
        let answered = matches!(fault, Fault::NotObeyed(_) | Fault::Garbled(_) | Fault::Refused(_));
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        Stuck {
            failures: self.failures.saturating_add(1),
            stays: self.stays.saturating_add(u32::from(answered)),
            again_at: now.saturating_add(pause),
        }
    }

    pub const fn state(self) -> Override {
        if self.stays >= TOLD { Override::Stays } else { Override::Doubtful }
    }
}

/// With what is known of its boot override, where nothing worse is in the way. `before`: the trouble that was known.
pub fn with_override(doing: Doing, before: Trouble, known: Override) -> Doing {
    let stays = match known {
        Override::None => false,
        Override::Doubtful => before == Trouble::BootKept,
        Override::Stays => true,
    };
    let trouble = match (doing.trouble, stays) {
        (Trouble::None, true) => Trouble::BootKept,
        (Trouble::BootKept, false) => Trouble::None,
        (trouble, _) => trouble,
    };
    Doing { trouble, ..doing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_back_is_tried_more_and_more_rarely_and_told_of() {
        let fault = Fault::NotObeyed("it reads a0 04".into());
        let (mut stuck, mut now, mut pauses, mut states) = (Stuck::default(), 0, Vec::new(), Vec::new());
        assert!(stuck.is_due(0));
        for _ in 0..9 {
            stuck = stuck.after(&fault, now);
            let due = (0..).map(|second| now + second * SECOND).find(|at| stuck.is_due(*at)).unwrap();
            pauses.push((due - now) / SECOND);
            states.push(stuck.state());
            now = due;
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(states[..3], [Override::Doubtful, Override::Doubtful, Override::Stays]);
    }

    #[test]
    fn a_bmc_that_does_not_answer_is_no_override_that_stays() {
        let mut stuck = Stuck::default();
        assert_eq!(stuck.after(&Fault::Busy("another request runs".into()), 7), stuck);
        for now in 0..20 {
            stuck = stuck.after(&Fault::Hung("no answer in 20 s".into()), now);
        }
        assert!(stuck.state() == Override::Doubtful && !stuck.is_due(19 + FIRST_PAUSE));
    }

    #[test]
    fn it_hides_no_other_trouble_and_outlives_a_restart() {
        let with = |trouble, before, known| {
            with_override(Doing { trouble, ..Doing::default() }, before, known).trouble
        };
        let (none, kept, worse) = (Trouble::None, Trouble::BootKept, Trouble::NotObeyed);
        assert_eq!(with(none, none, Override::Stays), kept);
        assert_eq!(with(worse, kept, Override::Stays), worse);
        assert_eq!(with(none, kept, Override::Doubtful), kept, "nothing is known yet but what is stored");
        assert_eq!(with(none, none, Override::Doubtful), none);
        assert_eq!(with(kept, kept, Override::None), none);
    }
}
