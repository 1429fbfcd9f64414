//! The boot server over plain HTTP: its CA and the time at first contact. Nothing from here is believed
//! unless a fingerprint or a digest says so.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::routes::boot::CA;

use crate::{clock, credentials, http_date};

/// A client for URLs of the boot server. It is given a TLS configuration that trusts nobody, because the
/// default one looks for the system's CAs and aborts where there are none, even for plain HTTP.
pub fn client() -> Result<reqwest::Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("cannot set up TLS")?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .no_proxy()
        .build()
        .context("cannot make an HTTP client")
}

pub struct FirstContact {
    pub ca_pem: String,
    /// By the server's clock, in microseconds since 1970.
    pub time: i64,
    /// The machine's clock minus the server's, before anything was set.
    pub clock_error_ms: i64,
}

pub async fn first_contact(boot: &str, ca_sha256: &str) -> Result<FirstContact> {
    let url = format!("{boot}{CA}");
    let answer = client()?.get(&url).send().await.with_context(|| format!("no answer from {url}"))?;
    let here = clock::now();
    ensure!(answer.status().is_success(), "{url} answered {}", answer.status());
    let date = answer.headers().get("date").and_then(|d| d.to_str().ok()).unwrap_or_default().to_string();
    let ca_pem = answer.text().await.with_context(|| format!("{url} broke off"))?;
    credentials::check_ca(&ca_pem, ca_sha256)?;
    let time = http_date::parse(&date)
        .with_context(|| format!("{url} answered with the date `{date}`, which is none"))?;
    Ok(FirstContact { ca_pem, time, clock_error_ms: (here - time) / 1000 })
}
