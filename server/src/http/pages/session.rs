//! Who looks at a page: a token once, then a cookie that no script can read and no other site can send.

use axum::extract::{Form, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use web::Visitor;

use super::super::boot::{hash, secret};
use super::super::error::Failure;
use super::Trouble;
use crate::app::App;
use crate::clock;

/// The prefix makes browsers insist on `Secure`, `Path=/` and this very host.
const COOKIE: &str = "__Host-metald";
const SECONDS: i64 = 12 * 3600;

/// Someone who is logged in.
pub struct Session {
    pub visitor: Visitor,
    key: String,
}

impl FromRequestParts<App> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Session, Response> {
        let to_login = || Redirect::to("/login").into_response();
        let secret = cookie(&parts.headers).ok_or_else(to_login)?;
        let key = hash(secret);
        let name = app.store.token_name(&key, "session", clock::now()).await;
        let operator = name.map_err(|error| Trouble(error.into()).into_response())?.ok_or_else(to_login)?;
        Ok(Session { visitor: Visitor { operator, csrf: hash(&format!("form {secret}")) }, key })
    }
}

impl Session {
    /// A form counts only with the session's own mark in it.
    pub fn sent(&self, csrf: &str) -> Result<(), Failure> {
        if csrf == self.visitor.csrf {
            return Ok(());
        }
        let hint = "go back, reload the page and try again";
        Err(Failure::with_hint(StatusCode::FORBIDDEN, "this form is not from your session", hint))
    }
}

pub async fn form() -> Result<Html<String>, Trouble> {
    Ok(Html(web::login_page(None, clock::now())?))
}

#[derive(Deserialize)]
pub struct Login {
    token: String,
}

pub async fn log_in(State(app): State<App>, Form(login): Form<Login>) -> Result<Response, Trouble> {
    let now = clock::now();
    let Some(name) = app.store.token_name(&hash(&login.token), "token", now).await? else {
        let page = web::login_page(Some("No operator has that token"), now)?;
        return Ok((StatusCode::UNAUTHORIZED, Html(page)).into_response());
    };
    let secret = secret()?;
    app.store.token_add(hash(&secret), name, "session", now, Some(now + SECONDS * 1_000_000)).await?;
    Ok((set_cookie(&secret, SECONDS), Redirect::to("/")).into_response())
}

#[derive(Deserialize)]
pub struct Logout {
    csrf: String,
}

pub async fn log_out(
    State(app): State<App>,
    session: Session,
    Form(form): Form<Logout>,
) -> Result<Response, Trouble> {
    session.sent(&form.csrf)?;
    app.store.token_remove(session.key).await?;
    Ok((set_cookie("", 0), Redirect::to("/login")).into_response())
}

fn set_cookie(secret: &str, seconds: i64) -> [(header::HeaderName, String); 1] {
    let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";
    [(header::SET_COOKIE, format!("{COOKIE}={secret}; {attributes}; Max-Age={seconds}"))]
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        headers.append(header::COOKIE, "a=b; __Host-metald=s3cret; c=d".parse().unwrap());
        assert_eq!(cookie(&headers), Some("s3cret"));
    }
}
