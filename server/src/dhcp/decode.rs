//! Bytes → `Request`. Lenient per option (one that makes no sense is as if it were not there)
//! and strict about the frame (RFC 2131 §2): what is not a DHCP client on Ethernet is `Malformed`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use api::id::Mac;
use dhcproto::v4::borrowed::{DhcpOptionIterator, Message};
use dhcproto::v4::{Opcode, OptionCode};
use thiserror::Error;
use uuid::Uuid;

use super::packet::{Ask, Request};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("shorter than a DHCP header")]
    Short,
    #[error("not a request (op)")]
    NotRequest,
    #[error("not an Ethernet client (htype, hlen)")]
    NotEthernet,
    #[error("client hardware address is zero or a group's")]
    BadMac,
    #[error("no DHCP magic cookie")]
    NoCookie,
    #[error("no client's message type")]
    NoMessageType,
}

pub fn decode(bytes: &[u8]) -> Result<Request, Malformed> {
    let message = Message::new(bytes).map_err(|_| Malformed::Short)?;
    if message.opcode() != Opcode::BootRequest {
        return Err(Malformed::NotRequest);
    }
    // The codec slices `chaddr` by the length byte as it came: 17 and more reads into the
    // neighbouring field or panics, so it is never asked.
    if bytes[1] != 1 || bytes[2] != 6 {
        return Err(Malformed::NotEthernet);
    }
    let mac: [u8; 6] = bytes[28..34].try_into().map_err(|_| Malformed::Short)?;
    if mac == [0; 6] || mac[0] & 1 == 1 {
        return Err(Malformed::BadMac);
    }
    if bytes[236..240] != [99, 130, 83, 99] {
        return Err(Malformed::NoCookie);
    }
    let options = Options::read(bytes);
    let ask = options.ask().ok_or(Malformed::NoMessageType)?;
    let uuid_raw = options.raw(OptionCode::ClientMachineIdentifier);
    Ok(Request {
        ask,
        xid: message.xid(),
        secs: message.secs(),
        broadcast: message.flags().broadcast(),
        mac: Mac(mac),
        client_addr: specified(message.ciaddr()),
        relay: specified(message.giaddr()),
        requested: options.address(OptionCode::RequestedIpAddress),
        server: options.address(OptionCode::ServerIdentifier),
        client_id: options.raw(OptionCode::ClientIdentifier),
        hostname: options.text(OptionCode::Hostname),
        class: options.text(OptionCode::ClassIdentifier),
        arch: options.arch(),
        ipxe: options.ipxe(),
        uuid: uuid_raw.as_deref().and_then(smbios_uuid),
        uuid_raw,
        relay_info: options.raw(OptionCode::RelayAgentInformation),
        max_size: options.max_size(),
    })
}

/// Option bodies by number, fragments joined (RFC 3396).
struct Options(BTreeMap<u8, Vec<u8>>);

/// 175 has no name in the codec: iPXE's own encapsulated options.
const IPXE: OptionCode = OptionCode::Unknown(175);

impl Options {
    fn read(bytes: &[u8]) -> Options {
        let mut options = Options(BTreeMap::new());
        options.join(&bytes[240..]);
        // RFC 2132 §9.3: `file` (1) and `sname` (2) may hold options, in this order.
        let overload = options.0.get(&52).and_then(|v| v.first().copied());
        if overload.is_some_and(|bits| bits & 1 != 0) {
            options.join(&bytes[108..236]);
        }
        if overload.is_some_and(|bits| bits & 2 != 0) {
            options.join(&bytes[44..108]);
        }
        options
    }

    /// Fragments need not be neighbours: RFC 3396 joins every occurrence in order.
    fn join(&mut self, field: &[u8]) {
        for option in DhcpOptionIterator::new(field) {
            let body = self.0.entry(u8::from(option.code())).or_default();
            body.extend_from_slice(option.data());
        }
    }

    fn get(&self, code: OptionCode) -> Option<&[u8]> {
        self.0.get(&u8::from(code)).map(Vec::as_slice)
    }

    fn raw(&self, code: OptionCode) -> Option<Vec<u8>> {
        self.get(code).filter(|v| !v.is_empty()).map(<[u8]>::to_vec)
    }

    fn address(&self, code: OptionCode) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.get(code)?.try_into().ok()?;
        specified(Ipv4Addr::from(octets))
    }

    /// Text of firmware is ASCII when it is well, has a stray NUL often, and is shown to people:
    /// what is not printable is dropped here.
    fn text(&self, code: OptionCode) -> Option<String> {
        let text = String::from_utf8_lossy(self.get(code)?);
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        Some(text).filter(|t| !t.is_empty())
    }

    fn ask(&self) -> Option<Ask> {
        match self.get(OptionCode::MessageType)? {
            [1] => Some(Ask::Discover),
            [3] => Some(Ask::Request),
            [4] => Some(Ask::Decline),
            [7] => Some(Ask::Release),
            [8] => Some(Ask::Inform),
            _ => None,
        }
    }

    /// RFC 4578 makes it a list; the first is what runs now.
    fn arch(&self) -> Option<u16> {
        match self.get(OptionCode::ClientSystemArchitecture)? {
            [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// iPXE sends its user class bare, others would put RFC 3004's length byte before it.
    fn ipxe(&self) -> bool {
        let class = self.get(OptionCode::UserClass).unwrap_or_default();
        class == b"iPXE" || class == b"\x04iPXE" || self.get(IPXE).is_some()
    }

    /// OVMF byte-swaps this in its REQUEST: 0xff00 where it means 0x00ff. Believing 65280 would be
    /// as wrong as believing 255; nothing above one Ethernet frame is believed at all.
    fn max_size(&self) -> u16 {
        match self.get(OptionCode::MaxMessageSize) {
            Some([high, low]) => u16::from_be_bytes([*high, *low]).clamp(576, 1500),
            _ => 576,
        }
    }
}

fn specified(address: Ipv4Addr) -> Option<Ipv4Addr> {
    Some(address).filter(|a| !a.is_unspecified())
}

/// RFC 4578 §2.3: type 0, then the GUID as SMBIOS stores it, its first three fields little-endian.
fn smbios_uuid(option: &[u8]) -> Option<Uuid> {
    let guid: [u8; 16] = option.strip_prefix(&[0])?.try_into().ok()?;
    Some(Uuid::from_bytes_le(guid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 240];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[28..34].copy_from_slice(&[0x52, 0x54, 0, 0x77, 0, 1]);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        bytes.extend_from_slice(options);
        bytes
    }

    #[test]
    fn what_is_no_client_is_malformed() {
        let fine = packet(&[53, 1, 1, 255]);
        assert!(decode(&fine).is_ok());
        let bent = |at: usize, value: u8| {
            let mut bytes = fine.clone();
            bytes[at] = value;
            decode(&bytes).map(|request| request.ask)
        };
        assert_eq!(decode(&fine[..239]), Err(Malformed::Short));
        assert_eq!(bent(0, 2), Err(Malformed::NotRequest));
        assert_eq!(bent(1, 32), Err(Malformed::NotEthernet));
        assert_eq!(bent(2, 17), Err(Malformed::NotEthernet));
        assert_eq!(bent(28, 1), Err(Malformed::BadMac));
        assert_eq!(bent(236, 0), Err(Malformed::NoCookie));
        assert_eq!(bent(242, 5), Err(Malformed::NoMessageType));
        assert_eq!(bent(242, 8), Ok(Ask::Inform));
    }

    #[test]
    fn one_bad_option_spoils_no_other() {
        // An architecture of one byte, a name that is not UTF-8, an address of three bytes.
        let options = [53, 1, 1, 93, 1, 7, 12, 2, 0xff, 0xfe, 50, 3, 10, 77, 0, 60, 4];
        let request = decode(&packet(&[&options[..], b"PXEC", &[255]].concat())).unwrap();
        assert_eq!((request.arch, request.requested), (None, None));
        assert_eq!(request.class.as_deref(), Some("PXEC"));
    }

    #[test]
    fn fragments_join_across_other_options() {
        let options = [&[60, 3][..], b"PXE", &[53, 1, 1, 60, 6], b"Client", &[255]].concat();
        assert_eq!(decode(&packet(&options)).unwrap().class.as_deref(), Some("PXEClient"));
    }

    #[test]
    fn a_byte_swapped_size_is_clamped() {
        let size = |high, low| decode(&packet(&[53, 1, 1, 57, 2, high, low, 255])).unwrap().max_size;
        assert_eq!((size(0xff, 0), size(0, 0xff), size(5, 0xc0)), (1500, 576, 1472));
    }

    #[test]
    fn the_uuid_reads_as_people_write_it() {
        let option = hex::decode("0033221100554477668899aabbccddeeff").unwrap();
        let uuid = smbios_uuid(&option).unwrap().to_string();
        assert_eq!(uuid, "00112233-4455-6677-8899-aabbccddeeff");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_options_panic(options in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&packet(&options));
        }
    }
}
