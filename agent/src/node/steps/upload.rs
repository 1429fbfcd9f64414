//! A snapshot of etcd, taken by the member on this machine and streamed to the server.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use api::routes::agent;

use crate::node::etcd::{self, Etcdctl};
use crate::node::{blocking, files};
use crate::report::Report;
use crate::session::Session;

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
    let sent = session.upload(&agent::snapshot(task), &saved.0, size, report).await;
    sent.context("the snapshot was not taken")?;
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
