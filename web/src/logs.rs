//! Log lines, a fold a boot attempt, the newest open.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use api::machine::LogEntry;
use askama::Template;

use crate::words::moment;

#[derive(Template)]
#[template(path = "machine_logs.html")]
pub struct Logs<'a> {
    attempts: Vec<AttemptLog<'a>>,
}

struct AttemptLog<'a> {
    number: i64,
    begun: String,
    open: bool,
    entries: Vec<&'a LogEntry>,
}

impl<'a> Logs<'a> {
    pub fn of(logs: &'a [LogEntry]) -> Logs<'a> {
        let mut attempts: BTreeMap<Reverse<i64>, Vec<&LogEntry>> = BTreeMap::new();
        for entry in logs {
            attempts.entry(Reverse(entry.attempt)).or_default().push(entry);
        }
        let fold = |(place, (Reverse(number), mut entries)): (usize, (_, Vec<&'a LogEntry>))| {
            entries.sort_by_key(|entry| entry.at);
            let begun = entries.first().map_or(String::new(), |entry| moment(&entry.at));
            AttemptLog { number, begun, open: place == 0, entries }
        };
        Logs { attempts: attempts.into_iter().enumerate().map(fold).collect() }
    }
}
