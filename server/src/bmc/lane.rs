//! The line in front of one BMC: one request at a time, each with its timeout, and a memory of how they went. A BMC that
//! hangs holds up its own line and no other.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api::bmc::update::{FirmwareUpdate, UpdateState};
use api::bmc::{Fault, Power};
use api::power::Health;
use tokio::time::{Instant, timeout};

use super::Driver;
use super::kept::Stuck;
use super::policy::{Asked, Gate, History, Judgement, judge};

mod request;
#[cfg(test)]
mod tests;

use self::request::carry_out;
pub use self::request::{Answer, Request};

/// Who asks, and how long that one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Comes again soon: does not wait while another request runs.
    Server,
    /// A part of the server that asks once: waits for the requests before its own.
    Errand,
    /// Waits likewise, and is not kept away by an open circuit.
    Person,
}

/// How far the telling of what a machine boots next is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leading {
    /// By whoever is answered this.
    Begun,
    UnderWay,
    Done,
}

pub struct Lane<D> {
    /// Whoever holds it may ask. The driver stays between requests, with its session.
    turn: tokio::sync::Mutex<Option<D>>,
    /// One pass of the reconciler at a time.
    pub pass: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    history: History,
    /// What was read last, and when.
    reading: Option<(Power, i64)>,
    /// When this was first read in a row.
    reads_since: i64,
    /// In which state and boot firmware is told what to boot next, and whether that has ended.
    led: Option<(i64, String, bool)>,
    /// How it went with the boot override that is to be taken back.
    stuck: Stuck,
    /// What was written last, and when.
    kept: Option<((Option<Power>, Health), i64)>,
    /// What was presented at the last request, also where it then failed.
    certificate: Option<String>,
    /// The last one that was begun.
    update: Option<FirmwareUpdate>,
}

const CLOSING: Duration = Duration::from_secs(10);
/// Whoever waits does so no longer for the request before theirs.
const LINE: Duration = Duration::from_secs(120);

impl<D> Default for Lane<D> {
    fn default() -> Self {
        Lane { turn: Default::default(), pass: Default::default(), memory: Mutex::default() }
    }
}

impl<D: Driver> Lane<D> {
    /// `open` is asked for a driver where none is there. `now`: when the call began, in microseconds since 1970.
    /// False beside a fault where nothing went out.
    pub async fn ask(
        &self,
        request: Request,
        asker: Asker,
        open: impl Future<Output = Result<D, Fault>> + Send,
        (now, jitter): (i64, f64),
    ) -> (Result<Answer, Fault>, bool) {
        let began = Instant::now();
        if let (Asker::Server | Asker::Errand, Gate::Wait { until }) = (asker, self.gate(now)) {
            let pause = format!("it is left alone until {}", api::words::iso(until));
            return (Err(Fault::Busy(pause)), false);
        }
        let turn = match asker {
            Asker::Server => self.turn.try_lock().ok(),
            Asker::Errand | Asker::Person => timeout(LINE, self.turn.lock()).await.ok(),
        };
        let Some(mut turn) = turn else {
            return (Err(Fault::Busy("another request runs".into())), false);
        };
        let sent = Instant::now();
        let patience = request.verb().timeout();
        let (outcome, certificate) = attempt(&mut *turn, request, open, patience).await;
        drop(turn);
        let at = now.saturating_add(i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX));
        let asked =
            Asked { at, took: sent.elapsed(), outcome: outcome.as_ref().map(drop).map_err(Fault::clone) };
        let mut memory = self.memory();
        memory.history.note(asked, jitter);
        memory.certificate = certificate;
        if let Ok(Answer::Power(power)) = outcome {
            if memory.reading.is_none_or(|(before, _)| before != power) {
                memory.reads_since = at;
            }
            memory.reading = Some((power, at));
        }
        (outcome, true)
    }

    pub fn gate(&self, now: i64) -> Gate {
        self.memory().history.gate(now)
    }

    pub fn is_in_doubt(&self) -> bool {
        self.memory().history.is_in_doubt()
    }

    pub fn history(&self) -> History {
        self.memory().history.clone()
    }

    pub fn judge(&self, name: &str) -> Judgement {
        judge(&self.memory().history, name)
    }

    pub fn reading(&self) -> Option<(Power, i64)> {
        self.memory().reading
    }

    /// Since when every reading says so, in microseconds since 1970.
    pub fn reads_off_since(&self) -> Option<i64> {
        let memory = self.memory();
        memory.reading.filter(|(power, _)| *power == Power::Off).map(|_| memory.reads_since)
    }

    /// Ends its session, once the request that runs has ended.
    pub async fn leave(&self) {
        if let Some(driver) = self.turn.lock().await.take() {
            // BMCs have few sessions; one that does not answer keeps ours until it forgets it.
            let _ = timeout(CLOSING, driver.close()).await;
        }
    }

    /// Nothing is known of it any more: its address, its login or what it must present has changed.
    pub async fn forget(&self) {
        self.leave().await;
        let mut memory = self.memory();
        memory.history.forget();
        (memory.reading, memory.kept, memory.certificate) = (None, None, None);
        memory.update = None;
        memory.stuck = Stuck::default();
    }

    /// Whether firmware is told what comes after this boot, in the state that began then.
    pub fn leads(&self, (since, boot_id): (i64, &str)) -> Leading {
        let mut memory = self.memory();
        match &memory.led {
            Some((at, boot, done)) if *at == since && boot == boot_id => match done {
                true => Leading::Done,
                false => Leading::UnderWay,
            },
            _ => {
                memory.led = Some((since, boot_id.into(), false));
                Leading::Begun
            }
        }
    }

    /// It was told, or could not be.
    pub fn has_led(&self, (since, boot_id): (i64, &str), led: bool) {
        self.memory().led = led.then(|| (since, boot_id.into(), true));
    }

    pub fn stuck(&self) -> Stuck {
        self.memory().stuck
    }

    pub fn set_stuck(&self, stuck: Stuck) {
        self.memory().stuck = stuck;
    }

    /// Whether this was written already, less than `every` microseconds ago; where not, it counts as written now.
    pub fn is_kept(&self, (power, health): (Option<Power>, Health), now: i64, every: i64) -> bool {
        let mut memory = self.memory();
        let same = |((kept, of), at): ((Option<Power>, Health), i64)| {
            (power.is_none() || power == kept) && of == health && now - at < every && health.answers()
        };
        if memory.kept.is_some_and(same) {
            return true;
        }
        let power = power.or(memory.kept.and_then(|((power, _), _)| power));
        memory.kept = Some(((power, health), now));
        false
    }

    pub fn update(&self) -> Option<FirmwareUpdate> {
        self.memory().update.clone()
    }

    /// Whether its BMC writes firmware: it is not restarted then, and neither is its machine.
    pub fn is_updating(&self) -> bool {
        self.memory().update.as_ref().is_some_and(is_running)
    }

    /// False where another one runs: then nothing is kept.
    pub fn begins(&self, update: &FirmwareUpdate) -> bool {
        let mut memory = self.memory();
        let free = !memory.update.as_ref().is_some_and(is_running);
        if free {
            memory.update = Some(update.clone());
        }
        free
    }

    /// How far it is; None where it did not begin.
    pub fn has_updated(&self, update: Option<FirmwareUpdate>) {
        self.memory().update = update;
    }

    /// The certificate that was presented at the last request; None of a driver that sees none.
    pub fn certificate(&self) -> Option<String> {
        self.memory().certificate.clone()
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_running(update: &FirmwareUpdate) -> bool {
    update.state == UpdateState::Running
}

/// One request within its patience, with the certificate that was presented at it, and what becomes of the driver after it.
async fn attempt<D: Driver>(
    turn: &mut Option<D>,
    request: Request,
    open: impl Future<Output = Result<D, Fault>> + Send,
    patience: Duration,
) -> (Result<Answer, Fault>, Option<String>) {
    let outcome = timeout(patience, ask(turn, request, open)).await;
    let certificate = turn.as_ref().and_then(D::certificate);
    // Interrupted, it goes on where it was: a BMC that is slow is logged in to once, and not once a try.
    let Ok(outcome) = outcome else {
        return (Err(Fault::Hung(format!("no answer in {} s", patience.as_secs()))), certificate);
    };
    let fault = match outcome {
        Ok(answer) => return (Ok(answer), certificate),
        Err(fault @ (Fault::Unsupported(_) | Fault::NotObeyed(_))) => return (Err(fault), certificate),
        Err(fault) => fault,
    };
    // Whatever session it had, the next request begins anew. BMCs have few: one that answers is told that it ends.
    if let Some(driver) = turn.take()
        && matches!(fault, Fault::Busy(_) | Fault::Garbled(_))
    {
        let _ = timeout(CLOSING, driver.close()).await;
    }
    (Err(fault), certificate)
}

async fn ask<D: Driver>(
    turn: &mut Option<D>,
    request: Request,
    open: impl Future<Output = Result<D, Fault>> + Send,
) -> Result<Answer, Fault> {
    let driver = match turn.take() {
        Some(driver) => driver,
        None => open.await?,
    };
    carry_out(turn.insert(driver), request).await
}
