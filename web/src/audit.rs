//! What operators did: who, from where, to what, and how it was before and after.

use api::user::{AuditEntry, AuditQuery, changes};
use askama::Template;

use crate::filter::query;
use crate::frame::{Frame, Visitor};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    frame: Frame<'a>,
    who: &'a str,
    subject: &'a str,
    rows: Vec<Row<'a>>,
    older: Option<String>,
}

struct Row<'a> {
    entry: &'a AuditEntry,
    answer: String,
    tone: &'static str,
    changes: Vec<String>,
    /// Its page, where it has one.
    link: Option<String>,
}

/// `more`: there are older entries than these. A machine's subject is its id; `machine` tells which subjects are machines.
pub fn audit_page(
    asked: &AuditQuery,
    (entries, more): (&[AuditEntry], bool),
    visitor: &Visitor,
    now: i64,
) -> askama::Result<String> {
    let (who, subject) = (asked.who.as_deref().unwrap_or(""), asked.subject.as_deref().unwrap_or(""));
    let older = entries.last().filter(|_| more).map(|last| {
        let pairs = [("who", who.into()), ("subject", subject.into()), ("before", last.id.clone())];
        format!("/audit?{}", query(&pairs))
    });
    let frame = Frame::still(Some(visitor), now).at("/audit");
    AuditPage { frame, who, subject, rows: entries.iter().map(row).collect(), older }.render()
}

fn row(entry: &AuditEntry) -> Row<'_> {
    let (answer, tone) = match entry.status {
        None => ("no end is recorded".into(), "bad"),
        Some(status @ 200..400) => (format!("done, {status}"), "good"),
        Some(status) => (format!("refused, {status}"), "wait"),
    };
    let path = entry.call.split(' ').nth(1).unwrap_or_default();
    let link = match entry.subject.as_str() {
        "" => None,
        subject if path.contains("/machines/") => Some(format!("/machines/{subject}")),
        subject if path.contains("/clusters/") => Some(format!("/clusters/{subject}")),
        _ => None,
    };
    // What a call that was refused found is no change.
    let done = matches!(entry.status, Some(200..400));
    Row { entry, answer, tone, changes: if done { changes(entry) } else { Vec::new() }, link }
}
