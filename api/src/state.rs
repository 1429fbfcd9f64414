//! The states of a machine's life, and the small value that the lifecycle's two functions decide over.
//! Each variant says what is true on the floor and who ends it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ParseError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It asked to boot over the network; we know a MAC. Ends with the hello of the agent in RAM.
    Discovered,
    /// The agent runs in RAM and reads the hardware. Ends when the facts of this boot are reported.
    Inspecting,
    /// Facts are known. Ends when a profile is assigned and, where a person must, approved.
    Available,
    /// The plan is frozen; disks are wiped, partitioned, formatted. Ends when the layout is verified on disk.
    Partitioning,
    /// The OS streams to disk, bootloader and identity are written. Ends when the image is verified and the bootloader set.
    Installing,
    /// Rebooted into its own disk. Ends with the disk hello of this generation.
    Booting,
    /// kubeadm init or join runs. Ends when the API server shows the node Ready.
    Joining,
    /// It serves. Ends when an operator wants something else of it.
    Active,
    /// Cordoned, evicted, leaving the cluster. Ends when the cluster has let go.
    Draining,
    /// Disks are being erased for release or retirement. Ends with the record of it.
    Wiping,
    /// Agent in RAM with SSH, disks untouched. Ends when the operator says so.
    Rescue,
    /// Kept for history; gets an address and boots its own disk. Ends when enrolled again.
    Retired,
    /// A step failed for good; `failed_in` says which. Ends when an operator decides.
    Failed,
}

impl State {
    pub const ALL: [State; 13] = [
        State::Discovered,
        State::Inspecting,
        State::Available,
        State::Partitioning,
        State::Installing,
        State::Booting,
        State::Joining,
        State::Active,
        State::Draining,
        State::Wiping,
        State::Rescue,
        State::Retired,
        State::Failed,
    ];

    /// The one spelling, in SQL, JSON, CLI and HTML alike.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Discovered => "discovered",
            State::Inspecting => "inspecting",
            State::Available => "available",
            State::Partitioning => "partitioning",
            State::Installing => "installing",
            State::Booting => "booting",
            State::Joining => "joining",
            State::Active => "active",
            State::Draining => "draining",
            State::Wiping => "wiping",
            State::Rescue => "rescue",
            State::Retired => "retired",
            State::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        State::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| ParseError { text: text.into(), expected: "a machine state" })
    }
}

/// Where an agent runs: in the RAM boot image, or as a service of the installed OS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Home {
    Ram,
    Disk,
}

impl Home {
    pub const fn as_str(self) -> &'static str {
        match self {
            Home::Ram => "ram",
            Home::Disk => "disk",
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a machine that has left `active` (or never reached it) is to become once the way there is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Errand {
    #[default]
    None,
    /// Install anew: a generation higher than the one on disk.
    Reprovision,
    /// Read the hardware again, then go back to what was.
    Inspect,
    /// Erase and return to `available`.
    Release,
    /// Erase and keep for history.
    Retire,
    /// RAM agent with SSH.
    Rescue,
    /// Be forgotten, but for a tombstone.
    Delete,
}

/// All that the lifecycle looks at. Derived from the machine's row; small on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Life {
    pub state: State,
    /// The installation that is wanted or running; 0 before the first. Grows by one each time an install begins.
    pub generation: i64,
    /// The generation whose OS was written and set bootable; 0 when none. Less than `generation` means that an install is due.
    pub installed: i64,
    /// For `failed`: the state whose step failed.
    pub failed_in: Option<State>,
    pub errand: Errand,
    /// An operator stopped everything: no task, no power action, no change of boot.
    pub hold: bool,
    /// Hands may be in the chassis: as `hold`.
    pub maintenance: bool,
    /// An operator wants it off. Wins over all else.
    pub power_off: bool,
    /// Its profile has a cluster.
    pub clustered: bool,
    /// Policy or a person let it in. A machine that is only recorded keeps booting its own disk.
    pub enrolled: bool,
    /// A profile is assigned.
    pub assigned: bool,
    /// A person, or a rule for untouched disks, allowed the erasure of the disks that the rule picks.
    pub approved: bool,
    /// A person also allowed that somebody else's install goes: another site's, another machine's, a newer generation's.
    pub erase_foreign: bool,
}

impl Life {
    /// The life of a machine at first sight.
    pub const fn new(enrolled: bool) -> Life {
        Life {
            state: State::Discovered,
            generation: 0,
            installed: 0,
            failed_in: None,
            errand: Errand::None,
            hold: false,
            maintenance: false,
            power_off: false,
            clustered: false,
            enrolled,
            assigned: false,
            approved: false,
            erase_foreign: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_the_same_both_ways_and_in_json() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
        assert!("booted".parse::<State>().is_err());
    }
}
