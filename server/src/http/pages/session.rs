//! Who looks at a page: a token once, then a cookie that no script can read and no other site can send.

use std::net::IpAddr;
use std::sync::Arc;

use api::user::AuditEntry;
use axum::Extension;
use axum::extract::{Form, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;
use web::Visitor;

use super::super::boot::{hash, secret};
use super::super::error::Failure;
use super::super::guard::Caller;
use super::super::limits::{Door, Limits};
use super::super::tls::Peer;
use super::Trouble;
use crate::app::App;
use crate::clock;
use crate::store::{self, Holder, NewToken};

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

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Session, Response> {
        let caller = parts.extensions.get::<Caller>().ok_or_else(to_login)?;
        let secret = cookie(&parts.headers).ok_or_else(to_login)?;
        let Caller { name: operator, role, .. } = caller.clone();
        let visitor = Visitor { operator, role, csrf: hash(&format!("form {secret}")) };
        Ok(Session { visitor, key: hash(secret) })
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

pub fn to_login() -> Response {
    Redirect::to("/login").into_response()
}

/// Whose session a request's cookie is.
pub async fn by_cookie(app: &App, headers: &HeaderMap) -> store::Result<Option<Holder>> {
    match cookie(headers) {
        Some(secret) => app.store.token_holder(&hash(secret), "session", clock::now()).await,
        None => Ok(None),
    }
}

pub async fn form() -> Result<Html<String>, Trouble> {
    Ok(Html(web::login_page(None, clock::now())?))
}

#[derive(Deserialize)]
pub struct Login {
    token: String,
}

pub async fn log_in(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Extension(limits): Extension<Arc<Limits>>,
    Form(login): Form<Login>,
) -> Result<Response, Trouble> {
    let now = clock::now();
    let address = peer.address.ip().to_canonical();
    limits.open(Door::Login, address, now)?;
    let Some(holder) = app.store.token_holder(&hash(&login.token), "token", now).await? else {
        limits.wrong(Door::Login, address, now);
        tracing::warn!(%address, "a login with an unknown token");
        let page = web::login_page(Some("No operator has that token"), now)?;
        return Ok((StatusCode::UNAUTHORIZED, Html(page)).into_response());
    };
    app.store.audit_begin(entry(&holder, address, now)).await?;
    let secret = secret()?;
    let end = now + SECONDS * 1_000_000;
    // A session does not outlive its token.
    let expires = Some(holder.expires.map_or(end, |expires| expires.min(end)));
    let session =
        NewToken { hash: hash(&secret), name: holder.name, role: holder.role, kind: "session", expires };
    app.store.token_add(session, now).await?;
    Ok((set_cookie(&secret, SECONDS), Redirect::to("/")).into_response())
}

fn entry(holder: &Holder, address: IpAddr, now: i64) -> AuditEntry {
    AuditEntry {
        id: Uuid::now_v7().to_string(),
        at: now,
        who: holder.name.clone(),
        role: holder.role,
        address: address.to_string(),
        call: "POST /login".into(),
        subject: String::new(),
        status: Some(StatusCode::SEE_OTHER.as_u16()),
        before: None,
        after: None,
    }
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
