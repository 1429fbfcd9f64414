//! Datagrams of RMCP (IPMI 2.0, 13.1.3): a pong, an IPMI 1.5 packet outside of any session (13.6), or an RMCP+
//! packet. What is in a payload is others' to know. Pure.

use thiserror::Error;

/// RMCP version 1.0, reserved, sequence 255: wants no RMCP acknowledgement, class IPMI.
const RMCP_IPMI: [u8; 4] = [0x06, 0x00, 0xff, 0x07];
const CLASS_ASF: u8 = 0x06;
const CLASS_IPMI: u8 = 0x07;
/// The ASF's enterprise number, 4542.
const ASF: [u8; 4] = [0x00, 0x00, 0x11, 0xbe];
const AUTH_NONE: u8 = 0x00;
const AUTH_RMCP_PLUS: u8 = 0x06;
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
/// A datagram is longer than any of ours may be and shorter than this.
pub const LONGEST: usize = 1024;

/// Payload types (table 13-16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message = 0x00,
    SerialOverLan = 0x01,
    OpenRequest = 0x10,
    OpenResponse = 0x11,
    Rakp1 = 0x12,
    Rakp2 = 0x13,
    Rakp3 = 0x14,
    Rakp4 = 0x15,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// Who answers a presence ping speaks RMCP; whether IPMI is in its entities.
    Pong {
        ipmi: bool,
    },
    /// A message in an IPMI 1.5 wrapper, without session.
    Plain(&'a [u8]),
    Plus(Plus<'a>),
}

/// An RMCP+ packet as it came: nothing of it is verified yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Plus<'a> {
    pub kind: Kind,
    pub encrypted: bool,
    pub authenticated: bool,
    pub session: u32,
    pub sequence: u32,
    pub payload: &'a [u8],
    /// From the authentication type on: what an integrity code covers, and the code.
    pub body: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("shorter than its own fields")]
    Short,
    #[error("not RMCP of a class that we know")]
    Class,
    #[error("an authentication type that we do not ask for")]
    Authentication,
    #[error("a payload type that we do not know")]
    Kind,
    #[error("a checksum is wrong")]
    Checksum,
    #[error("its integrity code is wrong or missing")]
    Integrity,
    #[error("it does not decrypt")]
    Cipher,
}

pub fn decode(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    match bytes {
        [0x06, _, _, CLASS_ASF, rest @ ..] => pong(rest),
        [0x06, _, _, CLASS_IPMI, body @ ..] => match body.first() {
            Some(&AUTH_NONE) => plain(body),
            Some(&AUTH_RMCP_PLUS) => Ok(Datagram::Plus(plus(body)?)),
            Some(_) => Err(Malformed::Authentication),
            None => Err(Malformed::Short),
        },
        [_, _, _, _, ..] => Err(Malformed::Class),
        _ => Err(Malformed::Short),
    }
}

/// Asks whether anything speaks RMCP there (13.2.3).
pub fn presence_ping(tag: u8) -> Vec<u8> {
    let mut out = vec![0x06, 0x00, 0xff, CLASS_ASF];
    out.extend(ASF);
    out.extend([0x80, tag, 0, 0]);
    out
}

/// A message outside of any session, as IPMI 1.5 wraps it.
pub fn encode_plain(message: &[u8]) -> Vec<u8> {
    let mut out = RMCP_IPMI.to_vec();
    out.extend([AUTH_NONE, 0, 0, 0, 0, 0, 0, 0, 0, message.len() as u8]);
    out.extend(message);
    out
}

/// The header of an RMCP+ packet, its payload behind it; an integrity code is the caller's to add.
pub fn encode_plus(kind: Kind, sealed: bool, session: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let flags = if sealed { ENCRYPTED | AUTHENTICATED } else { 0 };
    let mut out = RMCP_IPMI.to_vec();
    out.extend([AUTH_RMCP_PLUS, kind as u8 | flags]);
    out.extend(session.to_le_bytes());
    out.extend(sequence.to_le_bytes());
    out.extend((payload.len() as u16).to_le_bytes());
    out.extend(payload);
    out
}

/// Where the body starts that an integrity code covers.
pub const BODY: usize = RMCP_IPMI.len();

fn pong(rest: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, data) = rest.split_at_checked(8).ok_or(Malformed::Short)?;
    if header[..4] != ASF || header[4] != 0x40 {
        return Err(Malformed::Class);
    }
    // The ninth byte of a pong's data: supported entities, bit 7 for IPMI (13.2.4).
    Ok(Datagram::Pong { ipmi: data.get(8).is_some_and(|entities| entities & 0x80 != 0) })
}

fn plain(body: &[u8]) -> Result<Datagram<'_>, Malformed> {
    let (header, rest) = body.split_at_checked(10).ok_or(Malformed::Short)?;
    Ok(Datagram::Plain(rest.get(..usize::from(header[9])).ok_or(Malformed::Short)?))
}

fn plus(body: &[u8]) -> Result<Plus<'_>, Malformed> {
    let (header, rest) = body.split_at_checked(12).ok_or(Malformed::Short)?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let length = usize::from(u16::from_le_bytes([header[10], header[11]]));
    Ok(Plus {
        kind: kind(header[1] & 0x3f).ok_or(Malformed::Kind)?,
        encrypted: header[1] & ENCRYPTED != 0,
        authenticated: header[1] & AUTHENTICATED != 0,
        session: word(2),
        sequence: word(6),
        payload: rest.get(..length).ok_or(Malformed::Short)?,
        body,
    })
}

fn kind(number: u8) -> Option<Kind> {
    use Kind::{Message, OpenRequest, OpenResponse, Rakp1, Rakp2, Rakp3, Rakp4, SerialOverLan};
    [Message, SerialOverLan, OpenRequest, OpenResponse, Rakp1, Rakp2, Rakp3, Rakp4]
        .into_iter()
        .find(|kind| *kind as u8 == number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ping_and_its_pong() {
        assert_eq!(hex::encode(presence_ping(7)), "0600ff06000011be80070000");
        let pong = hex::decode("0600ff06000011be40070010000011be00000000810000000000 0000".replace(' ', ""));
        assert_eq!(decode(&pong.unwrap()), Ok(Datagram::Pong { ipmi: true }));
        assert_eq!(decode(&presence_ping(7)), Err(Malformed::Class), "an echo of ours is no pong");
    }

    #[test]
    fn packets_come_out_as_they_went_in() {
        assert_eq!(decode(&encode_plain(&[1, 2, 3])), Ok(Datagram::Plain(&[1, 2, 3])));
        let bytes = encode_plus(Kind::SerialOverLan, true, 0x0102_0304, 9, &[7; 300]);
        let Ok(Datagram::Plus(plus)) = decode(&bytes) else { panic!("{bytes:?}") };
        assert_eq!((plus.kind, plus.session, plus.sequence), (Kind::SerialOverLan, 0x0102_0304, 9));
        assert!(plus.encrypted && plus.authenticated);
        assert_eq!((plus.payload, plus.body), (&[7; 300][..], &bytes[BODY..]));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), class in 6u8..8, auth in 0u8..8) {
            let _ = decode(&bytes);
            let start = [0x06, 0x00, 0xff, class, auth];
            let _ = decode(&[&start[..], &bytes].concat());
        }
    }
}
