//! Firmware that a BMC writes: begun and looked at through its line, so that its power is read meanwhile as ever. How far it
//! is is kept, so that a server that was restarted follows it on.

use std::sync::Arc;
use std::time::Duration;

use api::bmc::Fault;
use api::bmc::update::{FirmwareUpdate, UpdateState};
use api::id::MachineId;

use super::access::Open;
use super::bmcs::Bmcs;
use super::lane::{Answer, Asker, Request};
use crate::app::App;
use crate::clock;
use crate::store;
use crate::store::bmc::BmcRow;
use crate::store::firmware::Firmware;

#[cfg(test)]
mod tests;

/// How far something is that takes its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Running { percent: Option<u64>, state: String, message: String },
    Done,
    Failed(String),
}

/// Between two looks. A BMC that writes has little time for others.
pub const LOOK: Duration = Duration::from_secs(5);
/// One that says nothing of it for so long, in microseconds, has more to do than to restart.
const SILENCE: i64 = 3_600_000_000;
/// The longest that one is followed, in microseconds: some wait for a restart of the machine, which may never come.
const LONGEST: i64 = 6 * 3_600_000_000;
/// In a machine's history.
const FIRMWARE: &str = "firmware";

/// What a person does where nobody knows.
const LOOK_AT_VERSIONS: &str = "`metalctl bmc hardware` shows the versions that run";

/// Has a BMC write firmware, and follows it to its end. Ok: it has begun, or is done already.
pub async fn begin<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    row: &BmcRow,
    (image, shown): (Arc<str>, String),
    (who, look): (String, Duration),
) -> Result<FirmwareUpdate, Fault> {
    let (lane, now) = (bmcs.lane(&row.machine), clock::now());
    let begun = FirmwareUpdate {
        image: shown,
        who,
        begun_at: now,
        heard_at: now,
        state: UpdateState::Running,
        percent: None,
        says: String::new(),
    };
    let before = lane.update();
    if !lane.begins(&begun) {
        return Err(Fault::Busy("it writes firmware already: `metalctl bmc show` says how far it is".into()));
    }
    remark(app, row, format!("{} had its BMC write {}", begun.who, begun.image)).await;
    keep(app, row, None, Some(&begun)).await;
    let (update, task) = match bmcs.ask(app, row, Request::Update(image), Asker::Person).await {
        Ok(Answer::Task(Some(task))) => (begun, Some(task)),
        Ok(_) => (after(begun, Ok(Progress::Done), clock::now()), None),
        Err(fault) if may_have_begun(&fault) => (unknown(begun, &fault.to_string()), None),
        Err(fault) => {
            keep(app, row, None, before.as_ref()).await;
            lane.has_updated(before);
            remark(app, row, format!("nothing was written: {fault}")).await;
            return Err(fault);
        }
    };
    keep(app, row, task.as_deref(), Some(&update)).await;
    lane.has_updated(Some(update.clone()));
    match task {
        Some(task) => {
            let (app, bmcs, row, begun) = (app.clone(), bmcs.clone(), row.clone(), update.clone());
            tokio::spawn(async move { follow(&app, &bmcs, &row, (task.into(), begun), look).await });
        }
        None => remark(app, row, told(&update)).await,
    }
    Ok(update)
}

/// What was known before this server started, before anything asks a BMC: what is written is followed on.
pub async fn resume<O: Open>(app: &App, bmcs: &Bmcs<O>, look: Duration) -> Result<(), store::Error> {
    for Firmware { machine, task, update } in app.store.firmware().await? {
        let Some(row) = app.store.bmc(&MachineId(machine)).await? else { continue };
        let lane = bmcs.lane(&row.machine);
        lane.has_updated(Some(update.clone()));
        match (update.state, task) {
            (UpdateState::Running, Some(task)) => {
                let (app, bmcs) = (app.clone(), bmcs.clone());
                tokio::spawn(async move { follow(&app, &bmcs, &row, (task.into(), update), look).await });
            }
            (UpdateState::Running, None) => {
                let lost = unknown(update, "the server was restarted before the BMC had answered");
                keep(app, &row, None, Some(&lost)).await;
                remark(app, &row, told(&lost)).await;
                lane.has_updated(Some(lost));
            }
            _ => {}
        }
    }
    Ok(())
}

/// To its end, in what its line remembers. Ends early where the BMC is another one meanwhile.
async fn follow<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    row: &BmcRow,
    (task, mut update): (Arc<str>, FirmwareUpdate),
    look: Duration,
) {
    let lane = bmcs.lane(&row.machine);
    while update.state == UpdateState::Running {
        tokio::time::sleep(look).await;
        if !bmcs.known(&row.machine).is_some_and(|known| Arc::ptr_eq(&known, &lane)) {
            return remark(app, row, "nobody follows its update any more: its BMC was changed".into()).await;
        }
        let heard = match bmcs.ask(app, row, Request::Progress(task.clone()), Asker::Errand).await {
            Ok(Answer::Progress(progress)) => Ok(progress),
            Ok(_) => Err(Fault::Garbled("the driver did not answer what it was asked".into())),
            Err(fault) => Err(fault),
        };
        update = after(update, heard, clock::now());
        keep(app, row, Some(&*task), Some(&update)).await;
        lane.has_updated(Some(update.clone()));
    }
    remark(app, row, told(&update)).await;
}

/// What is known after a look at the task.
pub fn after(update: FirmwareUpdate, heard: Result<Progress, Fault>, now: i64) -> FirmwareUpdate {
    let late = now.saturating_sub(update.begun_at) > LONGEST;
    let silent = now.saturating_sub(update.heard_at) > SILENCE;
    match heard {
        Ok(Progress::Done) => FirmwareUpdate {
            state: UpdateState::Done,
            percent: Some(100),
            heard_at: now,
            says: String::new(),
            ..update
        },
        Ok(Progress::Failed(why)) => {
            FirmwareUpdate { state: UpdateState::Failed, heard_at: now, says: why, ..update }
        }
        Ok(Progress::Running { state, .. }) if late => {
            unknown(update, &format!("it has been {state} for 6 h"))
        }
        Ok(Progress::Running { percent, state, message }) => FirmwareUpdate {
            percent: percent.and_then(|percent| percent.try_into().ok()),
            heard_at: now,
            says: if message.is_empty() { state } else { format!("{state}: {message}") },
            ..update
        },
        Err(fault @ (Fault::Unsupported(_) | Fault::NotObeyed(_))) => unknown(update, &fault.to_string()),
        Err(fault) if silent || late => unknown(update, &fault.to_string()),
        // A restart of the BMC is a part of most of its own updates.
        Err(fault) => FirmwareUpdate { says: format!("its BMC does not tell now: {fault}"), ..update },
    }
}

/// Whether its BMC may write still: what it does not tell is not over for that, as of one that fetches the whole image before
/// it answers.
pub const fn may_go_on(update: &FirmwareUpdate, now: i64) -> bool {
    match update.state {
        UpdateState::Running => true,
        UpdateState::Unknown => now.saturating_sub(update.heard_at) <= SILENCE,
        UpdateState::Done | UpdateState::Failed => false,
    }
}

/// The order went out, and what came back says nothing of it.
const fn may_have_begun(fault: &Fault) -> bool {
    matches!(fault, Fault::Hung(_) | Fault::Silent(_) | Fault::Garbled(_))
}

fn unknown(update: FirmwareUpdate, why: &str) -> FirmwareUpdate {
    FirmwareUpdate { state: UpdateState::Unknown, says: format!("{why}; {LOOK_AT_VERSIONS}"), ..update }
}

/// In a machine's history.
fn told(update: &FirmwareUpdate) -> String {
    let says = if update.says.is_empty() { String::new() } else { format!(": {}", update.says) };
    format!("{}: {}{says}", update.image, update.state)
}

/// What is not kept is no reason to leave an update alone.
async fn keep(app: &App, row: &BmcRow, task: Option<&str>, update: Option<&FirmwareUpdate>) {
    if let Err(error) = app.store.firmware_put(row, task, update).await {
        tracing::error!(machine = row.machine, %error, "how far its firmware is was not kept");
    }
}

async fn remark(app: &App, row: &BmcRow, note: String) {
    tracing::info!(machine = row.machine, "firmware: {note}");
    if let Err(error) = app.store.remark(&row.id(), FIRMWARE, note, clock::now()).await {
        tracing::error!(machine = row.machine, %error, "what became of its firmware was not kept");
    }
}
