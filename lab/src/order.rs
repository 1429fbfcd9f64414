//! From what a machine boots next. QEMU tells its firmware the order of `bootindex` at each reset, so an override is
//! set in the running QEMU, and taken back when a start has found it, whoever caused that start. A start is firmware
//! that speaks: SeaBIOS answers a reset by one of its own before it says anything.

use std::sync::{Arc, PoisonError};
use std::thread;

use anyhow::{Result, bail};
use serde_json::json;

use crate::bmc::board::{Boot, Persistence, Target};
use crate::hardware::Hardware;
use crate::power::{Inner, Machine};
use crate::qemu;

impl Machine {
    /// The override that the next start will find.
    pub fn boot(&self) -> Boot {
        self.lock().boot
    }

    /// For the next start, or for all; a machine that is off finds it at power-on.
    pub fn set_boot(&self, boot: Boot) -> Result<()> {
        let _alone = self.ordering.lock().unwrap_or_else(PoisonError::into_inner);
        let moves = {
            let mut inner = self.lock();
            possible(&inner.hardware, boot)?;
            // A guest that has powered itself off is not asked.
            inner.status()?;
            inner.boot = boot;
            moves(&mut inner, boot)
        };
        let outcome = self.carry_out(&moves);
        let mut inner = self.lock();
        if outcome.is_err() {
            inner.boot = Boot::NONE;
        }
        inner.boot_after = inner.running.as_ref().map(|running| running.events.count("RESET"));
        outcome
    }

    fn spend(&self) -> Result<()> {
        let _alone = self.ordering.lock().unwrap_or_else(PoisonError::into_inner);
        let moves = {
            let mut inner = self.lock();
            let resets = inner.running.as_ref().map_or(0, |running| running.events.count("RESET"));
            let stands = inner.boot == Boot::NONE || inner.boot.persistence == Persistence::Always;
            // The order of the start that spoke was read before the override came.
            if stands || inner.boot_after.is_some_and(|after| resets <= after) {
                return Ok(());
            }
            inner.boot = Boot::NONE;
            moves(&mut inner, Boot::NONE)
        };
        self.carry_out(&moves)
    }

    fn carry_out(&self, moves: &[(String, usize)]) -> Result<()> {
        moves.iter().try_for_each(|(device, index)| {
            let path = format!("/machine/peripheral/{device}");
            self.ask("qom-set", json!({ "path": path, "property": "bootindex", "value": index })).map(drop)
        })
    }
}

/// Takes overrides back as they are spent, for as long as the machine is there.
pub(crate) fn keep(machine: &Arc<Machine>) {
    let (events, machine) = (machine.listen(), Arc::downgrade(machine));
    thread::spawn(move || {
        for _ in events.iter().filter(|event| event.name == "POST") {
            let Some(machine) = machine.upgrade() else { return };
            if let Err(error) = machine.spend() {
                machine.note(machine.attempt(), &format!("the boot override stays: {error:#}"));
            }
        }
    });
}

/// That can be booted from.
pub(crate) fn devices(hardware: &Hardware) -> usize {
    hardware.nics.len() + hardware.disks.len()
}

/// Each device goes behind all others, to a number that none has had, as two must at no moment have the same. The order
/// is whole after the last.
fn moves(inner: &mut Inner, boot: Boot) -> Vec<(String, usize)> {
    let order = qemu::order(&inner.hardware, boot);
    let Some(running) = &mut inner.running else { return vec![] };
    let first = running.free_index;
    running.free_index += order.len();
    order.into_iter().zip(first..).collect()
}

fn possible(hardware: &Hardware, boot: Boot) -> Result<()> {
    let name = &hardware.name;
    match boot.target {
        Target::Disk if hardware.disks.is_empty() => {
            bail!("machine {name} has no disk to boot from: give it one, or boot it from the network")
        }
        Target::Usual | Target::Network | Target::Disk => Ok(()),
        Target::Cd => bail!("machine {name} has no CD drive: boot it from the network or a disk"),
        Target::Setup => bail!(
            "machine {name}: its firmware's setup cannot be entered from here: boot it from the network or a disk"
        ),
    }
}
