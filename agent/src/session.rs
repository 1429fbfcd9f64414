//! The conversation with the server: hello, then a long poll for tasks, for ever. The poll is the heartbeat.

mod going;
mod upload;

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use anyhow::Result;
use api::agent::{Hello, HelloAnswer};
use api::client::{Client, Error};
use api::id::{Mac, MachineId};
use api::routes::agent::{FACTS, HELLO, TASK, outcome};
use api::state::Home;
use api::task::{Outcome, Task, Work};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::inventory;
use crate::log::{self, Log};
use crate::patience;
use crate::report::{Report, Unwanted};
use crate::sysfs::Tree;
use crate::work;

const FACTS_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Seconds that the server may hold a poll without a task; less where it wants to hear more often.
const POLL: u64 = 25;

/// How the server is reached and recognised.
#[derive(Clone, Debug)]
pub struct Server {
    pub server: String,
    pub boot: String,
    pub ca_pem: String,
    pub ca_sha256: String,
}

pub struct Session {
    pub client: Client,
    pub home: Home,
    pub boot_id: String,
    pub generation: i64,
    pub clock_error_ms: i64,
    pub machine: MachineId,
    /// The port that booted, or that the system was told to use, is the first.
    pub ports: Vec<Mac>,
    pub server: Server,
    pub patience: Duration,
    pub log: Log,
}

impl Session {
    /// Ends only by a reboot, or by patience that is over.
    pub async fn run(&self) -> Result<Infallible> {
        let shipping = tokio::spawn(log::ship(self.log.clone(), self.client.clone(), self.boot_id.clone()));
        let mut waiting = Waiting::new(self.home, self.patience);
        let mut facts_due = (self.home == Home::Disk).then(Instant::now);
        let mut last_done = None;
        let error = loop {
            let Err(error) = self.talk(&mut waiting, &mut facts_due, &mut last_done).await;
            if let Err(over) = waiting.after(&error, &self.log).await {
                break over;
            }
        };
        shipping.abort();
        Err(error)
    }

    /// From a hello to the first call without an answer.
    async fn talk(
        &self,
        waiting: &mut Waiting,
        facts_due: &mut Option<Instant>,
        last_done: &mut Option<String>,
    ) -> Result<Infallible> {
        let hello = Hello {
            home: self.home,
            boot_id: self.boot_id.clone(),
            generation: self.generation,
            agent_version: env!("CARGO_PKG_VERSION").into(),
            clock_error_ms: self.clock_error_ms,
        };
        let answer = self.client.post::<HelloAnswer>(HELLO, &hello).await?;
        waiting.answered();
        let wait = answer.map_or(POLL, |answer| answer.heartbeat).clamp(1, POLL);
        loop {
            if facts_due.is_some_and(|due| due <= Instant::now()) {
                self.report_facts().await?;
                *facts_due = Some(Instant::now() + FACTS_EVERY);
            }
            let path = format!("{TASK}?wait={wait}&boot_id={}", self.boot_id);
            let started = Instant::now();
            let task: Option<Task> = self.client.call(Method::GET, &path, None::<&()>).await?;
            waiting.answered();
            match task {
                Some(task) => self.perform(task, waiting, last_done).await?,
                // A server that does not hold the poll must not be asked a thousand times a second.
                None if started.elapsed() < Duration::from_secs(1) => sleep(Duration::from_secs(1)).await,
                None => {}
            }
        }
    }

    pub async fn report_facts(&self) -> Result<()> {
        let (boot_id, home, clock_error_ms) = (self.boot_id.clone(), self.home, self.clock_error_ms);
        let log = self.log.clone();
        let facts = tokio::task::spawn_blocking(move || {
            let seen = inventory::Seen { boot_id, home, clock_error_ms };
            inventory::facts(&Tree::new("/"), seen, &log)
        })
        .await?;
        self.call::<serde_json::Value>(Method::PUT, FACTS, Some(&facts)).await?;
        Ok(())
    }

    /// A call that a piece of work depends on: a server that is away is waited for, as it restarts now and then, and what
    /// it refuses stays refused.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Option<T>> {
        let mut waiting = Waiting::new(self.home, self.patience);
        loop {
            match self.client.call(method.clone(), path, body).await {
                Ok(answer) => return Ok(answer),
                Err(error @ Error::Refused { status: 400..=499, .. }) => return Err(error.into()),
                Err(error) => waiting.after(&error.into(), &self.log).await?,
            }
        }
    }

    async fn perform(&self, task: Task, waiting: &mut Waiting, last_done: &mut Option<String>) -> Result<()> {
        let kind = task.work.kind().as_str();
        if let Work::Reboot { to, way } = task.work {
            return self.leave(&task.id, to, way.as_deref(), waiting).await;
        }
        if task.work == Work::PowerOff {
            return self.power_off(&task.id, waiting).await;
        }
        // The answer to this outcome was lost: the work is done all the same.
        if last_done.as_ref() == Some(&task.id) {
            return self.deliver(&task.id, &Outcome::Done, waiting).await.map(drop);
        }
        let id = task.id.clone();
        self.log.say(format!("task {kind} of generation {} begins", task.generation));
        let started = Instant::now();
        let outcome =
            match self.with_reports(&id, async |report| work::perform(self, task, report).await).await {
                Ok(()) => Outcome::Done,
                Err(error) if error.is::<Unwanted>() => {
                    self.log.say(format!("task {kind} ended early: {error:#}"));
                    return Ok(());
                }
                // Nothing of the work has failed: the next boot goes on with it.
                Err(error) if error.is::<Away>() => return Err(error),
                Err(error) => Outcome::Failed { reason: format!("{error:#}") },
            };
        let seconds = started.elapsed().as_secs_f32();
        match &outcome {
            Outcome::Done => {
                self.log.say(format!("task {kind} is done after {seconds:.1} s"));
                *last_done = Some(id.clone());
            }
            Outcome::Failed { reason } => {
                self.log.say(format!("task {kind} failed after {seconds:.1} s: {reason}"))
            }
        }
        self.deliver(&id, &outcome, waiting).await.map(drop)
    }

    /// To its end, whatever becomes of the server meanwhile: a machine that writes is not rebooted for a silence, only one
    /// that has nothing to do but ask.
    async fn with_reports<T>(&self, id: &str, work: impl AsyncFnOnce(&Report) -> Result<T>) -> Result<T> {
        let report = Report::new(self.log.clone());
        let posting = {
            let (report, client, id) = (report.clone(), self.client.clone(), id.to_string());
            tokio::spawn(async move { report.post(client, id).await })
        };
        let ended = work(&report).await;
        posting.abort();
        report.phase("", 0);
        ended
    }

    /// Work that was done must not be lost to a server that is restarting.
    async fn deliver(&self, task: &str, result: &Outcome, waiting: &mut Waiting) -> Result<Delivery> {
        let path = outcome(task);
        waiting.answered();
        let mut unclear = false;
        loop {
            match self.client.post::<serde_json::Value>(&path, result).await {
                Ok(_) => return Ok(Delivery::Heard),
                // The server ends a task once: of two tellings the second is refused.
                Err(Error::Refused { status: 409, .. }) if unclear => return Ok(Delivery::Heard),
                Err(Error::Refused { status: 409, message, .. }) => {
                    self.log.say(format!("the outcome is no longer wanted: {message}"));
                    return Ok(Delivery::Unwanted);
                }
                Err(error @ Error::Refused { status: 400..=499, .. }) => return Err(error.into()),
                Err(error) => {
                    unclear = true;
                    waiting.after(&error.into(), &self.log).await?;
                }
            }
        }
    }
}

/// What became of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    Heard,
    /// Somebody changed their mind while the work was done.
    Unwanted,
}

/// The server was silent for longer than patience lasts.
#[derive(Clone, Copy, Debug)]
pub struct Away {
    seconds: u64,
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server stayed away for {} s", self.seconds)
    }
}

impl std::error::Error for Away {}

/// Counts failures in a row, waits between them, and says when patience is over.
pub struct Waiting {
    home: Home,
    patience: Duration,
    failures: u32,
    silent_since: Instant,
}

impl Waiting {
    pub fn new(home: Home, patience: Duration) -> Waiting {
        Waiting { home, patience, failures: 0, silent_since: Instant::now() }
    }

    pub fn answered(&mut self) {
        self.failures = 0;
        self.silent_since = Instant::now();
    }

    pub async fn after(&mut self, error: &anyhow::Error, log: &Log) -> Result<()> {
        self.failures += 1;
        let silent = self.silent_since.elapsed();
        log.say(format!("attempt {} without success: {error:#}", self.failures));
        if patience::is_over(self.home == Home::Ram, silent, self.patience) {
            return Err(Away { seconds: silent.as_secs() }.into());
        }
        let mut chance = [0];
        // Without randomness every machine of a rack asks at the same moment, which still works.
        let _ = getrandom::fill(&mut chance);
        sleep(patience::pause(self.failures, chance[0])).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
