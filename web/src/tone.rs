//! Colour as a second hint beside the word, never instead of it.

use api::machine::Machine;
use api::state::State;

/// By what the machine's situation asks of a person, so that a new state needs no colour of its own.
/// The names are those of the style sheet.
pub fn tone(machine: &Machine) -> &'static str {
    match (machine.state, &machine.wait) {
        (State::Failed, _) => "bad",
        _ if machine.hold || machine.maintenance => "held",
        (State::Active, _) => "good",
        (State::Retired, _) => "quiet",
        (_, Some(wait)) if wait.deadline.is_none() => "wait",
        _ => "busy",
    }
}
