//! The repository of sensor records and what sensors read (IPMI 2.0 rev. 1.1, chapters 33 and 35).

use super::commands::{Call, Outcome, Reply};
use super::message::Code;
use super::records::{self, UPPER_CRITICAL};
use super::scale::Scale;
use crate::bmc::board::Sensor;

const VERSION: u8 = 0x51;
const LAST: u16 = 0xffff;
const ALL: u8 = 0xff;
/// Bytes of a record that go into one answer, as small a buffer as real ones have.
const AT_ONCE: u8 = 32;
/// Reserving, and how much space there is.
const OPERATIONS: u8 = 0x03;
/// Events and scanning are on (35.14); there is no reading.
const ENABLED: u8 = 0xc0;
const UNAVAILABLE: u8 = 0x20;
/// The upper two bits of the states are always 1.
const RESERVED: u8 = 0xc0;

/// What the repository holds now. That it changed is a fact with a time, and ends what was reserved.
fn records<'a>(call: &'a mut Call) -> &'a [Vec<u8>] {
    let records = records::all(&call.view.board.identity, &call.view.board.sensors);
    let memory = &mut call.controller.memory;
    if memory.records != records {
        memory.records = records;
        memory.records_changed = call.now.clock as u32;
        memory.record_reservation = memory.record_reservation.wrapping_add(1);
    }
    &memory.records
}

pub fn repository(call: &mut Call) -> Outcome {
    let count = records(call).len() as u16;
    let [low, high] = count.to_le_bytes();
    // No space that anybody could use.
    let mut data = vec![VERSION, low, high, 0, 0];
    data.extend([call.controller.memory.records_changed.to_le_bytes(); 2].concat());
    data.push(OPERATIONS);
    Ok(Reply::data(data))
}

/// Nothing can be added (33.10).
pub fn allocation(_: &mut Call) -> Outcome {
    Ok(Reply::data([0; 9]))
}

pub fn reserve(call: &mut Call) -> Outcome {
    records(call);
    let reservation = &mut call.controller.memory.record_reservation;
    // 0 is none.
    *reservation = reservation.checked_add(1).unwrap_or(1);
    Ok(Reply::data(reservation.to_le_bytes()))
}

pub fn record(call: &mut Call) -> Outcome {
    let &[a, b, c, d, offset, length] = call.data else { return Err(Code::WRONG_LENGTH) };
    records(call);
    let memory = &call.controller.memory;
    let (reservation, id) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    if offset != 0 && reservation != memory.record_reservation {
        return Err(Code::INVALID_RESERVATION);
    }
    let count = memory.records.len();
    let at = match id {
        0 => 0,
        LAST => count - 1,
        id => usize::from(id) - 1,
    };
    let record = memory.records.get(at).ok_or(Code::NOT_PRESENT)?;
    let rest = record.get(usize::from(offset)..).ok_or(Code::OUT_OF_RANGE)?;
    let wanted = if length == ALL { rest.len() } else { usize::from(length).min(rest.len()) };
    if wanted > usize::from(AT_ONCE) {
        return Err(Code::TOO_MUCH_AT_ONCE);
    }
    let next = if at + 1 < count { at as u16 + 2 } else { LAST };
    Ok(Reply::data([&next.to_le_bytes(), &rest[..wanted]].concat()))
}

pub fn reading(call: &mut Call) -> Outcome {
    let sensor = numbered(call)?;
    let Some(value) = sensor.value else {
        return Ok(Reply::data([0, ENABLED | UNAVAILABLE, RESERVED]));
    };
    let critical = sensor.upper_critical.is_some_and(|limit| value >= limit);
    let states = if critical { UPPER_CRITICAL } else { 0 };
    Ok(Reply::data([Scale::of(sensor).raw(value), ENABLED, RESERVED | states]))
}

pub fn thresholds(call: &mut Call) -> Outcome {
    let sensor = numbered(call)?;
    let critical = sensor.upper_critical.map(|limit| Scale::of(sensor).raw(limit));
    let mask = if critical.is_some() { UPPER_CRITICAL } else { 0 };
    // Three lower ones, upper non-critical, upper critical, upper non-recoverable.
    Ok(Reply::data([mask, 0, 0, 0, 0, critical.unwrap_or(0), 0]))
}

pub fn hysteresis(call: &mut Call) -> Outcome {
    numbered(call)?;
    Ok(Reply::data([0, 0]))
}

/// It is scanned, and causes no events.
pub fn event_enable(call: &mut Call) -> Outcome {
    numbered(call)?;
    Ok(Reply::data([ENABLED, 0, 0, 0, 0]))
}

pub fn kind(call: &mut Call) -> Outcome {
    const THRESHOLDS: u8 = 0x01;
    Ok(Reply::data([records::kind(numbered(call)?.kind), THRESHOLDS]))
}

fn numbered<'a>(call: &Call<'a>) -> Result<&'a Sensor, Code> {
    let &[number, ..] = call.data else { return Err(Code::WRONG_LENGTH) };
    let place = usize::from(number).checked_sub(1).ok_or(Code::NOT_PRESENT)?;
    call.view.board.sensors.get(place).ok_or(Code::NOT_PRESENT)
}
