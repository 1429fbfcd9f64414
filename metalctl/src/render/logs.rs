//! Log lines, oldest first, a paragraph a boot attempt.

use api::machine::LogEntry;

use super::paint::{Paint, Tone};
use super::words::{clean, clock_time, moment};

pub fn entries(entries: &[LogEntry], paint: Paint) -> String {
    let mut text = String::new();
    let mut attempt = None;
    for entry in entries {
        if attempt != Some(entry.attempt) {
            let gap = if text.is_empty() { "" } else { "\n" };
            let head = format!("Boot attempt {}, {}", entry.attempt, moment(entry.at));
            text += &format!("{gap}{}\n", paint.bold(&head));
            attempt = Some(entry.attempt);
        }
        let from = paint.tone(Tone::Quiet, &format!("{} {:<6}", clock_time(entry.at), entry.source.as_str()));
        text += &format!("{from} {}\n", clean(&entry.text));
    }
    text
}
