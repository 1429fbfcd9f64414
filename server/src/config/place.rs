//! Where in the text of the site file a setting stands, and what is found wrong there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// Something wrong with the site, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// From 1; 0 where the fault has no place in the text.
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl Finding {
    /// In one line, without the file's name.
    pub fn sentence(&self) -> String {
        let place = if self.line > 0 { format!("line {}: ", self.line) } else { String::new() };
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{place}{}{hint}", self.message)
    }

    /// As a compiler would print it.
    pub fn at(&self, path: &Path) -> String {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut text = format!("{word}: {}\n  --> {}", self.message, path.display());
        if self.line > 0 {
            let _ = write!(text, ":{}:{}", self.line, self.column);
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  hint: {hint}");
        }
        text.push('\n');
        text
    }
}

/// Line and column of every setting, by its path: `network.0.router`, `profile.web.image`.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<String, (usize, usize)>);

impl Places {
    pub fn of(text: &str) -> Places {
        let mut places = Places::default();
        if let Ok(table) = DeTable::parse(text) {
            places.table(text, "", table.get_ref());
        }
        places
    }

    pub fn finding(&self, severity: Severity, path: &str, message: String, hint: &str) -> Finding {
        let (line, column) = self.find(path);
        Finding { severity, line, column, message, hint: Some(hint.into()) }
    }

    /// Whether the file has the setting at all.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The setting's own place, or that of the nearest table around it when it is left out.
    fn find(&self, path: &str) -> (usize, usize) {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return *place;
            }
            match path.rfind('.') {
                Some(dot) => path = &path[..dot],
                None => return (1, 1),
            }
        }
    }

    fn table(&mut self, text: &str, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path =
                if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            self.value(text, path, key.span(), value);
        }
    }

    fn value(&mut self, text: &str, path: String, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => {
                self.0.insert(path.clone(), line_and_column(text, key.start));
                self.table(text, &path, table);
            }
            DeValue::Array(array) => {
                self.0.insert(path.clone(), line_and_column(text, key.start));
                for (i, item) in array.iter().enumerate() {
                    self.value(text, format!("{path}.{i}"), item.span(), item);
                }
            }
            _ => {
                self.0.insert(path, line_and_column(text, value.span().start));
            }
        }
    }
}

/// Counted from 1, columns in characters.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}
