//! Makes machines' power what is wanted: one look at one machine, one move. It runs after each reading, on a nudge, and
//! every few seconds while something was asked. What was begun is in the store, so a restarted server goes on with it.

use std::collections::HashSet;
use std::time::Duration;

use api::bmc::{BootOnce, DriverKind, Fault, FirmwareMode, Power, PowerAction};
use api::facts::{BootMode, Facts};
use api::id::MachineId;
use api::power::Trouble;
use api::state::{Home, Life, State};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::access::Open;
use super::bmcs::Bmcs;
use super::gap::{Aim, Doing, Move, Seen, begun, step};
use super::lane::{Answer, Asker, Request};
use super::turn::{take_waiting, waits_for, waits_for_place};
use super::usual::Usual;
use super::wake::sleeper::heard;
use crate::app::App;
use crate::clock;
use crate::cluster::interrupt::{may_pause, may_restart};
use crate::lifecycle::want::{self, Boot, hands_off, want};
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;
use crate::store::{Error, Result};

/// What a pass looks at.
struct Look {
    row: Row,
    bmc: BmcRow,
    life: Life,
    doing: Doing,
    seen: Seen,
}

/// One look at one machine, and at most one move. Another pass of the same machine that runs right now is enough.
pub async fn pass<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<()> {
    let lane = bmcs.lane(&id.0);
    let Ok(_alone) = lane.pass.try_lock() else { return Ok(()) };
    let Some(look) = look(app, bmcs, id).await? else { return Ok(()) };
    let aim = aim(&look.life, is_fenced(app, &look).await?);
    // The first rung of the way back: what runs is about to be rebooted, and firmware knows by then where to.
    if leaves_its_disk(&look) && !lane.is_told(look.row.since) {
        let told = override_for(app, bmcs, &look.row, BootOnce::Network, Asker::Server).await?;
        if let Rung::Cannot(why) = told {
            tracing::info!(machine = look.row.name(), "its BMC does not lead it to the network: {why}");
        }
    }
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
            came(app, bmcs, &look, took).await?;
            doing
        }
    };
    keep(app, &look, doing).await
}

async fn look<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<Option<Look>> {
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
    let seen = Seen { power: read, read_at, on_wire_at, patience };
    Ok(Some(Look { life: row.life()?, row, bmc, doing, seen }))
}

/// The OS on its disk runs, and the agent in RAM is wanted.
fn leaves_its_disk(look: &Look) -> bool {
    let runs = look.row.home() == Some(Home::Disk) && look.seen.power != Power::Off;
    runs && !hands_off(&look.life) && want(&look.life).boot == Boot::Agent
}

/// What is wanted of a machine's power now.
pub fn aim(life: &Life, fenced: bool) -> Aim {
    let wanted = want(life);
    // Until the cluster has let go of a node that is off, it must not come back.
    let power = match hands_off(life) || (fenced && life.state == State::Draining) {
        true => want::Power::AsItIs,
        false => wanted.power,
    };
    Aim { power, awaited: wanted.home.is_some() }
}

async fn is_fenced(app: &App, look: &Look) -> Result<bool> {
    if look.life.state != State::Draining {
        return Ok(false);
    }
    Ok(app.store.node(&look.row.id()).await?.is_some_and(|node| node.fenced))
}

async fn act<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    look: &Look,
    (doing, action): (Doing, PowerAction),
) -> Result<Doing> {
    if action == PowerAction::On
        && let Some(wait) = waits_for(app, bmcs, &look.row).await?
    {
        note(app, &look.row, format!("off; it waits for {wait}")).await?;
        return Ok(doing);
    }
    // Whoever wanted it asked the guard then; since then others may have fallen.
    let spared = match action {
        PowerAction::On => Ok(()),
        PowerAction::Cycle => may_restart(app, &look.row).await,
        PowerAction::Shutdown | PowerAction::Off => may_pause(app, &look.row).await,
    };
    if let Err(refusal) = spared {
        note(app, &look.row, refusal.to_string()).await?;
        return Ok(doing);
    }
    Ok(match switch(app, bmcs, look, (doing, action), Asker::Server).await? {
        Ok(begun) => begun,
        Err(Fault::Unsupported(_)) => Doing { trouble: Trouble::NeedsAHand, ..doing },
        Err(_) => doing,
    })
}

/// Switches it, with its boot target before that. The fault is kept with the BMC, and the next pass tries again.
async fn switch<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    look: &Look,
    (doing, action): (Doing, PowerAction),
    asker: Asker,
) -> Result<std::result::Result<Doing, Fault>> {
    let starts = matches!(action, PowerAction::On | PowerAction::Cycle);
    if starts && want(&look.life).boot == Boot::Agent {
        let target = override_for(app, bmcs, &look.row, BootOnce::Network, asker).await?;
        if let Rung::Cannot(why) = target {
            tracing::warn!(machine = look.row.name(), "it starts by its own boot order: {why}");
        }
    }
    let now = clock::now();
    let outcome = match (bmcs.ask(app, &look.bmc, Request::Act(action), asker).await, action) {
        (Err(Fault::Unsupported(_)), PowerAction::Cycle) => off_and_on(app, bmcs, &look.bmc).await,
        // Whoever wants it off wants it off; a person may still think of something better.
        (Err(Fault::Unsupported(_)), PowerAction::Shutdown) if asker == Asker::Server => {
            bmcs.ask(app, &look.bmc, Request::Act(PowerAction::Off), asker).await
        }
        (outcome, _) => outcome,
    };
    let said = match &outcome {
        Ok(_) => action.to_string(),
        Err(fault) => format!("{action} did not go out: {fault}"),
    };
    tracing::info!(machine = look.row.name(), "power: {said}");
    if outcome.is_ok() || asker == Asker::Person {
        app.store.remark(&look.row.id(), "power", said, now).await?;
    }
    Ok(outcome.map(|_| begun(doing, action, now)))
}

/// A power cycle by what cannot do one at once, such as a PDU.
async fn off_and_on<O: Open>(app: &App, bmcs: &Bmcs<O>, bmc: &BmcRow) -> std::result::Result<Answer, Fault> {
    const LOOKS: usize = 20;
    const BETWEEN: Duration = Duration::from_secs(3);
    bmcs.ask(app, bmc, Request::Act(PowerAction::Off), Asker::Person).await?;
    for _ in 0..LOOKS {
        if bmcs.read(app, bmc, Asker::Person).await? != Power::On {
            return bmcs.ask(app, bmc, Request::Act(PowerAction::On), Asker::Person).await;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Err(Fault::NotObeyed("it was told off, and still reads on".into()))
}

/// It is on the wire: how long that took is learned, and what firmware kept of the override is taken back.
async fn came<O: Open>(app: &App, bmcs: &Bmcs<O>, look: &Look, took: Duration) -> Result<()> {
    let id = look.row.id();
    let (model, usual) = usual(app, &id).await?;
    if !model.is_empty() {
        app.store.usual_put(&model, usual.with(took)).await?;
    }
    let note = format!("on the wire {} after power-on", api::words::span(took.as_secs()));
    app.store.remark(&id, "power", note, clock::now()).await?;
    // A firmware that keeps an override for ever would boot the network for ever.
    let _ = bmcs.ask(app, &look.bmc, Request::ClearBoot, Asker::Server).await;
    Ok(())
}

/// Keeps what was begun, and says beside the machine what went wrong.
async fn keep(app: &App, look: &Look, doing: Doing) -> Result<()> {
    if doing == look.doing {
        return Ok(());
    }
    let id = look.row.id();
    app.store.power_doing(&id, doing).await?;
    if doing.trouble == look.doing.trouble {
        return Ok(());
    }
    let Some(sentence) = trouble(doing.trouble, look) else { return Ok(()) };
    tracing::warn!(machine = look.row.name(), "{sentence}");
    app.store.remark(&id, "power", sentence.clone(), clock::now()).await?;
    note(app, &look.row, sentence).await
}

/// A trouble in words.
fn trouble(trouble: Trouble, look: &Look) -> Option<String> {
    let patience = api::words::span(look.seen.patience.as_secs());
    match trouble {
        Trouble::None => None,
        Trouble::NotObeyed => {
            let asked = look.doing.action.map_or("what was asked", PowerAction::as_str);
            Some(format!("its BMC took `{asked}`, and the power still reads {}", look.seen.power))
        }
        Trouble::NotOnTheWire => {
            Some(format!("it is on, was power-cycled once, and did not appear on the wire within {patience}"))
        }
        Trouble::NeedsAHand if look.seen.patience.is_zero() => {
            Some("needs a hand: press power; nothing here can do it".into())
        }
        Trouble::NeedsAHand => {
            Some(format!("needs a hand: press power; it was woken and not heard of within {patience}"))
        }
    }
}

async fn note(app: &App, row: &Row, sentence: String) -> Result<()> {
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

/// Whether a machine's next start will lead where it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rung {
    /// Its BMC took the override; the next start leads there.
    Set,
    /// Why not, in words: the next rung is to be tried.
    Cannot(String),
}

/// The first rung of the way back to RAM: lets the machine's next start boot `target`, by its BMC. Whoever restarts it
/// (its agent, or [`restart`]) does so after this.
pub async fn override_for<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    row: &Row,
    target: BootOnce,
    asker: Asker,
) -> Result<Rung> {
    let id = row.id();
    let Some(bmc) = app.store.bmc(&id).await? else {
        return Ok(Rung::Cannot("it has no BMC that is in use".into()));
    };
    let facts = app.store.facts(&id).await?;
    let mode = match facts.map(|facts| facts.boot_mode) {
        Some(BootMode::Bios) => FirmwareMode::Bios,
        Some(BootMode::Uefi) | None => FirmwareMode::Uefi,
    };
    match bmcs.ask(app, &bmc, Request::BootOnce(target, mode), asker).await {
        Ok(_) => Ok(Rung::Set),
        Err(fault) => Ok(Rung::Cannot(fault.to_string())),
    }
}

/// Carries out what a person or another part of the server wants of a machine's power now, in nobody's order.
pub async fn restart<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    id: &MachineId,
    (action, asker): (PowerAction, Asker),
) -> Result<std::result::Result<(), Fault>> {
    let Some(bmc) = app.store.bmc(id).await? else {
        return Ok(Err(Fault::Unsupported("it has no BMC that is in use".into())));
    };
    let lane = bmcs.lane(&id.0);
    let _alone = lane.pass.lock().await;
    let power = match bmcs.read(app, &bmc, asker).await {
        Ok(power) => power,
        Err(fault) => return Ok(Err(fault)),
    };
    let Some(look) = look(app, bmcs, id).await? else { return Ok(Ok(())) };
    let action = match (action, power) {
        (PowerAction::On, Power::On) | (PowerAction::Off | PowerAction::Shutdown, Power::Off) => {
            return Ok(Ok(()));
        }
        // Many BMCs refuse to cycle what is off.
        (PowerAction::Cycle, Power::Off) => PowerAction::On,
        (action, _) => action,
    };
    // The mains bear no more for somebody who types: it is on its way, and the next pass finds it a place.
    if action == PowerAction::On && waits_for_place(app, bmcs, &look.row) {
        note(app, &look.row, "off; it waits for its place among those switched on".into()).await?;
        return Ok(Ok(()));
    }
    let doing = match switch(app, bmcs, &look, (Doing::default(), action), asker).await? {
        Ok(doing) => doing,
        Err(fault) => return Ok(Err(fault)),
    };
    keep(app, &look, doing).await.map(Ok)
}

/// Whether its BMC reads the machine as off, asked now. None where nobody can say.
pub async fn verified<O: Open>(app: &App, bmcs: &Bmcs<O>, id: &MachineId) -> Result<Option<Power>> {
    let Some(bmc) = app.store.bmc(id).await? else { return Ok(None) };
    let power = bmcs.read(app, &bmc, Asker::Person).await.ok();
    Ok(power.filter(|power| *power != Power::Unknown))
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
