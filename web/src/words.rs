//! Numbers and times as people write them. Times are microseconds since 1970, shown in UTC; the script
//! that keeps relative times moving writes them the same way.

use api::words;
use askama::Template;

/// As [`words::size`]; templates hand out references.
pub fn size(bytes: &u64) -> String {
    words::size(*bytes)
}

pub fn memory(bytes: &u64) -> String {
    words::memory(*bytes)
}

pub fn moment(at: &i64) -> String {
    words::moment(*at)
}

pub fn clock_time(at: &i64) -> String {
    words::clock_time(*at)
}

/// How long something lasts that began at `at`; moves on by itself in the browser.
#[derive(Template)]
#[template(
    source = r#"<time datetime="{{ iso() }}" title="{{ crate::words::moment(at) }}" data-since="{{ at }}">{{ text() }}</time>"#,
    ext = "html"
)]
pub struct Since {
    pub at: i64,
    pub now: i64,
}

impl Since {
    fn iso(&self) -> String {
        words::iso(self.at)
    }

    fn text(&self) -> String {
        words::lasting(self.at, self.now)
    }
}

/// How far off a deadline is; moves on by itself in the browser.
#[derive(Template)]
#[template(
    source = r#"<time datetime="{{ iso() }}" title="{{ crate::words::moment(at) }}" data-until="{{ at }}">{{ text() }}</time>"#,
    ext = "html"
)]
pub struct Until {
    pub at: i64,
    pub now: i64,
}

impl Until {
    fn iso(&self) -> String {
        words::iso(self.at)
    }

    fn text(&self) -> String {
        words::left(self.at, self.now)
    }
}

/// A sentence of ours in which backticks enclose what can be typed.
#[derive(Template)]
#[template(
    source = "{% for (code, part) in parts() %}{% if code %}<code>{{ part }}</code>{% else %}{{ part }}{% endif %}{% endfor %}",
    ext = "html"
)]
pub struct Prose<'a>(pub &'a str);

impl<'a> Prose<'a> {
    fn parts(&self) -> impl Iterator<Item = (bool, &'a str)> {
        self.0.split('`').enumerate().map(|(place, part)| (place % 2 == 1, part))
    }
}

/// For templates.
pub fn prose(text: &str) -> Prose<'_> {
    Prose(text)
}
