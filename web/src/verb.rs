//! What a person can do to machines, from a machine's page or from the list. The server decides each time again.

use std::str::FromStr;

use api::bmc::PowerAction;
use api::id::ParseError;
use api::user::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Approve,
    Retry,
    Reprovision,
    Hold,
    Release,
    Inspect,
    Rescue,
    Leave,
    Assign,
    Label,
    Rename,
    Merge,
    Split,
    Power(PowerAction),
    Wipe,
    Retire,
    Delete,
}

/// A verb on a machine's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub verb: Verb,
    /// Why it cannot be asked for: who looks at the page may not, or the machine's state does not allow it.
    pub refusal: Option<String>,
}

impl Verb {
    pub const ALL: [Verb; 20] = [
        Verb::Approve,
        Verb::Retry,
        Verb::Reprovision,
        Verb::Hold,
        Verb::Release,
        Verb::Inspect,
        Verb::Rescue,
        Verb::Leave,
        Verb::Assign,
        Verb::Label,
        Verb::Rename,
        Verb::Merge,
        Verb::Split,
        Verb::Power(PowerAction::On),
        Verb::Power(PowerAction::Shutdown),
        Verb::Power(PowerAction::Off),
        Verb::Power(PowerAction::Cycle),
        Verb::Wipe,
        Verb::Retire,
        Verb::Delete,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Approve => "approve",
            Verb::Retry => "retry",
            Verb::Reprovision => "reprovision",
            Verb::Hold => "hold",
            Verb::Release => "release",
            Verb::Inspect => "inspect",
            Verb::Rescue => "rescue",
            Verb::Leave => "leave",
            Verb::Assign => "assign",
            Verb::Label => "label",
            Verb::Rename => "rename",
            Verb::Merge => "merge",
            Verb::Split => "split",
            Verb::Power(PowerAction::On) => "power-on",
            Verb::Power(PowerAction::Shutdown) => "power-shutdown",
            Verb::Power(PowerAction::Off) => "power-off",
            Verb::Power(PowerAction::Cycle) => "power-cycle",
            Verb::Wipe => "wipe",
            Verb::Retire => "retire",
            Verb::Delete => "delete",
        }
    }

    /// In one sentence, for a list of verbs and for the question before it.
    pub const fn explained(self) -> &'static str {
        match self {
            Verb::Approve => {
                "Allow the erasure that the install means; let in a machine that is only recorded."
            }
            Verb::Retry => "Try the failed step again, in the same generation.",
            Verb::Reprovision => "Install anew: back to RAM, erase, install, boot.",
            Verb::Hold => "Stop everything: no task, no change of boot.",
            Verb::Release => "End the hold.",
            Verb::Inspect => "Read the hardware again; what is installed stays and boots again.",
            Verb::Rescue => "Boot the agent into RAM with SSH, the disks untouched; `leave` ends it.",
            Verb::Leave => "End the rescue: everybody is logged out, and the installed OS boots.",
            Verb::Assign => "Give it another profile; an install of it is a verb of its own.",
            Verb::Label => "Give it labels, or take them away.",
            Verb::Rename => "Give it another hostname, from its next install on.",
            Verb::Merge => {
                "Say that it is another machine: its ports and parts become that one's, its own row goes."
            }
            Verb::Split => "Say that ports of it are another machine's: they get a row of their own.",
            Verb::Power(PowerAction::On) => "Switch it on now; it stays on.",
            Verb::Power(PowerAction::Shutdown) => "Let the OS end, then off; it stays off.",
            Verb::Power(PowerAction::Off) => "Cut its power; it stays off.",
            Verb::Power(PowerAction::Cycle) => "Cut its power and switch it on again.",
            Verb::Wipe => "Erase disks, and let it be free for something else.",
            Verb::Retire => "Erase disks, and keep it for history: nothing more is done to it.",
            Verb::Delete => {
                "Forget it: its disks stay as they are, and a tombstone keeps it from being let in again unasked."
            }
        }
    }

    /// The least role that may do it.
    pub const fn role(self) -> Role {
        match self {
            Verb::Merge | Verb::Split | Verb::Retire | Verb::Delete => Role::Admin,
            _ => Role::Operator,
        }
    }

    /// Done at once from a machine's page: it begins nothing that cannot be taken back.
    pub const fn is_plain(self) -> bool {
        matches!(self, Verb::Retry | Verb::Hold | Verb::Release | Verb::Power(PowerAction::On))
    }

    /// It takes something away for good, or ends what runs: a person types what it is about first.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Verb::Approve
                | Verb::Reprovision
                | Verb::Wipe
                | Verb::Retire
                | Verb::Delete
                | Verb::Merge
                | Verb::Power(PowerAction::Shutdown | PowerAction::Off | PowerAction::Cycle)
        )
    }

    /// It may make a node leave its cluster.
    pub const fn leaves(self) -> bool {
        matches!(
            self,
            Verb::Reprovision | Verb::Inspect | Verb::Rescue | Verb::Wipe | Verb::Retire | Verb::Delete
        )
    }

    /// It may erase disks, also those with somebody else's install, if a person says so.
    pub const fn erases(self) -> bool {
        matches!(self, Verb::Approve | Verb::Reprovision | Verb::Wipe | Verb::Retire)
    }

    /// The disks that are erased are a person's choice, not a profile's.
    pub const fn is_wipe(self) -> bool {
        matches!(self, Verb::Wipe | Verb::Retire)
    }

    /// It can be said of several machines in one word.
    pub const fn is_common(self) -> bool {
        !matches!(self, Verb::Rename | Verb::Merge | Verb::Split)
    }

    /// A machine's own page has it beside what was read of its power.
    pub const fn is_power(self) -> bool {
        matches!(self, Verb::Power(_))
    }

    /// A button of its own; the others are listed behind them.
    pub const fn is_prominent(self) -> bool {
        matches!(
            self,
            Verb::Approve | Verb::Retry | Verb::Reprovision | Verb::Hold | Verb::Release | Verb::Leave
        )
    }
}

impl FromStr for Verb {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Verb, ParseError> {
        let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == text);
        verb.ok_or_else(|| ParseError { text: text.into(), expected: "a verb of machines" })
    }
}
