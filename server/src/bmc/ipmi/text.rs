//! Text as IPMI writes it (43.15, and the FRU information format, chapter 13): a byte of type and length before
//! letters in one of four codes. Pure.

/// No more: the end of a FRU's fields.
pub const END: u8 = 0xc1;

/// The field at the start, and what is behind it. None at the end, or where its length leads beyond.
pub fn field(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (&head, rest) = bytes.split_first().filter(|(head, _)| **head != END)?;
    let (letters, rest) = rest.split_at_checked(usize::from(head & 0x3f))?;
    Some((decode(head >> 6, letters), rest))
}

/// A name of a record: its length counts only as far as the record goes.
pub fn name(bytes: &[u8]) -> String {
    let Some((&head, rest)) = bytes.split_first() else { return String::new() };
    decode(head >> 6, &rest[..rest.len().min(usize::from(head & 0x1f))])
}

fn decode(code: u8, bytes: &[u8]) -> String {
    let text: String = match code {
        0 => hex::encode(bytes),
        1 => bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(bcd_plus).collect(),
        2 => bytes.chunks(3).flat_map(six_bits).collect(),
        // Latin 1, whose letters are the first 256 of Unicode. What moves a cursor is not text.
        _ => bytes.iter().map(|byte| char::from(*byte)).filter(|c| !c.is_control()).collect(),
    };
    text.trim().to_string()
}

fn bcd_plus(digit: u8) -> char {
    char::from(b"0123456789 -.:,_"[usize::from(digit & 15)])
}

/// Four letters in three bytes, the lowest bits first.
fn six_bits(bytes: &[u8]) -> impl Iterator<Item = char> {
    let word = bytes.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    let letters = bytes.len() * 8 / 6;
    (0..letters).map(move |at| char::from(b' ' + ((word >> (6 * at)) & 0x3f) as u8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_four_codes() {
        assert_eq!(field(&[0xc3, b'C', b'P', b'U', 9]).unwrap(), ("CPU".into(), &[9][..]));
        // The example of the FRU format: "IPMI" in six bits.
        assert_eq!(field(&[0x83, 0x29, 0xdc, 0xa6]).unwrap().0, "IPMI");
        assert_eq!(field(&[0x42, 0x12, 0xb3]).unwrap().0, "12-3");
        assert_eq!(field(&[0x02, 0xab, 0x01]).unwrap().0, "ab01");
        assert_eq!(field(&[0xc4, b' ', b'A', 0, b' ']).unwrap().0, "A");
        assert_eq!(field(&[END]), None);
        assert_eq!(field(&[0xc3, b'C']), None);
        assert_eq!(name(&[0xc9, b'F', b'A', b'N', b'1']), "FAN1");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            let _ = (field(&bytes), name(&bytes));
        }
    }
}
