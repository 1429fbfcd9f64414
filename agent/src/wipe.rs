//! Erases the disks of a wipe plan, one after the other, and tells what became of each: before its first write, so that
//! a cut is known, and after its last. A disk that is not as planned is left, and that is told, too.

mod ata;
mod blocks;
mod nvme;
mod sanitize;
mod security;
mod ways;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use api::client::Error;
use api::facts::Disk;
use api::routes::agent::wiped;
use api::state::Home;
use api::wipe::{WipeDisk, WipeOutcome, WipePlan, WipeStep, WipedDisk};
use reqwest::Method;

use self::blocks::{chunks, discard, read_back, regions, zero};
use self::ways::{Barred, Can, Way, ways};
use crate::gpt::MIB;
use crate::log::Log;
use crate::partition::{open_exclusive, reread_table};
use crate::report::{Report, Unwanted};
use crate::session::{Session, Waiting};
use crate::sysfs::Tree;
use crate::{clock, disk, inventory};

/// What a disk's record says that was only looked at.
const LOOK: &str = "look at it";
/// And one that an earlier attempt had begun.
const FIND: &str = "find it again";

/// Whether all is erased is the server's to say: it has the record.
pub async fn run(
    session: &Session,
    task: &str,
    (plan, hash, record): (&WipePlan, &str, &[WipedDisk]),
    report: &Report,
) -> Result<()> {
    let found = plan.hash();
    ensure!(found == hash, "the plan's hash is {found}, the task says {hash}: it changed on the way");
    ensure!(
        plan.machine == session.machine,
        "the plan is for machine {}, this is {}: nothing is erased",
        plan.machine,
        session.machine
    );
    for disk in &plan.disks {
        let known = record.iter().find(|wiped| wiped.name.is(&disk.name));
        if known.is_some_and(|known| known.outcome == WipeOutcome::Erased) {
            continue;
        }
        let begun = known.is_some_and(has_begun);
        report.still_wanted()?;
        let tell = async |outcome, steps| {
            let told = WipedDisk { name: disk.name.clone(), outcome, steps, at: clock::now() };
            tell(session, task, &told).await
        };
        let planned = (disk.clone(), begun, plan.full);
        let target = match on_thread(planned, |(disk, begun, full)| look(&disk, begun, full)).await? {
            Ok(target) => target,
            Err(error) => {
                session.log.say(format!("{error:#}: nothing is erased on it"));
                tell(WipeOutcome::Failed, vec![step(looked(begun), Err(&error))]).await?;
                continue;
            }
        };
        tell(WipeOutcome::Begun, Vec::new()).await?;
        let work = (target, plan.full, report.clone(), session.log.clone());
        let (outcome, steps) =
            on_thread(work, |(target, full, report, log)| erase(&target, full, &report, &log)).await??;
        tell(outcome, steps).await?;
    }
    Ok(())
}

/// Whether something of it may be erased already. One that was only looked at and left has to be as it was planned at
/// the next attempt, too.
fn has_begun(known: &WipedDisk) -> bool {
    known.outcome == WipeOutcome::Begun || known.steps.iter().any(|step| step.method != LOOK)
}

const fn looked(begun: bool) -> &'static str {
    if begun { FIND } else { LOOK }
}

async fn on_thread<A: Send + 'static, T: Send + 'static>(
    arguments: A,
    work: impl FnOnce(A) -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(move || work(arguments)).await.context("the erasing thread died")
}

/// A server that restarts is waited for; one that no longer wants the wipe stops it.
async fn tell(session: &Session, task: &str, disk: &WipedDisk) -> Result<()> {
    let mut waiting = Waiting::new(Home::Ram, session.patience);
    loop {
        match session.client.call::<serde_json::Value>(Method::PUT, &wiped(task), Some(disk)).await {
            Ok(_) => return Ok(()),
            Err(Error::Refused { status: 409, .. }) => return Err(Unwanted.into()),
            Err(error) => waiting.after(&error.into(), &session.log).await?,
        }
    }
}

/// A disk that was found and may be erased.
struct Target {
    path: PathBuf,
    disk: Disk,
    can: Can,
    /// Where its partitions begin and how long they are, in bytes.
    partitions: Vec<(u64, u64)>,
}

/// Only reads. What was begun before need not be as it was planned any more.
fn look(planned: &WipeDisk, begun: bool, full: bool) -> Result<Target> {
    let tree = Tree::new("/");
    let disks = inventory::disks::identities(&tree);
    let disk = disk::find(&disks, planned)?.clone();
    let path = tree.path("dev").join(&disk.name);
    if !begun {
        let mut file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        unchanged(&mut file, planned)?;
    }
    let nvme = nvme::abilities(&tree, &path, &disk);
    let (secure, frozen) = ata::abilities(&path, &disk, full);
    let can = Can {
        sanitize: nvme.sanitize,
        format: nvme.format,
        secure,
        discard: discards(&tree, &disk),
        barred: nvme.barred.into_iter().chain(frozen).collect(),
    };
    Ok(Target { partitions: partitions(&tree, &disk), path, disk, can })
}

fn unchanged(file: &mut File, planned: &WipeDisk) -> Result<()> {
    let found = disk::fingerprint(file, planned.name.size)?;
    ensure!(
        found == planned.fingerprint,
        "{} is not as it was when the plan was frozen: its first and last mebibyte have the fingerprint {found}, \
         expected {}",
        disk::describe(planned),
        planned.fingerprint
    );
    Ok(())
}

fn discards(tree: &Tree, disk: &Disk) -> bool {
    tree.number(format!("sys/block/{}/queue/discard_max_bytes", disk.name)) > 0
}

/// sysfs counts in 512 bytes, whatever the disk's sectors are.
fn partitions(tree: &Tree, disk: &Disk) -> Vec<(u64, u64)> {
    let base = format!("sys/block/{}", disk.name);
    let names = tree.list(&base).into_iter().filter(|name| tree.exists(format!("{base}/{name}/partition")));
    let number = |name: &str, what: &str| tree.number(format!("{base}/{name}/{what}")).saturating_mul(512);
    names.map(|name| (number(&name, "start"), number(&name, "size"))).collect()
}

/// The best way that works, then tables and signatures in any case, then a look whether they are gone.
fn erase(target: &Target, full: bool, report: &Report, log: &Log) -> Result<(WipeOutcome, Vec<WipeStep>)> {
    let mut steps: Vec<WipeStep> = target.can.barred.iter().map(not_tried).collect();
    steps.iter().for_each(|step| log.say(format!("{}: {}: {}", target.disk.name, step.method, said(step))));
    let file = match open_exclusive(&target.path) {
        Ok(file) => file,
        Err(error) => {
            steps.push(step("open it alone", Err(&error)));
            return Ok((WipeOutcome::Failed, steps));
        }
    };
    let mut ways = ways(&target.can, full);
    ways.push(Way::Tables);
    ways.push(Way::ReadBack);
    let mut erased = false;
    for way in ways {
        let last = matches!(way, Way::Tables | Way::ReadBack);
        if erased && !last {
            continue;
        }
        report.phase(&format!("{}: {way}", target.disk.name), target.disk.size);
        let done = try_way(&way, &file, target, report);
        if done.as_ref().is_err_and(|error| error.is::<Unwanted>()) {
            return Err(Unwanted.into());
        }
        match &done {
            Ok(()) => log.say(format!("{}: {way}: done", target.disk.name)),
            Err(error) => log.say(format!("{}: {way}: {error:#}", target.disk.name)),
        }
        steps.push(step(&way.to_string(), done.as_ref()));
        if last && done.is_err() {
            return Ok((WipeOutcome::Failed, steps));
        }
        erased |= done.is_ok();
    }
    // A full erasure was asked for: tables alone are not what was wanted.
    let whole = steps.iter().rev().skip(2).any(|step| step.error.is_none());
    let outcome = if full && !whole { WipeOutcome::Failed } else { WipeOutcome::Erased };
    Ok((outcome, steps))
}

fn try_way(way: &Way, file: &File, target: &Target, report: &Report) -> Result<()> {
    let size = target.disk.size;
    match way {
        Way::Sanitize(how) => nvme::sanitize(file, *how, size, report),
        Way::Format(format) => nvme::format(file, *format),
        Way::Secure(erase) => ata::run(&target.path, *erase),
        Way::Discard => chunks(size, 1 << 30, report, |at, length| discard(file, at, length)),
        Way::Zeros => chunks(size, 64 * MIB, report, |at, length| zero(file, at, length)),
        Way::Tables => {
            for (at, length) in regions(size, &target.partitions) {
                zero(file, at, length)?;
            }
            file.sync_all().with_context(|| format!("cannot flush {}", target.path.display()))?;
            reread_table(file, &target.path)
        }
        Way::ReadBack => read_back(file, (&target.path, size), &target.partitions),
    }
}

fn step(method: &str, done: Result<&(), &anyhow::Error>) -> WipeStep {
    WipeStep { method: method.into(), error: done.err().map(|error| format!("{error:#}")) }
}

/// What the disk has and could not be asked for belongs on record, too.
fn not_tried(barred: &Barred) -> WipeStep {
    WipeStep { method: barred.way.clone(), error: Some(format!("not tried: {}", barred.why)) }
}

fn said(step: &WipeStep) -> &str {
    step.error.as_deref().unwrap_or("done")
}

#[cfg(test)]
mod tests;
