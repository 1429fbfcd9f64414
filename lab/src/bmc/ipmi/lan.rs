//! How the BMC itself is on the network (IPMI 2.0 rev. 1.1, 23.2). The rack gives it its address; it changes none.

use std::net::IpAddr;

use super::channel::is_ours;
use super::commands::{Call, Outcome, Reply};
use super::message::Code;

const NO_SUCH_PARAMETER: Code = Code(0x80);
const REVISION: u8 = 0x11;
const REVISION_ONLY: u8 = 0x80;
const STATIC: u8 = 0x01;
/// Of the LAN's own bits in a MAC: not the maker's, and set apart from the card's whose it is made from.
const LOCAL: u8 = 0x02;
const APART: u8 = 0x80;
const ADMINISTRATOR: u8 = 0x04;

pub fn get(call: &mut Call) -> Outcome {
    let &[channel, parameter, _set, _block] = call.data else { return Err(Code::WRONG_LENGTH) };
    is_ours(channel)?;
    if channel & REVISION_ONLY != 0 {
        return Ok(Reply::data([REVISION]));
    }
    let suites = call.controller.sessions.suites();
    let data: Vec<u8> = match parameter {
        0 => vec![0],
        // Of IPMI 1.5 nothing, at any level.
        1 => vec![0],
        2 => vec![0; 5],
        3 => match call.view.address {
            Some(IpAddr::V4(address)) => address.octets().into(),
            _ => vec![0; 4],
        },
        4 => vec![STATIC],
        5 => mac(&call.view.board.identity.macs).into(),
        6 => vec![255, 255, 255, 0],
        12 => vec![0; 4],
        13 => vec![0; 6],
        16 => [&b"public"[..], &[0; 12]].concat(),
        20 => vec![0; 2],
        21 => vec![0],
        22 => vec![suites.len() as u8],
        23 => {
            let mut entries: Vec<u8> = suites.iter().map(|suite| suite.number()).collect();
            entries.resize(16, 0);
            [vec![0], entries].concat()
        }
        24 => [&[0], &[ADMINISTRATOR << 4 | ADMINISTRATOR; 8][..]].concat(),
        _ => return Err(NO_SUCH_PARAMETER),
    };
    Ok(Reply::data([vec![REVISION], data].concat()))
}

/// None of the cards', and near that of the first.
fn mac(cards: &[String]) -> [u8; 6] {
    let mut mac = [0; 6];
    let first = cards.first().map_or("", String::as_str);
    for (byte, text) in mac.iter_mut().zip(first.split(':')) {
        *byte = u8::from_str_radix(text, 16).unwrap_or(0);
    }
    mac[0] |= LOCAL;
    mac[3] ^= APART;
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_mac_is_no_card_s() {
        assert_eq!(mac(&["52:54:00:77:00:01".into()]), [0x52, 0x54, 0, 0xf7, 0, 1]);
        assert_eq!(mac(&[]), [2, 0, 0, 0x80, 0, 0]);
    }
}
