//! The keys of a session, and the packets that they seal and open (IPMI 2.0, 13.28.4, 13.29, 13.32): AES-CBC-128
//! inside, an HMAC around. Pure.

use std::fmt;

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use super::packet::{BODY, Kind, Malformed, Plus, encode_plus};
use super::suite::{Suite, same};

const BLOCK: usize = 16;
const NEXT_HEADER: u8 = 0x07;

pub struct Keys {
    suite: Suite,
    integrity: Vec<u8>,
    cipher: [u8; BLOCK],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({:?})", self.suite)
    }
}

impl Keys {
    /// K1 and K2 from the session integrity key; the constants have 20 bytes with either hash.
    pub fn new(suite: Suite, secret: &[u8]) -> Keys {
        let mut cipher = [0; BLOCK];
        cipher.copy_from_slice(&suite.hmac(secret, &[&[2; 20]])[..BLOCK]);
        Keys { suite, integrity: suite.hmac(secret, &[&[1; 20]]), cipher }
    }

    /// A whole datagram, encrypted and authenticated.
    pub fn seal(&self, kind: Kind, session: u32, sequence: u32, payload: &[u8], iv: [u8; BLOCK]) -> Vec<u8> {
        let mut out = encode_plus(kind, true, session, sequence, &self.encrypt(payload, iv));
        // From the authentication type to the next header in whole words.
        let pad = (4 - (out.len() - BODY + 2) % 4) % 4;
        out.extend([0xff; 3][..pad].iter());
        out.extend([pad as u8, NEXT_HEADER]);
        let code = self.suite.code(&self.integrity, &[&out[BODY..]]);
        out.extend(code);
        out
    }

    /// The payload of a packet that one made who has the keys. It may come in clear, for some BMCs encrypt no
    /// console output, and never without its code.
    pub fn open(&self, packet: &Plus) -> Result<Vec<u8>, Malformed> {
        let covered = packet.body.len().checked_sub(self.suite.code_length()).ok_or(Malformed::Short)?;
        let (covered, code) = packet.body.split_at(covered);
        if !packet.authenticated || !same(&self.suite.code(&self.integrity, &[covered]), code) {
            return Err(Malformed::Integrity);
        }
        if packet.encrypted { self.decrypt(packet.payload) } else { Ok(packet.payload.to_vec()) }
    }

    fn encrypt(&self, payload: &[u8], iv: [u8; BLOCK]) -> Vec<u8> {
        let mut plain = payload.to_vec();
        let pad = (BLOCK - (plain.len() + 1) % BLOCK) % BLOCK;
        plain.extend(1..=pad as u8);
        plain.push(pad as u8);
        let encryptor = cbc::Encryptor::<Aes128>::new(&self.cipher.into(), &iv.into());
        let length = plain.len();
        encryptor.encrypt_padded::<NoPadding>(&mut plain, length).expect("padded to whole blocks");
        [&iv[..], &plain].concat()
    }

    fn decrypt(&self, payload: &[u8]) -> Result<Vec<u8>, Malformed> {
        let (iv, cipher) = payload.split_first_chunk::<BLOCK>().ok_or(Malformed::Cipher)?;
        let mut plain = cipher.to_vec();
        let decryptor = cbc::Decryptor::<Aes128>::new(&self.cipher.into(), &(*iv).into());
        decryptor.decrypt_padded::<NoPadding>(&mut plain).map_err(|_| Malformed::Cipher)?;
        let pad = usize::from(plain.pop().ok_or(Malformed::Cipher)?);
        let length = plain.len().checked_sub(pad).filter(|_| pad < BLOCK).ok_or(Malformed::Cipher)?;
        if !plain[length..].iter().copied().eq(1..=pad as u8) {
            return Err(Malformed::Cipher);
        }
        plain.truncate(length);
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::packet::{Datagram, decode};
    use super::*;

    fn open(keys: &Keys, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        match decode(bytes)? {
            Datagram::Plus(plus) => keys.open(&plus),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_bent_bit_opens_nothing() {
        for suite in [Suite::Three, Suite::Seventeen] {
            let keys = Keys::new(suite, b"a session integrity key");
            let sealed = keys.seal(Kind::Message, 1, 2, b"\x20\x18\xc8", [9; 16]);
            assert_eq!(open(&keys, &sealed).unwrap(), b"\x20\x18\xc8");
            for at in BODY..sealed.len() {
                let mut bent = sealed.clone();
                bent[at] ^= 1;
                assert!(open(&keys, &bent).is_err(), "byte {at}");
            }
            let stranger = Keys::new(suite, b"another session integrity key");
            assert_eq!(open(&stranger, &sealed), Err(Malformed::Integrity));
        }
    }

    #[test]
    fn debugging_shows_no_key() {
        assert_eq!(format!("{:?}", Keys::new(Suite::Seventeen, b"secret")), "Keys(Seventeen)");
    }

    proptest! {
        #[test]
        fn any_payload_comes_out_whole(payload in proptest::collection::vec(any::<u8>(), 0..300), iv: [u8; 16]) {
            let keys = Keys::new(Suite::Seventeen, b"secret");
            let sealed = keys.seal(Kind::SerialOverLan, 7, 8, &payload, iv);
            prop_assert_eq!((sealed.len() - BODY - 16) % 4, 0);
            prop_assert_eq!(open(&keys, &sealed).unwrap(), payload);
        }

        #[test]
        fn no_cipher_text_panics(cipher in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Keys::new(Suite::Three, b"secret").decrypt(&cipher);
        }
    }
}
