//! One request and its answer: where it may go, how long and how large it may be, and what an error of the connection
//! means.

use api::bmc::Fault;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::{Http, Session};
use crate::bmc::redfish::answer::Answer;
use crate::bmc::redfish::doc;

/// A BMC's largest documents are logs, of a few hundred kilobytes.
const LARGEST: usize = 8 << 20;
const REDIRECTS: usize = 3;
const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// What is sent, to a path of the BMC.
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub method: Method,
    pub path: &'a str,
    pub body: Option<&'a Value>,
    /// The version of the resource that is meant: `If-Match`.
    pub condition: Option<&'a str>,
}

impl Request<'_> {
    pub(super) fn get(path: &str) -> Request<'_> {
        Request { method: Method::GET, path, body: None, condition: None }
    }
}

impl Http {
    /// One request, sent again where it is sent elsewhere on the same BMC.
    pub(super) async fn exchange(
        &self,
        request: &Request<'_>,
        session: Option<&Session>,
    ) -> Result<Answer, Fault> {
        let mut path = request.path.to_string();
        for _ in 0..=REDIRECTS {
            let answer = self.once(&Request { path: &path, ..request.clone() }, session).await?;
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

    async fn once(&self, asked: &Request<'_>, session: Option<&Session>) -> Result<Answer, Fault> {
        let Request { method, path, body, condition } = asked;
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
        let again = if *method == Method::GET { request.try_clone() } else { None };
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
