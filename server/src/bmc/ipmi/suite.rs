//! The cipher suites that we speak (IPMI 2.0, table 22-20), and their HMACs. Pure.

use ring::hmac;

/// Both encrypt with AES-CBC-128; they differ in the hash of their proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// RAKP-HMAC-SHA1, HMAC-SHA1-96.
    Three,
    /// RAKP-HMAC-SHA256, HMAC-SHA256-128.
    Seventeen,
}

impl Suite {
    pub fn id(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Seventeen => 17,
        }
    }

    pub fn numbered(number: u8) -> Option<Suite> {
        [Self::Seventeen, Self::Three].into_iter().find(|suite| suite.id() == number)
    }

    /// Numbers of the authentication, integrity and confidentiality algorithm (tables 13-17 to 13-19).
    pub fn algorithms(self) -> [u8; 3] {
        match self {
            Self::Three => [1, 1, 1],
            Self::Seventeen => [3, 4, 1],
        }
    }

    pub fn of(algorithms: [u8; 3]) -> Option<Suite> {
        [Self::Seventeen, Self::Three].into_iter().find(|suite| suite.algorithms() == algorithms)
    }

    /// Length in bytes of the shortened HMAC of RAKP 4 and of every packet after it.
    pub fn code_length(self) -> usize {
        match self {
            Self::Three => 12,
            Self::Seventeen => 16,
        }
    }

    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let algorithm = match self {
            Self::Three => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Seventeen => hmac::HMAC_SHA256,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    pub fn code(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut code = self.hmac(key, parts);
        code.truncate(self.code_length());
        code
    }
}

/// Takes as long for a wrong code as for a right one.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmacs_are_those_of_rfc_2202_and_rfc_4231() {
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        let sha1 = Suite::Three.hmac(b"Jefe", &parts);
        assert_eq!(hex::encode(sha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let sha256 = Suite::Seventeen.hmac(b"Jefe", &parts);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(sha256), expected);
        assert_eq!(hex::encode(Suite::Seventeen.code(b"Jefe", &parts)), expected[..32]);
        // The spec fills keys up to 20 bytes with zeros; an HMAC does that by itself.
        assert_eq!(Suite::Three.hmac(b"Jefe\0\0\0\0", &parts), Suite::Three.hmac(b"Jefe", &parts));
    }

    #[test]
    fn a_suite_is_known_by_its_algorithms() {
        for suite in [Suite::Three, Suite::Seventeen] {
            assert_eq!(Suite::of(suite.algorithms()), Some(suite));
            assert!(suite.hmac(b"", &[]).len() > suite.code_length());
        }
        assert_eq!(Suite::of([1, 1, 0]), None);
        assert!(same(&[1, 2], &[1, 2]) && !same(&[1, 2], &[1, 3]) && !same(&[1], &[1, 2]));
    }
}
