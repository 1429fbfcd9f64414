//! What must be true of a machine now. DHCP, TFTP, the boot script, power and the agent's tasks all read
//! this one answer, so they cannot disagree.

use api::state::{Home, Life, State};
use api::task::TaskKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    pub power: Power,
    pub boot: Boot,
    /// Where its agent should live; None where no agent is expected.
    pub home: Option<Home>,
    pub task: Option<TaskKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    On,
    Off,
    /// Nobody may touch it.
    AsItIs,
}

/// What a boot over the network leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// The agent in RAM.
    Agent,
    /// Whatever its own disk holds.
    OwnDisk,
}

pub fn want(life: &Life) -> Want {
    let (boot, task) = by_state(life);
    let home = match boot {
        Boot::Agent => Some(Home::Ram),
        Boot::OwnDisk if life.installed > 0 && life.state != State::Retired => Some(Home::Disk),
        Boot::OwnDisk => None,
    };
    let power = match life.power_off {
        true => Power::Off,
        false if hands_off(life) || !is_ours(life) => Power::AsItIs,
        false => Power::On,
    };
    Want { power, boot, home, task: task.filter(|_| !rests(life)) }
}

/// Nobody may touch it: hands may be in the chassis.
pub const fn hands_off(life: &Life) -> bool {
    life.hold || life.maintenance
}

/// Nothing is asked of it, and no time runs against it.
pub const fn rests(life: &Life) -> bool {
    hands_off(life) || life.power_off
}

/// Whether it is ours to switch on: one that is only recorded belongs to somebody else, a retired one to nobody.
fn is_ours(life: &Life) -> bool {
    life.enrolled && life.state != State::Retired
}

fn by_state(life: &Life) -> (Boot, Option<TaskKind>) {
    match life.state {
        State::Discovered if life.enrolled => (Boot::Agent, None),
        State::Discovered => (Boot::OwnDisk, None),
        State::Inspecting => (Boot::Agent, Some(TaskKind::Inspect)),
        State::Available => (Boot::Agent, None),
        State::Partitioning => (Boot::Agent, Some(TaskKind::Partition)),
        State::Installing => (Boot::Agent, Some(TaskKind::Install)),
        State::Booting => (Boot::OwnDisk, None),
        State::Joining => (Boot::OwnDisk, Some(TaskKind::Join)),
        State::Active => (Boot::OwnDisk, None),
        State::Draining => (Boot::OwnDisk, Some(TaskKind::Leave)),
        State::Wiping => (Boot::Agent, Some(TaskKind::Wipe)),
        State::Rescue => (Boot::Agent, Some(TaskKind::Rescue)),
        State::Retired => (Boot::OwnDisk, None),
        State::Failed => (boot_of_failed(life), None),
    }
}

/// A failed machine keeps booting what the failed step booted, so that the evidence stays reachable.
fn boot_of_failed(life: &Life) -> Boot {
    match life.failed_in {
        Some(State::Booting | State::Joining | State::Draining) => Boot::OwnDisk,
        _ => Boot::Agent,
    }
}
