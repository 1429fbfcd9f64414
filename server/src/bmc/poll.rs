//! Reads every machine's power once a period. Those that failed last wait for each other and for nobody else, so that a
//! BMC that hangs makes none of the others late.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use api::id::MachineId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::access::Open;
use super::bmcs::Bmcs;
use super::declared::declare;
use super::drive::pass;
use super::lane::Asker;
use super::policy::Gate;
use super::schedule::Schedule;
use crate::app::App;
use crate::clock;
use crate::store::Result;

/// Requests that may be out at the same time: to BMCs that answer, and to those that did not.
const SOUND: usize = 128;
const DOUBTFUL: usize = 32;
const TICK: Duration = Duration::from_millis(500);
/// Between two looks at which BMCs there are.
const LIST: Duration = Duration::from_secs(30);
const PAGE: i64 = 500;

struct Poll<O: Open> {
    app: App,
    bmcs: Bmcs<O>,
    sound: Arc<Semaphore>,
    doubtful: Arc<Semaphore>,
    schedule: Schedule,
    running: JoinSet<String>,
    /// Whose reading has not ended yet.
    out: HashSet<String>,
}

/// Runs until its task is dropped.
pub async fn poll<O: Open>(app: App, bmcs: Bmcs<O>) {
    let mut poll = Poll {
        app,
        bmcs,
        sound: Arc::new(Semaphore::new(SOUND)),
        doubtful: Arc::new(Semaphore::new(DOUBTFUL)),
        schedule: Schedule::default(),
        running: JoinSet::new(),
        out: HashSet::new(),
    };
    let (mut tick, mut list) = (tokio::time::interval(TICK), tokio::time::interval(LIST));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let bmcs = poll.bmcs.clone();
    loop {
        tokio::select! {
            _ = list.tick() => poll.list().await,
            () = bmcs.changed() => poll.list().await,
            _ = tick.tick() => poll.begin_due(),
            Some(ended) = poll.running.join_next() => match ended {
                Ok(machine) => _ = poll.out.remove(&machine),
                Err(error) => {
                    tracing::error!(%error, "a reading of a BMC panicked");
                    poll.out.clear();
                }
            },
        }
    }
}

impl<O: Open> Poll<O> {
    async fn list(&mut self) {
        if let Err(error) = declare(&self.app, &self.bmcs).await {
            tracing::error!(%error, "the BMCs of the site file were not taken over");
        }
        match machines(&self.app).await {
            Ok(machines) => self.schedule.set(machines, self.app.site.power.poll, clock::now()),
            Err(error) => {
                tracing::error!(%error, "nobody knows which BMCs there are; those that were known are read")
            }
        }
    }

    fn begin_due(&mut self) {
        let now = clock::now();
        for (machine, due) in self.schedule.due(self.app.site.power.poll, now) {
            let lane = self.bmcs.lane(&machine);
            if matches!(lane.gate(now), Gate::Wait { .. }) || !self.out.insert(machine.clone()) {
                continue;
            }
            let (app, bmcs) = (self.app.clone(), self.bmcs.clone());
            let doubtful = lane.is_in_doubt();
            let permits = if doubtful { self.doubtful.clone() } else { self.sound.clone() };
            self.running.spawn(async move {
                let permit = permits.acquire_owned().await;
                if !doubtful {
                    bmcs.note_late(u64::try_from(clock::now() - due).unwrap_or(0));
                }
                if let Err(error) = read(&app, &bmcs, &machine).await {
                    tracing::error!(machine, %error, "its power was not read");
                }
                drop(permit);
                machine
            });
        }
    }
}

/// Reads one machine's power and closes a gap of it.
async fn read<O: Open>(app: &App, bmcs: &Bmcs<O>, machine: &str) -> Result<()> {
    let id = MachineId(machine.into());
    let Some(row) = app.store.bmc(&id).await? else { return Ok(()) };
    let read = bmcs.read(app, &row, Asker::Server).await;
    if read.is_err() && bmcs.reset_hung(app, &row).await? {
        return Ok(());
    }
    pass(app, bmcs, &id).await
}

async fn machines(app: &App) -> Result<Vec<String>> {
    let (mut machines, mut after) = (Vec::new(), String::new());
    loop {
        let rows = app.store.bmcs(&after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(machines) };
        after = last.machine.clone();
        machines.extend(rows.into_iter().map(|row| row.machine));
    }
}
