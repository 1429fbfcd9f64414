//! Whose doing it was that a machine which serves has booted anew: what its history says of its power since the boot
//! before. Pure.

use api::bmc::PowerAction;
use api::event::Event;
use api::machine::HistoryEntry;
use api::words;

/// As its entries in the history are called.
pub const POWER: &str = "power";
/// So many of the newest entries tell it: a BMC that comes and goes writes some between a start and its hello.
pub const ENTRIES: i64 = 50;
/// A hello that comes later, in microseconds, is of another start: this bears a POST with much memory, and file systems
/// that are checked first.
const SLOW: i64 = 3_600_000_000;

/// `history`: its newest entries, the newest first. `now`: when the hello came.
pub fn whose(history: &[HistoryEntry], now: i64) -> String {
    let since: Vec<_> = history.iter().take_while(|entry| !entry.event.ends_with("_hello")).collect();
    let last = since.iter().enumerate().find_map(|(i, entry)| Some((i, entry.at, action(entry)?)));
    let (i, at, done) = match last.filter(|(_, at, _)| now - at < SLOW) {
        Some((i, at, PowerAction::On)) => (i, at, "switched on"),
        Some((i, at, PowerAction::Cycle)) => (i, at, "power-cycled"),
        _ => return "a reboot that nobody here asked for".into(),
    };
    let wanted = since[i..].iter().find(|entry| entry.event == Event::PowerOn.name() && !entry.refused);
    let who = wanted.filter(|entry| at - entry.at < SLOW).map_or("the server", |entry| entry.who.as_str());
    format!("{done} by {who} {} before", words::lasting(at, now))
}

/// What went out. What did not is told in other words.
fn action(entry: &HistoryEntry) -> Option<PowerAction> {
    entry.note.parse().ok().filter(|_| entry.event == POWER)
}

#[cfg(test)]
mod tests {
    use api::state::State;

    use super::*;

    const SECOND: i64 = 1_000_000;
    const UNASKED: &str = "a reboot that nobody here asked for";

    fn entry((at, event, who, note): (i64, &str, &str, &str)) -> HistoryEntry {
        HistoryEntry {
            at: at * SECOND,
            event: event.into(),
            from: State::Active,
            to: State::Active,
            who: who.into(),
            refused: false,
            note: note.into(),
        }
    }

    #[test]
    fn whoever_switched_it_on_is_named_and_what_nobody_asked_for_is_said() {
        let hello = (0, "disk_hello", "agent", "boot d1, generation 1");
        let ada = (9_000, "power_on", "ada", "");
        let power = |at, note| (at, "power", "server", note);
        for (history, expected) in [
            (vec![], UNASKED),
            (vec![hello], UNASKED),
            (vec![hello, ada, power(9_001, "on")], "switched on by ada 1 min 39 s before"),
            (vec![hello, ada, power(9_001, "cycle")], "power-cycled by ada 1 min 39 s before"),
            // After an outage, or in its turn long after somebody wanted it.
            (vec![hello, power(9_001, "on")], "switched on by the server 1 min 39 s before"),
            (
                vec![hello, (5_000, "power_on", "ada", ""), power(9_001, "on")],
                "switched on by the server 1 min 39 s before",
            ),
            // What it was switched off for, and what a BMC said meanwhile, is no start.
            (vec![hello, ada, power(9_001, "on"), power(9_005, "shutdown")], UNASKED),
            (vec![hello, ada, power(9_001, "on did not go out: busy: later")], UNASKED),
            (
                vec![hello, ada, power(9_001, "on"), (9_050, "bmc", "server", "on")],
                "switched on by ada 1 min 39 s before",
            ),
            // It has come since, or it never came.
            (vec![ada, power(9_001, "on"), (9_060, "disk_hello", "agent", "boot d2")], UNASKED),
            (vec![hello, (5_000, "power_on", "ada", ""), power(5_001, "cycle")], UNASKED),
        ] {
            let newest_first: Vec<_> = history.iter().rev().map(|each| entry(*each)).collect();
            assert_eq!(whose(&newest_first, 9_100 * SECOND), expected, "{history:?}");
        }
    }

    #[test]
    fn a_wish_that_was_refused_is_nobody_s() {
        let wish = HistoryEntry { refused: true, ..entry((9_000, "power_on", "ada", "")) };
        let history = [entry((9_001, "power", "server", "on")), wish];
        assert!(whose(&history, 9_100 * SECOND).starts_with("switched on by the server"));
    }
}
