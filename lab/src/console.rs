//! A firmware's and kernel's serial output as plain text. Pure.

/// Drops escape sequences and carriage returns; text that was drawn with them stays in the order in which it came.
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' if rest.peek() == Some(&'[') => {
                rest.next();
                // Parameters, then one closing letter or sign.
                while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\x1b' => drop(rest.next()),
            '\r' => {}
            c => plain.push(c),
        }
    }
    plain
}
