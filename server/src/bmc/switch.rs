//! Carries out what is wanted of a machine's power: with its boot target before it, the mains and etcd's guard asked, and a
//! word in its history after it.

use std::time::Duration;

use api::bmc::{BootOnce, DriverKind, Fault, Power, PowerAction};
use api::id::MachineId;
use api::power::Trouble;

use super::access::Open;
use super::bmcs::Bmcs;
use super::drive::{Look, keep, look, note};
use super::gap::{Doing, begun};
use super::lane::{Answer, Asker, Request};
use super::lead::{Lead, lead};
use super::turn::{Place, awaits_place, finds_place, gives_back, waits_for, waits_for_place, was_told};
use crate::app::App;
use crate::clock;
use crate::cluster::interrupt::{may_pause, may_restart};
use crate::lifecycle::started;
use crate::lifecycle::want::{self, Boot, want};
use crate::store::Result;
use crate::store::bmc::BmcRow;

const NO_PLACE: &str = "off; it waits for its place among those switched on";
const NO_PLACE_TO_CYCLE: &str = "it waits for its place among those switched on, to be power-cycled";
const FULL: &str = "the mains bear no more machines at this moment: try it again in a moment";
/// Somebody who has a machine power-cycled waits so long for its place: nothing keeps the wish for a later pass.
const FOR_A_PLACE: Duration = Duration::from_secs(30);

const WRITES: &str = "its power stays as it is: its BMC writes firmware";

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
        if want(&look.life).power != want::Power::On {
            // No pass switches on what is not ours.
            return Ok(Err(Fault::Busy(FULL.into())));
        }
        note(app, &look.row, NO_PLACE.into()).await?;
        return Ok(Ok(()));
    }
    let doing = match switch(app, bmcs, &look, (Doing::default(), action), asker).await? {
        Ok(doing) => doing,
        Err(fault) => return Ok(Err(fault)),
    };
    keep(app, &look, doing).await.map(Ok)
}

/// What the reconciler does. What it may not do now, and what nothing here can do, is said beside the machine and waits.
pub(super) async fn act<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    look: &Look,
    (doing, action): (Doing, PowerAction),
) -> Result<Doing> {
    if bmcs.known(&look.row.id).is_some_and(|lane| lane.is_updating()) {
        note(app, &look.row, WRITES.into()).await?;
        return Ok(doing);
    }
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
    let mut told = starts && was_told(bmcs, &look.row);
    if starts && !told && want(&look.life).boot == Boot::Agent {
        match lead(app, bmcs, &look.row, BootOnce::Network, asker).await? {
            Lead::Set => told = true,
            Lead::Cannot(why) => {
                tracing::warn!(machine = look.row.name(), "it starts by its own boot order: {why}")
            }
        }
    }
    // A BMC takes its time to be told: the mains are drawn on from here.
    let place = match place(app, bmcs, look, (action, told), asker).await? {
        Draws::Nothing => None,
        Draws::From(place) => Some(place),
        Draws::Later => return Ok(Ok(doing)),
        Draws::Refused => return Ok(Err(Fault::Busy(FULL.into()))),
    };
    let now = clock::now();
    let outcome = match (bmcs.ask(app, &look.bmc, Request::Act(action), asker).await, action) {
        (Err(Fault::Unsupported(_)), PowerAction::Cycle) => {
            place.into_iter().for_each(|place| gives_back(bmcs, place));
            off_and_on(app, bmcs, &look.bmc, asker).await
        }
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
        app.store.remark(&look.row.id(), started::POWER, said, now).await?;
    }
    Ok(outcome.map(|_| begun(doing, action, now)))
}

/// What an action takes of the mains.
enum Draws {
    Nothing,
    From(Place),
    /// A pass finds it a place.
    Later,
    Refused,
}

/// A power cycle draws on the mains as a start does, and so does one of a machine that is off. An agent that reboots takes
/// no power away. `told`: its BMC knows what it boots next.
async fn place<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    look: &Look,
    (action, told): (PowerAction, bool),
    asker: Asker,
) -> Result<Draws> {
    let (found, note_if_none) = match action {
        PowerAction::Off | PowerAction::Shutdown => return Ok(Draws::Nothing),
        PowerAction::Cycle if look.bmc.driver()? == DriverKind::WakeOnLan => return Ok(Draws::Nothing),
        PowerAction::Cycle if asker != Asker::Server => {
            return Ok(awaits_place(app, bmcs, FOR_A_PLACE).await.map_or(Draws::Refused, Draws::From));
        }
        PowerAction::Cycle => (finds_place(app, bmcs, &look.row, told), NO_PLACE_TO_CYCLE),
        PowerAction::On => (finds_place(app, bmcs, &look.row, told), NO_PLACE),
    };
    match found {
        Some(place) => Ok(Draws::From(place)),
        None => note(app, &look.row, note_if_none.into()).await.map(|()| Draws::Later),
    }
}

/// A power cycle by what cannot do one at once, such as a PDU. Once it is off, nothing may keep it so: the requests wait for
/// those before them.
async fn off_and_on<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    bmc: &BmcRow,
    asker: Asker,
) -> std::result::Result<Answer, Fault> {
    const LOOKS: usize = 20;
    const BETWEEN: Duration = Duration::from_secs(3);
    let asker = if asker == Asker::Server { Asker::Errand } else { asker };
    bmcs.ask(app, bmc, Request::Act(PowerAction::Off), asker).await?;
    for _ in 0..LOOKS {
        if bmcs.read(app, bmc, asker).await? != Power::On {
            if awaits_place(app, bmcs, FOR_A_PLACE).await.is_none() {
                let off =
                    "it is off, and the mains bear no more machines at this moment: switch it on in a moment";
                return Err(Fault::Busy(off.into()));
            }
            return bmcs.ask(app, bmc, Request::Act(PowerAction::On), asker).await;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Err(Fault::NotObeyed("it was told off, and still reads on".into()))
}
