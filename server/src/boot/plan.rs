//! The answer to a machine that asks for its boot script, decided from its row alone at each ask.

use api::plan::{Plan, Role};
use api::state::Life;

use crate::lifecycle::want::{Boot, Power, want};

/// What the script does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Load the RAM agent.
    Agent,
    OwnDisk(OwnDisk),
    /// Ask again in a while, and say why on the console.
    Hold {
        why: String,
    },
}

/// How a machine finds its own disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDisk {
    /// The ESP's partition GUID, from the plan. None when nothing of ours is installed, or no row remembers it.
    pub esp: Option<String>,
    /// BIOS drive numbers in the order in which they are tried.
    pub drives: Vec<u8>,
}

/// What is known of the machine beside its life.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The plan of the installed generation.
    pub plan: Option<&'a Plan>,
    /// How often its own disk was tried since the state began.
    pub disk_boots: i64,
    /// The BIOS drive that led to a disk hello before.
    pub boot_drive: Option<u8>,
    /// The RAM image is there.
    pub agent_ready: bool,
}

/// Drives a BIOS is asked for. More exist only in theory: each miss costs seconds.
/// Every try still goes through all of them; it begins with one of the first few.
const TURN: usize = 4;
const DRIVES: [u8; 8] = [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87];

pub fn plan(life: &Life, known: Known<'_>) -> Answer {
    let wanted = want(life);
    if wanted.power == Power::Off {
        return Answer::Hold { why: "an operator wants this machine off".into() };
    }
    match wanted.boot {
        Boot::Agent if known.agent_ready => Answer::Agent,
        Boot::Agent => {
            Answer::Hold { why: "the server has no RAM image: run `make images`, then `metald check`".into() }
        }
        Boot::OwnDisk => Answer::OwnDisk(own_disk(known)),
    }
}

fn own_disk(known: Known<'_>) -> OwnDisk {
    let esp = known.plan.and_then(|plan| plan.partition(Role::Esp)).map(|esp| esp.guid.clone());
    OwnDisk { esp, drives: drive_order(known.disk_boots, known.boot_drive) }
}

/// The drive with which the try of this number (from 0) begins; None before the first.
pub fn first_drive(tries: i64) -> Option<u8> {
    usize::try_from(tries).ok().map(|tries| DRIVES[tries % TURN])
}

/// A BIOS cannot be told a GUID. The drive that worked comes first; while none has, each try starts one
/// drive further: a wrong disk that boots something never comes back to the script.
fn drive_order(tries: i64, learned: Option<u8>) -> Vec<u8> {
    let first = learned.or(first_drive(tries)).unwrap_or(DRIVES[0]);
    let first = DRIVES.iter().position(|drive| *drive == first).unwrap_or(0);
    let (before, from) = DRIVES.split_at(first);
    from.iter().chain(before).copied().collect()
}

#[cfg(test)]
mod tests {
    use api::state::State;

    use super::*;

    fn life(state: State) -> Life {
        Life { state, installed: 1, generation: 1, ..Life::new(true) }
    }

    #[test]
    fn a_known_machine_always_gets_an_answer() {
        for state in State::ALL {
            for agent_ready in [false, true] {
                let known = Known { agent_ready, ..Known::default() };
                if let Answer::Hold { why } = plan(&life(state), known) {
                    assert!(!why.is_empty());
                }
            }
        }
    }

    #[test]
    fn recorded_machines_boot_their_own_disk_and_enrolled_ones_the_agent() {
        let known = Known { agent_ready: true, ..Known::default() };
        assert!(matches!(plan(&Life::new(false), known), Answer::OwnDisk(_)));
        assert_eq!(plan(&Life::new(true), known), Answer::Agent);
    }

    #[test]
    fn bios_drives_are_tried_in_turn_until_one_is_learned() {
        assert_eq!(drive_order(0, None)[..3], [0x80, 0x81, 0x82]);
        assert_eq!(drive_order(1, None)[..3], [0x81, 0x82, 0x83]);
        assert_eq!(drive_order(9, Some(0x82))[..2], [0x82, 0x83]);
        assert_eq!(drive_order(3, None).len(), DRIVES.len());
    }
}
