//! What a machine is, as its maker wrote it into the BMC (IPMI Platform Management FRU Information Storage
//! Definition 1.0, and IPMI 2.0, chapter 34). Pure.

use api::bmc::Fault;

use super::dialogue::{Dialogue, Step, done, word};
use super::failure::refusal;
use super::message::{Function, Response, request};
use super::text;

const GET_INFO: u8 = 0x10;
const READ: u8 = 0x11;
/// The machine itself.
const DEVICE: u8 = 0;
const PIECE: u8 = 16;
const SMALLEST: u8 = 4;
/// Area offsets are bytes of eights, and so are lengths: nothing of interest lies behind both.
const LARGEST: u16 = 2 * 255 * 8;

/// Empty where it is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fru {
    pub chassis_serial: String,
    pub board: Part,
    pub product: Part,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub manufacturer: String,
    pub name: String,
    pub number: String,
    pub serial: String,
    pub asset_tag: String,
}

/// Comes to all that is stored, to be parsed as a whole.
pub struct Read {
    size: Option<u16>,
    by_words: bool,
    piece: u8,
    bytes: Vec<u8>,
}

impl Read {
    pub fn new() -> Read {
        Read { size: None, by_words: false, piece: PIECE, bytes: Vec::new() }
    }

    fn take(&mut self, response: &Response) -> Result<bool, Fault> {
        let Some(size) = self.size else {
            let data = done("Get FRU Inventory Area Info", response, 3)?;
            self.size = Some(word(data, 0).min(LARGEST));
            self.by_words = data[2] & 1 == 1;
            return Ok(self.size == Some(0));
        };
        match response.completion {
            0 => {}
            0xc7..=0xca | 0xff if self.piece > SMALLEST => {
                self.piece /= 2;
                return Ok(false);
            }
            // Some are smaller than they say. What has been read is read.
            0xc7..=0xcb if !self.bytes.is_empty() => return Ok(true),
            code => return Err(refusal("Read FRU Data", code)),
        }
        let data = done("Read FRU Data", response, 2)?;
        let missing = usize::from(size) - self.bytes.len();
        self.bytes.extend(data[1..].iter().take(missing));
        Ok(self.bytes.len() >= usize::from(size))
    }
}

impl Dialogue for Read {
    type Outcome = Fru;

    fn step(&mut self, last: Option<Response>) -> Result<Step<Fru>, Fault> {
        if let Some(response) = last
            && self.take(&response)?
        {
            return Ok(Step::Done(parse(&self.bytes)));
        }
        let Some(size) = self.size else {
            let info = request(Function::Storage, GET_INFO, &[DEVICE]);
            return Ok(Step::Ask(info, "Get FRU Inventory Area Info"));
        };
        let unit = if self.by_words { 2 } else { 1 };
        let [low, high] = (self.bytes.len() as u16 / unit).to_le_bytes();
        let missing = (size - self.bytes.len() as u16).min(self.piece.into()).div_ceil(unit);
        let read = request(Function::Storage, READ, &[DEVICE, low, high, missing as u8]);
        Ok(Step::Ask(read, "Read FRU Data"))
    }
}

/// Areas that are missing, cut short or unreadable leave their fields empty: nothing is owed to us here.
pub fn parse(bytes: &[u8]) -> Fru {
    let area = |at: usize| {
        let offset = usize::from(*bytes.get(at)?) * 8;
        let start = bytes.get(offset..).filter(|_| offset > 0)?;
        let length = usize::from(*start.get(1)?) * 8;
        start.get(..length.min(start.len()))
    };
    let fields = |area: Option<&[u8]>, at: usize| -> Vec<String> {
        let mut rest = area.and_then(|area| area.get(at..)).unwrap_or_default();
        let mut fields = Vec::new();
        while let Some((field, behind)) = text::field(rest) {
            fields.push(field);
            rest = behind;
        }
        fields
    };
    // Version, length, type of chassis; version, length, language, three bytes of date; without the date.
    let chassis = fields(area(2), 3);
    let board = fields(area(3), 6);
    let product = fields(area(4), 3);
    let one = |fields: &[String], at: usize| fields.get(at).cloned().unwrap_or_default();
    Fru {
        chassis_serial: one(&chassis, 1),
        board: Part {
            manufacturer: one(&board, 0),
            name: one(&board, 1),
            serial: one(&board, 2),
            number: one(&board, 3),
            asset_tag: String::new(),
        },
        product: Part {
            manufacturer: one(&product, 0),
            name: one(&product, 1),
            number: one(&product, 2),
            serial: one(&product, 4),
            asset_tag: one(&product, 5),
        },
    }
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::super::dialogue::script::run;
    use super::*;

    fn area(mut bytes: Vec<u8>, fields: &[&str]) -> Vec<u8> {
        for field in fields {
            bytes.push(0xc0 | field.len() as u8);
            bytes.extend(field.as_bytes());
        }
        bytes.push(text::END);
        bytes.resize((bytes.len() + 1).next_multiple_of(8), 0);
        bytes[1] = (bytes.len() / 8) as u8;
        bytes
    }

    /// As a Supermicro server has it.
    pub fn sample() -> Vec<u8> {
        let chassis = area(vec![1, 0, 0x17], &["CSE-219U", "C219UAK12345678"]);
        let board = area(vec![1, 0, 0, 1, 2, 3], &["Supermicro", "X11DPU", "OM18AS012345", "", ""]);
        let product = area(
            vec![1, 0, 0],
            &["Supermicro", "SYS-2029U-TR4", "", "0123456789", "E303405X8B12345", "rack 4/12"],
        );
        let at = |before: usize| ((8 + before) / 8) as u8;
        let header = vec![1, 0, at(0), at(chassis.len()), at(chassis.len() + board.len()), 0, 0, 0];
        [header, chassis, board, product].concat()
    }

    fn expected() -> Fru {
        let board = Part {
            manufacturer: "Supermicro".into(),
            name: "X11DPU".into(),
            serial: "OM18AS012345".into(),
            ..Part::default()
        };
        let product = Part {
            manufacturer: "Supermicro".into(),
            name: "SYS-2029U-TR4".into(),
            serial: "E303405X8B12345".into(),
            asset_tag: "rack 4/12".into(),
            ..Part::default()
        };
        Fru { chassis_serial: "C219UAK12345678".into(), board, product }
    }

    #[test]
    fn serials_come_out_whatever_the_bmc_carries() {
        let stored = sample();
        for (carries, by_words, claims) in [(4, false, 0), (16, false, 0), (8, true, 0), (16, false, 900)] {
            let unit = if by_words { 2 } else { 1 };
            let (outcome, _) = run(Read::new(), |asked| {
                if asked.command == GET_INFO {
                    let size = (stored.len() as u16).max(claims).to_le_bytes();
                    return (0, vec![size[0], size[1], u8::from(by_words)]);
                }
                let (offset, count) =
                    (usize::from(word(&asked.data, 1)) * unit, usize::from(asked.data[3]) * unit);
                if count > carries {
                    return (0xc8, vec![]);
                }
                match stored.get(offset..) {
                    None | Some([]) => (0xc9, vec![]),
                    Some(rest) => {
                        let piece = &rest[..count.min(rest.len())];
                        (0, [&[(piece.len() / unit) as u8], piece].concat())
                    }
                }
            });
            assert_eq!(outcome.unwrap(), expected(), "{carries} bytes at once");
        }
    }

    #[test]
    fn what_is_cut_short_is_empty() {
        let stored = sample();
        for length in 0..stored.len() {
            let fru = parse(&stored[..length]);
            assert!(fru.product.serial.is_empty() || fru.product.serial == "E303405X8B12345", "{length}");
        }
        assert_eq!(parse(&[0xff; 64]), Fru::default());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_answers_panic_or_go_on_for_ever(answers: Vec<(bool, u8, Vec<u8>)>) {
            let mut answers = answers.into_iter();
            let _ = run(Read::new(), |_| match answers.next() {
                Some((well, code, data)) => (if well { 0 } else { code }, data),
                None => (0xc1, vec![]),
            });
        }
    }
}
