//! Secrets of BMCs and network cards as people write them down. What is wrong with one is said without it. Pure.

/// Bytes in a BMC key (IPMI 2.0, 13.33).
const KEY: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("a BMC key (Kg) has 1 to 20 bytes, as text or as 0x and an even number of hexadecimal digits")]
    Key,
    #[error("a SecureOn password is six bytes in hexadecimal, such as 00:11:22:aa:bb:cc")]
    SecureOn,
}

/// IPMI's key of the BMC itself: text, or its bytes behind `0x`, as BMCs' own pages take it, too.
pub fn bmc_key(text: &str) -> Result<Vec<u8>, Unusable> {
    let bytes = match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).map_err(|_| Unusable::Key)?,
        None => text.as_bytes().to_vec(),
    };
    if (1..=KEY).contains(&bytes.len()) { Ok(bytes) } else { Err(Unusable::Key) }
}

/// What some network cards want behind a magic packet.
pub fn secure_on(text: &str) -> Result<[u8; 6], Unusable> {
    let digits: String = text.chars().filter(|sign| !matches!(sign, ':' | '-')).collect();
    let mut bytes = [0; 6];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| Unusable::SecureOn)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_text_or_hexadecimal() {
        assert_eq!(bmc_key("k_g"), Ok(b"k_g".to_vec()));
        assert_eq!(bmc_key("0x00ff10"), Ok(vec![0, 0xff, 0x10]));
        assert_eq!(bmc_key(&"x".repeat(20)).map(|key| key.len()), Ok(20));
        for wrong in ["", "0x", "0xabc", "0xzz", &"x".repeat(21), &format!("0x{}", "ab".repeat(21))] {
            assert_eq!(bmc_key(wrong), Err(Unusable::Key), "{wrong}");
        }
    }

    #[test]
    fn a_secure_on_password_is_six_bytes() {
        let bytes = [0, 0x11, 0x22, 0xaa, 0xbb, 0xcc];
        for right in ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "001122aabbcc"] {
            assert_eq!(secure_on(right), Ok(bytes), "{right}");
        }
        for wrong in ["", "00:11:22:aa:bb", "00:11:22:aa:bb:cc:dd", "00:11:22:aa:bb:cg"] {
            assert_eq!(secure_on(wrong), Err(Unusable::SecureOn), "{wrong}");
        }
    }
}
