//! Requests to one BMC: one at a time, in bounds of time and size, with a session that is renewed where it ended.

mod exchange;
mod pace;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::bmc::Fault;
use reqwest::header::HeaderValue;
use reqwest::{Client, Method, Url};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::exchange::Request;
use super::answer::{Answer, conditions};
use super::doc;
use super::pin::{Pin, tls};
use super::places::ROOT;
use crate::bmc::access::Password;

pub use self::pace::Pace;

/// Whom a BMC knows us as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Password,
}

pub struct Http {
    client: Client,
    base: Url,
    login: Login,
    pin: Arc<Pin>,
    pub pace: Pace,
    session: Mutex<Option<Session>>,
}

#[derive(Clone, PartialEq)]
enum Session {
    /// By whose path it is ended.
    Token { token: HeaderValue, path: Option<String> },
    /// It has no sessions, or none left.
    Basic,
}

impl Http {
    /// Of `https://ADDRESS[:PORT]`.
    pub fn new(base: Url, login: Login, pinned: Option<String>, pace: Pace) -> Result<Http, Fault> {
        let ours = |error: &dyn fmt::Display| Fault::Unsupported(format!("cannot speak HTTPS: {error}"));
        let pin = Arc::new(Pin::new(pinned));
        let tls = tls(pin.clone()).map_err(|error| ours(&error))?;
        // A proxy of the environment is for the internet; one connection is all that some BMCs bear.
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .http1_only()
            .connect_timeout(pace.connect)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("metald/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ours(&error))?;
        Ok(Http { client, base, login, pin, pace, session: Mutex::new(None) })
    }

    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    pub fn user(&self) -> &str {
        &self.login.user
    }

    pub fn pinned(&self) -> Option<String> {
        self.pin.pinned()
    }

    /// A document. One that asks for a short wait is asked once more.
    pub async fn get(&self, path: &str) -> Result<Value, Fault> {
        let mut answer = self.look(path).await?;
        if let Some(wait) = answer.retry_after.map(Duration::from_secs)
            && matches!(answer.status, 429 | 503)
            && wait <= self.pace.retry
        {
            tokio::time::sleep(wait).await;
            answer = self.look(path).await?;
        }
        match answer.garbled {
            _ if !answer.taken() => Err(answer.fault(path)),
            Some(how) => Err(Fault::Garbled(format!("{path}: {how}"))),
            None if answer.body.is_null() => Err(Fault::Garbled(format!("{path}: an empty answer"))),
            None => Ok(answer.body),
        }
    }

    /// As [`Http::get`], with status and headers, whatever they are.
    pub async fn look(&self, path: &str) -> Result<Answer, Fault> {
        self.call(Request::get(path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Fault> {
        self.call(Request { method: Method::POST, body: Some(body), ..Request::get(path) }).await
    }

    /// With the resource's version as its condition, or any, or none, until the BMC is content (DSP0266, ETags).
    pub async fn patch(&self, path: &str, body: &Value, always: bool) -> Result<Answer, Fault> {
        let mut tags = self.tags(path).await?;
        let first = conditions(&tags, always).into_iter().next().flatten();
        let patch = Request { method: Method::PATCH, body: Some(body), ..Request::get(path) };
        let mut answer = self.call(Request { condition: first.as_deref(), ..patch.clone() }).await?;
        if answer.condition() {
            // It may have changed in between: Lenovo's do by themselves
            // (https://github.com/ansible-collections/community.general/issues/11261).
            tags = self.tags(path).await?;
            for condition in conditions(&tags, always) {
                answer = self.call(Request { condition: condition.as_deref(), ..patch.clone() }).await?;
                if !answer.condition() {
                    break;
                }
            }
        }
        Ok(answer)
    }

    /// Ends the session: a BMC has few.
    pub async fn close(&self) -> Result<(), Fault> {
        let session = self.session.lock().await.take();
        if let Some(Session::Token { path: Some(path), .. }) = &session {
            let end = Request { method: Method::DELETE, ..Request::get(path) };
            self.exchange(&end, session.as_ref()).await?;
        }
        Ok(())
    }

    /// Forgets the session without a word, since whoever held it is gone.
    pub async fn forget(&self) {
        self.session.lock().await.take();
    }

    async fn tags(&self, path: &str) -> Result<Vec<String>, Fault> {
        let answer = self.look(path).await?;
        // Headers come with a tag quoted twice, bodies with an old one: each is tried.
        let body = answer.body.get("@odata.etag").and_then(Value::as_str).map(str::to_string);
        let mut tags: Vec<String> = answer.etag.into_iter().chain(body).collect();
        tags.dedup();
        Ok(tags)
    }

    async fn call(&self, request: Request<'_>) -> Result<Answer, Fault> {
        let path = request.path;
        let session = self.session().await?;
        let answer = self.exchange(&request, Some(&session)).await?;
        if session == Session::Basic && answer.no_more_sessions() {
            // Some make a session for each request of this kind, too.
            self.forget().await;
            return Err(Fault::NoSessions(format!(
                "it opens no more sessions: {path} answered {}",
                answer.words()
            )));
        }
        if answer.status != 401 {
            return Ok(answer);
        }
        // The session ended; a second refusal is of the password, and a third try might lock the account.
        let mut held = self.session.lock().await;
        if held.as_ref() == Some(&session) {
            *held = None;
        }
        drop(held);
        if session == Session::Basic {
            return Err(answer.fault(path));
        }
        let session = self.session().await?;
        let answer = self.exchange(&request, Some(&session)).await?;
        if answer.status == 401 { Err(answer.fault(path)) } else { Ok(answer) }
    }

    async fn session(&self) -> Result<Session, Fault> {
        let mut held = self.session.lock().await;
        if let Some(session) = &*held {
            return Ok(session.clone());
        }
        let session = self.log_in().await?;
        *held = Some(session.clone());
        Ok(session)
    }

    /// DSP0266, session login. The root is read without authentication, and says where.
    async fn log_in(&self) -> Result<Session, Fault> {
        let root = self.exchange(&Request::get(ROOT), None).await?;
        let linked = root.body.get("Links").and_then(|links| doc::link(links, "Sessions"));
        let service =
            || Some(doc::link(&root.body, "SessionService")?.trim_end_matches('/').to_string() + "/Sessions");
        let path = match linked.or_else(service) {
            Some(path) => path,
            // It says what it has, and has none.
            None if root.taken() && root.body.is_object() => return Ok(Session::Basic),
            None => format!("{ROOT}SessionService/Sessions"),
        };
        let login = json!({"UserName": self.login.user, "Password": self.login.password.expose()});
        let post = Request { method: Method::POST, body: Some(&login), ..Request::get(&path) };
        let answer = self.exchange(&post, None).await?;
        if answer.no_more_sessions() {
            return Ok(Session::Basic);
        }
        match answer.status {
            200..300 => {
                let token = answer.token.as_deref().and_then(|token| HeaderValue::from_str(token).ok());
                Ok(token.map_or(Session::Basic, |mut token| {
                    token.set_sensitive(true);
                    let path =
                        answer.location.as_deref().and_then(doc::path).or_else(|| doc::id(&answer.body));
                    Session::Token { token, path }
                }))
            }
            // No such service, or one that wants a login for the login.
            404 | 405 | 501 => Ok(Session::Basic),
            401 if root.status == 401 => Ok(Session::Basic),
            400 | 401 | 403 => {
                Err(Fault::Refused(format!("{} may not log in: {}", self.login.user, answer.words())))
            }
            _ => Err(answer.fault(&path)),
        }
    }
}
