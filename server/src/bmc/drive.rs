//! Makes machines' power what is wanted: one look at one machine, one move. It runs after each reading, on a nudge, and
//! every few seconds while something was asked. What was begun is in the store, so a restarted server goes on with it.

use std::collections::HashSet;
use std::time::Duration;

use api::bmc::{DriverKind, Power};
use api::facts::Facts;
use api::id::MachineId;
use api::state::{Life, State};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::access::Open;
use super::bmcs::Bmcs;
use super::gap::{Aim, Doing, Move, Seen, believed, believed_still, step};
use super::kept::with_override;
use super::lane::Asker;
use super::lead::take_back;
use super::switch::act;
use super::trouble::sentence;
use super::turn::take_waiting;
use super::usual::Usual;
use super::wake::sleeper::heard;
use crate::app::App;
use crate::clock;
use crate::lifecycle::offer::is_sent_back;
use crate::lifecycle::want::{self, hands_off, want};
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;
use crate::store::power::PowerRow;
use crate::store::{Error, Result};

/// What a pass looks at.
pub(super) struct Look {
    pub row: Row,
    pub bmc: BmcRow,
    pub power: PowerRow,
    pub life: Life,
    pub doing: Doing,
    pub seen: Seen,
}

/// One look at one machine, and at most one move. Another pass of the same machine that runs right now is enough.
pub async fn pass<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<()> {
    let lane = bmcs.lane(&id.0);
    let Ok(_alone) = lane.pass.try_lock() else { return Ok(()) };
    let mut found = look(app, bmcs, id).await?;
    if found.is_none() && is_new(app, bmcs, id).await? {
        found = look(app, bmcs, id).await?;
    }
    let Some(look) = found else { return Ok(()) };
    let mut aim = aim(&look.life, is_fenced(app, &look).await?);
    aim.overdue = is_overdue(app, &look).await?;
    let known = take_back(app, bmcs, (&look.row, &look.bmc), &look.power).await?;
    let now = clock::now();
    let (doing, next) = step(aim, look.seen, look.doing, now);
    let doing = match next {
        Move::Rest => doing,
        Move::Read => {
            // A fault is kept with the BMC; the next reading looks again.
            let _ = bmcs.read(app, &look.bmc, Asker::Server).await;
            doing
        }
        Move::Act(action) => act(app, bmcs, &look, (doing, action)).await?,
        Move::Came(took) => {
            came(app, &look, took).await?;
            doing
        }
    };
    keep(app, &look, with_override(doing, look.doing.trouble, known)).await
}

/// A BMC that nobody has read yet is read now: whoever wants its machine on does not wait for its first poll.
async fn is_new<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<bool> {
    let Some(bmc) = app.store.bmc(id).await? else { return Ok(false) };
    // A fault is kept with the BMC, too.
    let _ = bmcs.read(app, &bmc, Asker::Server).await;
    Ok(true)
}

pub(super) async fn look<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<Option<Look>> {
    let Some(bmc) = app.store.bmc(id).await? else { return Ok(None) };
    let row = match app.store.machine(id).await {
        Err(Error::NoMachine(_)) => return Ok(None),
        row => row?,
    };
    let Some(power) = app.store.power(id).await? else { return Ok(None) };
    let doing = power.doing()?;
    let (read, read_at) = match bmcs.reading(id) {
        Some((power, at)) => (power, Some(at)),
        None => (power.power()?, power.read_at),
    };
    let awaited = doing.on_at.is_some() || doing.action.is_some();
    let patience = if awaited { usual(app, id).await?.1.patience() } else { Duration::ZERO };
    let on_wire_at = match bmc.driver()? {
        // The last word before a reboot is no sign of the boot after.
        DriverKind::WakeOnLan => heard(&app.store, &row, clock::now()).await?.on_wire_at,
        _ => row.last_seen,
    };
    let seen = Seen { power: read, read_at, off_since: bmcs.reads_off_since(id), on_wire_at, patience };
    Ok(Some(Look { life: row.life()?, row, bmc, power, doing, seen }))
}

/// What is wanted of a machine's power now.
pub fn aim(life: &Life, fenced: bool) -> Aim {
    let wanted = want(life);
    // Until the cluster has let go of a node that is off, it must not come back.
    let power = match hands_off(life) || (fenced && life.state == State::Draining) {
        true => want::Power::AsItIs,
        false => wanted.power,
    };
    Aim { power, awaited: wanted.home.is_some(), overdue: false }
}

async fn is_fenced(app: &App, look: &Look) -> Result<bool> {
    if look.life.state != State::Draining {
        return Ok(false);
    }
    Ok(app.store.node(&look.row.id()).await?.is_some_and(|node| node.fenced))
}

/// Its OS was told to give way to the agent in RAM, its time for that is over, and not a packet came since.
async fn is_overdue(app: &App, look: &Look) -> Result<bool> {
    let row = &look.row;
    if !is_sent_back(&look.life, row.home(), row.session_generation) {
        return Ok(false);
    }
    let waits_since = app.store.ladder(&row.id()).await?.waits_for_os_since(row.since);
    Ok(waits_since.is_some_and(|since| row.last_seen.is_some_and(|heard| heard < since)))
}

/// It is on the wire: how long that took is learned.
async fn came(app: &App, look: &Look, took: Duration) -> Result<()> {
    let id = look.row.id();
    let (model, usual) = usual(app, &id).await?;
    if !model.is_empty() {
        app.store.usual_put(&model, usual.with(took)).await?;
    }
    let note = format!("on the wire {} after power-on", api::words::span(took.as_secs()));
    app.store.remark(&id, "power", note, clock::now()).await
}

/// Keeps what was begun, and says beside the machine what went wrong.
pub(super) async fn keep(app: &App, look: &Look, doing: Doing) -> Result<()> {
    if doing == look.doing {
        return Ok(());
    }
    let id = look.row.id();
    app.store.power_doing(&id, doing).await?;
    if doing.trouble == look.doing.trouble {
        return Ok(());
    }
    let Some(sentence) = sentence(doing.trouble, look.doing.action, look.seen) else { return Ok(()) };
    tracing::warn!(machine = look.row.name(), "{sentence}");
    app.store.remark(&id, "power", sentence.clone(), clock::now()).await?;
    note(app, &look.row, sentence).await
}

pub(super) async fn note(app: &App, row: &Row, sentence: String) -> Result<()> {
    match row.evidence == sentence {
        true => Ok(()),
        false => app.store.machine_noted(&row.id(), sentence).await,
    }
}

/// The model's name, and how long it takes.
async fn usual(app: &App, id: &MachineId) -> Result<(String, Usual)> {
    let model = app.store.facts(id).await?.map(|facts| model(&facts)).unwrap_or_default();
    let usual = if model.is_empty() { Usual::default() } else { app.store.usual(&model).await? };
    Ok((model, usual))
}

fn model(facts: &Facts) -> String {
    let named = [&facts.system, &facts.board].into_iter().find(|product| !product.product.trim().is_empty());
    named.map(|product| format!("{} {}", product.manufacturer, product.product)).unwrap_or_default()
}

/// Whether its BMC reads the machine as off, asked now; None where nobody can say.
pub async fn verified<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<Option<Power>> {
    asked_now(app, bmcs, id, Asker::Person).await
}

async fn asked_now<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    id: &MachineId,
    asker: Asker,
) -> Result<Option<Power>> {
    let Some(bmc) = app.store.bmc(id).await? else { return Ok(None) };
    if bmcs.read(app, &bmc, asker).await.is_err() {
        return Ok(None);
    }
    let Some(look) = look(app, bmcs, id).await? else { return Ok(None) };
    Ok(believed(look.bmc.driver()?, look.seen, look.doing))
}

/// The same, as it was read a moment ago.
pub async fn known<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<Option<Power>> {
    let Some(look) = look(app, bmcs, id).await? else { return Ok(None) };
    Ok(believed_still(look.bmc.driver()?, look.seen, look.doing, clock::now()))
}

/// Fences the node that the machine is, where its BMC reads it as off: from then on nobody but a person switches it on
/// before its cluster has let go of it. False where it cannot be said now.
pub async fn fence<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<bool> {
    let lane = bmcs.lane(&id.0);
    // Whoever switches it right now is done before it is read.
    let Ok(_alone) = lane.pass.try_lock() else { return Ok(false) };
    if asked_now(app, bmcs, id, Asker::Server).await? != Some(Power::Off) {
        return Ok(false);
    }
    app.store.node_wish(id, true, false).await?;
    let note = "its BMC reads it as off: its node is given up".to_string();
    app.store.remark(id, "power", note, clock::now()).await?;
    Ok(true)
}

/// Between two looks at machines of which there is news, or of which something was asked.
const LOOK: Duration = Duration::from_secs(5);
/// Looked at in one turn: more than the mains could bear to switch on until the next.
const WAITING: usize = 64;

/// Runs passes every few seconds: of machines of which there is news, of which something was asked, or that wait for
/// their turn.
pub async fn drive<O: Open>(app: App, bmcs: Bmcs<O>) {
    let (mut changes, mut timer) = (app.store.changes(), tokio::time::interval(LOOK));
    let (mut passes, mut news) = (JoinSet::new(), HashSet::new());
    loop {
        tokio::select! {
            _ = timer.tick() => {
                for id in due(&app, &bmcs, &mut news).await {
                    passes.spawn(tried(app.clone(), bmcs.clone(), id));
                }
            }
            change = changes.recv() => match change {
                // One whose BMC was never asked is read first: a pass follows each reading.
                Ok(id) if bmcs.known(&id.0).is_some() => _ = news.insert(id.0),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            Some(ended) = passes.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "a pass over a machine's power panicked");
            },
        }
    }
}

async fn due<O: Open>(app: &App, bmcs: &Bmcs<O>, news: &mut HashSet<String>) -> HashSet<String> {
    let mut due = std::mem::take(news);
    match app.store.powers_pending().await {
        Ok(pending) => due.extend(pending.into_iter().map(|id| id.0)),
        Err(error) => tracing::error!(%error, "nobody knows of whose power something was asked"),
    }
    due.extend(take_waiting(bmcs, WAITING).into_iter().map(|id| id.0));
    due
}

async fn tried<O: Open>(app: App, bmcs: Bmcs<O>, machine: String) {
    if let Err(error) = pass(&app, &bmcs, &MachineId(machine.clone())).await {
        tracing::error!(machine, %error, "a pass over its power failed; the next one tries again");
    }
}
