//! How long a step will take: as long as it took this machine the last time. Pure.

use api::machine::HistoryEntry;
use api::state::State;

use crate::render::words::span;

/// Seconds that are left; None where the history knows no earlier way, or it took longer than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Of this state.
    pub step: Option<u64>,
    /// Until the machine is active.
    pub all: Option<u64>,
}

impl Pace {
    /// To stand behind what a machine is doing; empty where nothing is known.
    pub fn words(self) -> String {
        match (self.step, self.all) {
            (Some(step), Some(all)) if all > step => {
                format!(" (about {} more, active in {})", span(step), span(all))
            }
            (_, Some(all)) => format!(" (active in about {})", span(all)),
            (Some(step), None) => format!(" (about {} more)", span(step)),
            (None, None) => String::new(),
        }
    }
}

/// `history` newest first; the machine is in `state` since `since`. Times in microseconds.
pub fn pace(history: &[HistoryEntry], state: State, since: i64, now: i64) -> Pace {
    let left = |took: i64| u64::try_from(took - (now - since)).ok().map(|micros| micros / 1_000_000);
    let moves: Vec<_> =
        history.iter().rev().filter(|entry| !entry.refused && entry.from != entry.to).collect();
    let ways = (0..moves.len()).filter(|entry| moves[*entry].to == state && moves[*entry].at < since);
    let mut pace = Pace::default();
    for begun in ways {
        let later = &moves[begun + 1..];
        let took = |entry: &HistoryEntry| left(entry.at - moves[begun].at);
        if let Some(next) = later.first().filter(|next| next.to != State::Failed) {
            pace.step = took(next);
        }
        // A way that failed, or that went through here again, says nothing about the whole.
        let end = later.iter().find(|entry| [State::Active, State::Failed, state].contains(&entry.to));
        if let Some(end) = end.filter(|end| end.to == State::Active) {
            pace.all = took(end);
        }
    }
    pace
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, from: State, to: State) -> HistoryEntry {
        HistoryEntry {
            at: at * 1_000_000,
            event: String::new(),
            from,
            to,
            who: String::new(),
            refused: false,
            note: String::new(),
        }
    }

    fn history() -> Vec<HistoryEntry> {
        use State::*;
        let mut way = vec![
            entry(0, Booting, Joining),
            entry(50, Joining, Failed),
            entry(100, Failed, Joining),
            entry(130, Joining, Active),
            entry(200, Active, Draining),
            entry(220, Draining, Inspecting),
            entry(300, Inspecting, Joining),
            entry(340, Joining, Active),
            entry(400, Active, Draining),
        ];
        way.reverse();
        way
    }

    #[test]
    fn the_last_way_tells_how_long_it_takes() {
        let now = |seconds: i64| seconds * 1_000_000;
        let draining = pace(&history(), State::Draining, now(400), now(405));
        assert_eq!(draining, Pace { step: Some(15), all: Some(135) });
        assert_eq!(draining.words(), " (about 15 s more, active in 2 min 15 s)");
        let joining = pace(&history(), State::Joining, now(500), now(510));
        assert_eq!(joining, Pace { step: Some(30), all: Some(30) });
        assert_eq!(joining.words(), " (active in about 30 s)");
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        assert_eq!(pace(&[], State::Joining, 0, 1), Pace::default());
        assert_eq!(Pace::default().words(), "");
        let late = pace(&history(), State::Joining, 500_000_000, 600_000_000);
        assert_eq!(late, Pace::default());
    }
}
