//! What the machine is, as its makers wrote it (IPMI 2.0 rev. 1.1, chapter 34; Platform Management FRU Information
//! Storage Definition 1.0 rev. 1.3, chapters 8, 11 and 12).

use super::commands::{Call, Outcome, Reply};
use super::message::{Code, checksum};
use crate::bmc::board::Identity;

const FORMAT: u8 = 0x01;
const ENGLISH: u8 = 0x19;
const END: u8 = 0xc1;
const TEXT: u8 = 0xc0;
/// Characters of a field: its length has six bits.
const LONGEST: usize = 63;
/// Areas start and end at multiples of it.
const UNIT: usize = 8;
const AT_ONCE: usize = 64;

pub fn area(call: &mut Call) -> Outcome {
    let &[0] = call.data else { return Err(Code::NOT_PRESENT) };
    let [low, high] = (inventory(&call.view.board.identity).len() as u16).to_le_bytes();
    // Read by bytes.
    Ok(Reply::data([low, high, 0]))
}

pub fn read(call: &mut Call) -> Outcome {
    let &[device, low, high, count] = call.data else { return Err(Code::WRONG_LENGTH) };
    if device != 0 {
        return Err(Code::NOT_PRESENT);
    }
    let inventory = inventory(&call.view.board.identity);
    let rest = inventory.get(usize::from(u16::from_le_bytes([low, high]))..).ok_or(Code::OUT_OF_RANGE)?;
    let part = &rest[..rest.len().min(count.into()).min(AT_ONCE)];
    Ok(Reply::data([&[part.len() as u8], part].concat()))
}

/// Header, board, product.
fn inventory(identity: &Identity) -> Vec<u8> {
    let Identity { vendor, product, serial, asset, name, .. } = identity;
    // Without a date of make; then maker, product, serial, part number, and no file.
    let board = closed(&[FORMAT, 0, ENGLISH, 0, 0, 0], &[vendor, product, serial, product, ""]);
    // Maker, product, part number, version, serial, asset tag, and no file. The name is one more of ours.
    let whole = closed(&[FORMAT, 0, ENGLISH], &[vendor, product, product, "", serial, asset, "", name]);
    let start = |bytes: usize| (bytes / UNIT) as u8;
    let mut out = vec![FORMAT, 0, 0, start(UNIT), start(UNIT + board.len()), 0, 0];
    out.push(checksum(&out));
    [out, board, whole].concat()
}

/// An area with its length and its checksum.
fn closed(head: &[u8], fields: &[&str]) -> Vec<u8> {
    let mut out = head.to_vec();
    for text in fields {
        let mut text: Vec<u8> = text.bytes().take(LONGEST).collect();
        // A field of one character reads as the end.
        if text.len() == 1 {
            text.push(b' ');
        }
        out.push(TEXT | text.len() as u8);
        out.extend(text);
    }
    out.push(END);
    out.resize((out.len() + 1).next_multiple_of(UNIT) - 1, 0);
    out[1] = ((out.len() + 1) / UNIT) as u8;
    out.push(checksum(&out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_add_up() {
        let area = closed(&[FORMAT, 0, ENGLISH], &["x", "", &"y".repeat(80)]);
        assert_eq!((area.len() % UNIT, usize::from(area[1]) * UNIT), (0, area.len()));
        assert_eq!(checksum(&area), 0);
        assert_eq!(area[3..8], [TEXT | 2, b'x', b' ', TEXT, TEXT | 63]);
    }
}
