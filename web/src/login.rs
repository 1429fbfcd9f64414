//! The page that asks for an operator's token.

use askama::Template;

use crate::frame::Frame;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame<'a>,
    message: Option<&'a str>,
}

/// `message` says why the last try did not work.
pub fn login_page(message: Option<&str>, now: i64) -> askama::Result<String> {
    LoginPage { frame: Frame::still(None, now), message }.render()
}
