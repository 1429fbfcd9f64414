//! Requests to one BMC: one at a time, in bounds of time and size, with a session that is renewed where it ended.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::bmc::Fault;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::answer::{Answer, conditions};
use super::doc;
use super::pin::{Pin, tls};
use super::places::ROOT;
use crate::bmc::access::Password;

/// Whom a BMC knows us as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: Password,
}

/// How long things may take; tests are in a hurry.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub connect: Duration,
    /// From a request to the last byte of its answer. BMCs take seconds for what others do in a millisecond.
    pub answer: Duration,
    /// All requests of one question, such as the inventory.
    pub question: Duration,
    /// A task other than a firmware update.
    pub task: Duration,
    /// Between two looks at a task, at an override that was just written, at the power in a cycle.
    pub look: Duration,
    /// The longest `Retry-After` that is waited for; a longer one is told to the caller.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        let seconds = Duration::from_secs;
        Pace {
            connect: seconds(10),
            answer: seconds(30),
            question: seconds(300),
            task: seconds(120),
            look: seconds(2),
            retry: seconds(5),
        }
    }
}

/// A BMC's largest documents are logs, of a few hundred kilobytes.
const LARGEST: usize = 8 << 20;
const REDIRECTS: usize = 3;
const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

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
        self.call(Method::GET, path, None, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Fault> {
        self.call(Method::POST, path, Some(body), None).await
    }

    /// With the resource's version as its condition, or any, or none, until the BMC is content (DSP0266, ETags).
    pub async fn patch(&self, path: &str, body: &Value, always: bool) -> Result<Answer, Fault> {
        let mut tags = self.tags(path).await?;
        let first = conditions(&tags, always).into_iter().next().flatten();
        let mut answer = self.call(Method::PATCH, path, Some(body), first.as_deref()).await?;
        if answer.condition() {
            // It may have changed in between: Lenovo's do by themselves
            // (https://github.com/ansible-collections/community.general/issues/11261).
            tags = self.tags(path).await?;
            for condition in conditions(&tags, always) {
                answer = self.call(Method::PATCH, path, Some(body), condition.as_deref()).await?;
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
            self.exchange(Method::DELETE, path, None, None, session.as_ref()).await?;
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

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        condition: Option<&str>,
    ) -> Result<Answer, Fault> {
        let session = self.session().await?;
        let answer = self.exchange(method.clone(), path, body, condition, Some(&session)).await?;
        if session == Session::Basic && answer.no_more_sessions() {
            // Some make a session for each request of this kind, too.
            self.forget().await;
            return Err(Fault::Refused(format!(
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
        let answer = self.exchange(method, path, body, condition, Some(&session)).await?;
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
        let root = self.exchange(Method::GET, ROOT, None, None, None).await?;
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
        let answer = self.exchange(Method::POST, &path, Some(&login), None, None).await?;
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

    /// One request, sent again where it is sent elsewhere on the same BMC.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        condition: Option<&str>,
        session: Option<&Session>,
    ) -> Result<Answer, Fault> {
        let mut path = path.to_string();
        for _ in 0..=REDIRECTS {
            let answer = self.once(method.clone(), &path, body, condition, session).await?;
            let elsewhere =
                answer.location.as_deref().filter(|_| matches!(answer.status, 301 | 302 | 307 | 308));
            match elsewhere.and_then(|location| self.same_origin(location)) {
                Some(next) => path = next,
                None => return Ok(answer),
            }
        }
        Err(Fault::Garbled(format!("{path}: it redirects without end")))
    }

    /// The path, if it is of this BMC: neither password nor token go anywhere else.
    fn same_origin(&self, location: &str) -> Option<String> {
        let url = self.base.join(location).ok()?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        if url.origin() == self.base.origin() { doc::path(&(url.path().to_string() + &query)) } else { None }
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        condition: Option<&str>,
        session: Option<&Session>,
    ) -> Result<Answer, Fault> {
        let url = self.base.join(path).map_err(|error| Fault::Garbled(format!("{path}: {error}")))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ODATA_VERSION, HeaderValue::from_static("4.0"));
        if let Some(condition) = condition.and_then(|condition| HeaderValue::from_str(condition).ok()) {
            headers.insert(header::IF_MATCH, condition);
        }
        if let Some(Session::Token { token, .. }) = session {
            headers.insert(AUTH_TOKEN, token.clone());
        }
        let mut request = self.client.request(method.clone(), url).headers(headers);
        if let Some(Session::Basic) = session {
            request = request.basic_auth(&self.login.user, Some(self.login.password.expose()));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let begun = Instant::now();
        let again = if method == Method::GET { request.try_clone() } else { None };
        let exchange = async {
            let response = match (request.send().await, again) {
                // A BMC ends a connection that was idle when it likes, also just then (RFC 9112, 9.3.1).
                (Err(error), Some(again)) if closed(&error) => again.send().await,
                (sent, _) => sent,
            };
            read(response?).await
        };
        match timeout(self.pace.answer, exchange).await {
            Ok(Ok(answer)) => {
                let took = begun.elapsed().as_millis();
                tracing::trace!(host = self.base.host_str(), %method, path, answer.status, took, "redfish");
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.trouble(path, error.without_url()).await),
            Err(_) => Err(self.hung(path)),
        }
    }

    /// What an error of the connection means.
    async fn trouble(&self, path: &str, error: reqwest::Error) -> Fault {
        if let Some((pinned, presented)) = self.pin.take_refused() {
            return Fault::CertificateChanged { pinned, presented };
        }
        let words = deepest(&error);
        if error.is_connect() {
            // The time for connecting covers TCP and TLS: whether anybody is there, TCP alone says.
            return match self.knock().await {
                true if error.is_timeout() => self.hung(path),
                true => Fault::Garbled(format!("{}: {words}", self.base.authority())),
                false => Fault::Unreachable(format!("{}: {words}", self.base.authority())),
            };
        }
        if error.is_timeout() { self.hung(path) } else { Fault::Garbled(format!("{path}: {words}")) }
    }

    fn hung(&self, path: &str) -> Fault {
        let seconds = self.pace.answer.as_secs_f32();
        Fault::Hung(format!("{}: no answer to {path} in {seconds} s", self.base.authority()))
    }

    async fn knock(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default().trim_matches(['[', ']']).to_string();
        let port = self.base.port_or_known_default().unwrap_or(443);
        let connect = tokio::net::TcpStream::connect((host, port));
        matches!(timeout(self.pace.connect, connect).await, Ok(Ok(_)))
    }
}

/// The connection ended before anything of the answer came.
fn closed(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

async fn read(mut response: Response) -> reqwest::Result<Answer> {
    let text = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_string);
    let mut answer = Answer {
        status: response.status().as_u16(),
        location: text(header::LOCATION),
        etag: text(header::ETAG),
        token: text(AUTH_TOKEN),
        retry_after: text(header::RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()),
        ..Answer::default()
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > LARGEST {
            answer.garbled = Some(format!("longer than {} MiB", LARGEST >> 20));
            return Ok(answer);
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(answer);
    }
    match serde_json::from_slice(&bytes) {
        Ok(body) => answer.body = body,
        Err(error) => answer.garbled = Some(format!("{} bytes that are no JSON: {error}", bytes.len())),
    }
    Ok(answer)
}

/// The outermost layers say only that something inside them failed.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
