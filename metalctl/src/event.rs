//! The verbs of `metalctl event`: the history of all machines, as it is and as it grows.

use std::collections::HashSet;

use api::client::{Client, Stream};
use api::id::MachineId;
use api::machine::{EventQuery, MachineEvent};

use crate::args::site::{About, EventVerb};
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;
use crate::stream::{self, Lost};

/// A page of a list that goes on.
const PAGE: i64 = 1000;

pub async fn run(verb: EventVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        EventVerb::List { about, limit, since } => list(client, io, about, (limit, since)).await,
        EventVerb::Follow { about } => follow(client, io, &about).await,
    }
}

async fn list(
    client: &Client,
    io: &mut Io<'_>,
    about: About,
    (limit, since): (u32, Option<i64>),
) -> Result<Exit, Failure> {
    let machine = about.machine.as_deref().map(path_segment).transpose()?;
    let query = EventQuery { machine, since, limit: Some(limit.into()) };
    let mut events = client.history(&query).await?;
    events.retain(|event| !about.refused || event.entry.refused);
    if io.json {
        io.json(&events)?;
    } else if events.is_empty() {
        io.say("No events")?;
    } else {
        io.data(&render::events::table(&events, io.paint()))?;
    }
    Ok(Exit::Done)
}

/// What was told already. Events of one moment may come one after the other, so that moment is asked for again.
struct Cursor {
    at: i64,
    told: HashSet<(MachineId, i64)>,
}

async fn follow(client: &Client, io: &mut Io<'_>, about: &About) -> Result<Exit, Failure> {
    let only = match &about.machine {
        Some(reference) => Some(client.machine(&path_segment(reference)?).await?.machine.id),
        None => None,
    };
    let mut cursor = Cursor { at: now(), told: HashSet::new() };
    let wanted = (about, only.as_ref());
    stream::keep(client, io, async |io, stream| listen(client, io, stream, wanted, &mut cursor).await).await
}

/// One connection: whatever it brings says that there is something new to ask for.
async fn listen(
    client: &Client,
    io: &mut Io<'_>,
    mut stream: Stream,
    wanted: (&About, Option<&MachineId>),
    cursor: &mut Cursor,
) -> Result<(), Lost> {
    loop {
        catch_up(client, io, wanted, cursor).await?;
        let Ok(Some(_)) = stream.chunk().await else { return Ok(()) };
    }
}

async fn catch_up(
    client: &Client,
    io: &mut Io<'_>,
    (about, only): (&About, Option<&MachineId>),
    cursor: &mut Cursor,
) -> Result<(), Lost> {
    loop {
        let query = EventQuery { since: Some(cursor.at), limit: Some(PAGE), ..EventQuery::default() };
        let events = client.history(&query).await.map_err(Lost::Server)?;
        let full = i64::try_from(events.len()).unwrap_or(0) == PAGE;
        let mut news = false;
        for event in events {
            if !cursor.is_new(&event) {
                continue;
            }
            news = true;
            let fits = only.is_none_or(|id| *id == event.machine) && (!about.refused || event.entry.refused);
            if fits {
                say(io, &event)?;
            }
        }
        if !full || !news {
            return Ok(());
        }
    }
}

impl Cursor {
    fn is_new(&mut self, event: &MachineEvent) -> bool {
        if event.entry.at > self.at {
            (self.at, self.told) = (event.entry.at, HashSet::new());
        }
        self.told.insert((event.machine.clone(), event.number))
    }
}

fn say(io: &mut Io<'_>, event: &MachineEvent) -> Result<(), Failure> {
    match io.json {
        true => io.data(&serde_json::to_string(event)?)?,
        false => io.data(&render::events::line(event, io.paint()))?,
    }
    Ok(())
}
