//! The serial console as a payload of a session (IPMI 2.0 rev. 1.1, chapter 24), and its settings (26.2 and 26.3).

use super::channel::{LAN, is_ours};
use super::commands::{Call, Outcome, Reply};
use super::controller::Via;
use super::message::Code;
use super::settings::Level;
use super::sol::{LONGEST, RETRIES, RETRY, Sol};
use super::view::Order;

const MESSAGES: u8 = 0;
const SERIAL: u8 = 1;
/// Of a payload type; there is one serial port.
const INSTANCE: u8 = 1;
/// Command-specific completion codes (24.1 and 24.2).
pub const TAKEN: Code = Code(0x80);
const NOT_ACTIVE: Code = Code(0x80);
const ONLY_ENCRYPTED: Code = Code(0x83);
const NO_SUCH_PARAMETER: Code = Code(0x80);
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
const NO_VLAN: [u8; 2] = [0xff; 2];
/// Version 1.0 of either payload (24.9).
const VERSION: u8 = 0x10;
/// 115.2 kbit/s (table 26-5).
const SPEED: u8 = 0x0a;

pub fn activate(call: &mut Call) -> Outcome {
    let &[kind, instance, options, _, _, _] = call.data else { return Err(Code::WRONG_LENGTH) };
    let Via::Session(id) = call.via else { return Err(Code::NOT_NOW) };
    if kind & 0x3f != SERIAL || instance & 0x0f != INSTANCE {
        return Err(Code::INVALID_FIELD);
    }
    if call.controller.sessions.live(id).is_none_or(|live| live.level < Level::Operator) {
        return Err(Code::PRIVILEGE);
    }
    if options & (ENCRYPTED | AUTHENTICATED) != ENCRYPTED | AUTHENTICATED {
        return Err(ONLY_ENCRYPTED);
    }
    if call.controller.sol.is_some() {
        return Err(TAKEN);
    }
    call.controller.sol = Some(Sol::new(id));
    let [low, high] = LONGEST.to_le_bytes();
    let port = call.view.port.to_le_bytes();
    let mut data = vec![0, 0, 0, 0, low, high, low, high];
    data.extend([port, NO_VLAN].concat());
    Ok(Reply { order: Some(Order::OpenConsole), ..Reply::data(data) })
}

/// Whoever has it: that is how a console that was left behind is taken over.
pub fn deactivate(call: &mut Call) -> Outcome {
    let &[kind, instance, ..] = call.data else { return Err(Code::WRONG_LENGTH) };
    if kind & 0x3f != SERIAL || instance & 0x0f != INSTANCE {
        return Err(Code::INVALID_FIELD);
    }
    let Via::Session(own) = call.via else { return Err(Code::NOT_NOW) };
    match &call.controller.sol {
        None => return Err(NOT_ACTIVE),
        Some(sol) if sol.session == own => call.controller.sol = None,
        Some(_) => call.controller.end_console(),
    }
    Ok(Reply::empty())
}

pub fn activation_status(call: &mut Call) -> Outcome {
    let &[kind] = call.data else { return Err(Code::WRONG_LENGTH) };
    let active = kind & 0x3f == SERIAL && call.controller.sol.is_some();
    Ok(Reply::data([1, u8::from(active), 0]))
}

/// Whose it is, and which port (24.5).
pub fn instance_info(call: &mut Call) -> Outcome {
    let &[kind, _instance] = call.data else { return Err(Code::WRONG_LENGTH) };
    let sol = call.controller.sol.as_ref().filter(|_| kind & 0x3f == SERIAL);
    let mut data = sol.map_or(0, |sol| sol.session).to_le_bytes().to_vec();
    data.extend([u8::from(sol.is_some()), 0, 0, 0, 0, 0, 0, 0]);
    Ok(Reply::data(data))
}

/// Every user may have the console, once in a session that allows it (24.7).
pub fn user_access(call: &mut Call) -> Outcome {
    let &[channel, _user] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    Ok(Reply::data([1 << SERIAL, 0, 0, 0]))
}

/// Messages and serial; the payloads that open sessions; none of makers (24.8).
pub fn support(call: &mut Call) -> Outcome {
    let &[channel] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    Ok(Reply::data([1 << MESSAGES | 1 << SERIAL, 0, 0b0011_1111, 0, 0, 0, 0, 0]))
}

pub fn version(call: &mut Call) -> Outcome {
    let &[channel, kind] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    match kind {
        MESSAGES | SERIAL | 0x10..=0x15 => Ok(Reply::data([VERSION])),
        // Not on this channel (24.9).
        _ => Err(Code(0x80)),
    }
}

/// Serial over LAN is on, encrypted, for operators; nothing of it can be changed here.
pub fn parameter(call: &mut Call) -> Outcome {
    let &[channel, parameter, _set, _block] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    let port = call.view.port.to_le_bytes();
    let data: &[u8] = match parameter {
        0 => &[0],
        1 => &[1],
        2 => &[ENCRYPTED | AUTHENTICATED | Level::Operator as u8],
        // Characters go at once: no time to collect them in, and one is enough.
        3 => &[1, 1],
        4 => &[RETRIES, (RETRY.as_millis() / 10) as u8],
        5 | 6 => &[SPEED],
        7 => &[LAN],
        8 => &port,
        _ => return Err(NO_SUCH_PARAMETER),
    };
    Ok(Reply::data([&[0x11], data].concat()))
}

/// Those that are there are as they are (26.2).
pub fn set_parameter(call: &mut Call) -> Outcome {
    let &[channel, parameter, ..] = call.data else { return Err(Code::WRONG_LENGTH) };
    const READ_ONLY: Code = Code(0x82);
    is_ours(channel)?;
    match (parameter, &call.data[2..]) {
        // "In progress", and that it is on, which it is.
        (0, [_]) | (1, [1]) => Ok(Reply::empty()),
        (0..=8, _) => Err(READ_ONLY),
        _ => Err(NO_SUCH_PARAMETER),
    }
}
