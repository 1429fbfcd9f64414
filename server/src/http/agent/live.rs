//! One machine runs one system. Two that speak in its name are both stopped until a person has looked: one of them is
//! a copy of a disk, or somebody who pretends to be this machine.

use api::event::Event;
use api::id::MachineId;
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
    if !row.hold {
        tracing::warn!(machine = row.name(), why, "both are stopped");
        app.store.submit(machine, Event::Hold, "server", clock::now()).await?;
        app.store.remark(machine, "second_session", why.clone(), clock::now()).await?;
    }
    if row.evidence != why {
        app.store.machine_noted(machine, why.clone()).await?;
    }
    let hint = format!(
        "switch one of the two off, boot the other anew, then `metalctl machine release {}`",
        row.name()
    );
    Err(Failure::with_hint(StatusCode::CONFLICT, why, hint))
}
