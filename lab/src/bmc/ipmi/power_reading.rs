//! How much power the machine draws, as data centres ask for it (DCMI 1.5, 6.1.1 and 6.6.1).

use super::commands::{Call, Outcome, Reply};
use super::message::Code;
use crate::bmc::board::Quantity;

/// First in requests and answers.
const DCMI: u8 = 0xdc;
const VERSION: [u8; 3] = [1, 5, 2];
const POWER_MANAGEMENT: u8 = 0x01;
const MEASURES: u8 = 0x40;
const NOW: u8 = 1;

pub fn capabilities(call: &mut Call) -> Outcome {
    let &[DCMI, parameter] = call.data else { return Err(Code::INVALID_FIELD) };
    let [major, minor, revision] = VERSION;
    let data = match parameter {
        // What is mandatory, power management, and a LAN channel.
        1 => [0, POWER_MANAGEMENT, 0x01],
        _ => return Err(Code::OUT_OF_RANGE),
    };
    Ok(Reply::data([&[DCMI, major, minor, revision], &data[..]].concat()))
}

/// All power sensors together. Without statistics, the least and the most are what is now.
pub fn reading(call: &mut Call) -> Outcome {
    let &[DCMI, NOW, _, _] = call.data else { return Err(Code::INVALID_FIELD) };
    let watts = call.view.board.sensors.iter().filter(|sensor| sensor.kind == Quantity::Watts);
    let watts: Vec<f64> = watts.filter_map(|sensor| sensor.value).collect();
    let sum = watts.iter().sum::<f64>().round().clamp(0.0, f64::from(u16::MAX)) as u16;
    let clock = super::log::clock(call);
    let mut data = vec![DCMI];
    data.extend([sum; 4].iter().flat_map(|watts| watts.to_le_bytes()));
    data.extend(clock.to_le_bytes());
    data.extend(1000u32.to_le_bytes());
    data.push(if watts.is_empty() { 0 } else { MEASURES });
    Ok(Reply::data(data))
}
