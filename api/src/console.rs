//! What travels on a machine's console once its request was upgraded (RFC 9110, 7.8): frames in both directions, each a
//! kind, the length of what follows as two bytes with the higher one first, and that. Pure.

use serde::{Deserialize, Serialize};

/// The protocol's name in `Upgrade`.
pub const PROTOCOL: &str = "metal-console/1";
/// Bytes in one frame.
pub const LONGEST: usize = u16::MAX as usize;

const BYTES: u8 = 0;
const BREAK: u8 = 1;
const END: u8 = 2;

/// How a console is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsoleQuery {
    /// Whoever else has it loses it.
    #[serde(default)]
    pub take: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// What the machine says, or what is typed. None at all: a sign of life.
    Bytes(Vec<u8>),
    /// A serial break: for Linux, the beginning of a magic SysRq.
    Break,
    /// Why it has ended. The server's last frame.
    End(String),
}

/// What is no frame of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of the unknown kind {0}")]
pub struct Unknown(pub u8);

/// What is longer than a frame is cut.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let (kind, payload): (u8, &[u8]) = match frame {
        Frame::Bytes(bytes) => (BYTES, bytes),
        Frame::Break => (BREAK, &[]),
        Frame::End(why) => (END, why.as_bytes()),
    };
    let payload = &payload[..payload.len().min(LONGEST)];
    let mut encoded = vec![kind];
    // It fits: it was cut to that.
    encoded.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    encoded.extend(payload);
    encoded
}

/// Frames from bytes, however they were cut on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoder(Vec<u8>);

impl Decoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// The next whole frame; None until more has come.
    pub fn pop(&mut self) -> Result<Option<Frame>, Unknown> {
        let [kind, high, low, ..] = self.0[..] else { return Ok(None) };
        let end = 3 + usize::from(u16::from_be_bytes([high, low]));
        if kind > END {
            return Err(Unknown(kind));
        }
        if self.0.len() < end {
            return Ok(None);
        }
        let rest = self.0.split_off(end);
        let frame = std::mem::replace(&mut self.0, rest);
        Ok(Some(match kind {
            BYTES => Frame::Bytes(frame[3..].to_vec()),
            BREAK => Frame::Break,
            _ => Frame::End(String::from_utf8_lossy(&frame[3..]).into_owned()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_however_they_are_cut() {
        let frames = [
            Frame::Bytes(b"login: ".to_vec()),
            Frame::Bytes(vec![]),
            Frame::Break,
            Frame::Bytes(vec![0xff; LONGEST]),
            Frame::End("another took it".into()),
        ];
        let wire: Vec<u8> = frames.iter().flat_map(encode).collect();
        for length in [1, 2, 3, 7, 4096, wire.len()] {
            let (mut decoder, mut read) = (Decoder::default(), Vec::new());
            for part in wire.chunks(length) {
                decoder.push(part);
                while let Some(frame) = decoder.pop().unwrap() {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames, "in pieces of {length}");
        }
    }

    #[test]
    fn a_frame_byte_by_byte() {
        assert_eq!(encode(&Frame::Bytes(b"ab".to_vec())), [0, 0, 2, b'a', b'b']);
        assert_eq!(encode(&Frame::Break), [1, 0, 0]);
        assert_eq!(encode(&Frame::End("no".into())), [2, 0, 2, b'n', b'o']);
        assert_eq!(encode(&Frame::Bytes(vec![1; LONGEST + 1])).len(), 3 + LONGEST);
    }

    #[test]
    fn what_is_no_frame_is_told_at_once() {
        let mut decoder = Decoder::default();
        decoder.push(b"HTTP/1.1 400");
        assert_eq!(decoder.pop(), Err(Unknown(b'H')));
    }
}
