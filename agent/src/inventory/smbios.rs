//! The SMBIOS table (DMTF DSP0134), as the kernel copied it from firmware: products, serials, memory modules. Its parser is
//! ours and small, because firmware's table may lie about every length in it.

use api::facts::{Firmware, MemoryModule, Product};

use crate::sysfs::{Tree, clean};

#[derive(Debug, Default, PartialEq)]
pub struct Table {
    pub firmware: Firmware,
    pub system: Product,
    pub board: Product,
    pub chassis: Product,
    pub uuid: Option<String>,
    pub modules: Vec<MemoryModule>,
}

pub fn read(tree: &Tree) -> Table {
    parse(&tree.bytes("sys/firmware/dmi/tables/DMI"))
}

/// The first structure of a type counts; later ones are of riser boards and the like.
pub fn parse(bytes: &[u8]) -> Table {
    let mut table = Table::default();
    let mut seen = [false; 4];
    for s in Structures(bytes) {
        let first = seen.get_mut(usize::from(s.kind)).is_some_and(|seen| !std::mem::replace(seen, true));
        match s.kind {
            0 if first => {
                table.firmware = Firmware { vendor: s.text(0x04), version: s.text(0x05), date: s.text(0x08) };
            }
            1 if first => {
                table.system = s.product(0x05);
                table.uuid = s.uuid();
            }
            2 if first => table.board = s.product(0x05),
            // Its byte 5 is the kind of box, not a name.
            3 if first => {
                table.chassis =
                    Product { manufacturer: s.text(0x04), product: String::new(), serial: s.text(0x07) };
            }
            17 => table.modules.extend(s.module()),
            127 => break,
            _ => {}
        }
    }
    table
}

/// A formatted part whose fields have fixed places, and the strings behind it, which the fields count from 1.
struct Structure<'a> {
    kind: u8,
    fields: &'a [u8],
    strings: &'a [u8],
}

struct Structures<'a>(&'a [u8]);

impl<'a> Iterator for Structures<'a> {
    type Item = Structure<'a>;

    fn next(&mut self) -> Option<Structure<'a>> {
        let &[kind, length, ..] = self.0 else { return None };
        let length = usize::from(length);
        if length < 4 {
            return None;
        }
        let fields = self.0.get(..length)?;
        let behind = self.0.get(length..)?;
        let end = behind.windows(2).position(|pair| pair == [0, 0])?;
        self.0 = &behind[end + 2..];
        Some(Structure { kind, fields, strings: &behind[..end] })
    }
}

impl Structure<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.fields.get(at).copied().unwrap_or(0)
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.byte(at), self.byte(at + 1)])
    }

    fn dword(&self, at: usize) -> u32 {
        u32::from(self.word(at)) | u32::from(self.word(at + 2)) << 16
    }

    fn text(&self, at: usize) -> String {
        let number = usize::from(self.byte(at));
        if number == 0 {
            return String::new();
        }
        let text = clean(self.strings.split(|b| *b == 0).nth(number - 1).unwrap_or_default());
        if is_placeholder(&text) { String::new() } else { text }
    }

    fn product(&self, name: usize) -> Product {
        Product { manufacturer: self.text(0x04), product: self.text(name), serial: self.text(0x07) }
    }

    /// The first three fields are little-endian since SMBIOS 2.6; older machines have left the racks.
    fn uuid(&self) -> Option<String> {
        let bytes: [u8; 16] = self.fields.get(0x08..0x18)?.try_into().ok()?;
        // All alike is "not set" (all ones) or "not there" (all zeroes).
        if bytes.iter().all(|b| *b == bytes[0]) {
            return None;
        }
        Some(uuid::Uuid::from_bytes_le(bytes).to_string())
    }

    /// None for an empty slot.
    fn module(&self) -> Option<MemoryModule> {
        const MIB: u64 = 1 << 20;
        let size = match self.word(0x0c) {
            0 | 0xffff => return None,
            0x7fff => u64::from(self.dword(0x1c) & 0x7fff_ffff) * MIB,
            small if small & 0x8000 != 0 => u64::from(small & 0x7fff) * 1024,
            size => u64::from(size) * MIB,
        };
        let speed = match self.word(0x15) {
            0xffff => self.dword(0x54),
            speed => u32::from(speed),
        };
        Some(MemoryModule {
            slot: self.text(0x10),
            size,
            speed,
            serial: self.text(0x18),
            manufacturer: self.text(0x17),
        })
    }
}

/// What factories leave in the table. Such a text is the same on a thousand machines and identifies none.
fn is_placeholder(text: &str) -> bool {
    const KNOWN: [&str; 16] = [
        "to be filled by o.e.m.",
        "to be filled by o.e.m",
        "default string",
        "system product name",
        "system manufacturer",
        "system serial number",
        "base board serial number",
        "chassis serial number",
        "not specified",
        "not applicable",
        "not available",
        "unknown",
        "none",
        "n/a",
        "o.e.m.",
        "no dimm",
    ];
    let lower = text.to_ascii_lowercase();
    let mut letters = lower.chars();
    let first = letters.next();
    let all_alike = lower.len() > 3 && letters.all(|c| Some(c) == first);
    KNOWN.contains(&lower.as_str()) || lower == "0123456789" || lower == "123456789" || all_alike
}
