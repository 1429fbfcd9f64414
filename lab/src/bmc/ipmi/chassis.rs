//! Power, and the light by which somebody finds the machine (IPMI 2.0 rev. 1.1, chapter 28).

use std::time::Duration;

use super::commands::{Call, Outcome, Reply};
use super::message::{BMC_ADDRESS, Code};
use super::settings::Oddity;
use super::view::{Order, View};
use crate::bmc::board::{Action, Light, Power};

/// Of Chassis Identify without a time (28.5).
const IDENTIFY: Duration = Duration::from_secs(15);
/// The last power-on was ordered by IPMI (28.3, current power state and last event).
const BY_COMMAND: u8 = 0x10;
const IDENTIFY_STATE: u8 = 0x40;
/// Restart causes (28.11).
const CAUSE_UNKNOWN: u8 = 0;
const CAUSE_CONTROL: u8 = 1;

pub fn capabilities(_: &mut Call) -> Outcome {
    Ok(Reply::data([0, BMC_ADDRESS, BMC_ADDRESS, BMC_ADDRESS, BMC_ADDRESS]))
}

pub fn status(call: &mut Call) -> Outcome {
    let memory = &call.controller.memory;
    let power = power(call)?;
    let by_command = if memory.controls > 0 { BY_COMMAND } else { 0 };
    let light = match call.view.board.light {
        Light::Off => 0,
        Light::Blinking => 1,
        Light::Lit => 2,
    };
    let state = u8::from(power == Power::On) | memory.restore_policy << 5;
    Ok(Reply::data([state, by_command, IDENTIFY_STATE | light << 4]))
}

pub fn control(call: &mut Call) -> Outcome {
    let &[control] = call.data else { return Err(Code::WRONG_LENGTH) };
    let action = match control & 0x0f {
        0 => Action::Off,
        1 => Action::On,
        2 => Action::Cycle,
        3 => Action::Reset,
        4 => Action::Nmi,
        5 => Action::Shutdown,
        _ => return Err(Code::INVALID_FIELD),
    };
    let memory = &mut call.controller.memory;
    memory.controls += 1;
    if memory.controls == 1 && memory.has(Oddity::BusyOnce) {
        return Err(Code::BUSY);
    }
    let needs_power = matches!(action, Action::Cycle | Action::Reset | Action::Nmi | Action::Shutdown);
    if needs_power && power(call)? == Power::Off {
        return Err(Code::NOT_NOW);
    }
    let memory = &mut call.controller.memory;
    memory.boot.controlled();
    if !call.view.manner.lying {
        memory.claimed = None;
        return Ok(Reply::order(Order::Act(action)));
    }
    memory.claimed = match action {
        Action::Off | Action::Shutdown => Some(Power::Off),
        Action::On | Action::Cycle | Action::Reset => Some(Power::On),
        Action::Nmi => memory.claimed,
    };
    Ok(Reply::empty())
}

/// For some seconds, for good, or no longer (28.5).
pub fn identify(call: &mut Call) -> Outcome {
    let until = match *call.data {
        [] => Some(call.now.tick + IDENTIFY),
        [_, force, ..] if force & 1 == 1 => None,
        [0, ..] => {
            call.controller.memory.identify_until = None;
            return Ok(Reply::order(Order::SetLight(Light::Off)));
        }
        [seconds, ..] => Some(call.now.tick + Duration::from_secs(seconds.into())),
    };
    call.controller.memory.identify_until = until;
    Ok(Reply::order(Order::SetLight(if until.is_some() { Light::Blinking } else { Light::Lit })))
}

/// With 3 it is only asked which there are (28.8).
pub fn set_restore_policy(call: &mut Call) -> Outcome {
    let &[policy] = call.data else { return Err(Code::WRONG_LENGTH) };
    if policy & 7 < 3 {
        call.controller.memory.restore_policy = policy & 7;
    }
    Ok(Reply::data([0b111]))
}

pub fn restart_cause(call: &mut Call) -> Outcome {
    let cause = if call.controller.memory.controls > 0 { CAUSE_CONTROL } else { CAUSE_UNKNOWN };
    Ok(Reply::data([cause, super::channel::LAN]))
}

/// ACPI power states (20.6): S0 and D0, or S5 and D3.
pub fn acpi_state(call: &mut Call) -> Outcome {
    Ok(Reply::data(if power(call)? == Power::On { [0, 0] } else { [5, 3] }))
}

/// As a liar has it, or as it is.
pub fn power(call: &Call) -> Result<Power, Code> {
    let View { board, manner, .. } = call.view;
    let claimed = call.controller.memory.claimed.filter(|_| manner.lying);
    claimed.or(board.power).ok_or(Code::UNSPECIFIED)
}
