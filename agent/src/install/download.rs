//! Fetches an image over HTTP into a channel and hashes it on the way. A dropped connection goes on at the
//! byte that was reached, so whoever decodes at the other end notices nothing.

use anyhow::{Context, Result, bail, ensure};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;

use crate::log::Log;
use crate::patience;
use crate::report::Report;

/// Failures in a row without a single new byte: with the pauses between them about six minutes.
const ATTEMPTS: u32 = 20;

pub struct Source {
    pub url: String,
    pub size: u64,
}

pub struct Download<'a> {
    pub http: &'a Client,
    pub source: &'a Source,
    pub report: &'a Report,
    pub log: &'a Log,
    /// Multiplies the pauses; 0 where a test does not want to wait.
    pub pace: f64,
}

/// Where a download ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// All bytes; their SHA-256 in hex.
    Whole { sha256: String },
    /// The other end of the channel hung up: it has the reason.
    Unread,
}

struct Position {
    reached: u64,
    hash: Sha256,
}

impl Download<'_> {
    pub async fn send_to(&self, sink: Sender<Vec<u8>>) -> Result<Fetched> {
        let mut position = Position { reached: 0, hash: Sha256::new() };
        let mut failures = 0;
        loop {
            let before = position.reached;
            match self.attempt(&mut position, &sink).await {
                Ok(Some(fetched)) => return Ok(fetched),
                Ok(None) => {
                    return Ok(Fetched::Whole { sha256: hex::encode(position.hash.finalize()) });
                }
                Err(error) => {
                    self.report.still_wanted()?;
                    failures = if position.reached > before { 1 } else { failures + 1 };
                    if failures >= ATTEMPTS {
                        return Err(error.context(format!(
                            "gave up at byte {} of {} after {ATTEMPTS} attempts that brought nothing",
                            position.reached, self.source.size
                        )));
                    }
                    self.log.say(format!(
                        "the download stopped at byte {} of {}: {error:#}; going on from there",
                        position.reached, self.source.size
                    ));
                    let pause = patience::pause(failures, position.reached as u8);
                    tokio::time::sleep(pause.mul_f64(self.pace)).await;
                }
            }
        }
    }

    /// One connection. None when all bytes are there.
    async fn attempt(&self, position: &mut Position, sink: &Sender<Vec<u8>>) -> Result<Option<Fetched>> {
        if position.reached == self.source.size {
            return Ok(None);
        }
        let (mut response, mut skip) = self.open(position.reached).await?;
        while let Some(chunk) = response.chunk().await.context("the connection dropped")? {
            self.report.still_wanted()?;
            // A server that answers a Range with the whole file sends the known bytes again.
            let known = skip.min(chunk.len() as u64);
            skip -= known;
            let fresh = &chunk[known as usize..];
            if fresh.is_empty() {
                continue;
            }
            let reached = position.reached + fresh.len() as u64;
            ensure!(
                reached <= self.source.size,
                "{} is longer than the {} bytes of the plan",
                self.source.url,
                self.source.size
            );
            position.hash.update(fresh);
            position.reached = reached;
            if sink.send(fresh.to_vec()).await.is_err() {
                return Ok(Some(Fetched::Unread));
            }
            self.report.done(reached);
        }
        ensure!(position.reached == self.source.size, "the server closed the connection early");
        Ok(None)
    }

    /// The response and how many of its first bytes are known already.
    async fn open(&self, reached: u64) -> Result<(Response, u64)> {
        let url = &self.source.url;
        let mut request = self.http.get(url);
        if reached > 0 {
            request = request.header(RANGE, format!("bytes={reached}-"));
        }
        let response = request.send().await.with_context(|| format!("no answer from {url}"))?;
        match response.status() {
            StatusCode::OK => Ok((response, reached)),
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|r| r.to_str().ok());
                let range = range.unwrap_or_default();
                ensure!(
                    range.starts_with(&format!("bytes {reached}-")),
                    "{url} was asked from byte {reached} on and answered with `{range}`"
                );
                Ok((response, 0))
            }
            status => bail!("{url} answered {status}"),
        }
    }
}
