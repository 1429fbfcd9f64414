//! Finds a file in a cpio archive (newc, Linux `Documentation/driver-api/early-userspace/buffer-format`), as the server
//! sends the boot key. Pure; the bytes came over plain HTTP, so none of their lengths is believed.

const HEAD: usize = 110;

pub fn file<'a>(mut archive: &'a [u8], path: &str) -> Option<&'a [u8]> {
    while archive.starts_with(b"070701") {
        let (size, name_size) = (number(archive, 54)?, number(archive, 94)?);
        let begin = HEAD.checked_add(name_size)?.checked_next_multiple_of(4)?;
        let content = archive.get(begin..begin.checked_add(size)?)?;
        let name = archive.get(HEAD..HEAD + name_size)?.strip_suffix(b"\0")?;
        if name == path.as_bytes() {
            return Some(content);
        }
        archive = archive.get((begin + size).checked_next_multiple_of(4)?..)?;
    }
    None
}

/// Eight hex digits.
fn number(head: &[u8], at: usize) -> Option<usize> {
    let digits = std::str::from_utf8(head.get(at..at + 8)?).ok()?;
    usize::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, content: &[u8]) -> Vec<u8> {
        let (size, name_size) = (content.len(), name.len() + 1);
        let zero = "00000000";
        let head = format!(
            "070701{zero}{zero}{zero}{zero}{zero}{zero}{size:08x}{zero}{zero}{zero}{zero}{name_size:08x}{zero}"
        );
        let mut bytes = [head.as_bytes(), name.as_bytes(), &[0]].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_file_is_found_behind_folders_and_cut_archives_end_quietly() {
        let archive =
            [entry("etc", b""), entry("etc/key", b"secret"), entry("b", b"xx"), entry("TRAILER!!!", b"")]
                .concat();
        assert_eq!(file(&archive, "etc/key"), Some(&b"secret"[..]));
        assert_eq!(file(&archive, "b"), Some(&b"xx"[..]));
        assert_eq!(file(&archive, "etc/ke"), None);
        for length in 0..archive.len() {
            file(&archive[..length], "none");
        }
        let mut lying = archive;
        lying[54..62].copy_from_slice(b"ffffffff");
        assert_eq!(file(&lying, "b"), None);
        lying[94..102].copy_from_slice(b"ffffffff");
        assert_eq!(file(&lying, "b"), None);
    }
}
