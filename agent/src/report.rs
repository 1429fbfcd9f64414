//! Tells the server how far a task has come, and the task when nobody wants it any more.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use api::client::{Client, Error};
use api::routes::agent::progress;
use api::task::Progress;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::log::Log;

/// An unchanged phase is repeated this often: a long mkfs must not look like a dead machine.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The working side's end. Cheap to call from a loop over blocks.
#[derive(Clone)]
pub struct Report {
    now: watch::Sender<Progress>,
    since: Arc<Mutex<Instant>>,
    unwanted: Arc<AtomicBool>,
    log: Log,
}

/// The server answered that the task is no longer wanted.
#[derive(Debug)]
pub struct Unwanted;

impl fmt::Display for Unwanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server no longer wants this task")
    }
}

impl std::error::Error for Unwanted {}

impl Report {
    pub fn new(log: Log) -> Report {
        let now = watch::Sender::new(Progress::default());
        Report { now, since: Arc::new(Mutex::new(Instant::now())), unwanted: Arc::default(), log }
    }

    /// Begins a phase; an empty name ends the last one.
    pub fn phase(&self, phase: &str, total: u64) {
        let last = self.now.send_replace(Progress { phase: phase.into(), done: 0, total });
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = std::mem::replace(&mut *since, Instant::now());
        if !last.phase.is_empty() {
            self.log.say(format!("{}: {:.1} s", last.phase, begun.elapsed().as_secs_f32()));
        }
    }

    pub fn done(&self, done: u64) {
        self.now.send_modify(|p| p.done = done);
    }

    /// To be asked wherever stopping leaves nothing worse than it is.
    pub fn still_wanted(&self) -> Result<()> {
        if self.unwanted.load(Ordering::Relaxed) { Err(Unwanted.into()) } else { Ok(()) }
    }

    pub fn stop(&self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }

    /// Posts at most once a second, until it is dropped.
    pub async fn post(&self, client: Client, task: String) {
        let mut changes = self.now.subscribe();
        changes.mark_changed();
        let path = progress(&task);
        loop {
            let beat = sleep_until(Instant::now() + HEARTBEAT);
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = beat => {}
            }
            let now = changes.borrow_and_update().clone();
            if !now.phase.is_empty() {
                let answer = client.post::<serde_json::Value>(&path, &now).await;
                if let Err(Error::Refused { status: 409, .. }) = answer {
                    self.stop();
                }
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}
