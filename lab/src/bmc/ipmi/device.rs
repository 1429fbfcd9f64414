//! Which BMC this is, and its own restart (IPMI 2.0 rev. 1.1, chapter 20).

use super::commands::{Call, Outcome, Reply, Then};

/// Chassis, inventory, log, sensor records and sensors.
const SUPPORT: u8 = 0x80 | 0x08 | 0x04 | 0x02 | 0x01;
const IPMI_2_0: u8 = 0x02;
/// Of the device itself, of its firmware.
const DEVICE: [u8; 2] = [0x20, 0x01];
const FIRMWARE: [u8; 2] = [0x01, 0x00];

/// Maker and product are 0, which is nobody's: clients bend no rule for it.
pub fn id(_: &mut Call) -> Outcome {
    let [id, revision] = DEVICE;
    let [major, minor] = FIRMWARE;
    Ok(Reply::data([id, revision, major, minor, IPMI_2_0, SUPPORT, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
}

/// Cold and warm alike: it ends all sessions, and is away for a moment.
pub fn reset(_: &mut Call) -> Outcome {
    Ok(Reply::then(Then::Restart))
}

/// No error (20.4).
pub fn self_test(_: &mut Call) -> Outcome {
    Ok(Reply::data([0x55, 0]))
}

/// The log is kept (22.2).
pub fn global_enables(_: &mut Call) -> Outcome {
    Ok(Reply::data([0x08]))
}

pub fn system_guid(call: &mut Call) -> Outcome {
    Ok(Reply::data(guid(&call.view.board.identity.uuid)))
}

/// A UUID with its last byte first (20.8).
pub fn guid(uuid: &str) -> [u8; 16] {
    let digits: Vec<u8> = uuid.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    let mut guid = [0; 16];
    for (byte, pair) in guid.iter_mut().rev().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    guid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_a_uuid_from_its_end() {
        let guid = guid("00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!((guid[0], guid[1], guid[15]), (0xff, 0xee, 0x00));
    }
}
