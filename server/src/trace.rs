//! Keeps the hops of boots with the machines that they were seen of, and looks at each boot that begins: is it the same
//! one again?

use anyhow::Result;
use api::trace::HopName;
use tokio::sync::mpsc;

use crate::app::App;
use crate::clock;
use crate::dhcp::sighting::Sighting;
use crate::lifecycle::circle;
use crate::store::Result as Stored;

/// Keeps what the wire shells saw with the machine it was seen of.
pub async fn keep_all(app: App, mut seen: mpsc::Receiver<Sighting>) -> Result<()> {
    let started = clock::now();
    while let Some(sighting) = seen.recv().await {
        if let Err(error) = keep(&app, sighting, started).await {
            tracing::error!(%error, "a hop of a boot was not kept");
        }
    }
    Ok(())
}

async fn keep(app: &App, sighting: Sighting, started: i64) -> Stored<()> {
    let Some(row) = app.store.machine_by_mac(sighting.mac).await? else { return Ok(()) };
    let evidence = format!("{}: {}", sighting.hop.name.as_str(), sighting.hop.detail);
    let (at, name) = (sighting.hop.at, sighting.hop.name);
    app.store.hop(&row.id(), sighting.hop, sighting.by_firmware).await?;
    if sighting.by_firmware {
        app.store.machine_seen(&row.id(), evidence, at).await?;
    }
    match sighting.by_firmware && name == HopName::Discover {
        true => circle::look(app, &row, started, at).await,
        false => Ok(()),
    }
}
