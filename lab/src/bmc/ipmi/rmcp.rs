//! What is in a UDP datagram (IPMI 2.0 rev. 1.1, 13.1 to 13.6): RMCP, and in it a ping of ASF, or IPMI in the header
//! of version 1.5 or of RMCP+.

const VERSION: u8 = 0x06;
/// No acknowledgement is wanted (13.1.1).
const SEQUENCE: u8 = 0xff;
const ASF: u8 = 0x06;
const IPMI: u8 = 0x07;
/// The IANA's number of the ASF.
const ASF_IANA: [u8; 4] = 4542u32.to_be_bytes();
const PING: u8 = 0x80;
const PONG: u8 = 0x40;
const NO_AUTHENTICATION: u8 = 0x00;
const RMCP_PLUS: u8 = 0x06;
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
/// Of the RMCP header. What follows, the authentication type on, is what an integrity code covers.
pub const HEADER: usize = 4;

#[derive(Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// With its tag, which the answer repeats.
    Ping(u8),
    /// A message outside of sessions, in the header of IPMI 1.5.
    Plain(&'a [u8]),
    Plus(Plus<'a>),
}

/// A packet of RMCP+ (13.6).
#[derive(Debug, PartialEq, Eq)]
pub struct Plus<'a> {
    pub kind: Kind,
    pub encrypted: bool,
    pub authenticated: bool,
    pub session: u32,
    pub sequence: u32,
    pub payload: &'a [u8],
    /// From the authentication type to the end.
    pub whole: &'a [u8],
}

/// Types of payloads (table 13-16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Message = 0x00,
    Serial = 0x01,
    OpenRequest = 0x10,
    OpenResponse = 0x11,
    Rakp1 = 0x12,
    Rakp2 = 0x13,
    Rakp3 = 0x14,
    Rakp4 = 0x15,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        let kinds = [
            Self::Message,
            Self::Serial,
            Self::OpenRequest,
            Self::OpenResponse,
            Self::Rakp1,
            Self::Rakp2,
            Self::Rakp3,
            Self::Rakp4,
        ];
        kinds.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// None for what is no datagram of ours: a BMC says nothing to that.
pub fn decode(bytes: &[u8]) -> Option<Datagram<'_>> {
    let (&[version, _, _, class], rest) = bytes.split_first_chunk::<HEADER>()?;
    match (version, class) {
        (VERSION, ASF) => decode_ping(rest),
        (VERSION, IPMI) => match *rest.first()? {
            NO_AUTHENTICATION => decode_plain(rest),
            RMCP_PLUS => decode_plus(rest),
            // What remains of IPMI 1.5's sessions: this BMC opens none.
            _ => None,
        },
        _ => None,
    }
}

fn decode_ping(rest: &[u8]) -> Option<Datagram<'_>> {
    let (iana, rest) = rest.split_first_chunk::<4>()?;
    match rest {
        [PING, tag, _, _, ..] if *iana == ASF_IANA => Some(Datagram::Ping(*tag)),
        _ => None,
    }
}

fn decode_plain(rest: &[u8]) -> Option<Datagram<'_>> {
    // Authentication type, sequence, session, length.
    let (header, rest) = rest.split_first_chunk::<10>()?;
    let outside = header[1..9] == [0; 8];
    outside.then(|| rest.get(..usize::from(header[9]))).flatten().map(Datagram::Plain)
}

fn decode_plus(whole: &[u8]) -> Option<Datagram<'_>> {
    let (header, rest) = whole.split_first_chunk::<12>()?;
    let kind = Kind::of(header[1] & 0x3f)?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let payload = rest.get(..usize::from(u16::from_le_bytes([header[10], header[11]])))?;
    Some(Datagram::Plus(Plus {
        kind,
        encrypted: header[1] & ENCRYPTED != 0,
        authenticated: header[1] & AUTHENTICATED != 0,
        session: word(2),
        sequence: word(6),
        payload,
        whole,
    }))
}

/// That IPMI is spoken here, as ASF 1.0 has it (13.2.4).
pub fn pong(tag: u8) -> Vec<u8> {
    let supported = 0x81;
    let mut out = vec![VERSION, 0, SEQUENCE, ASF];
    out.extend(ASF_IANA);
    out.extend([PONG, tag, 0, 16]);
    out.extend(ASF_IANA);
    out.extend([0, 0, 0, 0, supported, 0, 0, 0, 0, 0, 0, 0]);
    out
}

pub fn encode_plain(message: &[u8]) -> Vec<u8> {
    let mut out = vec![VERSION, 0, SEQUENCE, IPMI, NO_AUTHENTICATION, 0, 0, 0, 0, 0, 0, 0, 0];
    out.push(message.len() as u8);
    out.extend(message);
    out
}

/// A packet before it is sealed, or the whole of one that is not.
pub fn encode_plus(kind: Kind, sealed: bool, session: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let flags = if sealed { ENCRYPTED | AUTHENTICATED } else { 0 };
    let mut out = vec![VERSION, 0, SEQUENCE, IPMI, RMCP_PLUS, kind as u8 | flags];
    out.extend(session.to_le_bytes());
    out.extend(sequence.to_le_bytes());
    out.extend((payload.len() as u16).to_le_bytes());
    out.extend(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_answered_with_what_is_spoken_here() {
        let ping = [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 7, 0, 0];
        assert_eq!(decode(&ping), Some(Datagram::Ping(7)));
        let pong = pong(7);
        assert_eq!((pong.len(), pong[8], pong[9], pong[20]), (28, PONG, 7, 0x81));
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(decode(&encode_plain(b"message")), Some(Datagram::Plain(b"message")));
        let bytes = encode_plus(Kind::Rakp1, false, 0, 0, b"hello");
        let Some(Datagram::Plus(plus)) = decode(&bytes) else { panic!("{bytes:02x?}") };
        assert_eq!((plus.kind, plus.encrypted, plus.payload), (Kind::Rakp1, false, &b"hello"[..]));
        assert_eq!(plus.whole, &bytes[HEADER..]);
        let bytes = encode_plus(Kind::Serial, true, 0x0102_0304, 9, b"text");
        let Some(Datagram::Plus(plus)) = decode(&bytes) else { panic!("{bytes:02x?}") };
        assert_eq!((plus.session, plus.sequence, plus.authenticated), (0x0102_0304, 9, true));
    }

    #[test]
    fn what_is_cut_short_is_nothing() {
        for bytes in [encode_plain(b"message"), encode_plus(Kind::Rakp1, false, 0, 0, b"hello")] {
            for length in 0..bytes.len() {
                assert_eq!(decode(&bytes[..length]), None, "{length} of {bytes:02x?}");
            }
        }
    }
}
