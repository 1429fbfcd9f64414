//! GRUB's environment block, in which one boot leaves a word for the next (GRUB manual, "Environment block"): 1024 bytes
//! that begin with a signature, a variable a line, filled up with `#`. GRUB itself writes it in place. Pure.

use anyhow::{Result, ensure};

const SIZE: usize = 1024;
const SIGNATURE: &str = "# GRUB Environment Block\n";

/// What a variable holds; None where the block is damaged or has no such variable.
pub fn get(block: &[u8], key: &str) -> Option<String> {
    lines(block).into_iter().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_string()))
}

/// The block with one variable set, or taken out. A damaged block begins anew: GRUB would not read it either.
pub fn set(block: &[u8], key: &str, value: Option<&str>) -> Result<Vec<u8>> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    ensure!(plain(key) && plain(value.unwrap_or_default()), "`{key}` is not a word for GRUB's environment");
    let mut text = SIGNATURE.to_string();
    for line in lines(block) {
        if line.strip_prefix(key).is_none_or(|rest| !rest.starts_with('=')) {
            text += &format!("{line}\n");
        }
    }
    if let Some(value) = value {
        text += &format!("{key}={value}\n");
    }
    ensure!(text.len() <= SIZE, "GRUB's environment block is full");
    let mut bytes = text.into_bytes();
    bytes.resize(SIZE, b'#');
    Ok(bytes)
}

/// A backslash escapes the end of a line: such a value is kept as it stands, and its lines stay together.
fn lines(block: &[u8]) -> Vec<String> {
    let Some(rest) = block.strip_prefix(SIGNATURE.as_bytes()).filter(|_| block.len() == SIZE) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(rest);
    let mut lines: Vec<String> = Vec::new();
    for piece in text.split_inclusive('\n').filter(|piece| piece.ends_with('\n')) {
        let piece = piece.trim_end_matches('\n');
        match lines.last_mut().filter(|last| ends_escaped(last)) {
            Some(last) => *last += &format!("\n{piece}"),
            None => lines.push(piece.into()),
        }
    }
    lines
}

fn ends_escaped(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_left_beside_others() {
        let block = set(&[], "saved_entry", Some("0")).unwrap();
        assert_eq!((block.len(), get(&block, "saved_entry").as_deref()), (1024, Some("0")));
        let block = set(&block, "next_entry", Some("metal-ram")).unwrap();
        assert!(block.starts_with(b"# GRUB Environment Block\nsaved_entry=0\nnext_entry=metal-ram\n###"));
        let again = set(&block, "next_entry", Some("other")).unwrap();
        assert_eq!(String::from_utf8_lossy(&again).matches("next_entry").count(), 1);
        let block = set(&again, "next_entry", None).unwrap();
        assert_eq!(get(&block, "next_entry"), None);
        assert_eq!(get(&block, "saved_entry").as_deref(), Some("0"), "what is not ours stays");
    }

    #[test]
    fn values_of_several_lines_stay_whole() {
        let mut block = format!("{SIGNATURE}motd=one\\\nnext_entry=no\nx=1\n").into_bytes();
        block.resize(1024, b'#');
        assert_eq!(get(&block, "next_entry"), None, "that is inside another value");
        let block = set(&block, "y", Some("2")).unwrap();
        assert!(block.starts_with(b"# GRUB Environment Block\nmotd=one\\\nnext_entry=no\nx=1\ny=2\n#"));
    }

    #[test]
    fn a_damaged_block_begins_anew_and_a_full_one_is_left() {
        assert_eq!(get(b"x=1\n", "x"), None);
        assert_eq!(get(&set(&[0; 1024], "x", Some("1")).unwrap(), "x").as_deref(), Some("1"));
        assert!(set(&[], "x", Some(&"a".repeat(1000))).is_err());
        assert!(set(&[], "x", Some("two words")).is_err());
    }
}
