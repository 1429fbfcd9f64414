//! All BMCs of the site: a line in front of each, what was learned from each request, and the mains that they share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::bmc::{Fault, Power};
use api::id::MachineId;
use api::power::Health;
use futures::StreamExt;
use futures::stream::iter;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Driver;
use super::access::{Open, access, set_of};
use super::any::Drivers;
use super::console::Console;
use super::console::desk::Desk;
use super::lane::{Answer, Asker, Lane, Request};
use super::order::Waits;
use super::policy::may_reset;
use super::turn::GroupNow;
use super::update::may_go_on;
use crate::app::App;
use crate::clock;
use crate::store::Result;
use crate::store::bmc::BmcRow;
use crate::store::power::Reading;

pub struct Bmcs<O: Open = Drivers>(Arc<Inner<O>>);

struct Inner<O: Open> {
    open: O,
    lanes: Mutex<HashMap<String, Arc<Lane<O::Driver>>>>,
    mains: Mutex<Mains>,
    desk: Desk,
    /// A BMC came, went or was changed.
    changed: Notify,
    /// Microseconds by which the latest reading of the last minute began too late.
    late: AtomicU64,
}

/// What all machines draw from.
#[derive(Default)]
pub struct Mains {
    /// When machines were switched on, oldest first.
    pub recent: Vec<i64>,
    pub waits: Waits,
    /// When somebody last waited for its turn.
    pub asked_at: i64,
    /// Who waits for its turn: (its group, the machine).
    pub waiting: BTreeSet<(usize, String)>,
    /// Who was told what to boot, and then found no place: when that was.
    pub told: BTreeMap<String, i64>,
    /// The groups as they were a few seconds ago, and when that was.
    pub groups: Option<(i64, Vec<GroupNow>)>,
}

/// That are said at the same time: a hundred that hang keep none of the others.
const GOODBYES: usize = 256;
/// What is read every minute and stays the same is written this often, in microseconds.
const KEEP_EVERY: i64 = 300_000_000;

impl<O: Open> Clone for Bmcs<O> {
    fn clone(&self) -> Self {
        Bmcs(self.0.clone())
    }
}

impl Default for Bmcs<Drivers> {
    fn default() -> Self {
        Bmcs::new(Drivers)
    }
}

impl<O: Open> Bmcs<O> {
    pub fn new(open: O) -> Bmcs<O> {
        Bmcs(Arc::new(Inner {
            open,
            lanes: Mutex::default(),
            mains: Mutex::default(),
            desk: Desk::default(),
            changed: Notify::new(),
            late: AtomicU64::new(0),
        }))
    }

    pub fn lane(&self, machine: &str) -> Arc<Lane<O::Driver>> {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(machine.into()).or_default().clone()
    }

    /// None where nothing was asked of it yet.
    pub fn known(&self, machine: &str) -> Option<Arc<Lane<O::Driver>>> {
        self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner).get(machine).cloned()
    }

    pub fn mains(&self) -> MutexGuard<'_, Mains> {
        self.0.mains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was known of a BMC is of another one now: it is read again soon.
    pub fn forget(&self, machine: &str) {
        let lane = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner).remove(machine);
        if let Some(lane) = lane {
            // One that hangs keeps nobody waiting: neither who changes it, nor the poll of all others.
            tokio::spawn(async move { lane.forget().await });
        }
        self.0.changed.notify_one();
    }

    /// Ends the sessions at all BMCs, each of which has few; what does not answer in that time keeps ours until it
    /// forgets it. For a server that stops: nothing asks any more.
    pub async fn leave(&self, patience: Duration) {
        // A console has a session of its own.
        let _ = tokio::time::timeout(patience, self.0.desk.close()).await;
        let lanes: Vec<_> = self
            .0
            .lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain()
            .map(|(_, lane)| lane)
            .collect();
        let leaving = iter(lanes).for_each_concurrent(GOODBYES, async |lane| lane.leave().await);
        let _ = tokio::time::timeout(patience, leaving).await;
    }

    /// Returns when a BMC came, went or was changed.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    pub fn note_late(&self, micros: u64) {
        self.0.late.fetch_max(micros, Relaxed);
    }

    /// By how much the latest reading since the last question began too late, in microseconds.
    pub fn take_late(&self) -> u64 {
        self.0.late.swap(0, Relaxed)
    }

    /// One request to a machine's BMC. What comes of it is kept, judged, and told where it is news.
    pub async fn ask(
        &self,
        app: &App,
        row: &BmcRow,
        request: Request,
        asker: Asker,
    ) -> std::result::Result<Answer, Fault> {
        let lane = self.lane(&row.machine);
        let open = async { self.0.open.open(app, &access(app, &in_use(app, row).await?).await?) };
        let (outcome, went_out) = lane.ask(request, asker, open, (clock::now(), jitter())).await;
        if went_out && let Err(error) = self.keep(app, row, &lane, outcome.as_ref()).await {
            tracing::error!(machine = row.machine, %error, "what its BMC answered was not kept");
        }
        outcome
    }

    /// The power, read now.
    pub async fn read(&self, app: &App, row: &BmcRow, asker: Asker) -> std::result::Result<Power, Fault> {
        match self.ask(app, row, Request::Power, asker).await? {
            Answer::Power(power) => Ok(power),
            _ => Err(Fault::Garbled("the driver did not answer what it was asked".into())),
        }
    }

    /// Who sits at which console.
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }

    /// A machine's console, beside the line of all other requests: it may be open for hours.
    pub async fn console(&self, app: &App, row: &BmcRow, take: bool) -> std::result::Result<Console, Fault> {
        let driver = self.0.open.open(app, &access(app, row).await?)?;
        let console = driver.console(take).await;
        // What it asked on the way; the console has a session of its own.
        let _ = Driver::close(&driver).await;
        console
    }

    async fn keep(
        &self,
        app: &App,
        row: &BmcRow,
        lane: &Lane<O::Driver>,
        outcome: std::result::Result<&Answer, &Fault>,
    ) -> Result<()> {
        let (id, now) = (row.id(), clock::now());
        let power = match outcome {
            Ok(Answer::Power(power)) => Some(*power),
            _ => None,
        };
        let health = lane.judge("").health;
        if lane.is_kept((power, health), now, KEEP_EVERY) {
            return Ok(());
        }
        // Somebody may have said meanwhile that its BMC is another one.
        if row.certificate.is_none()
            && let Some(presented) = lane.certificate()
            && app.store.bmc(&id).await?.as_ref() == Some(row)
        {
            app.store.bmc_pin(&id, Some(presented)).await?;
        }
        let before = app.store.power(&id).await?;
        let name = app.store.machine(&id).await?.name().to_string();
        let judgement = lane.judge(&name);
        let reading = Reading {
            power,
            health: judgement.health,
            sentence: judgement.sentence.clone(),
            todo: judgement.todo,
        };
        app.store.power_read(&id, reading, now).await?;
        let known = before.map(|row| row.health()).transpose()?.unwrap_or(Health::Unproven);
        if known.answers() != judgement.health.answers() && known != Health::Unproven {
            let note = match judgement.health.answers() {
                true => "its BMC answers again".to_string(),
                false => judgement.sentence,
            };
            tracing::warn!(machine = name, "{note}");
            app.store.remark(&id, "bmc", note, now).await?;
        }
        Ok(())
    }

    /// Restarts a BMC that hangs, where the site allows it. True where it was asked to.
    pub async fn reset_hung(&self, app: &App, row: &BmcRow) -> Result<bool> {
        let (id, now, lane) = (row.id(), clock::now(), self.lane(&row.machine));
        // In the middle of a write it would not come back.
        if lane.update().is_some_and(|update| may_go_on(&update, now)) {
            return Ok(false);
        }
        let allowed = set_of(app, row).await.ok().flatten().is_some_and(|set| set.cold_reset);
        let last = app.store.power(&id).await?.map_or(0, |power| power.reset_at);
        if !may_reset(&lane.history(), allowed, last, now) {
            return Ok(false);
        }
        app.store.bmc_was_reset(&id, now).await?;
        let said = match self.ask(app, row, Request::Reset, Asker::Person).await {
            Ok(_) => "its BMC hangs and was restarted; the machine runs on".to_string(),
            Err(fault) => format!("its BMC hangs and could not be restarted: {fault}"),
        };
        tracing::warn!(machine = row.machine, "{said}");
        app.store.remark(&id, "bmc_reset", said, now).await?;
        Ok(true)
    }

    /// Where power was read last, and when: younger than what is written.
    pub fn reading(&self, machine: &MachineId) -> Option<(Power, i64)> {
        self.known(&machine.0)?.reading()
    }

    pub fn reads_off_since(&self, machine: &MachineId) -> Option<i64> {
        self.known(&machine.0)?.reads_off_since()
    }
}

/// As it is now. Whoever began before it was changed would open a way to the one before, and all after them would take it.
async fn in_use(app: &App, row: &BmcRow) -> std::result::Result<BmcRow, Fault> {
    let kept = app.store.bmc(&row.id()).await.map_err(|error| Fault::Refused(error.to_string()))?;
    kept.ok_or_else(|| Fault::Unsupported("it has no BMC any more that is in use".into()))
}

/// 0 to 1.
fn jitter() -> f64 {
    let random = Uuid::new_v4().as_u128() as u32;
    f64::from(random) / f64::from(u32::MAX)
}
