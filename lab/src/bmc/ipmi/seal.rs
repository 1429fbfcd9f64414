//! The keys of a session and the packets that they seal and open (IPMI 2.0 rev. 1.1, 13.28.4, 13.29 and 13.32).

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use super::rmcp::{HEADER, Kind, Plus, encode_plus};
use super::suite::{Suite, same};

const BLOCK: usize = 16;
/// RMCP's own security header follows: none does (13.6).
const NEXT_HEADER: u8 = 0x07;

pub struct Seal {
    suite: Suite,
    integrity: Vec<u8>,
    confidentiality: [u8; BLOCK],
}

impl Seal {
    /// From the session integrity key; the constants have 20 bytes with either hash (13.32).
    pub fn new(suite: Suite, session_key: &[u8]) -> Seal {
        let second = suite.hmac(session_key, &[&[2; 20]]);
        let confidentiality = *second.first_chunk().expect("either hash has 20 bytes at least");
        Seal { suite, integrity: suite.hmac(session_key, &[&[1; 20]]), confidentiality }
    }

    /// A whole datagram.
    pub fn close(&self, kind: Kind, session: u32, sequence: u32, payload: &[u8], iv: [u8; BLOCK]) -> Vec<u8> {
        let mut out = encode_plus(kind, true, session, sequence, &self.encrypt(payload, iv));
        // What the code covers, the two bytes behind the pad among it, comes in whole words.
        let pad = (out.len() - HEADER + 2).next_multiple_of(4) - (out.len() - HEADER + 2);
        out.extend(std::iter::repeat_n(0xff, pad));
        out.extend([pad as u8, NEXT_HEADER]);
        let code = self.suite.check(&self.integrity, &[&out[HEADER..]]);
        out.extend(code);
        out
    }

    /// None unless somebody made it who has the keys. Nothing is taken in clear.
    pub fn open(&self, packet: &Plus) -> Option<Vec<u8>> {
        let covered = packet.whole.len().checked_sub(self.suite.check_length())?;
        let (covered, code) = packet.whole.split_at(covered);
        let proved = packet.authenticated && same(&self.suite.check(&self.integrity, &[covered]), code);
        if proved && packet.encrypted { self.decrypt(packet.payload) } else { None }
    }

    fn encrypt(&self, payload: &[u8], iv: [u8; BLOCK]) -> Vec<u8> {
        let pad = (payload.len() + 1).next_multiple_of(BLOCK) - (payload.len() + 1);
        let mut text = payload.to_vec();
        text.extend((0..pad).map(|n| n as u8 + 1));
        text.push(pad as u8);
        let (cipher, length) =
            (cbc::Encryptor::<Aes128>::new(&self.confidentiality.into(), &iv.into()), text.len());
        cipher.encrypt_padded::<NoPadding>(&mut text, length).expect("padded to whole blocks");
        [&iv[..], &text].concat()
    }

    fn decrypt(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (iv, cipher) = payload.split_first_chunk::<BLOCK>()?;
        let mut text = cipher.to_vec();
        cbc::Decryptor::<Aes128>::new(&self.confidentiality.into(), &(*iv).into())
            .decrypt_padded::<NoPadding>(&mut text)
            .ok()?;
        let pad = usize::from(text.pop()?);
        let length = text.len().checked_sub(pad)?;
        let right = (1..).zip(&text[length..]).all(|(n, byte)| n == u32::from(*byte));
        text.truncate(length);
        right.then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rmcp::{Datagram, decode};
    use super::*;

    fn open(seal: &Seal, bytes: &[u8]) -> Option<Vec<u8>> {
        match decode(bytes)? {
            Datagram::Plus(plus) => seal.open(&plus),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_keys_only() {
        for suite in [Suite::Three, Suite::Seventeen] {
            let (seal, other) = (Seal::new(suite, b"a key"), Seal::new(suite, b"another"));
            for length in 0..40 {
                let text = vec![b'x'; length];
                let bytes = seal.close(Kind::Message, 7, 9, &text, [3; 16]);
                assert_eq!(open(&seal, &bytes), Some(text));
                assert_eq!(open(&other, &bytes), None);
                let covered = bytes.len() - HEADER - suite.check_length();
                assert_eq!(covered % 4, 0, "{length}");
            }
        }
    }

    #[test]
    fn one_bent_bit_opens_nothing() {
        let seal = Seal::new(Suite::Seventeen, b"a key");
        let bytes = seal.close(Kind::Message, 7, 9, b"power off", [3; 16]);
        for bit in HEADER * 8 + 8..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&seal, &bent), None, "bit {bit}");
        }
    }
}
