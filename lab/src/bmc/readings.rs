//! What the sensors of a virtual board read. QEMU has none: the values are made up from the one thing that is known,
//! whether power is on, so that a client sees them differ and some of them go away. Pure.

use super::board::{Power, Quantity, Sensor};

/// With power off the BMC itself goes on, and what sits in its own part of the board: it draws little, the air is the
/// hall's, and fans, processor and the main rails read nothing.
pub fn readings(power: Power) -> Vec<Sensor> {
    let on = power == Power::On;
    let with_power = |value| on.then_some(value);
    let sensor = |name: &str, kind, value, upper_critical| Sensor {
        name: name.to_owned(),
        kind,
        value,
        upper_critical,
    };
    vec![
        sensor("Inlet Temp", Quantity::Celsius, Some(22.0), Some(42.0)),
        sensor("CPU1 Temp", Quantity::Celsius, with_power(48.0), Some(95.0)),
        sensor("System Temp", Quantity::Celsius, Some(if on { 33.0 } else { 24.0 }), Some(85.0)),
        sensor("FAN1", Quantity::Rpm, with_power(5400.0), None),
        sensor("FAN2", Quantity::Rpm, with_power(5300.0), None),
        sensor("12V", Quantity::Volts, with_power(12.1), Some(13.2)),
        sensor("5V Standby", Quantity::Volts, Some(5.0), Some(5.5)),
        sensor("System Power", Quantity::Watts, Some(if on { 96.0 } else { 7.0 }), Some(400.0)),
    ]
}
