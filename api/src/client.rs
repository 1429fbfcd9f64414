//! The HTTPS client of operators' tools, tests and agents. It trusts one CA, the server's, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cluster::{
    Cluster, ClusterAccess, ClusterDetail, ClusterTaskView, Grant, Identity, KubeconfigAnswer,
    KubeconfigRequest, Retyped,
};
use crate::id::Mac;
use crate::image::{FileCheck, Manifest};
use crate::import::{ImportRow, Imported};
use crate::label::LabelChange;
use crate::lease::LeaseView;
use crate::machine::{
    Allowed, Erasure, ErrorBody, EventQuery, LogEntry, Machine, MachineDetail, MachineEvent, Page,
    ProfileSettings, ProfileView, Reservation, Why,
};
use crate::order::Order;
use crate::routes::operator;
use crate::site::{SiteApplied, SiteText};
use crate::tombstone::Tombstone;
use crate::user::{AuditEntry, AuditQuery, Issued, NewUser, User};
use crate::who::{MergeInto, Rename, Split};
use crate::wipe::{WipePreview, WipeWish};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server understood and said no.
    #[error("{message}")]
    Refused { status: u16, message: String, hint: Option<String> },
    #[error("no answer from {url}: {cause}")]
    Unreachable { url: String, cause: String },
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

    /// One call. None for an answer without a body (204).
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Option<T>, Error> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response =
            request.send().await.map_err(|e| Error::Unreachable { url: url.clone(), cause: chain(&e) })?;
        read(url, response).await
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
        let url = format!("{}{path}", self.base);
        let request = self.http.put(&url).timeout(Duration::from_secs(3600));
        let request = request.header(reqwest::header::CONTENT_LENGTH, size).body(file);
        let request = self.token.iter().fold(request, |request, token| request.bearer_auth(token));
        let response =
            request.send().await.map_err(|e| Error::Unreachable { url: url.clone(), cause: chain(&e) })?;
        if response.status().is_success() { Ok(()) } else { Err(refusal(response).await) }
    }

    /// Opens a stream of server-sent events; the caller reads chunks.
    pub async fn stream(&self, path: &str) -> Result<reqwest::Response, Error> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.get(&url).timeout(Duration::from_secs(24 * 3600));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response =
            request.send().await.map_err(|e| Error::Unreachable { url: url.clone(), cause: chain(&e) })?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(response).await)
    }

    /// All machines, page by page.
    pub async fn machines(&self) -> Result<Vec<Machine>, Error> {
        self.pages(operator::MACHINES).await
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

    /// `reference`: hostname, or a prefix of a MAC, serial or id that is one machine's only.
    pub async fn machine(&self, reference: &str) -> Result<MachineDetail, Error> {
        self.get(&operator::machine(reference)).await
    }

    pub async fn verb(&self, reference: &str, verb: &str) -> Result<Machine, Error> {
        self.verb_with(reference, verb, Allowed::default()).await
    }

    /// A verb with what a person allows beside it.
    pub async fn verb_with(&self, reference: &str, verb: &str, allowed: Allowed) -> Result<Machine, Error> {
        self.order(reference, (verb, allowed), &Order::default()).await
    }

    /// A verb that needs more than its name, such as the disks that a wipe means.
    pub async fn order(
        &self,
        reference: &str,
        (verb, allowed): (&str, Allowed),
        order: &Order,
    ) -> Result<Machine, Error> {
        let Allowed { erase_foreign, powered_off, force } = allowed;
        let query = format!("erase_foreign={erase_foreign}&powered_off={powered_off}&force={force}");
        self.ask(&format!("{}?{query}", operator::verb(reference, verb)), order).await
    }

    /// What a wipe with this wish would erase now.
    pub async fn wipe_preview(&self, reference: &str, wish: &WipeWish) -> Result<WipePreview, Error> {
        let WipeWish { scope, erase_foreign, .. } = wish;
        let query = format!("scope={}&erase_foreign={erase_foreign}", scope.as_str());
        self.get(&format!("{}?{query}", operator::wipe_preview(reference))).await
    }

    /// Machines that were deleted, newest first.
    pub async fn tombstones(&self) -> Result<Vec<Tombstone>, Error> {
        self.get(operator::TOMBSTONES).await
    }

    /// `erase_foreign`: as one who would also let somebody else's install go.
    pub async fn erasure(&self, reference: &str, erase_foreign: bool) -> Result<Erasure, Error> {
        self.get(&format!("{}?erase_foreign={erase_foreign}", operator::erasure(reference))).await
    }

    pub async fn logs(&self, reference: &str) -> Result<Vec<LogEntry>, Error> {
        self.get(&operator::logs(reference)).await
    }

    pub async fn why(&self, reference: &str) -> Result<Why, Error> {
        self.get(&operator::why(reference)).await
    }

    pub async fn profiles(&self) -> Result<Vec<ProfileView>, Error> {
        self.get(operator::PROFILES).await
    }

    pub async fn merge(&self, reference: &str, merge: &MergeInto) -> Result<Machine, Error> {
        self.ask(&operator::merge(reference), merge).await
    }

    pub async fn split(&self, reference: &str, split: &Split) -> Result<Machine, Error> {
        self.ask(&operator::split(reference), split).await
    }

    pub async fn rename(&self, reference: &str, rename: &Rename) -> Result<Machine, Error> {
        self.ask(&operator::rename(reference), rename).await
    }

    pub async fn images(&self) -> Result<Vec<Manifest>, Error> {
        self.get(operator::IMAGES).await
    }

    pub async fn profile(&self, name: &str) -> Result<ProfileSettings, Error> {
        self.get(&operator::profile(name)).await
    }

    pub async fn image(&self, name: &str) -> Result<Manifest, Error> {
        self.get(&operator::image(name)).await
    }

    /// Takes as long as the server needs to read all of it.
    pub async fn image_verify(&self, name: &str) -> Result<Vec<FileCheck>, Error> {
        self.ask(&operator::image_verb(name, "verify"), &()).await
    }

    pub async fn image_file(
        &self,
        image: &str,
        file: &str,
        bytes: impl Into<reqwest::Body>,
        size: u64,
    ) -> Result<(), Error> {
        self.upload(&operator::image_file(image, file), bytes, size).await
    }

    pub async fn image_import(&self, name: &str) -> Result<Manifest, Error> {
        self.ask(&operator::image_verb(name, "import"), &()).await
    }

    pub async fn image_delete(&self, name: &str) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::image(name), None::<&()>).await.map(drop)
    }

    pub async fn site(&self) -> Result<SiteText, Error> {
        self.get(operator::SITE).await
    }

    pub async fn site_apply(&self, text: String) -> Result<SiteApplied, Error> {
        let url = format!("{}{}", self.base, operator::SITE);
        let request = self.http.put(&url).body(text);
        let request = self.token.iter().fold(request, |request, token| request.bearer_auth(token));
        let response =
            request.send().await.map_err(|e| Error::Unreachable { url: url.clone(), cause: chain(&e) })?;
        let answer = read(url.clone(), response).await?;
        answer.ok_or_else(|| Error::Garbled { url, cause: "an empty answer".into() })
    }

    /// `dry_run`: only says what would happen.
    pub async fn import(&self, rows: &[ImportRow], dry_run: bool) -> Result<Imported, Error> {
        self.ask(&format!("{}?dry_run={dry_run}", operator::IMPORT), &rows).await
    }

    pub async fn label(&self, reference: &str, change: &LabelChange) -> Result<Machine, Error> {
        self.ask(&operator::labels(reference), change).await
    }

    /// All leases, page by page.
    pub async fn leases(&self) -> Result<Vec<LeaseView>, Error> {
        self.pages(operator::LEASES).await
    }

    pub async fn reserve(&self, reservation: Reservation) -> Result<Reservation, Error> {
        self.ask(operator::RESERVATIONS, &reservation).await
    }

    pub async fn unreserve(&self, mac: Mac) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::reservation(mac), None::<&()>).await.map(drop)
    }

    /// The oldest first.
    pub async fn history(&self, query: &EventQuery) -> Result<Vec<MachineEvent>, Error> {
        let EventQuery { machine, since, limit } = query;
        let parts = [
            machine.as_ref().map(|machine| format!("machine={machine}")),
            since.map(|since| format!("since={since}")),
            limit.map(|limit| format!("limit={limit}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        self.get(&format!("{}?{}", operator::HISTORY, parts.join("&"))).await
    }

    pub async fn clusters(&self) -> Result<Vec<Cluster>, Error> {
        self.get(operator::CLUSTERS).await
    }

    pub async fn cluster(&self, name: &str) -> Result<ClusterDetail, Error> {
        self.get(&operator::cluster(name)).await
    }

    pub async fn identity(&self) -> Result<Identity, Error> {
        self.get(operator::IDENTITY).await
    }

    /// Takes as long as a control plane needs to sign.
    pub async fn kubeconfig(
        &self,
        cluster: &str,
        request: &KubeconfigRequest,
    ) -> Result<KubeconfigAnswer, Error> {
        self.ask(&operator::kubeconfig(cluster), request).await
    }

    /// `retyped`: the cluster's name once more, as a person typed it.
    pub async fn reset(&self, cluster: &str, retyped: Retyped) -> Result<Cluster, Error> {
        self.ask(&operator::cluster_verb(cluster, "reset"), &retyped).await
    }

    pub async fn grant(&self, cluster: &str) -> Result<Grant, Error> {
        self.get(&operator::cluster_verb(cluster, "adopt")).await
    }

    pub async fn adopt(&self, cluster: &str, access: &ClusterAccess) -> Result<Cluster, Error> {
        self.ask(&operator::cluster_verb(cluster, "adopt"), access).await
    }

    pub async fn users(&self) -> Result<Vec<User>, Error> {
        self.get(operator::USERS).await
    }

    pub async fn user_add(&self, new: &NewUser) -> Result<Issued, Error> {
        self.ask(operator::USERS, new).await
    }

    pub async fn user_revoke(&self, name: &str) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::user(name), None::<&()>).await.map(drop)
    }

    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, Error> {
        let parts = [
            ("who", query.who.clone()),
            ("subject", query.subject.clone()),
            ("before", query.before.clone()),
            ("limit", query.limit.map(|limit| limit.to_string())),
        ];
        let given = parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        self.get(&format!("{}?{}", operator::AUDIT, given.collect::<Vec<_>>().join("&"))).await
    }

    pub async fn snapshot(&self, cluster: &str) -> Result<ClusterTaskView, Error> {
        self.ask(&operator::cluster_verb(cluster, "snapshot"), &()).await
    }
}

async fn read<T: DeserializeOwned>(url: String, response: reqwest::Response) -> Result<Option<T>, Error> {
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    if !response.status().is_success() {
        return Err(refusal(response).await);
    }
    let bytes =
        response.bytes().await.map_err(|e| Error::Unreachable { url: url.clone(), cause: chain(&e) })?;
    serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::Garbled { url, cause: e.to_string() })
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
