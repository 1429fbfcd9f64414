//! Words for a terminal: those that the pages use too, and what a terminal needs besides.

pub use api::words::{clock_time, lasting, left, memory, moment, size, span, state};

/// Text from firmware may hold anything; a terminal must not obey it.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A dash where there is nothing to say.
pub fn or_dash(text: &str) -> &str {
    if text.trim().is_empty() { "–" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(clean("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
