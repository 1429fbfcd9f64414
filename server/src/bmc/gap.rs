//! The gap between the power that a machine should have and the one that was read, and the one move that narrows it.
//! Pure. Power is read back until patience ends, never assumed; a machine that is on and does not appear on the wire,
//! after power-on or on its way back to RAM, is power-cycled once a boot, then explained.

use std::time::Duration;

use api::bmc::{DriverKind, Power, PowerAction};
use api::power::Trouble;

use crate::lifecycle::want;

#[cfg(test)]
mod tests;

/// What is wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    pub power: want::Power,
    /// An agent of ours should speak from it once it is on.
    pub awaited: bool,
    /// It was told to boot the agent in RAM, and its time for that is over with nothing heard: it may hang in its firmware.
    pub overdue: bool,
}

/// What was read and heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub power: Power,
    /// Times are in microseconds since 1970.
    pub read_at: Option<i64>,
    /// Since when every reading says that it is off.
    pub off_since: Option<i64>,
    /// Its last packet: a request of its firmware, or a word of its agent.
    pub on_wire_at: Option<i64>,
    /// How long its model takes from power to the wire.
    pub patience: Duration,
}

/// What was begun, as it is kept between passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doing {
    pub action: Option<PowerAction>,
    pub acted_at: i64,
    pub tries: u32,
    /// On by our doing since then, and awaited on the wire.
    pub on_at: Option<i64>,
    pub cycled: bool,
    pub trouble: Trouble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    Rest,
    /// What was read is too old to act on.
    Read,
    Act(PowerAction),
    /// It has appeared on the wire, so long after power-on.
    Came(Duration),
}

const SECOND: i64 = 1_000_000;
/// Between two readings while something was asked.
const READ_BACK: i64 = 5 * SECOND;
/// Older readings are of another time: nothing is switched on their word.
const FRESH: i64 = 90 * SECOND;
const TRIES: u32 = 2;
/// After trouble the same is tried again now and then: somebody may have replaced the power supply.
const AGAIN: i64 = 900 * SECOND;
/// What cannot be read counts as on while it speaks.
const ALIVE: i64 = 180 * SECOND;
/// A word that was under way when it went off.
const LAST_WORD: i64 = 5 * SECOND;
/// A machine that was on all the time is also read as on: a power cycle takes this long at least.
const CYCLE: i64 = 10 * SECOND;

/// How long an action may take to show in what is read.
pub const fn deadline(action: PowerAction) -> Duration {
    Duration::from_secs(match action {
        PowerAction::On | PowerAction::Off => 60,
        PowerAction::Cycle => 90,
        // An OS stops services and containers, each with patience of its own.
        PowerAction::Shutdown => 300,
    })
}

pub fn step(aim: Aim, seen: Seen, doing: Doing, now: i64) -> (Doing, Move) {
    if contradicts_itself(seen, now) {
        return (Doing { trouble: Trouble::Contradicted, ..Doing::default() }, Move::Rest);
    }
    if aim.power == want::Power::AsItIs {
        return (Doing::default(), Move::Rest);
    }
    if let Some(action) = doing.action {
        return pending(aim, seen, doing, action, now);
    }
    match (aim.power, seen.power) {
        (_, Power::Unknown) => unreadable(aim, seen, doing, now),
        (want::Power::On, Power::On) => awaited(aim, seen, doing, now),
        (want::Power::On, Power::Off) => act(PowerAction::On, seen, doing, now),
        (want::Power::Off, Power::On) => act(PowerAction::Shutdown, seen, doing, now),
        (want::Power::Off, Power::Off) => (Doing::default(), Move::Rest),
        (want::Power::AsItIs, _) => (Doing::default(), Move::Rest),
    }
}

/// It reads off before and after a word that it said: whatever this BMC belongs to, it is switched by no guess.
pub fn contradicts_itself(seen: Seen, now: i64) -> bool {
    let (Some(read_at), Some(heard)) = (seen.read_at, seen.on_wire_at) else { return false };
    spoke_while_off(seen) && read_at > heard && now - heard < ALIVE
}

/// It was heard after it had been read as off, and was not read as on since.
fn spoke_while_off(seen: Seen) -> bool {
    let (Some(off_since), Some(heard)) = (seen.off_since, seen.on_wire_at) else { return false };
    seen.power == Power::Off && heard > off_since + LAST_WORD
}

/// What a reading is worth where a node is given up on its word: None where nobody can say. That is so of one that ever
/// spoke while it was read as off, of one that was just told to come on, and of one without a BMC that said goodbye: it
/// may hang on its way down.
pub fn believed(driver: DriverKind, seen: Seen, doing: Doing) -> Option<Power> {
    let comes_on = doing.action.is_some_and(|action| leads_to(action) == Power::On);
    match seen.power {
        Power::On => Some(Power::On),
        Power::Off if driver == DriverKind::WakeOnLan || comes_on || spoke_while_off(seen) => None,
        Power::Off => Some(Power::Off),
        Power::Unknown => None,
    }
}

/// The same, of a reading that was made a while ago.
pub fn believed_still(driver: DriverKind, seen: Seen, doing: Doing, now: i64) -> Option<Power> {
    let fresh = seen.read_at.is_some_and(|at| now - at < FRESH);
    believed(driver, seen, doing).filter(|_| fresh)
}

/// What was begun, as the BMC has just taken it.
pub fn begun(doing: Doing, action: PowerAction, now: i64) -> Doing {
    let again = doing.action == Some(action) || doing.trouble == Trouble::NotObeyed;
    Doing {
        action: Some(action),
        acted_at: now,
        tries: if again { doing.tries + 1 } else { 1 },
        on_at: None,
        cycled: doing.cycled || action == PowerAction::Cycle,
        trouble: if again { doing.trouble } else { Trouble::None },
    }
}

const fn leads_to(action: PowerAction) -> Power {
    match action {
        PowerAction::On | PowerAction::Cycle => Power::On,
        PowerAction::Shutdown | PowerAction::Off => Power::Off,
    }
}

fn pending(aim: Aim, seen: Seen, doing: Doing, action: PowerAction, now: i64) -> (Doing, Move) {
    let wanted = if aim.power == want::Power::Off { Power::Off } else { Power::On };
    if leads_to(action) != wanted {
        return step(aim, seen, Doing { action: None, tries: 0, on_at: None, ..doing }, now);
    }
    let earliest = doing.acted_at + if action == PowerAction::Cycle { CYCLE } else { 0 };
    let read_since = seen.read_at.filter(|at| *at > earliest);
    if read_since.is_some() && seen.power == wanted {
        return obeyed(aim, seen, doing, now);
    }
    if now < doing.acted_at.saturating_add(micros(deadline(action))) {
        let due = seen.read_at.is_none_or(|at| now - at >= READ_BACK);
        return (doing, if due { Move::Read } else { Move::Rest });
    }
    if seen.power == Power::Unknown {
        return unreadable(aim, seen, Doing { action: None, on_at: Some(doing.acted_at), ..doing }, now);
    }
    // Its BMC, or this server, was away since: what came of it is told by the next reading, or by the machine itself.
    if read_since.is_none_or(|at| now - at >= FRESH) {
        let came = wanted == Power::On && seen.on_wire_at.is_some_and(|at| at > earliest);
        return if came { obeyed(aim, seen, doing, now) } else { (doing, Move::Read) };
    }
    match action {
        PowerAction::Shutdown => (doing, Move::Act(PowerAction::Off)),
        _ if doing.tries < TRIES => (doing, Move::Act(action)),
        _ => (Doing { action: None, trouble: Trouble::NotObeyed, ..doing }, Move::Rest),
    }
}

fn obeyed(aim: Aim, seen: Seen, doing: Doing, now: i64) -> (Doing, Move) {
    let on_at = (aim.power == want::Power::On && aim.awaited).then_some(doing.acted_at);
    let doing = Doing { action: None, tries: 0, on_at, trouble: Trouble::None, ..doing };
    match on_at {
        Some(_) => awaited(aim, seen, doing, now),
        None => (Doing::default(), Move::Rest),
    }
}

fn act(action: PowerAction, seen: Seen, doing: Doing, now: i64) -> (Doing, Move) {
    if doing.trouble == Trouble::NotObeyed && now - doing.acted_at < AGAIN {
        return (doing, Move::Rest);
    }
    match seen.read_at {
        Some(at) if now - at < FRESH => (doing, Move::Act(action)),
        _ => (doing, Move::Read),
    }
}

/// It is on: is it heard of?
fn awaited(aim: Aim, seen: Seen, doing: Doing, now: i64) -> (Doing, Move) {
    let Some(on_at) = doing.on_at.filter(|_| aim.awaited) else {
        let hangs = aim.overdue && seen.on_wire_at.is_some_and(|at| now - at >= ALIVE);
        return if hangs {
            act(PowerAction::Cycle, seen, doing, now)
        } else {
            (Doing::default(), Move::Rest)
        };
    };
    // What it sent while its power was being cycled was the last word of the boot before.
    let spoke_from = on_at + if doing.cycled { CYCLE } else { 0 };
    if let Some(at) = seen.on_wire_at.filter(|at| *at > spoke_from) {
        let took = Duration::from_micros(u64::try_from(at - on_at).unwrap_or(0));
        return (Doing::default(), Move::Came(took));
    }
    if now < on_at.saturating_add(micros(seen.patience)) {
        return (doing, Move::Rest);
    }
    match doing.cycled {
        false => act(PowerAction::Cycle, seen, doing, now),
        true => (Doing { trouble: Trouble::NotOnTheWire, ..doing }, Move::Rest),
    }
}

/// Nothing can read its power: its own word is all there is.
fn unreadable(aim: Aim, seen: Seen, doing: Doing, now: i64) -> (Doing, Move) {
    let on_at = doing.on_at.unwrap_or(i64::MAX);
    if let Some(at) = seen.on_wire_at.filter(|at| aim.power == want::Power::On && *at > on_at) {
        let took = Duration::from_micros(u64::try_from(at - on_at).unwrap_or(0));
        return (Doing::default(), Move::Came(took));
    }
    let speaks = seen.on_wire_at.is_some_and(|at| now - at < ALIVE);
    let action = match (aim.power, speaks) {
        (want::Power::On, true) | (want::Power::Off, false) => return (Doing::default(), Move::Rest),
        (want::Power::On, false) if !aim.awaited => return (Doing::default(), Move::Rest),
        (want::Power::On, false) => PowerAction::On,
        _ => PowerAction::Shutdown,
    };
    match doing.on_at {
        None => (doing, Move::Act(action)),
        Some(_) if now < on_at.saturating_add(micros(seen.patience)) => (doing, Move::Rest),
        Some(_) if now - doing.acted_at >= AGAIN => (doing, Move::Act(action)),
        Some(_) => (Doing { trouble: Trouble::NeedsAHand, ..doing }, Move::Rest),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
