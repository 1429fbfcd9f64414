//! What IPMI tells of a machine's parts: its maker's record (FRU), who the BMC is, and, of BMCs that know DCMI, what the
//! machine draws. Pure.

use api::bmc::Fault;
use api::bmc::hardware::{Controller, Hardware};
use api::facts::Product;

use super::chassis::Device;
use super::failure::short;
use super::fru::{Fru, Part};
use super::message::{Function, Request, request};

/// First in requests and answers of the group (DCMI 1.5, 6).
const DCMI: u8 = 0xdc;
/// Of the last byte: the measurement goes on.
const MEASURES: u8 = 0x40;

/// Get Power Reading (DCMI 1.5, 6.6.1), as it is now.
pub fn get_power_reading() -> Request {
    const NOW: u8 = 1;
    request(Function::Group, 0x02, &[DCMI, NOW, 0, 0])
}

/// Watts; None where nothing measures them.
pub fn draw(data: &[u8]) -> Result<Option<f64>, Fault> {
    match data {
        // The current one, then least, most and average, and four bytes each of the time and of the period.
        [DCMI, low, high, rest @ ..] if rest.len() >= 15 => {
            let watts = f64::from(u16::from_le_bytes([*low, *high]));
            Ok(Some(watts).filter(|_| rest[14] & MEASURES != 0))
        }
        _ => Err(short("Get Power Reading")),
    }
}

/// CPUs, modules, drives and network cards are nothing that IPMI has words for.
pub fn hardware(device: &Device, fru: Result<Fru, Fault>, draw: Option<f64>) -> Hardware {
    let unread = fru.as_ref().err().map(|fault| format!("FRU: {fault}")).into_iter().collect();
    let fru = fru.unwrap_or_default();
    let number = format!("maker {}, product {}, IPMI {}", device.manufacturer, device.product, device.ipmi);
    Hardware {
        asset_tag: fru.product.asset_tag.clone(),
        system: product(fru.product),
        board: product(fru.board),
        chassis_serial: fru.chassis_serial,
        bmc: Controller { model: number, version: device.firmware.clone() },
        draw,
        unread,
        ..Hardware::default()
    }
}

fn product(part: Part) -> Product {
    let product = if part.name.is_empty() { part.number } else { part.name };
    Product { manufacturer: part.manufacturer, product, serial: part.serial }
}

#[cfg(test)]
mod tests {
    use super::super::fru::{parse, tests::sample};
    use super::*;

    #[test]
    fn a_record_and_a_device_are_a_machine() {
        let device =
            Device { firmware: "3.88".into(), ipmi: "2.0".into(), manufacturer: 10876, product: 2404 };
        let found = hardware(&device, Ok(parse(&sample())), Some(215.0));
        assert_eq!(
            (found.system.serial.as_str(), found.board.product.as_str()),
            ("E303405X8B12345", "X11DPU")
        );
        assert_eq!(
            (found.asset_tag.as_str(), found.chassis_serial.as_str()),
            ("rack 4/12", "C219UAK12345678")
        );
        assert_eq!((found.bmc.version.as_str(), found.draw), ("3.88", Some(215.0)));
        assert_eq!(found.bmc.model, "maker 10876, product 2404, IPMI 2.0");
        let without = hardware(&device, Err(Fault::Unsupported("no such record".into())), None);
        assert_eq!(without.unread, ["FRU: not supported: no such record"]);
        assert_eq!(without.system, Product::default());
    }

    #[test]
    fn watts_are_read_where_something_measures_them() {
        let answer = |state| [&[DCMI, 0xd7, 0x00][..], &[0; 14], &[state]].concat();
        assert_eq!(draw(&answer(MEASURES)), Ok(Some(215.0)));
        assert_eq!(draw(&answer(0)), Ok(None));
        assert!(matches!(draw(&answer(MEASURES)[..17]), Err(Fault::Garbled(_))));
        assert!(draw(&[0; 18]).is_err(), "another group");
    }
}
