//! What a machine's firmware boots next, by its BMC: told before a start, and looked at after it, because some firmware
//! keeps for ever what it was told for once.

use api::bmc::{BootOnce, Fault, FirmwareMode};
use api::facts::BootMode;
use api::id::MachineId;
use api::rung::Rung;

use super::access::Open;
use super::bmcs::Bmcs;
use super::kept::{Override, Stuck};
use super::lane::{Answer, Asker, Leading, Request};
use crate::app::App;
use crate::clock;
use crate::lifecycle::boots::boot_mode;
use crate::store::Result;
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;
use crate::store::power::PowerRow;

/// Whether a machine's next start will lead where it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Its BMC took the override.
    Set,
    /// Why not, in words.
    Cannot(String),
}

/// Lets the machine's next start boot `target`. Whoever restarts it does so after this.
pub async fn lead<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    row: &Row,
    target: BootOnce,
    asker: Asker,
) -> Result<Lead> {
    let id = row.id();
    let Some(bmc) = app.store.bmc(&id).await? else {
        return Ok(Lead::Cannot("it has no BMC that is in use".into()));
    };
    let mode = mode(app, &id).await?;
    match bmcs.ask(app, &bmc, Request::BootOnce(target, mode), asker).await {
        Ok(_) => {
            bmcs.lane(&row.id).set_stuck(Stuck::default());
            app.store.power_led(&id, Some(row.boot_id.clone())).await?;
            Ok(Lead::Set)
        }
        Err(fault) => {
            // Something may be set that nobody asked for, such as flags that hold for every start: it is looked for, too.
            if matches!(fault, Fault::NotObeyed(_)) {
                app.store.power_led(&id, Some(row.boot_id.clone())).await?;
            }
            Ok(Lead::Cannot(fault.to_string()))
        }
    }
}

/// As its agent found it, or else as its firmware said when it asked for an address.
async fn mode(app: &App, id: &MachineId) -> Result<FirmwareMode> {
    let known = match app.store.facts(id).await? {
        Some(facts) => Some(facts.boot_mode),
        None => boot_mode(&app.store.attempts(id).await?),
    };
    Ok(match known {
        Some(BootMode::Bios) => FirmwareMode::Bios,
        Some(BootMode::Uefi) | None => FirmwareMode::Uefi,
    })
}

/// The first rung of the way back to RAM: true once firmware knows where this boot's successor comes from. A BMC takes up
/// to a minute for an answer, so it is told meanwhile, and the machine's news say when that has ended; where it cannot,
/// that is the end of the rung.
pub fn is_led<O: Open>(app: &App, bmcs: &Bmcs<O>, row: &Row, boot_id: &str) -> bool {
    let lane = bmcs.lane(&row.id);
    match lane.leads((row.since, boot_id)) {
        Leading::Done => return true,
        Leading::UnderWay => return false,
        Leading::Begun => {}
    }
    let (app, bmcs, row, boot_id) = (app.clone(), bmcs.clone(), row.clone(), boot_id.to_string());
    tokio::spawn(async move {
        let outcome = lead(&app, &bmcs, &row, BootOnce::Network, Asker::Errand).await;
        lane.has_led((row.since, &boot_id), matches!(outcome, Ok(Lead::Set)));
        let told = match outcome {
            Ok(Lead::Set) => {
                app.store.changed(&row.id());
                Ok(())
            }
            Ok(Lead::Cannot(why)) => {
                app.store.ladder_refused(&row.id(), (row.since, Rung::Bmc), &why, clock::now()).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::error!(machine = row.name(), %error, "its way back to RAM by its BMC came to nothing");
        }
    });
    false
}

/// After the start that it was for: an override that firmware kept is taken back, or every boot would lead to the network.
/// Where that fails it is tried again, more and more rarely, and told.
pub async fn take_back<O: Open>(
    app: &App,
    bmcs: &Bmcs<O>,
    (row, bmc): (&Row, &BmcRow),
    power: &PowerRow,
) -> Result<Override> {
    if power.led.as_ref().is_none_or(|led| *led == row.boot_id) {
        return Ok(Override::None);
    }
    let (id, lane, now) = (row.id(), bmcs.lane(&row.id), clock::now());
    let before = lane.stuck();
    if !before.is_due(now) {
        return Ok(before.state());
    }
    let fault = match clear(app, bmcs, bmc).await {
        Ok(kept) => {
            lane.set_stuck(Stuck::default());
            if kept {
                let note = "its firmware kept the boot override that was for one start; it was taken back";
                app.store.remark(&id, "power", note.into(), now).await?;
            }
            app.store.power_led(&id, None).await?;
            return Ok(Override::None);
        }
        Err(fault) => fault,
    };
    let stuck = before.after(&fault, now);
    lane.set_stuck(stuck);
    if stuck.state() != before.state() {
        let told = format!("the boot override that was for one start stays, and is not taken back: {fault}");
        tracing::warn!(machine = row.name(), "{told}");
        app.store.remark(&id, "power", told, now).await?;
    }
    Ok(stuck.state())
}

/// Whether it had been kept.
async fn clear<O: Open>(app: &App, bmcs: &Bmcs<O>, bmc: &BmcRow) -> std::result::Result<bool, Fault> {
    let kept = match bmcs.ask(app, bmc, Request::BootKept, Asker::Server).await {
        Ok(Answer::Kept(kept)) => Some(kept),
        // It cannot be read.
        Ok(_) | Err(Fault::Unsupported(_)) => None,
        Err(fault) => return Err(fault),
    };
    if kept == Some(false) {
        return Ok(false);
    }
    match bmcs.ask(app, bmc, Request::ClearBoot, Asker::Server).await {
        // What knows of no such thing has nothing to take back.
        Ok(_) | Err(Fault::Unsupported(_)) => Ok(kept == Some(true)),
        Err(fault) => Err(fault),
    }
}
