//! By which way an OS that runs is told to go, where its machine is wanted in RAM or at the network's boot script.

use api::bmc::DriverKind;
use api::facts::BootMode;
use api::image::{FileRole, Manifest};
use api::routes::boot;
use api::rung::{RamFile, RamImage, Rung};
use api::state::{Home, Life};
use api::task::Way;

use crate::app::App;
use crate::bmc::lead::is_led;
use crate::clock;
use crate::config::Profile;
use crate::http::error::Failure;
use crate::lifecycle::boots::netboots_first;
use crate::lifecycle::ladder::{Goal, Ground};
use crate::lifecycle::want::want;
use crate::store::machine::Row;

/// The rung and what of it the agent does. None while only a person can help, while its BMC is told, or when the machine
/// has moved on in between.
pub async fn way(app: &App, row: &Row, life: &Life, boot_id: &str) -> Result<Option<(Rung, Way)>, Failure> {
    let ground = ground(app, row, life).await?;
    let ladder = app.store.ladder_climb(&row.id(), ground, boot_id, clock::now()).await?;
    let open = ladder.as_ref().and_then(|ladder| ladder.open()).map(|step| step.rung);
    Ok(match open {
        None | Some(Rung::Hand) => None,
        // What is left for the agent is to reboot, which one that has never heard of this way can, too.
        Some(Rung::Bmc) => {
            is_led(app, &app.bmcs, row, boot_id).then_some((Rung::Bmc, Way { rung: Rung::Reboot, ram: None }))
        }
        Some(rung) => {
            let ram = if rung.from_disk() { ram_image(app, app.profile(row)) } else { None };
            Some((rung, Way { rung, ram }))
        }
    })
}

async fn ground(app: &App, row: &Row, life: &Life) -> Result<Ground, Failure> {
    let facts = app.store.facts(&row.id()).await?;
    let attempts = app.store.attempts(&row.id()).await?;
    Ok(Ground {
        goal: if want(life).home == Some(Home::Ram) { Goal::Ram } else { Goal::Network },
        since: row.since,
        bios: facts.as_ref().is_some_and(|facts| facts.boot_mode == BootMode::Bios),
        secure_boot: facts.is_some_and(|facts| facts.secure_boot == Some(true)),
        bmc: has_bmc(app, row).await?,
        ram_image: app.images.current().ram().is_some(),
        netboots_first: netboots_first(&attempts),
        patience: app.site.back_to_ram(app.profile(row)),
    })
}

/// Without one, firmware's own order decides.
async fn has_bmc(app: &App, row: &Row) -> Result<bool, Failure> {
    let bmc = app.store.bmc(&row.id()).await?;
    let driver = bmc.map(|bmc| bmc.driver()).transpose()?;
    Ok(driver.is_some_and(|driver| driver != DriverKind::WakeOnLan))
}

/// What an installed system keeps of the RAM image. None where the server has none.
pub fn ram_image(app: &App, profile: Option<&Profile>) -> Option<RamImage> {
    let images = app.images.current();
    let ram = images.ram()?;
    let consoles = profile.map(|profile| profile.consoles.clone()).unwrap_or_default();
    let consoles = consoles.into_iter().map(|console| format!("console={console}"));
    let own = profile.map(|profile| profile.kernel_arguments.clone()).unwrap_or_default();
    Some(RamImage {
        kernel: file(ram, FileRole::Kernel)?,
        initrd: file(ram, FileRole::Initrd)?,
        arguments: consoles.chain(own).collect(),
    })
}

fn file(image: &Manifest, role: FileRole) -> Option<RamFile> {
    let file = image.file(role)?;
    Some(RamFile { path: boot::image(&image.name, &file.name), size: file.size, sha256: file.sha256.clone() })
}
