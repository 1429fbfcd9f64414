//! The channel over which the BMC is reached, and who may use it (IPMI 2.0 rev. 1.1, 22.13 to 22.30).

use super::commands::{Call, Outcome, Reply};
use super::message::Code;

/// Its number. Clients say `PRESENT` for the one that they come by.
pub const LAN: u8 = 1;
const PRESENT: u8 = 0x0e;
const IPMI_2_0: u8 = 0x80;
const NAMES_ONLY: u8 = 0x04;
const HAS_KEY: u8 = 0x20;
const PLUS_SESSIONS: u8 = 0x02;
/// 802.3, IPMB as the protocol, many sessions, and the number of the IPMI forum (22.24).
const MEDIUM: u8 = 0x04;
const PROTOCOL: u8 = 0x01;
const MANY_SESSIONS: u8 = 0x80;
const FORUM: [u8; 3] = [0xf2, 0x1b, 0x00];
const ALWAYS_AVAILABLE: u8 = 0x02;
const ADMINISTRATOR: u8 = 0x04;
/// Rooms for users, the nameless one among them.
const USERS: u8 = 10;
const MESSAGES: u8 = 0x10;
/// Bytes of a list that come at once (22.15).
const LIST: usize = 16;

/// Sessions are RMCP+'s alone, so that what IPMI 1.5 could do is nothing (22.13).
pub fn authentication_capabilities(call: &mut Call) -> Outcome {
    let &[channel, _level] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    let key = if call.controller.sessions.has_key() { HAS_KEY } else { 0 };
    let kinds = if channel & 0x80 == 0 { 0 } else { IPMI_2_0 };
    Ok(Reply::data([LAN, kinds, NAMES_ONLY | key, PLUS_SESSIONS, 0, 0, 0, 0]))
}

/// By suites, or by the algorithms in them.
pub fn cipher_suites(call: &mut Call) -> Outcome {
    let &[channel, _payload, index] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    let records: Vec<[u8; 5]> =
        call.controller.sessions.suites().iter().map(|suite| suite.record()).collect();
    let list: Vec<u8> = if index & 0x80 == 0 {
        let mut algorithms: Vec<u8> = records.iter().flat_map(|record| record[2..].to_vec()).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        algorithms
    } else {
        records.concat()
    };
    let part = list.chunks(LIST).nth(usize::from(index & 0x3f)).unwrap_or_default();
    Ok(Reply::data([&[LAN], part].concat()))
}

pub fn info(call: &mut Call) -> Outcome {
    let &[channel] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel).map_err(|_| Code::NOT_PRESENT)?;
    let active = call.controller.sessions.active().count() as u8;
    let [a, b, c] = FORUM;
    Ok(Reply::data([LAN, MEDIUM, PROTOCOL, MANY_SESSIONS | active, a, b, c, 0, 0]))
}

pub fn access(call: &mut Call) -> Outcome {
    let &[channel, _which] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    Ok(Reply::data([ALWAYS_AVAILABLE, ADMINISTRATOR]))
}

pub fn user_access(call: &mut Call) -> Outcome {
    let &[channel, user] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    let accounts = call.controller.sessions.accounts();
    let user = place(user)?;
    let access = accounts.iter().find(|account| account.id == user);
    let access = access.map_or(0, |account| MESSAGES | account.level as u8);
    // Neither the first name nor any other is fixed for good.
    Ok(Reply::data([USERS, accounts.len() as u8, 0, access]))
}

pub fn user_name(call: &mut Call) -> Outcome {
    let &[user] = call.data else { return Err(Code::WRONG_LENGTH) };
    let user = place(user)?;
    let account = call.controller.sessions.accounts().iter().find(|account| account.id == user);
    let mut name = account.map_or(vec![], |account| account.name.clone().into_bytes());
    name.resize(16, 0);
    Ok(Reply::data(name))
}

fn place(user: u8) -> Result<u8, Code> {
    let user = user & 0x3f;
    if (1..=USERS).contains(&user) { Ok(user) } else { Err(Code::OUT_OF_RANGE) }
}

pub fn is_ours(channel: u8) -> Result<(), Code> {
    match channel & 0x0f {
        LAN | PRESENT => Ok(()),
        _ => Err(Code::INVALID_FIELD),
    }
}
