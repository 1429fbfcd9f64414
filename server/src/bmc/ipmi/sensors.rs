//! Readings of all sensors, one by one (IPMI 2.0, 35.14). One that cannot be read says so, and hides no other. Pure.

use std::sync::Arc;

use api::bmc::{Fault, Sensor};

use super::dialogue::{Dialogue, Step};
use super::message::{Function, Request, Response};
use super::names;
use super::sdr::{Factors, SensorRecord};

const GET_FACTORS: u8 = 0x23;
const GET_READING: u8 = 0x2d;
const THRESHOLDS: u8 = 0x01;
/// Bits of the second byte of a reading.
const SCANNING: u8 = 0x40;
const UNAVAILABLE: u8 = 0x20;

pub struct Readings {
    records: Arc<[SensorRecord]>,
    at: usize,
    /// A raw reading whose factors are asked for, with its health.
    half: Option<(u8, Option<String>)>,
    sensors: Vec<Sensor>,
}

impl Readings {
    pub fn new(records: Arc<[SensorRecord]>) -> Readings {
        Readings { records, at: 0, half: None, sensors: Vec::new() }
    }

    fn take(&mut self, response: &Response) {
        let record = &self.records[self.at];
        if let Some((raw, health)) = self.half.take() {
            let factors = record.factors.filter(|_| response.completion == 0);
            let value = factors.and_then(|f| f.at(&response.data)).and_then(|f: Factors| f.value(raw));
            return self.put(value, health);
        }
        match (response.completion, response.data.as_slice()) {
            (0, [raw, flags, states @ ..]) if flags & SCANNING != 0 && flags & UNAVAILABLE == 0 => {
                let health = health(record, states);
                match record.factors {
                    Some(factors) if factors.needs_table() => self.half = Some((*raw, health)),
                    factors => self.put(factors.and_then(|factors| factors.value(*raw)), health),
                }
            }
            _ => self.put(None, None),
        }
    }

    fn put(&mut self, value: Option<f64>, health: Option<String>) {
        let SensorRecord { name, unit, .. } = &self.records[self.at];
        self.sensors.push(Sensor { name: name.clone(), value, unit: unit.clone(), health });
        self.at += 1;
    }
}

impl Dialogue for Readings {
    type Outcome = Vec<Sensor>;

    fn step(&mut self, last: Option<Response>) -> Result<Step<Vec<Sensor>>, Fault> {
        if let Some(response) = last {
            self.take(&response);
        }
        while self.records.get(self.at).is_some_and(|record| !record.readable) {
            self.at += 1;
        }
        let Some(record) = self.records.get(self.at) else {
            return Ok(Step::Done(std::mem::take(&mut self.sensors)));
        };
        let ask = |command, data| Request { function: Function::Sensor, command, lun: record.lun, data };
        Ok(match self.half {
            None => Step::Ask(ask(GET_READING, vec![record.number]), "Get Sensor Reading"),
            Some((raw, _)) => {
                Step::Ask(ask(GET_FACTORS, vec![record.number, raw]), "Get Sensor Reading Factors")
            }
        })
    }
}

/// What the BMC thinks of it: of thresholds the worst that is passed, of states all that hold.
fn health(record: &SensorRecord, states: &[u8]) -> Option<String> {
    let low = *states.first()?;
    if record.reading == THRESHOLDS {
        let passed = [(0x24, "non-recoverable"), (0x12, "critical"), (0x09, "non-critical")];
        let worst = passed.iter().find(|(bits, _)| low & bits != 0).map_or("ok", |(_, word)| word);
        return Some(worst.into());
    }
    // The topmost bit is always set, and says nothing.
    let high = states.get(1).copied().unwrap_or(0) & 0x7f;
    let bits = u16::from(high) << 8 | u16::from(low);
    let holding = (0..15).filter(|offset| bits & (1 << offset) != 0);
    let words: Vec<String> = holding
        .map(|offset| match names::state(record.kind, record.reading, offset) {
            Some((text, _)) => text.into(),
            None => format!("state {offset}"),
        })
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::script::run;
    use super::*;

    fn record(number: u8, kind: u8, reading: u8, factors: Option<Factors>) -> SensorRecord {
        let unit = if factors.is_some() { "V" } else { "" }.into();
        SensorRecord {
            number,
            lun: 0,
            name: format!("S{number}"),
            kind,
            reading,
            readable: true,
            unit,
            factors,
        }
    }

    fn linear(linearisation: u8) -> Option<Factors> {
        Some(Factors { format: 0, linearisation, m: 2, b: 0, b_exponent: 0, r_exponent: 0 })
    }

    #[test]
    fn each_sensor_gets_its_line_whatever_the_others_do() {
        let unreadable = SensorRecord { readable: false, ..record(9, 0x12, 0x6f, None) };
        let records = [
            record(1, 1, 1, linear(0)),
            unreadable,
            record(2, 1, 1, linear(0x70)),
            record(3, 8, 0x6f, None),
            record(4, 1, 1, linear(0)),
            record(5, 1, 1, linear(0)),
            record(6, 1, 1, linear(0)),
            record(7, 0xc0, 0x6f, None),
        ];
        let (outcome, asked) =
            run(Readings::new(records.into()), |request| match (request.command, request.data[0]) {
                (GET_READING, 1) => (0, vec![21, 0xc0, 0x02 | 0x01]),
                (GET_READING, 2) => (0, vec![10, 0xc0, 0]),
                (GET_FACTORS, 2) => (0, vec![11, 3, 0, 1, 0, 0, 0]),
                (GET_READING, 3) => (0, vec![0, 0xc0, 0x09, 0x80]),
                (GET_READING, 4) => (0xcb, vec![]),
                (GET_READING, 5) => (0, vec![0, 0xe0, 0]),
                (GET_READING, 6) => (0, vec![]),
                _ => (0, vec![0, 0xc0, 0x04, 0x80]),
            });
        let lines: Vec<String> = outcome
            .unwrap()
            .iter()
            .map(|s| format!("{} {:?}{} {}", s.name, s.value, s.unit, s.health.as_deref().unwrap_or("-")))
            .collect();
        let expected = [
            "S1 Some(42.0)V critical",
            "S2 Some(31.0)V ok",
            "S3 None present, input lost",
            "S4 NoneV -",
            "S5 NoneV -",
            "S6 NoneV -",
            "S7 None state 2",
        ];
        assert_eq!(lines, expected);
        assert_eq!(asked.len(), 8);
    }
}
