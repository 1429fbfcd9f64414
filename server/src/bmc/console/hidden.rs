//! Hides in what a machine says on its console what is hidden in its logs. A word is held back until it has ended, because
//! only a whole one shows whether it is a secret. Pure.

use api::mask::mask;

/// A word of this length is no secret of ours, and is not waited for any longer.
const LONGEST: usize = 4096;

/// One console's output on its way to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// The word before, on the same line: what comes after `Bearer` is a secret.
    before: String,
    /// What has come of the word that has not ended.
    word: Vec<u8>,
}

impl Hidden {
    /// What of it may be shown now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if !byte.is_ascii_graphic() || self.word.len() >= LONGEST {
                self.end_word(&mut shown);
            }
            if byte.is_ascii_graphic() {
                self.word.push(*byte);
                continue;
            }
            if matches!(byte, b'\r' | b'\n') {
                self.before.clear();
            }
            shown.push(*byte);
        }
        shown
    }

    /// Nothing more has come for a while: a prompt is no part of a word.
    pub fn flush(&mut self) -> Vec<u8> {
        let mut shown = Vec::new();
        self.end_word(&mut shown);
        shown
    }

    pub fn is_holding(&self) -> bool {
        !self.word.is_empty()
    }

    fn end_word(&mut self, shown: &mut Vec<u8>) {
        if self.word.is_empty() {
            return;
        }
        // ASCII alone is held.
        let word = String::from_utf8_lossy(&std::mem::take(&mut self.word)).into_owned();
        let before = format!("{} ", self.before);
        let both = mask(&format!("{before}{word}"));
        shown.extend(both.strip_prefix(&mask(&before)).unwrap_or(&both).bytes());
        self.before = word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "abcdef.0123456789abcdef";

    fn shown(parts: &[&[u8]]) -> String {
        let mut hidden = Hidden::default();
        let mut all: Vec<u8> = parts.iter().flat_map(|part| hidden.push(part)).collect();
        all.extend(hidden.flush());
        String::from_utf8_lossy(&all).into_owned()
    }

    #[test]
    fn what_logs_hide_is_hidden_however_it_is_cut() {
        let line = format!("kubeadm join 10.77.0.10:8443 --token {TOKEN}\r\n");
        let expected = "kubeadm join 10.77.0.10:8443 --token (masked)\r\n";
        for length in 1..line.len() {
            let parts: Vec<&[u8]> = line.as_bytes().chunks(length).collect();
            assert_eq!(shown(&parts), expected, "in pieces of {length}");
        }
        let bearer = shown(&[b"Authorization: Bearer ", b"short\r\nshort"]);
        assert_eq!(bearer, "Authorization: Bearer (masked)\r\nshort");
        assert_eq!(shown(&[b"password=calvin x"]), "password=(masked) x");
        let public = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(shown(&[public.as_bytes()]), public);
    }

    #[test]
    fn all_else_is_shown_as_it_came() {
        let mut every: Vec<u8> = (0..=255).collect();
        every.extend(b"\x1b[31mred\x1b[0m login: \xc3\xa4 ~# ");
        let mut hidden = Hidden::default();
        let mut all = hidden.push(&every);
        all.extend(hidden.flush());
        assert_eq!(all, every);
        let long = vec![b'-'; 3 * LONGEST];
        let mut all = hidden.push(&long);
        all.extend(hidden.flush());
        assert_eq!(all, long);
    }

    #[test]
    fn only_a_word_that_has_not_ended_is_held_back() {
        let mut hidden = Hidden::default();
        assert_eq!(hidden.push(b"node07 login: "), b"node07 login: ");
        assert!(!hidden.is_holding());
        assert_eq!(hidden.push(b"ro"), b"");
        assert!(hidden.is_holding());
        assert_eq!(hidden.flush(), b"ro");
        assert!(!hidden.is_holding());
    }
}
