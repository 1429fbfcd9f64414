//! The HTTPS client of operators' tools, tests and agents. It trusts one CA, the server's, and nothing else. What can be
//! called is in the files beside it, by noun.

mod cluster;
pub mod console;
mod machine;
mod rack;

mod power;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::machine::{ErrorBody, Page};

/// What the server sends for as long as it is listened to.
pub type Stream = reqwest::Response;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server understood and said no.
    #[error("{message}")]
    Refused { status: u16, message: String, hint: Option<String> },
    #[error("no answer from {url}: {cause}")]
    Unreachable {
        url: String,
        cause: String,
        /// It took the request, and did not answer in time.
        late: bool,
    },
    #[error("{url} answered something that is not ours: {cause}")]
    Garbled { url: String, cause: String },
    #[error("cannot use this certificate or key: {0}")]
    Credentials(String),
}

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// A certificate and its key, PEM.
pub struct ClientCertificate<'a> {
    pub certificate_pem: &'a str,
    pub key_pem: &'a str,
}

impl Client {
    /// `base` such as `https://10.77.0.1:8443`; `ca_pem` the only CA that is believed.
    pub fn new(
        base: &str,
        ca_pem: &str,
        certificate: Option<ClientCertificate<'_>>,
    ) -> Result<Client, Error> {
        let tls = tls_config(ca_pem, certificate)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(Duration::from_secs(10))
            // A little more than a control plane is given to sign a certificate.
            .timeout(Duration::from_secs(135))
            .no_proxy()
            .build()
            .map_err(|e| Error::Credentials(chain(&e)))?;
        Ok(Client { http, base: base.trim_end_matches('/').into(), token: None })
    }

    /// The same client with an operator's token.
    pub fn with_token(self, token: &str) -> Client {
        Client { token: Some(token.trim().into()), ..self }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        self.token.iter().fold(request, |request, token| request.bearer_auth(token))
    }

    async fn send(&self, path: &str, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
        let url = format!("{}{path}", self.base);
        let response = request.send().await.map_err(|e| unreachable(url, &e))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    /// One call. None for an answer without a body (204).
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Option<T>, Error> {
        let request = self.request(method, path);
        let request = body.iter().fold(request, |request, body| request.json(body));
        read(self.send(path, request).await?).await
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = self.call(Method::GET, path, None::<&()>).await?;
        answer.ok_or_else(|| Error::Garbled { url: path.into(), cause: "an empty answer".into() })
    }

    /// A POST that is always answered with something.
    async fn ask<T: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<T, Error> {
        let answer = self.post(path, body).await?;
        answer.ok_or_else(|| Error::Garbled { url: path.into(), cause: "an empty answer".into() })
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Option<T>, Error> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// PUTs the bytes of a file, however large; they are read while they are sent.
    pub async fn upload(&self, path: &str, file: impl Into<reqwest::Body>, size: u64) -> Result<(), Error> {
        let request = self.request(Method::PUT, path).timeout(Duration::from_secs(3600));
        let request = request.header(reqwest::header::CONTENT_LENGTH, size).body(file);
        self.send(path, request).await.map(drop)
    }

    /// Opens a stream of server-sent events; the caller reads chunks.
    pub async fn stream(&self, path: &str) -> Result<Stream, Error> {
        self.send(path, self.request(Method::GET, path).timeout(Duration::from_secs(24 * 3600))).await
    }

    async fn pages<T: DeserializeOwned>(&self, list: &str) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut path = list.to_string();
        loop {
            let page: Page<T> = self.get(&path).await?;
            all.extend(page.items);
            match page.next {
                Some(after) => path = format!("{list}?after={after}"),
                None => return Ok(all),
            }
        }
    }
}

async fn read<T: DeserializeOwned>(response: reqwest::Response) -> Result<Option<T>, Error> {
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    let url = response.url().to_string();
    let bytes = response.bytes().await.map_err(|e| unreachable(url.clone(), &e))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::Garbled { url, cause: e.to_string() })
}

fn unreachable(url: String, error: &reqwest::Error) -> Error {
    let late = error.is_timeout() && !error.is_connect();
    Error::Unreachable { url, cause: chain(error), late }
}

async fn refusal(response: reqwest::Response) -> Error {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let body = serde_json::from_str(&text)
        .unwrap_or(ErrorBody { error: format!("the server answered {status}"), hint: None });
    Error::Refused { status: status.as_u16(), message: body.error, hint: body.hint }
}

fn tls_config(
    ca_pem: &str,
    certificate: Option<ClientCertificate<'_>>,
) -> Result<rustls::ClientConfig, Error> {
    let bad = |e: &dyn std::fmt::Display| Error::Credentials(e.to_string());
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).map_err(|e| bad(&e))?;
    roots.add(ca).map_err(|e| bad(&e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(&e))?
        .with_root_certificates(roots);
    let Some(own) = certificate else { return Ok(builder.with_no_client_auth()) };
    let chain = vec![CertificateDer::from_pem_slice(own.certificate_pem.as_bytes()).map_err(|e| bad(&e))?];
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).map_err(|e| bad(&e))?;
    builder.with_client_auth_cert(chain, key).map_err(|e| bad(&e))
}

/// An error with its causes in one line: the outermost alone ("error sending request") explains nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
