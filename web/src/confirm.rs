//! Before anything is erased: which disks, what is on them, and the machine's name typed by a person.

use api::machine::{Erasure, Machine};
use askama::Template;

use crate::frame::{Frame, Visitor};
use crate::verb::Verb;

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame<'a>,
    machine: &'a Machine,
    erasure: &'a Erasure,
    verb: Verb,
    message: Option<&'a str>,
}

/// `message` says why the last try did not work.
pub fn confirm_page(
    machine: &Machine,
    erasure: &Erasure,
    verb: Verb,
    message: Option<&str>,
    visitor: &Visitor,
    now: i64,
) -> askama::Result<String> {
    ConfirmPage { frame: Frame::still(Some(visitor), now), machine, erasure, verb, message }.render()
}
