//! Leaves this home for the one that is wanted. What can be known beforehand is tried before the server is told that it
//! is done: a way that this machine cannot go is refused with its reason, and the server names the next.

use std::path::Path;

use anyhow::{Context, Result, bail};
use api::id::Mac;
use api::rung::{RamImage, Rung};
use api::state::Home;
use api::task::{RebootTo, Way};
use tokio::task::spawn_blocking;

use crate::log::Log;
use crate::ram_boot::{self, Found, INITRD, KERNEL};
use crate::report::Report;
use crate::session::Session;
use crate::{clock, grub, kexec, reboot};

/// All is laid out; what is left is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    Reboot,
    Kexec,
}

pub async fn prepare(session: &Session, to: RebootTo, way: Option<&Way>, report: &Report) -> Result<Ready> {
    let (ports, log) = (session.ports.clone(), session.log.clone());
    let Some(way) = way else {
        spawn_blocking(move || reboot::prepare(to, &ports, &log)).await?;
        return Ok(Ready::Reboot);
    };
    let root = Path::new("/");
    match (way.rung, &way.ram) {
        (Rung::BootNext, _) => spawn_blocking(move || boot_next(&ports, &log)).await?,
        // Of the first of them the server has seen to.
        (Rung::Bmc | Rung::Reboot, _) => Ok(Ready::Reboot),
        (Rung::Grub, Some(ram)) => {
            only_from_disk(session)?;
            let arguments = keep(session, root, ram, report).await?;
            let line =
                std::fs::read_to_string("/proc/cmdline").context("cannot read the kernel's command line")?;
            spawn_blocking(move || grub::arm(Path::new("/"), &line, &arguments)).await??;
            session.log.say("GRUB starts the agent in RAM at the next boot, and at no other");
            Ok(Ready::Reboot)
        }
        (Rung::Kexec, Some(ram)) => {
            only_from_disk(session)?;
            let arguments = keep(session, root, ram, report).await?;
            spawn_blocking(move || {
                kexec::load(&Path::new("/").join(KERNEL), &Path::new("/").join(INITRD), &arguments)
            })
            .await??;
            Ok(Ready::Kexec)
        }
        (Rung::Grub | Rung::Kexec, None) => bail!("the server named no RAM image for this way"),
        (Rung::Hand, _) => bail!("no agent can go the way of a hand"),
    }
}

/// Nobody wants it any more: the next reboot, whoever causes it, leads to what it would have led to.
pub async fn undo(ready: Ready, log: &Log) {
    let undone = spawn_blocking(move || match ready {
        Ready::Reboot => grub::disarm(Path::new("/")).map(drop),
        Ready::Kexec => kexec::unload(),
    });
    if let Ok(Err(error)) = undone.await {
        log.say(format!("{error:#}"));
    }
}

fn boot_next(ports: &[Mac], log: &Log) -> Result<Ready> {
    let name = reboot::set_boot_next(ports)?;
    log.say(format!("the next boot is {name}, by BootNext"));
    Ok(Ready::Reboot)
}

/// In RAM there is no disk to keep anything on, and nothing to come back from.
fn only_from_disk(session: &Session) -> Result<()> {
    anyhow::ensure!(session.home == Home::Disk, "this agent is in RAM already");
    Ok(())
}

/// The RAM image is beside the OS as the server has it. Returns the words for its kernel.
async fn keep(session: &Session, root: &Path, ram: &RamImage, report: &Report) -> Result<String> {
    let server = &session.server;
    ram_boot::keep(root, &server.boot, ram, report, &session.log).await?;
    let found = Found {
        server: &server.server,
        boot: &server.boot,
        ca_sha256: &server.ca_sha256,
        time: clock::now(),
        port: session.ports.first().copied(),
    };
    Ok(ram_boot::arguments(&found, &ram.arguments))
}
