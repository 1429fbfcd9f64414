//! What a person can do to a machine from its page, and when a button for it makes sense. The server
//! decides again.

use std::str::FromStr;

use api::id::ParseError;
use api::machine::Machine;
use api::state::State;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Approve,
    Reprovision,
    Retry,
    Hold,
    Release,
}

impl Verb {
    pub const ALL: [Verb; 5] = [Verb::Approve, Verb::Retry, Verb::Reprovision, Verb::Hold, Verb::Release];

    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Approve => "approve",
            Verb::Reprovision => "reprovision",
            Verb::Retry => "retry",
            Verb::Hold => "hold",
            Verb::Release => "release",
        }
    }

    /// Erases disks: a person sees which ones and types the machine's name first.
    pub const fn erases(self) -> bool {
        matches!(self, Verb::Approve | Verb::Reprovision)
    }

    /// In one sentence, for a tooltip and a confirmation.
    pub const fn explained(self) -> &'static str {
        match self {
            Verb::Approve => "Allow the erasure that the install means.",
            Verb::Reprovision => "Install anew: back to RAM, erase, install, boot.",
            Verb::Retry => "Try the failed step again, in the same generation.",
            Verb::Hold => "Stop everything: no task, no change of boot.",
            Verb::Release => "End the hold.",
        }
    }

    pub fn fits(self, machine: &Machine) -> bool {
        match self {
            // A machine that is only recorded is let in; one that is known gets its disks erased.
            Verb::Approve => (!machine.enrolled || machine.state == State::Available) && !machine.hold,
            Verb::Reprovision => {
                let installed = [State::Booting, State::Joining, State::Active, State::Failed];
                installed.contains(&machine.state) && !machine.hold
            }
            Verb::Retry => machine.state == State::Failed && !machine.hold,
            Verb::Hold => !machine.hold,
            // Who it is has to be said first.
            Verb::Release => machine.hold && machine.quarantine.is_none(),
        }
    }
}

impl FromStr for Verb {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Verb, ParseError> {
        let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == text);
        verb.ok_or_else(|| ParseError { text: text.into(), expected: "a verb of machines" })
    }
}
