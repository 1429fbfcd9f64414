//! Sensor data records (IPMI 2.0, chapter 43): what a sensor is called, what it measures, and how its raw byte
//! becomes a number (chapter 36). Pure.

use super::text;

const FULL: u8 = 0x01;
const COMPACT: u8 = 0x02;
const EVENT_ONLY: u8 = 0x03;
/// The BMC itself. What another controller owns is behind a bridge.
const BMC: u8 = 0x20;

#[derive(Clone, Debug, PartialEq)]
pub struct SensorRecord {
    pub number: u8,
    pub lun: u8,
    pub name: String,
    /// Table 42-3, such as 1 for temperatures.
    pub kind: u8,
    /// Table 42-1: 1 for thresholds, 0x6f for states of its kind's own, else a generic kind of state.
    pub reading: u8,
    /// False for one that writes to the log and cannot be asked.
    pub readable: bool,
    /// Empty for a sensor that has states only.
    pub unit: String,
    pub factors: Option<Factors>,
}

/// `y = L[(M·x + B·10^b)·10^r]` (36.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// 0 unsigned, 1 ones' complement, 2 two's complement.
    pub format: u8,
    /// Table 43-1, byte 24: 0 for none, up to 11 for functions, from 0x70 on by a table of the BMC's.
    pub linearisation: u8,
    pub m: i16,
    pub b: i16,
    pub b_exponent: i8,
    pub r_exponent: i8,
}

/// None for records that are no sensor of the BMC's, or too short for one.
pub fn sensor(record: &[u8]) -> Option<SensorRecord> {
    let kind = *record.get(3)?;
    let name_at = match kind {
        FULL => 47,
        COMPACT => 31,
        EVENT_ONLY => 16,
        _ => return None,
    };
    if record.len() <= name_at || record[5] != BMC {
        return None;
    }
    let (sensor_type, reading) =
        if kind == EVENT_ONLY { (record[10], record[11]) } else { (record[12], record[13]) };
    let analog = kind == FULL && record[20] >> 6 != 3;
    Some(SensorRecord {
        number: record[7],
        lun: record[6] & 3,
        name: text::name(&record[name_at..]),
        kind: sensor_type,
        reading,
        readable: kind != EVENT_ONLY,
        unit: if analog { unit(record[20], record[21], record[22]) } else { String::new() },
        factors: analog.then(|| factors(record)),
    })
}

fn factors(record: &[u8]) -> Factors {
    let (b_exponent, r_exponent) = exponents(record[29]);
    Factors {
        format: record[20] >> 6,
        linearisation: record[23] & 0x7f,
        m: ten_bits(record[24], record[25]),
        b: ten_bits(record[26], record[27]),
        b_exponent,
        r_exponent,
    }
}

impl Factors {
    /// Factors that hold for one raw byte only: the answer to Get Sensor Reading Factors (35.5).
    pub fn at(self, data: &[u8]) -> Option<Factors> {
        let [_, m, m_high, b, b_high, _, exponent, ..] = data else { return None };
        let (b_exponent, r_exponent) = exponents(*exponent);
        let (m, b) = (ten_bits(*m, *m_high), ten_bits(*b, *b_high));
        Some(Factors { m, b, b_exponent, r_exponent, linearisation: 0, ..self })
    }

    pub fn needs_table(&self) -> bool {
        self.linearisation >= 0x70
    }

    /// None where the function has no value there, such as the logarithm of nothing.
    pub fn value(&self, raw: u8) -> Option<f64> {
        let raw = match self.format {
            // Ones' complement: the bits of a negative number are all turned over.
            1 if raw & 0x80 != 0 => -f64::from(!raw),
            1 | 0 => f64::from(raw),
            _ => f64::from(raw as i8),
        };
        let b = f64::from(self.b) * 10f64.powi(self.b_exponent.into());
        let linear = (f64::from(self.m) * raw + b) * 10f64.powi(self.r_exponent.into());
        let value = match self.linearisation {
            0x01 => linear.ln(),
            0x02 => linear.log10(),
            0x03 => linear.log2(),
            0x04 => linear.exp(),
            0x05 => 10f64.powf(linear),
            0x06 => linear.exp2(),
            0x07 => linear.recip(),
            0x08 => linear.powi(2),
            0x09 => linear.powi(3),
            0x0a => linear.sqrt(),
            0x0b => linear.cbrt(),
            _ => linear,
        };
        value.is_finite().then_some(round(value))
    }
}

/// Powers of ten leave crumbs in the last digits, which nobody measured.
fn round(value: f64) -> f64 {
    format!("{value:.6}").parse().unwrap_or(value)
}

/// A signed number of ten bits: eight, and two on top of another byte.
fn ten_bits(low: u8, high: u8) -> i16 {
    let bits = i16::from(high & 0xc0) << 2 | i16::from(low);
    bits << 6 >> 6
}

/// Two signed numbers of four bits: that of B below, that of the result on top.
fn exponents(byte: u8) -> (i8, i8) {
    ((byte << 4) as i8 >> 4, byte as i8 >> 4)
}

fn unit(flags: u8, base: u8, modifier: u8) -> String {
    let rate = match (flags >> 3) & 7 {
        1 => " per µs",
        2 => " per ms",
        3 => " per s",
        4 => " per minute",
        5 => " per hour",
        6 => " per day",
        _ => "",
    };
    let base = if flags & 1 == 1 { "%".to_string() } else { unit_name(base) };
    match (flags >> 1) & 3 {
        1 => format!("{base}/{}{rate}", unit_name(modifier)),
        2 => format!("{base}·{}{rate}", unit_name(modifier)),
        _ => base + rate,
    }
}

/// Table 43-15, as far as machines measure.
fn unit_name(number: u8) -> String {
    const NAMES: [&str; 27] = [
        "",
        "degrees C",
        "degrees F",
        "K",
        "V",
        "A",
        "W",
        "J",
        "C",
        "VA",
        "nits",
        "lm",
        "lx",
        "cd",
        "kPa",
        "psi",
        "N",
        "CFM",
        "RPM",
        "Hz",
        "µs",
        "ms",
        "s",
        "minutes",
        "hours",
        "days",
        "weeks",
    ];
    match (NAMES.get(usize::from(number)), number) {
        (Some(name), _) => (*name).into(),
        (_, 37) => "l".into(),
        (_, 41) => "revolutions".into(),
        (_, 60) => "dB".into(),
        (_, 88) => "errors".into(),
        (_, 89) => "correctable errors".into(),
        (_, 90) => "uncorrectable errors".into(),
        _ => format!("unit {number}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A full record as Supermicro's X11 boards have: CPU temperature, M = 1, in degrees C.
    pub(super) fn cpu_temperature() -> Vec<u8> {
        let mut record = hex::decode(concat!(
            "04005101",
            "37",
            "200001",
            "0301",
            "7f68",
            "0101",
            "957a957a3f3f",
            "80",
            "01",
            "00",
            "00",
            "01",
            "0000000000",
            "00",
            "000000",
            "7f80",
            "64645f000000",
            "0202",
            "0000",
            "00",
            "c8",
        ))
        .unwrap();
        record.extend(b"CPU Temp");
        record
    }

    #[test]
    fn a_full_record_of_a_temperature() {
        let sensor = sensor(&cpu_temperature()).unwrap();
        assert_eq!((sensor.name.as_str(), sensor.number, sensor.kind), ("CPU Temp", 1, 1));
        assert_eq!((sensor.unit.as_str(), sensor.reading), ("degrees C", 1));
        let factors = sensor.factors.unwrap();
        assert_eq!(factors.value(41), Some(41.0));
        assert_eq!(factors.value(0xf6), Some(-10.0), "two's complement");
    }

    fn factors(m: i16, b: i16, b_exponent: i8, r_exponent: i8) -> Factors {
        Factors { format: 0, linearisation: 0, m, b, b_exponent, r_exponent }
    }

    #[test]
    fn factors_of_voltages_fans_and_functions() {
        assert_eq!(factors(60, 0, 0, -3).value(202), Some(12.12));
        assert_eq!(factors(100, 0, 0, 0).value(56), Some(5600.0));
        assert_eq!(factors(4, 5, 1, -1).value(10), Some(9.0));
        let function = |linearisation, raw| Factors { linearisation, ..factors(1, 0, 0, 0) }.value(raw);
        assert_eq!(function(0x02, 100), Some(2.0));
        assert_eq!(function(0x07, 4), Some(0.25));
        assert_eq!(function(0x08, 9), Some(81.0));
        assert_eq!(function(0x0b, 27), Some(3.0));
        assert_eq!(function(0x01, 0), None, "no logarithm of nothing");
        assert_eq!(function(0x07, 0), None);
        let ones = Factors { format: 1, ..factors(1, 0, 0, 0) };
        assert_eq!((ones.value(0xfe), ones.value(3)), (Some(-1.0), Some(3.0)));
    }

    #[test]
    fn signed_parts_of_bytes() {
        assert_eq!((ten_bits(0xff, 0xc0), ten_bits(0x00, 0x80), ten_bits(0xff, 0x40)), (-1, -512, 511));
        assert_eq!((exponents(0xd0), exponents(0x0f), exponents(0x7e)), ((0, -3), (-1, 0), (-2, 7)));
        assert_eq!(unit(1, 0, 0), "%");
        assert_eq!(unit(0x18, 17, 0), "CFM per s");
        assert_eq!(unit(0x02, 6, 24), "W/hours");
        let table = factors(0, 0, 0, 0);
        let table = Factors { linearisation: 0x70, ..table };
        assert!(table.needs_table());
        let one = table.at(&[0xff, 2, 0, 10, 0, 0, 0x00]).unwrap();
        assert_eq!(one.value(7), Some(24.0));
    }

    proptest! {
        #[test]
        fn no_record_panics(record in proptest::collection::vec(any::<u8>(), 0..80), kind in 0u8..4, raw: u8) {
            let mut record = record;
            if record.len() > 5 {
                (record[3], record[5]) = (kind, BMC);
            }
            if let Some(factors) = sensor(&record).and_then(|sensor| sensor.factors) {
                let _ = factors.value(raw);
            }
        }
    }
}
