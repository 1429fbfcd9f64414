//! The page for what did not work.

use askama::Template;

use crate::frame::{Frame, Visitor};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame<'a>,
    status: u16,
    message: &'a str,
    hint: Option<&'a str>,
}

pub fn error_page(
    status: u16,
    message: &str,
    hint: Option<&str>,
    visitor: Option<&Visitor>,
    now: i64,
) -> askama::Result<String> {
    ErrorPage { frame: Frame::still(visitor, now), status, message, hint }.render()
}
