//! How a reading of one byte stands for a value (IPMI 2.0 rev. 1.1, 36.3): `y = (M x + B 10^k1) 10^k2`.

use crate::bmc::board::{Quantity, Sensor};

/// M and B have ten bits with a sign.
const MOST: f64 = 511.0;
const STEPS: f64 = 250.0;
/// A limit is no end of the scale.
const ABOVE_LIMIT: f64 = 1.2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    pub m: i16,
    pub b: i16,
    /// k1 and k2.
    pub b_exponent: i8,
    pub exponent: i8,
}

impl Scale {
    /// Of the sensor and not of its value, so that records stay as they are.
    pub fn of(sensor: &Sensor) -> Scale {
        let usual = match sensor.kind {
            // Whole degrees from -50 to 205.
            Quantity::Celsius => return Scale { m: 1, b: -50, b_exponent: 0, exponent: 0 },
            Quantity::Rpm => 20_000.0,
            Quantity::Watts => 1_000.0,
            Quantity::Volts => 15.0,
        };
        let top = sensor.upper_critical.map_or(usual, |limit| limit * ABOVE_LIMIT);
        let steps = (-3..=4).map(|exponent| (exponent, (top / STEPS / 10f64.powi(exponent.into())).ceil()));
        let fitting = steps.filter(|(_, m)| (1.0..=MOST).contains(m)).min_by_key(|(exponent, _)| *exponent);
        let (exponent, m) = fitting.unwrap_or((0, 1.0));
        Scale { m: m as i16, b: 0, b_exponent: 0, exponent }
    }

    /// The nearest that there is.
    pub fn raw(&self, value: f64) -> u8 {
        let offset = f64::from(self.b) * 10f64.powi(self.b_exponent.into());
        let steps = (value / 10f64.powi(self.exponent.into()) - offset) / f64::from(self.m);
        steps.round().clamp(0.0, 255.0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(scale: Scale, raw: u8) -> f64 {
        let offset = f64::from(scale.b) * 10f64.powi(scale.b_exponent.into());
        (f64::from(scale.m) * f64::from(raw) + offset) * 10f64.powi(scale.exponent.into())
    }

    #[test]
    fn a_value_comes_back_to_half_a_step() {
        let cases = [
            (Quantity::Celsius, 41.0, Some(95.0), 0.5),
            (Quantity::Celsius, -12.0, None, 0.5),
            (Quantity::Rpm, 4980.0, None, 40.0),
            (Quantity::Rpm, 9000.0, Some(12_000.0), 29.0),
            (Quantity::Watts, 143.0, Some(750.0), 1.9),
            (Quantity::Volts, 3.31, Some(3.6), 0.01),
            (Quantity::Volts, 12.1, None, 0.031),
            (Quantity::Watts, 0.0, Some(0.001), 0.1),
        ];
        for (kind, wanted, upper_critical, error) in cases {
            let sensor = Sensor { name: String::new(), kind, value: None, upper_critical };
            let scale = Scale::of(&sensor);
            let read = value(scale, scale.raw(wanted));
            assert!((read - wanted).abs() <= error, "{sensor:?}: {read} for {wanted} by {scale:?}");
        }
    }
}
