//! Colour as a second hint beside the word, never instead of it.

use api::cluster::Node;
use api::machine::Machine;
use api::state::State;

use super::words::clean;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Head,
    Good,
    Bad,
    Busy,
    /// A person has to do something, or has stopped it.
    Waiting,
    Quiet,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Paint {
    pub colour: bool,
}

impl Paint {
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let text = clean(text);
        let code = match tone {
            Tone::Plain => return text,
            Tone::Head => "1",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Busy => "36",
            Tone::Waiting => "33",
            Tone::Quiet => "2",
        };
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    }

    pub fn bold(self, text: &str) -> String {
        self.tone(Tone::Head, text)
    }

    pub fn bad(self, text: &str) -> String {
        self.tone(Tone::Bad, text)
    }
}

pub fn ready(node: &Node) -> Tone {
    match (node.uid.is_empty(), node.ready) {
        (true, _) => Tone::Busy,
        (false, true) if node.cordoned => Tone::Waiting,
        (false, true) => Tone::Good,
        (false, false) => Tone::Bad,
    }
}

/// By what the machine's situation asks of a person, so that a new state needs no colour of its own.
pub fn tone(machine: &Machine) -> Tone {
    match (machine.state, &machine.wait) {
        (State::Failed, _) => Tone::Bad,
        _ if machine.hold || machine.maintenance => Tone::Waiting,
        (State::Active, _) if machine.node.as_ref().is_some_and(|node| !node.ready) => Tone::Bad,
        (State::Active, _) => Tone::Good,
        (State::Retired, _) => Tone::Quiet,
        (_, Some(wait)) if wait.deadline.is_none() => Tone::Waiting,
        _ => Tone::Busy,
    }
}
