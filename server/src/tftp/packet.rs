//! TFTP packets: bytes → what a client asks, and the bytes of what a server says.

use thiserror::Error;

/// ERROR codes of RFC 1350 and RFC 2347.
pub const NOT_FOUND: u16 = 1;
pub const ACCESS: u16 = 2;
pub const ILLEGAL: u16 = 4;

/// What arrives on the well-known port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    Read(ReadRequest),
    Write,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Normalised: no leading slash, single slashes between names.
    pub file: String,
    pub options: Options,
}

/// Options as asked. What is out of its RFC's range counts as not asked (RFC 2347: a server
/// leaves out of its OACK what it does not take).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    pub block_size: Option<u16>,
    pub size: bool,
    pub timeout_s: Option<u8>,
    pub window: Option<u16>,
}

/// What arrives on a transfer's own port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    Ack(u16),
    Error { code: u16, text: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("shorter than its own fields")]
    Short,
    #[error("an operation that opens no transfer")]
    Operation,
    /// CR LF translation would corrupt a loader, and a text mode that translates nothing would lie.
    #[error("only octet (binary) mode is served")]
    Mode,
}

pub fn opening(bytes: &[u8]) -> Result<Opening, Malformed> {
    match operation(bytes)? {
        (1, rest) => Ok(Opening::Read(read_request(rest)?)),
        (2, _) => Ok(Opening::Write),
        _ => Err(Malformed::Operation),
    }
}

pub fn word(bytes: &[u8]) -> Result<Word, Malformed> {
    match operation(bytes)? {
        (4, [high, low, ..]) => Ok(Word::Ack(u16::from_be_bytes([*high, *low]))),
        (5, [high, low, text @ ..]) => {
            Ok(Word::Error { code: u16::from_be_bytes([*high, *low]), text: text_until_nul(text) })
        }
        (4 | 5, _) => Err(Malformed::Short),
        _ => Err(Malformed::Operation),
    }
}

pub fn data(block: u16, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&3u16.to_be_bytes());
    out.extend_from_slice(&block.to_be_bytes());
    out.extend_from_slice(payload);
}

pub fn option_ack(options: &[(&str, u64)], out: &mut Vec<u8>) {
    out.extend_from_slice(&6u16.to_be_bytes());
    for (name, value) in options {
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(value.to_string().as_bytes());
        out.push(0);
    }
}

pub fn error(code: u16, text: &str) -> Vec<u8> {
    let mut out = 5u16.to_be_bytes().to_vec();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    out
}

fn operation(bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    match bytes {
        [high, low, rest @ ..] => Ok((u16::from_be_bytes([*high, *low]), rest)),
        _ => Err(Malformed::Short),
    }
}

fn read_request(bytes: &[u8]) -> Result<ReadRequest, Malformed> {
    // Some ROMs forget the last NUL: what is left over counts as a string.
    let mut strings = bytes.split(|b| *b == 0).map(|s| String::from_utf8_lossy(s).into_owned());
    let file = strings.next().filter(|name| !name.is_empty()).ok_or(Malformed::Short)?;
    let mode = strings.next().ok_or(Malformed::Short)?;
    if !mode.eq_ignore_ascii_case("octet") {
        return Err(Malformed::Mode);
    }
    let mut options = Options::default();
    while let (Some(name), Some(value)) = (strings.next(), strings.next()) {
        options.take(&name.to_ascii_lowercase(), &value);
    }
    Ok(ReadRequest { file: normalise(&file), options })
}

impl Options {
    fn take(&mut self, name: &str, value: &str) {
        let number = value.parse::<u32>();
        match (name, number) {
            ("blksize", Ok(n @ 8..=65464)) => self.block_size = Some(n as u16),
            ("timeout", Ok(n @ 1..=255)) => self.timeout_s = Some(n as u8),
            ("windowsize", Ok(n @ 1..=65535)) => self.window = Some(n as u16),
            ("tsize", Ok(_)) => self.size = true,
            _ => {}
        }
    }
}

/// shim asks for `DIR//grubx64.efi`, others for `/snponly.efi`, Windows loaders for `\snponly.efi`.
/// A name is only ever looked up among the names we serve, so `..` is just one that is not there.
fn normalise(file: &str) -> String {
    let parts = file.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    parts.collect::<Vec<_>>().join("/")
}

fn text_until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Result<Opening, Malformed> {
        opening(&[&[0, 1], text].concat())
    }

    fn file(name: &[u8]) -> String {
        match read(&[name, b"\0octet\0"].concat()).unwrap() {
            Opening::Read(request) => request.file,
            Opening::Write => unreachable!("opened by a read request"),
        }
    }

    #[test]
    fn what_ovmf_asks() {
        let asked = read(b"snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0").unwrap();
        let options = Options { block_size: Some(1468), size: true, timeout_s: None, window: Some(4) };
        assert_eq!(asked, Opening::Read(ReadRequest { file: "snponly.efi".into(), options }));
    }

    #[test]
    fn options_out_of_range_are_as_if_not_asked() {
        let asked = read(b"f\0OCTET\0BLKSIZE\x007\0timeout\x000\0windowsize\0x\0multicast\0\0tsize").unwrap();
        assert_eq!(asked, Opening::Read(ReadRequest { file: "f".into(), ..ReadRequest::default() }));
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(file(b"/snponly.efi"), "snponly.efi");
        assert_eq!(file(b"\\boot\\snponly.efi"), "boot/snponly.efi");
        assert_eq!(file(b"boot//./grubx64.efi"), "boot/grubx64.efi");
        assert_eq!(file(b"../../etc/shadow"), "../../etc/shadow");
    }

    #[test]
    fn what_is_not_served() {
        assert_eq!(read(b"f\0netascii\0"), Err(Malformed::Mode));
        assert_eq!(read(b"\0octet\0"), Err(Malformed::Short));
        assert_eq!(opening(b"\0\x02f\0octet\0"), Ok(Opening::Write));
        assert_eq!(opening(b"\0\x03\0\x01"), Err(Malformed::Operation));
        assert_eq!(word(b"\0\x04\0"), Err(Malformed::Short));
    }

    #[test]
    fn words_of_a_transfer() {
        assert_eq!(word(&[0, 4, 1, 2]), Ok(Word::Ack(258)));
        let aborted = Word::Error { code: 8, text: "User aborted".into() };
        assert_eq!(word(b"\0\x05\0\x08User aborted\0"), Ok(aborted));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), op in 0u8..8) {
            let bytes = [&[0, op], &bytes[..]].concat();
            let _ = opening(&bytes);
            let _ = word(&bytes);
        }
    }
}
