//! The verbs of `metalctl machine`, but for `watch`.

use api::client::{Client, Error};
use api::machine::{Allowed, Machine};
use api::state::State;

use crate::args::machine::{Consent, Leaving, Waiting};
use crate::args::select::{Listed, Selection, Sure};
use crate::clock::now;
use crate::confirm;
use crate::exit::{Exit, Failure};
use crate::follow;
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;
use crate::several;

pub async fn list(client: &Client, io: &mut Io<'_>, listed: &Listed, ansible: bool) -> Result<Exit, Failure> {
    let machines = several::listed(client, listed).await?;
    if ansible {
        io.json(&render::ansible::inventory(&machines))?;
    } else if io.json {
        io.json(&machines)?;
    } else if machines.is_empty() && *listed != Listed::default() {
        io.say("No machine fits")?;
    } else if machines.is_empty() {
        io.say("No machines yet: one appears when it asks to boot over the network")?;
    } else {
        io.data(&render::list::machines(&machines, now(), None, io.paint()))?;
    }
    Ok(Exit::Done)
}

pub async fn show(client: &Client, io: &mut Io<'_>, machine: &str) -> Result<Exit, Failure> {
    let detail = client.machine(&path_segment(machine)?).await?;
    if io.json {
        io.json(&detail)?;
    } else {
        io.data(&render::show::machine(&detail, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}

pub async fn why(client: &Client, io: &mut Io<'_>, machine: &str) -> Result<Exit, Failure> {
    let machine = path_segment(machine)?;
    let why = client.why(&machine).await?;
    if io.json {
        io.json(&why)?;
        return Ok(Exit::Done);
    }
    let detail = client.machine(&machine).await?;
    io.data(&render::why::machine(&why, &detail, now(), io.paint()))?;
    Ok(Exit::Done)
}

pub async fn logs(
    client: &Client,
    io: &mut Io<'_>,
    machine: &str,
    attempt: Option<i64>,
) -> Result<Exit, Failure> {
    let mut entries = client.logs(&path_segment(machine)?).await?;
    entries.retain(|entry| attempt.is_none_or(|wanted| entry.attempt == wanted));
    entries.sort_by_key(|entry| (entry.attempt, entry.at));
    if io.json {
        io.json(&entries)?;
    } else if entries.is_empty() {
        io.say("No log lines")?;
    } else {
        io.data(&render::logs::entries(&entries, io.paint()))?;
    }
    Ok(Exit::Done)
}

pub async fn approve(
    client: &Client,
    io: &mut Io<'_>,
    selection: &Selection,
    consent: Consent,
    waiting: Waiting,
) -> Result<Exit, Failure> {
    let machines = several::selected(client, selection).await?;
    match machines.as_slice() {
        [one] if selection.is_one() => {
            confirm::erasure(client, io, &one.id.0, (consent, None)).await?;
        }
        several => confirm::several(client, io, several, consent).await?,
    }
    let allowed = Allowed { erase_foreign: consent.erase_foreign, ..Allowed::default() };
    let verb = async |machine: &Machine| client.verb_with(&machine.id.0, "approve", allowed).await;
    told_each(client, io, &machines, waiting, verb).await
}

pub async fn reprovision(
    client: &Client,
    io: &mut Io<'_>,
    machine: &str,
    (consent, leaving): (Consent, Leaving),
    waiting: Waiting,
) -> Result<Exit, Failure> {
    let id = confirm::erasure(client, io, machine, (consent, Some(leaving))).await?;
    let changed = client.verb_with(&id.0, "reprovision", allowed(consent, leaving)).await?;
    told(client, io, &changed, waiting).await
}

pub async fn retry(
    client: &Client,
    io: &mut Io<'_>,
    (selection, sure): (&Selection, Sure),
    waiting: Waiting,
) -> Result<Exit, Failure> {
    let machines = several::selected(client, selection).await?;
    several::confirm(io, &machines, (selection, sure), "retry")?;
    let verb = async |machine: &Machine| client.verb(&machine.id.0, "retry").await;
    told_each(client, io, &machines, waiting, verb).await
}

/// A verb that needs nothing but its name.
pub async fn plain(
    client: &Client,
    io: &mut Io<'_>,
    (selection, sure): (&Selection, Sure),
    verb: &'static str,
) -> Result<Exit, Failure> {
    let machines = several::selected(client, selection).await?;
    several::confirm(io, &machines, (selection, sure), verb)?;
    several::each(io, &machines, async |machine| client.verb(&machine.id.0, verb).await).await
}

/// Does it to each; with `--wait` all of them are on their way before the first is followed.
async fn told_each(
    client: &Client,
    io: &mut Io<'_>,
    machines: &[Machine],
    waiting: Waiting,
    verb: impl AsyncFn(&Machine) -> Result<Machine, Error>,
) -> Result<Exit, Failure> {
    if !waiting.wait {
        return several::each(io, machines, verb).await;
    }
    let (started, refused) = several::run(machines, verb).await?;
    let mut exit = Exit::Done;
    for machine in &started {
        exit = follow::to_the_end(client, io, machine, waiting.timeout, &[State::Active]).await?;
    }
    several::refusals(machines.len(), refused).map_or(Ok(exit), Err)
}

/// What a person's words mean to the server.
pub fn allowed(consent: Consent, leaving: Leaving) -> Allowed {
    Allowed { erase_foreign: consent.erase_foreign, powered_off: leaving.powered_off, force: leaving.force }
}

/// Says what has become of the machine: at once, or when it is over.
async fn told(
    client: &Client,
    io: &mut Io<'_>,
    changed: &Machine,
    waiting: Waiting,
) -> Result<Exit, Failure> {
    if waiting.wait {
        follow::to_the_end(client, io, changed, waiting.timeout, &[State::Active]).await
    } else {
        tell(io, changed)
    }
}

pub fn tell(io: &mut Io<'_>, machine: &Machine) -> Result<Exit, Failure> {
    if io.json {
        io.json(machine)?;
    } else {
        io.data(&render::list::line(machine, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}
