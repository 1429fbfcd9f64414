//! Numbers and times as people write them. Times are microseconds since 1970, shown in UTC; the script
//! that keeps relative times moving writes them the same way.

use askama::Template;

/// Bytes as disks and transfers are sold: powers of ten.
pub fn size(bytes: &u64) -> String {
    scaled(*bytes, 1000.0, ["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Bytes as memory is sold: powers of two.
pub fn memory(bytes: &u64) -> String {
    scaled(*bytes, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

fn scaled(bytes: u64, base: f64, units: [&str; 6]) -> String {
    let mut value = bytes as f64;
    let mut unit = units[0];
    for next in &units[1..] {
        if value < base {
            break;
        }
        value /= base;
        unit = next;
    }
    let whole = unit == units[0] || value >= 100.0 || value.fract() < 0.05;
    if whole { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A length of time, in the two units that matter.
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => format!("{minutes} min {} s", seconds % 60),
        600..3600 => format!("{minutes} min"),
        3600..86400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
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
        stamp(self.at, "%FT%TZ")
    }

    fn text(&self) -> String {
        lasting(self.at, self.now)
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
        stamp(self.at, "%FT%TZ")
    }

    fn text(&self) -> String {
        if self.at >= self.now {
            format!("{} left", lasting(self.now, self.at))
        } else {
            format!("overdue by {}", lasting(self.at, self.now))
        }
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

fn lasting(since: i64, now: i64) -> String {
    span(u64::try_from(now - since).unwrap_or(0) / 1_000_000)
}

/// A moment: `2026-11-24 08:12:03Z`.
pub fn moment(at: &i64) -> String {
    stamp(*at, "%F %TZ")
}

/// A moment within a day, to the millisecond: `08:12:03.417`.
pub fn clock_time(at: &i64) -> String {
    stamp(*at, "%T%.3f")
}

fn stamp(at: i64, format: &str) -> String {
    match jiff::Timestamp::from_microsecond(at) {
        Ok(moment) => moment.strftime(format).to_string(),
        Err(_) => format!("{at} µs"),
    }
}
