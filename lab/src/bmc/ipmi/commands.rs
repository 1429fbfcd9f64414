//! Every command that it knows, with the privilege that it takes (IPMI 2.0 rev. 1.1, appendix G).

use super::controller::{Ask, Controller, Via};
use super::message::{Code, function};
use super::settings::{Level, Oddity};
use super::view::{Now, Order, View};
use super::{boot, channel, chassis, device, fru, lan, log, payload, power_reading, sensors, session};

/// A request where it is carried out.
pub struct Call<'a> {
    pub controller: &'a mut Controller,
    pub view: &'a View,
    pub now: Now,
    pub data: &'a [u8],
    pub via: Via,
}

pub type Outcome = Result<Reply, Code>;

#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub data: Vec<u8>,
    pub order: Option<Order>,
    pub then: Option<Then>,
}

/// What the answer is the last packet of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Close(u32),
    Restart,
}

impl Reply {
    pub fn empty() -> Reply {
        Reply::data([])
    }

    pub fn data(data: impl Into<Vec<u8>>) -> Reply {
        Reply { data: data.into(), order: None, then: None }
    }

    pub fn order(order: Order) -> Reply {
        Reply { order: Some(order), ..Reply::empty() }
    }

    pub fn then(then: Then) -> Reply {
        Reply { then: Some(then), ..Reply::empty() }
    }
}

type Handler = fn(&mut Call) -> Outcome;

pub fn run(controller: &mut Controller, ask: &Ask, view: &View, now: Now) -> Outcome {
    let request = &ask.request;
    let level = match ask.via {
        Via::Session(id) => Some(controller.sessions.live(id).ok_or(Code::UNSPECIFIED)?.level),
        Via::Plain | Via::Plus => None,
    };
    let (needed, handler) = find(request.function, request.command).ok_or(Code::INVALID_COMMAND)?;
    if needed > level {
        return Err(Code::PRIVILEGE);
    }
    if controller.memory.has(Oddity::StrangeCodes)
        && let Some(code) = strange(request.function, request.command)
    {
        return Err(code);
    }
    handler(&mut Call { controller, view, now, data: &request.data, via: ask.via })
}

/// None needs no session.
fn find(function: u8, command: u8) -> Option<(Option<Level>, Handler)> {
    let found = match function {
        function::CHASSIS => chassis_command(command),
        function::SENSOR => sensor_command(command),
        function::APPLICATION => match command {
            0x37 => return Some((None, device::system_guid)),
            0x38 => return Some((None, channel::authentication_capabilities)),
            0x54 => return Some((None, channel::cipher_suites)),
            command => application_command(command),
        },
        function::STORAGE => storage_command(command),
        function::TRANSPORT => transport_command(command),
        function::GROUP => group_command(command),
        _ => None,
    };
    found.map(|(level, handler)| (Some(level), handler))
}

fn chassis_command(command: u8) -> Option<(Level, Handler)> {
    Some(match command {
        0x00 => (Level::User, chassis::capabilities),
        0x01 => (Level::User, chassis::status),
        0x02 => (Level::Operator, chassis::control),
        0x04 => (Level::Operator, chassis::identify),
        0x06 => (Level::Operator, chassis::set_restore_policy),
        0x07 => (Level::User, chassis::restart_cause),
        0x08 => (Level::Operator, boot::set),
        0x09 => (Level::Operator, boot::get),
        _ => return None,
    })
}

fn sensor_command(command: u8) -> Option<(Level, Handler)> {
    Some(match command {
        0x25 => (Level::User, sensors::hysteresis),
        0x27 => (Level::User, sensors::thresholds),
        0x29 => (Level::User, sensors::event_enable),
        0x2d => (Level::User, sensors::reading),
        0x2f => (Level::User, sensors::kind),
        _ => return None,
    })
}

fn application_command(command: u8) -> Option<(Level, Handler)> {
    Some(match command {
        0x01 => (Level::User, device::id),
        0x02 => (Level::Administrator, device::reset),
        0x03 => (Level::Administrator, device::reset),
        0x04 => (Level::User, device::self_test),
        0x07 => (Level::User, chassis::acpi_state),
        0x08 => (Level::User, device::system_guid),
        0x2f => (Level::User, device::global_enables),
        0x3b => (Level::Callback, session::set_privilege),
        0x3c => (Level::Callback, session::close),
        0x3d => (Level::User, session::info),
        0x41 => (Level::User, channel::access),
        0x42 => (Level::User, channel::info),
        0x44 => (Level::Operator, channel::user_access),
        0x46 => (Level::Operator, channel::user_name),
        0x48 => (Level::User, payload::activate),
        0x49 => (Level::User, payload::deactivate),
        0x4a => (Level::User, payload::activation_status),
        0x4b => (Level::User, payload::instance_info),
        0x4d => (Level::Operator, payload::user_access),
        0x4e => (Level::User, payload::support),
        0x4f => (Level::User, payload::version),
        _ => return None,
    })
}

fn storage_command(command: u8) -> Option<(Level, Handler)> {
    Some(match command {
        0x10 => (Level::User, fru::area),
        0x11 => (Level::User, fru::read),
        0x20 => (Level::User, sensors::repository),
        0x21 => (Level::User, sensors::allocation),
        0x22 => (Level::User, sensors::reserve),
        0x23 => (Level::User, sensors::record),
        0x40 => (Level::User, log::info),
        0x41 => (Level::User, log::allocation),
        0x42 => (Level::User, log::reserve),
        0x43 => (Level::User, log::entry),
        0x47 => (Level::Operator, log::clear),
        0x48 => (Level::User, log::time),
        0x49 => (Level::Operator, log::set_time),
        _ => return None,
    })
}

fn transport_command(command: u8) -> Option<(Level, Handler)> {
    Some(match command {
        0x02 => (Level::Operator, lan::get),
        0x21 => (Level::Administrator, payload::set_parameter),
        0x22 => (Level::User, payload::parameter),
        _ => return None,
    })
}

fn group_command(command: u8) -> Option<(Level, Handler)> {
    match command {
        0x01 => Some((Level::User, power_reading::capabilities)),
        0x02 => Some((Level::User, power_reading::reading)),
        _ => None,
    }
}

/// Codes that are in no table, of commands that a client could do without.
fn strange(function: u8, command: u8) -> Option<Code> {
    match (function, command) {
        (function::CHASSIS, 0x04) => Some(Code(0xe3)),
        (function::APPLICATION, 0x37) => Some(Code(0x7e)),
        (function::STORAGE, 0x40) => Some(Code(0x93)),
        (function::TRANSPORT, 0x02) => Some(Code(0xa7)),
        _ => None,
    }
}
