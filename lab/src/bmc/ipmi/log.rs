//! The system event log and its clock (IPMI 2.0 rev. 1.1, chapters 31 and 32). The board's log is in words, which
//! sixteen bytes have no room for: each becomes the event that says most of it.

use super::commands::{Call, Outcome, Reply};
use super::message::{BMC_ADDRESS, Code};
use super::view::Order;
use crate::bmc::board::{Entry, Severity};

const VERSION: u8 = 0x51;
const FIRST: u16 = 0x0000;
const LAST: u16 = 0xffff;
const ALL: u8 = 0xff;
const LENGTH: usize = 16;
/// Reserving, and how much space there is.
const OPERATIONS: u8 = 0x03;
/// Entries that there is room for; the board forgets old ones by itself.
const ROOM: usize = 1024;
const SYSTEM_EVENT: u8 = 0x02;
/// Revision of event messages (table 32-1).
const EVENT_MESSAGE: u8 = 0x04;
/// Event types: by severity, or the sensor's own (table 42-1).
const BY_SEVERITY: u8 = 0x07;
const OWN: u8 = 0x6f;

pub fn info(call: &mut Call) -> Outcome {
    let count = call.view.board.log.len().min(ROOM);
    let free = ((ROOM - count) * LENGTH).min(0xfffe) as u16;
    let added = call.view.board.log.last().map_or(0, |entry| entry.at as u32);
    let mut data = vec![VERSION];
    data.extend((count as u16).to_le_bytes());
    data.extend(free.to_le_bytes());
    data.extend(added.to_le_bytes());
    data.extend(call.controller.memory.log_cleared.to_le_bytes());
    data.push(OPERATIONS);
    Ok(Reply::data(data))
}

/// Units, their size, how many are free, the largest block of them, and how much a record may have (31.3).
pub fn allocation(call: &mut Call) -> Outcome {
    let free = (ROOM - call.view.board.log.len().min(ROOM)) as u16;
    let words = [ROOM as u16, LENGTH as u16, free, free];
    let mut data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    data.push(1);
    Ok(Reply::data(data))
}

pub fn reserve(call: &mut Call) -> Outcome {
    let reservation = &mut call.controller.memory.log_reservation;
    *reservation = reservation.checked_add(1).unwrap_or(1);
    Ok(Reply::data(reservation.to_le_bytes()))
}

pub fn entry(call: &mut Call) -> Outcome {
    let &[a, b, c, d, offset, length] = call.data else { return Err(Code::WRONG_LENGTH) };
    let (reservation, id) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    if offset != 0 && reservation != call.controller.memory.log_reservation {
        return Err(Code::INVALID_RESERVATION);
    }
    let log = &call.view.board.log;
    let at = match id {
        FIRST => Some(0),
        LAST => log.len().checked_sub(1),
        id => log.iter().position(|entry| number(entry) == id),
    };
    let entry = at.and_then(|at| log.get(at)).ok_or(Code::NOT_PRESENT)?;
    let next = at.and_then(|at| log.get(at + 1)).map_or(LAST, number);
    let record = record(entry);
    let rest = record.get(usize::from(offset)..).ok_or(Code::OUT_OF_RANGE)?;
    let wanted = if length == ALL { rest.len() } else { rest.len().min(length.into()) };
    Ok(Reply::data([&next.to_le_bytes(), &rest[..wanted]].concat()))
}

/// Begun, or asked how far it is: it is done at once.
pub fn clear(call: &mut Call) -> Outcome {
    const INITIATE: u8 = 0xaa;
    const STATUS: u8 = 0x00;
    const DONE: u8 = 1;
    let &[low, high, b'C', b'L', b'R', action] = call.data else { return Err(Code::INVALID_FIELD) };
    let clock = clock(call);
    let memory = &mut call.controller.memory;
    if u16::from_le_bytes([low, high]) != memory.log_reservation {
        return Err(Code::INVALID_RESERVATION);
    }
    match action {
        STATUS => Ok(Reply::data([DONE])),
        INITIATE => {
            memory.log_cleared = clock;
            // What was reserved is not what is there.
            memory.log_reservation = memory.log_reservation.wrapping_add(1);
            Ok(Reply { order: Some(Order::ClearLog), ..Reply::data([DONE]) })
        }
        _ => Err(Code::INVALID_FIELD),
    }
}

pub fn time(call: &mut Call) -> Outcome {
    Ok(Reply::data(clock(call).to_le_bytes()))
}

pub fn set_time(call: &mut Call) -> Outcome {
    let &time = <&[u8; 4]>::try_from(call.data).map_err(|_| Code::WRONG_LENGTH)?;
    call.controller.memory.clock_offset =
        i64::from(u32::from_le_bytes(time)).saturating_sub_unsigned(call.now.clock);
    Ok(Reply::empty())
}

/// Its own, which somebody may have set wrong.
pub fn clock(call: &Call) -> u32 {
    call.now.clock.saturating_add_signed(call.controller.memory.clock_offset) as u32
}

fn number(entry: &Entry) -> u16 {
    entry.id as u16
}

/// Table 32-1.
fn record(entry: &Entry) -> [u8; LENGTH] {
    let [low, high] = number(entry).to_le_bytes();
    let [a, b, c, d] = (entry.at as u32).to_le_bytes();
    let (sensor, event, offset) = event(entry);
    // Without more data, which is 0xff.
    [low, high, SYSTEM_EVENT, a, b, c, d, BMC_ADDRESS, 0, EVENT_MESSAGE, sensor, 0, event, offset, 0xff, 0xff]
}

/// Sensor type, event type and offset (tables 42-2 and 42-3).
fn event(entry: &Entry) -> (u8, u8, u8) {
    const SYSTEM: u8 = 0x12;
    const CRITICAL_INTERRUPT: u8 = 0x13;
    const BUTTON: u8 = 0x14;
    const BOOT_INITIATED: u8 = 0x1d;
    const ACPI: u8 = 0x22;
    const WATCHDOG: u8 = 0x23;
    let message = entry.message.to_lowercase();
    let says = |word: &str| message.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    let all = |words: &[&str]| words.iter().all(|word| says(word));
    let fine = entry.severity == Severity::Ok;
    match entry.severity {
        // Expired; or then a reset, or power cycled.
        _ if says("watchdog") => (WATCHDOG, OWN, if says("cycled") { 3 } else { says("reset").into() }),
        _ if says("nmi") || all(&["maskable", "interrupt"]) => (CRITICAL_INTERRUPT, OWN, 0),
        _ if fine && all(&["power", "button"]) => (BUTTON, OWN, 0),
        _ if fine && all(&["power", "off"]) => (ACPI, OWN, 6),
        _ if fine && all(&["power", "on"]) => (ACPI, OWN, 0),
        _ if fine && says("reset") => (BOOT_INITIATED, OWN, 1),
        // By its operating system.
        _ if fine && says("restarted") => (BOOT_INITIATED, OWN, 5),
        // Reconfigured.
        _ if fine && all(&["boot", "override"]) => (SYSTEM, OWN, 0),
        Severity::Ok => (SYSTEM, BY_SEVERITY, 0),
        Severity::Warning => (SYSTEM, BY_SEVERITY, 1),
        Severity::Critical => (SYSTEM, BY_SEVERITY, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_the_event_that_says_most_of_them() {
        let event = |severity, message: &str| {
            let entry = Entry { id: 0x1_0002, at: 0x6530_0000, severity, message: message.into() };
            let record = record(&entry);
            assert_eq!((number(&entry), record[..2].to_vec()), (2, vec![2, 0]));
            (record[10], record[12], record[13])
        };
        use Severity::{Critical, Ok, Warning};
        assert_eq!(event(Ok, "Power on by IPMI"), (0x22, OWN, 0));
        assert_eq!(event(Ok, "System power off: power was cut"), (0x22, OWN, 6));
        assert_eq!(event(Ok, "Power button pressed"), (0x14, OWN, 0));
        assert_eq!(event(Ok, "System reset"), (0x1d, OWN, 1));
        assert_eq!(event(Ok, "System restarted by its operating system"), (0x1d, OWN, 5));
        assert_eq!(event(Ok, "Boot override set: disk, once"), (0x12, OWN, 0));
        assert_eq!(event(Warning, "Non-maskable interrupt sent"), (0x13, OWN, 0));
        assert_eq!(event(Critical, "power cycled by the board's watchdog"), (0x23, OWN, 3));
        assert_eq!(event(Critical, "watchdog expired: reset"), (0x23, OWN, 1));
        assert_eq!(event(Critical, "the fan stopped, power off soon"), (0x12, BY_SEVERITY, 2));
    }
}
