//! Sensor data records (IPMI 2.0 rev. 1.1, chapter 43): one of each sensor, one of the inventory and one of the BMC.

use super::message::BMC_ADDRESS;
use super::scale::Scale;
use crate::bmc::board::{Identity, Quantity, Sensor};

const VERSION: u8 = 0x51;
const FULL_SENSOR: u8 = 0x01;
const FRU_LOCATOR: u8 = 0x11;
const MC_LOCATOR: u8 = 0x12;
const HEADER: usize = 5;
/// Eight-bit characters, of which a name has at most sixteen.
const TEXT: u8 = 0xc0;
const NAME: usize = 16;
/// A threshold sensor by its event type (table 42-1).
const THRESHOLDS: u8 = 0x01;
/// It re-arms itself, and sends no events; its thresholds are as its mask says, or there are none.
const READABLE: u8 = 0x47;
const WITHOUT: u8 = 0x43;
const SCANNED: u8 = 0x01;
/// Upper critical, in the masks of thresholds.
pub const UPPER_CRITICAL: u8 = 0x10;
const SYSTEM_BOARD: u8 = 0x07;
const POWER_SUPPLY: u8 = 0x0a;
const FAN: u8 = 0x1d;
/// What the BMC is, by Get Device ID.
const CAPABILITIES: u8 = 0x8f;

/// Those that a repository hands out, by their numbers from 1 on.
pub fn all(identity: &Identity, sensors: &[Sensor]) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> =
        (1..=u8::MAX).zip(sensors).map(|(number, sensor)| full(number, sensor)).collect();
    records.push(fru_locator(&identity.product));
    records.push(mc_locator());
    for (id, record) in (1u16..).zip(&mut records) {
        record[..2].copy_from_slice(&id.to_le_bytes());
    }
    records
}

/// Sensor types (table 42-3).
pub fn kind(quantity: Quantity) -> u8 {
    match quantity {
        Quantity::Celsius => 0x01,
        Quantity::Volts => 0x02,
        Quantity::Rpm => 0x04,
        // Of other units.
        Quantity::Watts => 0x0b,
    }
}

fn unit(quantity: Quantity) -> u8 {
    match quantity {
        Quantity::Celsius => 1,
        Quantity::Volts => 4,
        Quantity::Watts => 6,
        Quantity::Rpm => 18,
    }
}

fn entity(quantity: Quantity) -> u8 {
    match quantity {
        Quantity::Celsius | Quantity::Volts => SYSTEM_BOARD,
        Quantity::Watts => POWER_SUPPLY,
        Quantity::Rpm => FAN,
    }
}

/// Table 43-1.
fn full(number: u8, sensor: &Sensor) -> Vec<u8> {
    let scale = Scale::of(sensor);
    let critical = sensor.upper_critical.map(|limit| scale.raw(limit));
    let (capabilities, mask) = if critical.is_some() { (READABLE, UPPER_CRITICAL) } else { (WITHOUT, 0) };
    let mut body = vec![BMC_ADDRESS, 0, number, entity(sensor.kind), number, SCANNED, capabilities];
    // Of events none; thresholds that are read, and none that are set.
    body.extend([kind(sensor.kind), THRESHOLDS, 0, 0, 0, 0, mask, 0]);
    // Unsigned, in its unit alone, linear.
    body.extend([0, unit(sensor.kind), 0, 0]);
    let [m, m_high] = scale.m.to_le_bytes();
    let [b, b_high] = scale.b.to_le_bytes();
    body.extend([m, m_high << 6, b, b_high << 6, 0]);
    body.push((scale.exponent as u8) << 4 | scale.b_exponent as u8 & 0x0f);
    // No nominal reading, and the whole scale from its most to its least.
    body.extend([0, 0, 0, 0, 0xff, 0]);
    body.extend([0, critical.unwrap_or(0), 0, 0, 0, 0]);
    // No hysteresis, nothing of a maker's.
    body.extend([0, 0, 0, 0, 0]);
    record(FULL_SENSOR, body, &sensor.name)
}

/// Table 43-7: device 0 of the BMC, which belongs to the board.
fn fru_locator(product: &str) -> Vec<u8> {
    record(FRU_LOCATOR, vec![BMC_ADDRESS, 0, 0x80, 0, 0, 0x10, 0, SYSTEM_BOARD, 1, 0], product)
}

/// Table 43-8.
fn mc_locator() -> Vec<u8> {
    const BMC: u8 = 0x06;
    record(MC_LOCATOR, vec![BMC_ADDRESS, 0, 0, CAPABILITIES, 0, 0, 0, BMC, 1, 0], "BMC")
}

fn record(kind: u8, mut body: Vec<u8>, name: &str) -> Vec<u8> {
    let name: Vec<u8> = name.bytes().take(NAME).collect();
    body.push(TEXT | name.len() as u8);
    body.extend(name);
    let mut record = vec![0, 0, VERSION, kind, body.len() as u8];
    debug_assert_eq!(record.len(), HEADER);
    record.extend(body);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_the_tables_have_them() {
        let sensor = Sensor {
            name: "CPU Temperature of the first".into(),
            kind: Quantity::Celsius,
            value: None,
            upper_critical: Some(95.0),
        };
        let record = full(7, &sensor);
        assert_eq!((record.len(), record[4]), (48 + NAME, 43 + NAME as u8));
        assert_eq!((record[7], record[12], record[13], record[18], record[21]), (7, 1, 1, 0x10, 1));
        assert_eq!((record[24], record[26], record[27], record[29]), (1, 206, 0xc0, 0));
        assert_eq!((record[37], record[47]), (145, 0xd0));
    }
}
