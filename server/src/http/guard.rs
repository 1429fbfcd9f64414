//! In front of every route of operators and browsers: who calls, whether their role is enough, and for what changes
//! something, an entry in the audit log before it begins.

use std::net::IpAddr;
use std::sync::Arc;

use api::user::Role;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::audit::{After, Record};
use super::boot::hash;
use super::error::Failure;
use super::limits::Limits;
use super::pages::{Trouble, guarded, session};
use super::roles::{Least, least};
use super::tls::Peer;
use crate::app::App;
use crate::clock;
use crate::store::Holder;

/// Who calls, as their token or session says. In the extensions of every request that came this far.
#[derive(Clone, Debug)]
pub struct Caller {
    pub name: String,
    pub role: Role,
    pub address: IpAddr,
    /// When the token or session ends.
    pub expires: Option<i64>,
}

impl Caller {
    /// Refuses whose role is not enough.
    pub fn may(&self, needed: Role) -> Result<(), Failure> {
        if self.role >= needed {
            return Ok(());
        }
        let error = format!("{} has the role {}, and this needs {needed}", self.name, self.role);
        Err(Failure::with_hint(StatusCode::FORBIDDEN, error, "an admin gives roles: `metalctl user add`"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Failure> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(no_token)
    }
}

/// Programs show a token, browsers a cookie, and neither counts in the other's place: a cookie travels by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Program,
    Browser,
}

pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).to_string();
    let audience = match path.starts_with("/api/") || path == api::routes::METRICS {
        true => Audience::Program,
        false => Audience::Browser,
    };
    let params = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let param = |name: &str| {
        let found = params.iter().flatten().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.to_string())
    };
    let needed = least(parts.method.as_str(), &path, param("verb").as_deref());
    let caller = match admit(&app, &parts, audience, needed).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let Some(caller) = caller else { return next.run(Request::from_parts(parts, body)).await };
    let record = match changes(&parts.method) {
        true => {
            let call = format!("{} {}", parts.method, parts.uri);
            let subject = (path.as_str(), param("reference").or(param("name")).or(param("mac")));
            match Record::begin(&app, &caller, call, subject).await {
                Ok(record) => Some(record),
                Err(error) => return refuse(audience, error.into()),
            }
        }
        false => None,
    };
    let allowed = match needed {
        Least::With(role) => caller.may(role),
        Least::Anyone => Ok(()),
    };
    let response = match allowed {
        Ok(()) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refuse(audience, refusal),
    };
    if let Some(record) = record {
        // The answer itself cannot be lent to another task: its body may be a stream.
        let (status, told) = (response.status(), response.extensions().get::<After>().cloned());
        record.end(&app, status, told).await;
    }
    response
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// The caller of a route that needs one, whatever the role.
async fn admit(
    app: &App,
    parts: &Parts,
    audience: Audience,
    needed: Least,
) -> Result<Option<Caller>, Response> {
    if audience == Audience::Browser && changes(&parts.method) && !own_origin(&parts.headers) {
        return Err(refuse(audience, Failure::new(StatusCode::FORBIDDEN, "this form is another site's")));
    }
    if needed == Least::Anyone {
        return Ok(None);
    }
    let address = parts.extensions.get::<Peer>().map_or(IpAddr::from([0; 4]), |peer| peer.address.ip());
    let holder = match audience {
        Audience::Program => by_token(app, parts, address).await,
        Audience::Browser => session::by_cookie(app, &parts.headers).await.map_err(Failure::from),
    };
    match (holder, audience) {
        (Err(failure), _) => Err(refuse(audience, failure)),
        (Ok(Some(Holder { name, role, expires })), _) => {
            Ok(Some(Caller { name, role, address: address.to_canonical(), expires }))
        }
        (Ok(None), Audience::Program) => Err(no_token().into_response()),
        (Ok(None), Audience::Browser) => Err(session::to_login()),
    }
}

/// Whose token it is. Who shows wrong ones is made to wait, as at the login.
async fn by_token(app: &App, parts: &Parts, address: IpAddr) -> Result<Option<Holder>, Failure> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) else { return Ok(None) };
    let (hash, now) = (hash(token), clock::now());
    let limits = parts.extensions.get::<Arc<Limits>>().cloned().unwrap_or_default();
    limits.open_for(address, &hash, now)?;
    let holder = app.store.token_holder(&hash, "token", now).await?;
    limits.looked_up(address, &hash, (holder.is_some(), now));
    if holder.is_none() {
        tracing::warn!(%address, "a call with an unknown token");
    }
    Ok(holder)
}

/// A browser says where a form comes from. What is not a browser says nothing, and no cookie of a person travels with it.
fn own_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let (origin, host) = (text("origin"), text("host").unwrap_or_default());
    site && origin.is_none_or(|origin| origin.strip_prefix("https://") == Some(host))
}

fn no_token() -> Failure {
    let hint = "on the server's machine the first token is in operator.token in its state folder";
    Failure::with_hint(StatusCode::UNAUTHORIZED, "an operator's token is needed", hint)
}

fn refuse(audience: Audience, failure: Failure) -> Response {
    match audience {
        Audience::Program => failure.into_response(),
        Audience::Browser => guarded(Trouble::from(failure).into_response()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_comes_from_here() {
        let check = |fields: &[(&'static str, &str)], own: bool| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "10.77.0.1:8443".parse().unwrap());
            for (name, value) in fields {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(own_origin(&headers), own, "{fields:?}");
        };
        check(&[], true);
        check(&[("origin", "https://10.77.0.1:8443"), ("sec-fetch-site", "same-origin")], true);
        check(&[("origin", "https://10.77.0.1:8443")], true);
        check(&[("origin", "https://10.77.0.1")], false);
        check(&[("origin", "http://10.77.0.1:8443")], false);
        check(&[("origin", "https://evil.example")], false);
        check(&[("origin", "null")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
    }
}
