//! A file of this machine, streamed to the server.

use std::path::Path;

use anyhow::{Context, Result};
use api::client::Error;

use super::{Session, Waiting};
use crate::report::Report;

impl Session {
    /// From its beginning again where the server went away in the middle: what it has of half a file is nothing.
    pub async fn upload(&self, path: &str, file: &Path, size: u64, report: &Report) -> Result<()> {
        let mut waiting = Waiting::new(self.home, self.patience);
        loop {
            report.still_wanted()?;
            let shown = || format!("cannot read {}", file.display());
            let stream = tokio::fs::File::open(file).await.with_context(shown)?;
            match self.client.upload(path, stream, size).await {
                Ok(()) => return Ok(()),
                Err(error @ Error::Refused { status: 400..=499, .. }) => return Err(error.into()),
                Err(error) => waiting.after(&error.into(), &self.log).await?,
            }
        }
    }
}
