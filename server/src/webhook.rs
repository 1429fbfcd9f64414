//! Tells the receivers that the site file names of every change of a machine's state. Each has a task of its own and
//! a mark in the database: one that is away is told later, in order, and keeps nobody waiting.

mod due;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::header::CONTENT_TYPE;
use tokio::sync::broadcast::error::RecvError;

use self::due::{Change, backoff, signature, wants};
use crate::app::App;
use crate::clock;
use crate::config::Webhook;
use crate::store::{Mark, Told};

/// How long things take; tests are in a hurry.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// An entry may be written a moment after its time: nothing younger is told, so that nothing is passed over.
    pub settle: Duration,
    /// Waited after the first failure, and at most.
    pub first: Duration,
    pub most: Duration,
    /// Other servers on the same database wake nobody here.
    pub look: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        let seconds = Duration::from_secs;
        Pace { settle: seconds(3), first: seconds(1), most: seconds(300), look: seconds(15) }
    }
}

/// What is older than a day helps nobody any more.
const LATEST: i64 = 86_400 * 1_000_000;
const HOUR: i64 = 3600 * 1_000_000;
const BATCH: i64 = 100;
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is told, and all that it takes.
pub struct Receiver {
    webhook: Webhook,
    secret: Vec<u8>,
    http: reqwest::Client,
}

impl Receiver {
    /// Reads the secret.
    pub fn new(webhook: &Webhook) -> Result<Receiver> {
        let secret = secret(&webhook.secret_file)?;
        let tls = tls_config()?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("metald/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("cannot speak HTTPS")?;
        Ok(Receiver { webhook: webhook.clone(), secret, http })
    }

    async fn post(&self, site: &str, told: &Told) -> Result<()> {
        let change = Change::of(site, told);
        let body = serde_json::to_vec(&change)?;
        let signed = signature(&self.secret, clock::now() / 1_000_000, &body);
        let request = self.http.post(&self.webhook.url).header(CONTENT_TYPE, "application/json");
        let request = request.header("Metald-Signature", signed).header("Metald-Delivery", &change.id);
        // The address may hold a secret of the receiver: it is not said.
        let answer = request.body(body).send().await.map_err(reqwest::Error::without_url)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => bail!("it answered {status} to {}", change.id),
        }
    }
}

/// Tells one receiver for ever. `failures` counts the attempts since the last success.
pub async fn tell(app: App, receiver: Receiver, pace: Pace, failures: Arc<AtomicU64>) -> Result<()> {
    let mut changes = app.store.changes();
    loop {
        match pass(&app, &receiver, pace).await {
            Ok(()) => {
                failures.store(0, Relaxed);
                let woken = tokio::time::timeout(pace.look, changes.recv()).await;
                if let Ok(Err(RecvError::Closed)) = woken {
                    return Ok(());
                }
                tokio::time::sleep(pace.settle).await;
            }
            Err(error) => {
                let number = u32::try_from(failures.fetch_add(1, Relaxed) + 1).unwrap_or(u32::MAX);
                let name = &receiver.webhook.name;
                tracing::warn!(webhook = name, failures = number, "a receiver was not told: {error:#}");
                tokio::time::sleep(backoff(pace.first, pace.most, number)).await;
            }
        }
    }
}

/// Tells all that is due. The mark moves with each entry that was taken, or that is none of the receiver's business.
async fn pass(app: &App, receiver: &Receiver, pace: Pace) -> Result<()> {
    let (now, name) = (clock::now(), &receiver.webhook.name);
    let begin = Mark { at: now, ..Mark::default() };
    let mut mark = app.store.webhook_mark(name, begin).await?;
    if mark.at < now - LATEST {
        tracing::warn!(webhook = name, "a receiver was away for more than a day: what is older is not told");
        mark = Mark { at: now - LATEST, ..Mark::default() };
    }
    let until = now - i64::try_from(pace.settle.as_micros()).unwrap_or(i64::MAX);
    loop {
        let batch = app.store.history_behind(&mark, until, BATCH).await?;
        let Some(last) = batch.last() else {
            // Where nothing happens for days nobody is away.
            if until - mark.at > HOUR {
                app.store.webhook_told(name, Mark { at: until, ..Mark::default() }).await?;
            }
            return Ok(());
        };
        mark = last.mark.clone();
        for told in batch.iter().filter(|told| wants(&receiver.webhook.states, told)) {
            receiver.post(&app.site.name, told).await?;
            app.store.webhook_told(name, told.mark.clone()).await?;
        }
        app.store.webhook_told(name, mark.clone()).await?;
    }
}

/// The key of the signatures: a line of a file that others do not read.
fn secret(path: &Path) -> Result<Vec<u8>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let secret = text.trim();
    ensure!(
        secret.len() >= 16,
        "{} is too short for a secret: `openssl rand -hex 32` makes one",
        path.display()
    );
    Ok(secret.into())
}

/// Receivers are anybody's: whom this machine believes, we believe.
pub(crate) fn tls_config() -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new(provider.clone())
        .context("cannot read whom this machine believes: is the package ca-certificates installed?")?;
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}
