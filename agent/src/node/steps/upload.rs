//! A snapshot of etcd, taken by the member on this machine and streamed to the server.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use api::client::Error;
use api::routes::agent;

use crate::node::etcd::{self, Etcdctl};
use crate::node::{blocking, files};
use crate::report::Report;
use crate::session::{Session, Waiting};

/// On the disk: it may be larger than what memory has left. It holds all of the cluster's secrets.
const FOLDER: &str = "/var/lib/metal";

/// Goes with its last owner.
struct Saved(PathBuf);

impl Drop for Saved {
    fn drop(&mut self) {
        // One that stays is overwritten by the next.
        let _ = files::remove(&self.0);
    }
}

pub async fn snapshot(session: &Session, task: &str, report: &Report) -> Result<()> {
    let saved = blocking(save).await?;
    let size = fs::metadata(&saved.0).map_or(0, |m| m.len());
    report.phase("upload", size);
    let (path, mut waiting) = (agent::snapshot(task), Waiting::new(session.home, session.patience));
    loop {
        report.still_wanted()?;
        let file = tokio::fs::File::open(&saved.0).await.context("cannot read the snapshot")?;
        match session.client.upload(&path, file, size).await {
            Ok(()) => break,
            Err(error @ Error::Refused { status: 400..=499, .. }) => {
                return Err(error).context("the snapshot was not taken");
            }
            // From its beginning again: what a server has of half a snapshot is nothing.
            Err(error) => waiting.after(&error.into(), &session.log).await?,
        }
    }
    session.log.say(format!("a snapshot of etcd, {size} bytes, is with the server"));
    Ok(())
}

fn save() -> Result<Saved> {
    let folder = Path::new(FOLDER);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {FOLDER}"))?;
    let saved = Saved(folder.join("snapshot.db"));
    files::remove(&saved.0).with_context(|| format!("cannot remove {}", saved.0.display()))?;
    etcd::save(&Etcdctl::default(), &saved.0)?;
    Ok(saved)
}
