//! Power, identify light and identity of a machine and its BMC (IPMI 2.0, chapters 20, 23 and 28). Pure.

use api::bmc::{Fault, Power};
use api::id::Mac;

use super::failure::short;
use super::message::{Function, Request, request};

/// Chassis Control (28.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    Off = 0,
    On = 1,
    Cycle = 2,
    /// Without power being taken away.
    Reset = 3,
    /// As if somebody pressed the power button: the OS is asked to end.
    Soft = 5,
}

pub fn get_status() -> Request {
    request(Function::Chassis, 0x01, &[])
}

pub fn control(control: Control) -> Request {
    request(Function::Chassis, 0x02, &[control as u8])
}

/// The first byte of Get Chassis Status (28.2).
pub fn power(data: &[u8]) -> Result<Power, Fault> {
    match data.first().ok_or_else(|| short("Get Chassis Status"))? & 1 {
        0 => Ok(Power::Off),
        _ => Ok(Power::On),
    }
}

/// Chassis Identify (28.5): on until it is told otherwise, or off.
pub fn identify(lit: bool) -> Request {
    request(Function::Chassis, 0x04, if lit { &[0, 1] } else { &[0] })
}

/// For BMCs of before IPMI 2.0, which have no "until told otherwise": four minutes.
pub fn identify_for_long() -> Request {
    request(Function::Chassis, 0x04, &[255])
}

/// Who a BMC says it is (20.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// As its web page shows it, such as `3.88`.
    pub firmware: String,
    /// Of IPMI, such as `2.0`.
    pub ipmi: String,
    /// The enterprise number of its maker, such as 10876 for Supermicro.
    pub manufacturer: u32,
    pub product: u16,
}

pub fn get_device_id() -> Request {
    request(Function::App, 0x01, &[])
}

/// Some answer without the last, optional bytes, and some without the maker.
pub fn device(data: &[u8]) -> Result<Device, Fault> {
    let [_, _, major, minor, ipmi, _, rest @ ..] = data else { return Err(short("Get Device ID")) };
    let byte = |at: usize| rest.get(at).copied().unwrap_or(0);
    Ok(Device {
        // The upper bit says "starting", the minor number is BCD.
        firmware: format!("{}.{:02x}", major & 0x7f, minor),
        ipmi: format!("{}.{}", ipmi & 0x0f, ipmi >> 4),
        manufacturer: u32::from_le_bytes([byte(0), byte(1), byte(2) & 0x0f, 0]),
        product: u16::from_le_bytes([byte(3), byte(4)]),
    })
}

pub fn cold_reset() -> Request {
    request(Function::App, 0x02, &[])
}

/// Get LAN Configuration Parameters (23.2): the MAC of the channel that we speak on.
pub fn get_mac() -> Request {
    const THIS_CHANNEL: u8 = 0x0e;
    const MAC: u8 = 5;
    request(Function::Transport, 0x02, &[THIS_CHANNEL, MAC, 0, 0])
}

pub fn mac(data: &[u8]) -> Result<Mac, Fault> {
    match data {
        [_revision, a, b, c, d, e, f, ..] => Ok(Mac([*a, *b, *c, *d, *e, *f])),
        _ => Err(short("Get LAN Configuration Parameters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_and_short_ones_are_faults() {
        assert_eq!(power(&[0x21, 0x10, 0x40]), Ok(Power::On));
        assert_eq!(power(&[0x20]), Ok(Power::Off));
        assert!(matches!(power(&[]), Err(Fault::Garbled(_))));
        let supermicro = [0x20, 0x01, 0x03, 0x88, 0x02, 0xbf, 0x7c, 0x2a, 0x00, 0x64, 0x09];
        let expected =
            Device { firmware: "3.88".into(), ipmi: "2.0".into(), manufacturer: 10876, product: 0x0964 };
        assert_eq!(device(&supermicro), Ok(expected));
        assert_eq!(device(&supermicro[..6]).unwrap().manufacturer, 0);
        assert!(device(&supermicro[..5]).is_err());
        assert_eq!(mac(&[0x11, 1, 2, 3, 4, 5, 6]), Ok(Mac([1, 2, 3, 4, 5, 6])));
        assert!(mac(&[0x11, 1, 2, 3, 4, 5]).is_err());
    }
}
