//! The RAM image kept beside an installed system, as a way back to RAM that needs neither the firmware nor the network
//! card's ROM: two files whose digests the server names, and the words for their kernel.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use api::id::Mac;
use api::rung::{RamFile, RamImage};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::boot_server;
use crate::install::download::{Download, Fetched, Source};
use crate::log::Log;
use crate::report::Report;

/// Below the root.
pub const KERNEL: &str = "boot/metal/vmlinuz";
pub const INITRD: &str = "boot/metal/initrd";

/// Left free beside it: a root that is full to the last block serves no longer.
const ROOM: u64 = 256 << 20;

/// How many pieces of a download may wait for the disk.
const PIECES: usize = 16;

/// Puts both files where they are not what the server names. Nothing is put in place before its digest is right.
pub async fn keep(root: &Path, boot: &str, ram: &RamImage, report: &Report, log: &Log) -> Result<()> {
    for (file, place) in [(&ram.kernel, KERNEL), (&ram.initrd, INITRD)] {
        let path = root.join(place);
        let (known, digest) = (path.clone(), file.sha256.clone());
        let is_there =
            spawn_blocking(move || is_it(&known, &digest)).await.context("the reading thread died")?;
        if !is_there {
            report.phase("RAM image", file.size);
            fetch(boot, file, &path, report, log).await?;
        }
    }
    Ok(())
}

fn is_it(path: &Path, sha256: &str) -> bool {
    let digest = || -> std::io::Result<String> {
        let (mut file, mut hash, mut piece) = (File::open(path)?, Sha256::new(), vec![0; 1 << 18]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hex::encode(hash.finalize())),
                length => hash.update(&piece[..length]),
            }
        }
    };
    digest().is_ok_and(|found| found == sha256)
}

async fn fetch(boot: &str, file: &RamFile, path: &Path, report: &Report, log: &Log) -> Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    has_room(folder, file.size)?;
    let source = Source { url: format!("{boot}{}", file.path), size: file.size };
    let http = boot_server::client()?;
    let download = Download { http: &http, source: &source, report, log, pace: 1.0 };
    let new = path.with_extension("new");
    let (sink, pieces) = mpsc::channel(PIECES);
    let writer = spawn_blocking({
        let new = new.clone();
        move || write(&new, pieces)
    });
    let fetched = download.send_to(sink).await;
    let written = writer.await.map_err(|e| anyhow!("the writing thread died: {e}"))?;
    let whole = fetched.and_then(|fetched| written.map(|()| fetched)).and_then(|fetched| match fetched {
        Fetched::Whole { sha256 } if sha256 == file.sha256 => Ok(()),
        Fetched::Whole { sha256 } => {
            bail!("{} has the SHA-256 {sha256}, expected {}", source.url, file.sha256)
        }
        Fetched::Unread => bail!("{} was not written to its end", source.url),
    });
    let placed = whole.and_then(|()| {
        fs::rename(&new, path).with_context(|| format!("cannot put {} in place", path.display()))
    });
    if placed.is_err() {
        // A half file would only take the room of the next attempt.
        let _ = fs::remove_file(&new);
    }
    placed?;
    let folder = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    folder.sync_all().context("cannot flush the folder of the RAM image")
}

fn write(path: &Path, mut pieces: mpsc::Receiver<Vec<u8>>) -> Result<()> {
    let named = || format!("cannot write {}", path.display());
    let mut file = File::create(path).with_context(named)?;
    while let Some(piece) = pieces.blocking_recv() {
        file.write_all(&piece).with_context(named)?;
    }
    file.sync_all().with_context(named)
}

fn has_room(folder: &Path, size: u64) -> Result<()> {
    let stat = rustix::fs::statvfs(folder)
        .with_context(|| format!("cannot ask {} for its room", folder.display()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let needed = size.saturating_add(ROOM);
    ensure!(free >= needed, "the RAM image needs {needed} bytes in {}, which has {free}", folder.display());
    Ok(())
}

/// Where the server is found, and who it is.
pub struct Found<'a> {
    pub server: &'a str,
    pub boot: &'a str,
    pub ca_sha256: &'a str,
    /// Microseconds since 1970.
    pub time: i64,
    /// The port that the agent is to use first.
    pub port: Option<Mac>,
}

/// What a boot script tells the agent in RAM, told from the disk. No secret is in it: the key is fetched over the wire.
pub fn arguments(found: &Found<'_>, own: &[String]) -> String {
    let Found { server, boot, ca_sha256, time, .. } = found;
    let seconds = time / 1_000_000;
    let mut text =
        format!("metal.server={server} metal.boot={boot} metal.ca={ca_sha256} metal.time={seconds} panic=30");
    if let Some(port) = found.port {
        text += &format!(" BOOTIF=01-{}", port.to_string().replace(':', "-"));
    }
    for argument in own {
        text += &format!(" {argument}");
    }
    text
}

#[cfg(test)]
mod tests;
