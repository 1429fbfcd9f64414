//! `machine watch`: the list, live. At a terminal one screen that repaints, elsewhere a line a change.

use std::collections::BTreeMap;
use std::time::Duration;

use api::client::{Client, Stream};
use api::machine::Machine;

use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::render;
use crate::sse::{Decoder, Message};
use crate::stream::{self, Lost};

/// How often times on the screen move on.
const TICK: Duration = Duration::from_secs(1);

type Rack = BTreeMap<String, Machine>;

pub async fn watch(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let mut rack = Rack::new();
    stream::keep(client, io, async |io, stream| listen(client, io, stream, &mut rack).await).await
}

/// One connection. The stream was opened before the list is fetched: no change falls between them.
async fn listen(client: &Client, io: &mut Io<'_>, mut stream: Stream, rack: &mut Rack) -> Result<(), Lost> {
    resync(client, io, rack).await?;
    let mut decoder = Decoder::default();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            chunk = stream.chunk() => {
                let Ok(Some(chunk)) = chunk else { return Ok(()) };
                for message in decoder.feed(&chunk) {
                    take(message, client, io, rack).await?;
                }
            }
            _ = tick.tick(), if io.screen.output && !io.json => {
                let machines: Vec<_> = rack.values().cloned().collect();
                let width = io.screen.size().map(|(columns, _)| columns);
                let text = render::list::machines(&machines, now(), width, io.paint());
                io.repaint(&text)?;
            }
        }
    }
}

async fn take(message: Message, client: &Client, io: &mut Io<'_>, rack: &mut Rack) -> Result<(), Lost> {
    match message.event.as_str() {
        "machine" => changed(serde_json::from_str(&message.data)?, io, rack),
        "resync" => resync(client, io, rack).await,
        _ => Ok(()),
    }
}

/// After a start or a lag: what is there now.
async fn resync(client: &Client, io: &mut Io<'_>, rack: &mut Rack) -> Result<(), Lost> {
    let machines = client.machines().await.map_err(Lost::Server)?;
    rack.retain(|id, _| machines.iter().any(|m| m.id.0 == *id));
    machines.into_iter().try_for_each(|machine| changed(machine, io, rack))
}

fn changed(machine: Machine, io: &mut Io<'_>, rack: &mut Rack) -> Result<(), Lost> {
    let known = rack.get(&machine.id.0);
    if known.is_some_and(|k| k.version > machine.version || *k == machine) {
        return Ok(());
    }
    if io.json {
        io.data(&serde_json::to_string(&machine)?)?;
    } else if !io.screen.output {
        io.data(&render::list::line(&machine, now(), io.paint()))?;
    }
    rack.insert(machine.id.0.clone(), machine);
    Ok(())
}
