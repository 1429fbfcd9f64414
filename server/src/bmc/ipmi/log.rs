//! The system event log (IPMI 2.0, chapters 31 and 32): read entry by entry from where one stopped, and told in
//! words. Pure.

use std::sync::Arc;

use api::bmc::{Fault, LogEntry};
use jiff::Timestamp;

use super::dialogue::{Dialogue, Step, done, word};
use super::message::{Function, Response, request};
use super::names::{self, Weight};
use super::sdr::SensorRecord;

const GET_ENTRY: u8 = 0x43;
const FIRST: u16 = 0x0000;
const LAST: u16 = 0xffff;
/// No log is so long that somebody reads it; a log that goes in a circle ends here.
const ENTRIES: usize = 4096;
/// Before this the clock counts from the BMC's start (37.1).
const SINCE_START: u32 = 0x2000_0000;
const NO_TIME: u32 = 0xffff_ffff;
const EVENT: u8 = 0x02;
const THRESHOLDS: u8 = 0x01;

pub struct Log {
    records: Arc<[SensorRecord]>,
    /// Of an entry that is known already: told again by nobody.
    after: Option<u16>,
    id: u16,
    entries: Vec<LogEntry>,
}

impl Log {
    /// All entries, or those after one. Where that is gone, because the log was cleared, all that there are.
    pub fn new(records: Arc<[SensorRecord]>, after: Option<u16>) -> Log {
        Log { records, after, id: after.unwrap_or(FIRST), entries: Vec::new() }
    }

    fn take(&mut self, response: &Response) -> Result<bool, Fault> {
        // There is no such entry: the log is empty, or it was cleared since.
        if response.completion == 0xcb && self.entries.is_empty() {
            let cleared = self.after.take().is_some();
            self.id = FIRST;
            return Ok(!cleared);
        }
        let data = done("Get SEL Entry", response, 18)?;
        let next = word(data, 0);
        match self.after.take() {
            Some(_) => {}
            None => self.entries.push(entry(&data[2..18], &self.records)),
        }
        let circle = next == self.id || self.entries.len() >= ENTRIES;
        self.id = next;
        Ok(next == LAST || circle)
    }
}

impl Dialogue for Log {
    type Outcome = Vec<LogEntry>;

    fn step(&mut self, last: Option<Response>) -> Result<Step<Vec<LogEntry>>, Fault> {
        if let Some(response) = last
            && self.take(&response)?
        {
            return Ok(Step::Done(std::mem::take(&mut self.entries)));
        }
        let [low, high] = self.id.to_le_bytes();
        // Without a reservation, which only a part of an entry needs, and all of it.
        let data = [0, 0, low, high, 0, 0xff];
        Ok(Step::Ask(request(Function::Storage, GET_ENTRY, &data), "Get SEL Entry"))
    }
}

/// The sixteen bytes of an entry (32.1).
fn entry(record: &[u8], sensors: &[SensorRecord]) -> LogEntry {
    let id = word(record, 0).to_string();
    let seconds = u32::from_le_bytes([record[3], record[4], record[5], record[6]]);
    let (severity, message) = match record[2] {
        EVENT => event(record, sensors),
        // With a time and without: what is in them is their maker's.
        oem => (Weight::Fine, format!("OEM record {oem:#04x}: {}", hex::encode(&record[7..]))),
    };
    let at = if record[2] >= 0xe0 { "unknown".into() } else { time(seconds) };
    LogEntry { id, at, severity: severity.word().into(), message }
}

fn time(seconds: u32) -> String {
    match seconds {
        NO_TIME => "unknown".into(),
        0..=SINCE_START => format!("{seconds} s after the BMC's start"),
        _ => Timestamp::from_second(seconds.into()).map_or_else(|_| seconds.to_string(), |at| at.to_string()),
    }
}

fn event(record: &[u8], sensors: &[SensorRecord]) -> (Weight, String) {
    let (kind, number, deasserted, reading) =
        (record[10], record[11], record[12] & 0x80 != 0, record[12] & 0x7f);
    let [first, second, third] = [record[13], record[14], record[15]];
    let sensor = sensors.iter().find(|sensor| sensor.number == number && sensor.kind == kind);
    let name = sensor.map_or_else(|| format!("sensor {number:#04x}"), |sensor| sensor.name.clone());
    let (text, weight) = match names::state(kind, reading, first & 0x0f) {
        Some((text, weight)) => (text.to_string(), weight),
        None => {
            (format!("event {:#04x}, data {first:02x} {second:02x} {third:02x}", record[12]), Weight::Fine)
        }
    };
    let detail = detail(sensor, kind, reading, [first, second, third]);
    let end = if deasserted { ", no longer" } else { "" };
    let weight = if deasserted { Weight::Fine } else { weight };
    (weight, format!("{} {name}: {text}{detail}{end}", names::kind(kind)))
}

/// What the second and third byte say, where the first says that they say something (29.7).
fn detail(sensor: Option<&SensorRecord>, kind: u8, reading: u8, [first, second, third]: [u8; 3]) -> String {
    const MEMORY: u8 = 0x0c;
    let value = |raw: u8| sensor.and_then(|sensor| Some((sensor.factors?.value(raw)?, sensor.unit.as_str())));
    match (reading, first >> 6, (first >> 4) & 3) {
        (THRESHOLDS, 1, with) => {
            let Some((read, unit)) = value(second) else { return String::new() };
            let limit = if with == 1 { value(third) } else { None };
            let limit = limit.map_or_else(String::new, |(limit, _)| format!(", the limit is {limit}"));
            format!(" (read {read} {unit}{limit})")
        }
        (0x6f, _, 2 | 3) if kind == MEMORY => format!(" (module {third:#04x})"),
        (0x6f, 0, 0) | (_, 0, 0) => String::new(),
        _ => format!(" (data {second:02x} {third:02x})"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::script::run;
    use super::super::sdr::Factors;
    use super::*;
    use crate::bmc::ipmi::message::Request;

    fn records() -> Arc<[SensorRecord]> {
        let factors = Factors { format: 0, linearisation: 0, m: 1, b: 0, b_exponent: 0, r_exponent: 0 };
        let cpu = SensorRecord {
            number: 1,
            lun: 0,
            name: "CPU Temp".into(),
            kind: 1,
            reading: 1,
            readable: true,
            unit: "degrees C".into(),
            factors: Some(factors),
        };
        [cpu].into()
    }

    fn told(hex: &str) -> String {
        let entry = entry(&hex::decode(hex.replace(' ', "")).unwrap(), &records());
        format!("{} {} {} {}", entry.id, entry.at, entry.severity, entry.message)
    }

    #[test]
    fn entries_in_words() {
        let cases = [
            (
                "0100 02 80e3a965 2000 04 01 01 01 59 60 5f",
                "1 2024-01-19T02:50:40Z Critical Temperature CPU Temp: above upper critical, rising \
                 (read 96 degrees C, the limit is 95)",
            ),
            (
                "0200 02 81e3a965 2000 04 01 01 81 59 5a 5f",
                "2 2024-01-19T02:50:41Z OK Temperature CPU Temp: above upper critical, rising \
                 (read 90 degrees C, the limit is 95), no longer",
            ),
            (
                "0300 02 0a000000 2000 04 0c 53 6f a1 ff 11",
                "3 10 s after the BMC's start Critical Memory sensor 0x53: uncorrectable ECC error (module 0x11)",
            ),
            (
                "ff01 02 ffffffff 2000 04 08 c8 6f 03 ff ff",
                "511 unknown Critical Power supply sensor 0xc8: input lost",
            ),
            (
                "0500 02 ffffffff 2000 04 c0 01 6f 8f 01 02",
                "5 unknown OK Sensor type 0xc0 sensor 0x01: event 0x6f, data 8f 01 02 (data 01 02)",
            ),
            ("0600 e1 00112233 445566778899aabbcc", "6 unknown OK OEM record 0xe1: 445566778899aabbcc"),
        ];
        for (hex, expected) in cases {
            assert_eq!(told(hex), expected);
        }
    }

    fn log_of(ids: &'static [u16]) -> impl FnMut(&Request) -> (u8, Vec<u8>) {
        move |asked| {
            let id = word(&asked.data, 2);
            let Some(at) = ids.iter().position(|known| id == FIRST || *known == id) else {
                return (0xcb, vec![]);
            };
            let next = ids.get(at + 1).copied().unwrap_or(LAST);
            let mut data = next.to_le_bytes().to_vec();
            data.extend(ids[at].to_le_bytes());
            data.extend([0x02, 0, 0, 0, 0x60, 0x20, 0, 4, 0x12, 1, 0x6f, 5, 0, 0]);
            (0, data)
        }
    }

    #[test]
    fn one_page_after_another_and_a_cleared_log_from_its_start() {
        let read = |after, ids| {
            let entries = run(Log::new(records(), after), log_of(ids)).0.unwrap();
            entries.iter().map(|entry| entry.id.parse().unwrap()).collect::<Vec<u16>>()
        };
        assert_eq!(read(None, &[1, 2, 9]), [1, 2, 9]);
        assert_eq!(read(Some(2), &[1, 2, 9]), [9]);
        assert_eq!(read(Some(9), &[1, 2, 9]), [0u16; 0]);
        assert_eq!(read(Some(9), &[1, 2]), [1, 2]);
        assert_eq!(read(Some(9), &[]), [0u16; 0]);
        assert_eq!(read(None, &[]), [0u16; 0]);
    }

    #[test]
    fn a_circle_and_a_short_entry_end() {
        let mut count = 0u16;
        let circle = |_: &Request| {
            count = count % 2 + 1;
            let mut data = count.to_le_bytes().to_vec();
            data.extend([1, 0, 0x02, 0, 0, 0, 0x60, 0x20, 0, 4, 0x12, 1, 0x6f, 5, 0, 0]);
            (0, data)
        };
        assert_eq!(run(Log::new(records(), None), circle).0.unwrap().len(), ENTRIES);
        let short = run(Log::new(records(), None), |_| (0, vec![2, 0, 1, 0])).0;
        assert!(matches!(short, Err(Fault::Garbled(_))));
    }

    proptest::proptest! {
        #[test]
        fn no_entry_panics(bytes: [u8; 16]) {
            let told = entry(&bytes, &records());
            proptest::prop_assert!(!told.message.is_empty());
        }
    }
}
