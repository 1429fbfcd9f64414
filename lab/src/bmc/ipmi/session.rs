//! What a session asks about itself and the others (IPMI 2.0 rev. 1.1, 22.18 to 22.20).

use std::net::IpAddr;

use super::channel;
use super::commands::{Call, Outcome, Reply, Then};
use super::controller::Via;
use super::message::Code;
use super::sessions::Sessions;
use super::settings::{Level, Oddity};

/// Command-specific completion codes.
const EXCEEDS_LIMIT: Code = Code(0x81);
const NO_SUCH_SESSION: Code = Code(0x87);
const NO_SUCH_HANDLE: Code = Code(0x88);
/// In the place of an index (table 22-25).
const BY_HANDLE: u8 = 0xfe;
const BY_ID: u8 = 0xff;
const RMCP_PLUS: u8 = 0x10;

/// 0 asks which it is.
pub fn set_privilege(call: &mut Call) -> Outcome {
    let &[level] = call.data else { return Err(Code::WRONG_LENGTH) };
    let Via::Session(id) = call.via else { return Err(Code::NOT_NOW) };
    let memory = &mut call.controller.memory;
    memory.raises += 1;
    if memory.raises == 1 && memory.has(Oddity::BusyAtLogin) {
        return Err(Code::BUSY);
    }
    let live = call.controller.sessions.live_mut(id).ok_or(NO_SUCH_SESSION)?;
    match level & 0x0f {
        0 => {}
        level => match Level::of(level) {
            None => return Err(Code::INVALID_FIELD),
            Some(level) if level > live.limit => return Err(EXCEEDS_LIMIT),
            Some(level) => live.level = level,
        },
    }
    Ok(Reply::data([live.level as u8]))
}

/// Another's takes an administrator (22.19).
pub fn close(call: &mut Call) -> Outcome {
    let (&id, rest) = call.data.split_first_chunk::<4>().ok_or(Code::WRONG_LENGTH)?;
    let sessions = &call.controller.sessions;
    let wanted = match (u32::from_le_bytes(id), rest) {
        (0, &[handle]) => with_handle(sessions, handle).ok_or(NO_SUCH_HANDLE)?,
        (id, []) => id,
        _ => return Err(Code::WRONG_LENGTH),
    };
    sessions.live(wanted).ok_or(NO_SUCH_SESSION)?;
    let Via::Session(own) = call.via else { return Err(Code::NOT_NOW) };
    let level = sessions.live(own).map(|live| live.level);
    if wanted != own && level < Some(Level::Administrator) {
        return Err(Code::PRIVILEGE);
    }
    Ok(Reply::then(Then::Close(wanted)))
}

/// The own one, one by its place in the list, by its handle or by its number.
pub fn info(call: &mut Call) -> Outcome {
    let (&which, rest) = call.data.split_first().ok_or(Code::WRONG_LENGTH)?;
    let sessions = &call.controller.sessions;
    let active = sessions.active().count();
    let head = [sessions.limit() as u8, active as u8];
    let wanted = match (which, rest) {
        (0, []) => match call.via {
            Via::Session(id) => Some(id),
            _ => None,
        },
        (BY_HANDLE, &[handle]) => Some(with_handle(sessions, handle).ok_or(NO_SUCH_HANDLE)?),
        (BY_ID, &[a, b, c, d]) => Some(u32::from_le_bytes([a, b, c, d])),
        (0 | BY_HANDLE | BY_ID, _) => return Err(Code::WRONG_LENGTH),
        (index, _) => sessions.active().nth(usize::from(index) - 1).map(|(session, _)| session.id),
    };
    let found = sessions.active().zip(1u8..).find(|((session, _), _)| Some(session.id) == wanted);
    let Some(((session, live), handle)) = found else {
        // None is active in that place.
        return Ok(Reply::data([0, head[0], head[1]]));
    };
    let mut data = vec![handle, head[0], head[1], live.user, live.level as u8, RMCP_PLUS | channel::LAN];
    data.extend(match session.from.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => [0; 4],
    });
    // The MAC is not seen from here.
    data.extend([0; 6]);
    data.extend(session.from.port().to_le_bytes());
    Ok(Reply::data(data))
}

/// Handles are places in the list.
fn with_handle(sessions: &Sessions, handle: u8) -> Option<u32> {
    let place = usize::from(handle).checked_sub(1)?;
    sessions.active().nth(place).map(|(session, _)| session.id)
}
