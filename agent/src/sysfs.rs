//! Reads the kernel's small text files under a root that tests can choose. Files may be missing, unreadable
//! or not text: each of these is an empty answer, never an error.

use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    pub fn new(root: impl Into<PathBuf>) -> Tree {
        Tree { root: root.into() }
    }

    /// `path` as seen from the root of the tree, without a leading slash.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    pub fn text(&self, path: impl AsRef<Path>) -> String {
        clean(&self.bytes(path))
    }

    pub fn bytes(&self, path: impl AsRef<Path>) -> Vec<u8> {
        fs::read(self.path(path)).unwrap_or_default()
    }

    /// 0 for what is no number, as for -1, the kernel's "unknown speed".
    pub fn number(&self, path: impl AsRef<Path>) -> u64 {
        self.text(path).parse().unwrap_or(0)
    }

    pub fn flag(&self, path: impl AsRef<Path>) -> bool {
        self.number(path) == 1
    }

    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// Names in a folder, sorted.
    pub fn list(&self, path: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The last part of where a link leads, such as a driver's name.
    pub fn link_name(&self, path: impl AsRef<Path>) -> String {
        let target = fs::read_link(self.path(path)).unwrap_or_default();
        target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Where a link leads, all links resolved.
    pub fn resolved(&self, path: impl AsRef<Path>) -> String {
        fs::canonicalize(self.path(path)).unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Text that firmware wrote: no control characters, no padding, bytes that are no UTF-8 replaced.
pub fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dirty_text_is_cleaned() {
        assert_eq!(clean(b"  QEMU    HARDDISK \0\0\n"), "QEMU HARDDISK");
        assert_eq!(clean(&[b'a', 0xff, 0x01, b'b']), "a\u{fffd} b");
        assert_eq!(clean(b"\0\0"), "");
    }

    #[test]
    fn what_is_missing_is_empty() {
        let tree = Tree::new("/nowhere");
        assert_eq!((tree.text("a"), tree.number("a"), tree.list("a").len()), (String::new(), 0, 0));
        assert_eq!(tree.link_name("a"), "");
    }
}
