//! One machine runs one system. Two that speak in its name are both stopped and quarantined until a person has looked:
//! one of them is a copy of a disk, or somebody who pretends to be this machine.

use api::id::MachineId;
use api::who::Doubt;
use axum::http::StatusCode;

use crate::app::App;
use crate::clock;
use crate::http::error::Failure;

/// An agent of this boot says hello.
pub async fn begins(app: &App, machine: &MachineId, boot_id: &str) -> Result<(), Failure> {
    speaks(app, machine, boot_id).await?;
    if !boot_id.is_empty() {
        app.store.session_began(machine, boot_id, clock::now()).await?;
    }
    Ok(())
}

/// An agent of this boot says anything at all.
pub async fn speaks(app: &App, machine: &MachineId, boot_id: &str) -> Result<(), Failure> {
    let Some(later) = app.store.session_after(machine, boot_id).await? else { return Ok(()) };
    let row = app.store.machine(machine).await?;
    let why = format!(
        "two systems speak in its name: that of boot {boot_id} is alive beside that of boot {later}, which came later"
    );
    // One doubt at a time: what was found first is a person's to settle before the next.
    if app.store.quarantine_of(machine).await?.is_none() {
        tracing::warn!(machine = row.name(), why, "both are stopped");
        app.store.quarantine(machine, (Doubt::Sessions, why.clone()), Vec::new(), clock::now()).await?;
    }
    let hint = format!(
        "switch one of the two off, boot the other anew, then `metalctl machine merge {name} {name}`",
        name = row.name()
    );
    Err(Failure::with_hint(StatusCode::CONFLICT, why, hint))
}
