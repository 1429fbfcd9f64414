//! Cipher suites (IPMI 2.0 rev. 1.1, 22.15.2): how a session proves who is at its ends, and how its packets are
//! sealed. Both that are here encrypt with AES-CBC-128.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// HMAC-SHA256, codes of 128 bits.
    Seventeen,
    /// HMAC-SHA1, codes of 96 bits.
    Three,
}

impl Suite {
    pub fn number(self) -> u8 {
        match self {
            Self::Seventeen => 17,
            Self::Three => 3,
        }
    }

    /// Authentication, integrity and confidentiality (13.28, tables 13-17 to 13-19).
    pub fn algorithms(self) -> [u8; 3] {
        match self {
            Self::Seventeen => [3, 4, 1],
            Self::Three => [1, 1, 1],
        }
    }

    /// The record that lists a suite, with its algorithms tagged by what they are for (table 22-19).
    pub fn record(self) -> [u8; 5] {
        let [authentication, integrity, confidentiality] = self.algorithms();
        [0xc0, self.number(), authentication, 0x40 | integrity, 0x80 | confidentiality]
    }

    /// Of 20 bytes or of 32.
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Seventeen => code::<Hmac<Sha256>>(key, parts),
            Self::Three => code::<Hmac<Sha1>>(key, parts),
        }
    }

    /// As packets and RAKP message 4 carry it, shortened.
    pub fn check(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut code = self.hmac(key, parts);
        code.truncate(self.check_length());
        code
    }

    pub fn check_length(self) -> usize {
        match self {
            Self::Seventeen => 16,
            Self::Three => 12,
        }
    }
}

fn code<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Whether two codes are the same, in a time that tells nobody where they differ.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |all, (l, r)| all | (l ^ r)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn codes_are_those_of_rfc_2202_and_rfc_4231() {
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        assert_eq!(hex(&Suite::Three.hmac(b"Jefe", &parts)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert_eq!(hex(&Suite::Seventeen.check(b"Jefe", &parts)), "5bdcc146bf60754e6a042426089575c7");
        assert_eq!(Suite::Three.check(b"Jefe", &parts).len(), 12);
    }

    #[test]
    fn codes_differ_by_a_bit_or_by_their_length() {
        assert!(same(b"code", b"code") && same(b"", b""));
        assert!(!same(b"code", b"codf") && !same(b"code", b"cod"));
    }
}
