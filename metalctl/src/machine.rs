//! The verbs of `metalctl machine`, but for `watch`.

use api::client::Client;
use api::machine::{Allowed, Machine};
use api::state::State;

use crate::args::machine::{Consent, Leaving, Rolling, Waiting};
use crate::args::select::{Listed, Selection, Sure};
use crate::clock::now;
use crate::confirm;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;
use crate::rolling;
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
    let chosen = several::selected(client, selection).await?;
    let shown = confirm::erasures(client, io, &chosen, (consent, None), "approve").await?;
    let allowed = Allowed { erase_foreign: consent.erase_foreign, ..Allowed::default() };
    let verb = async |machine: &Machine| {
        client.order(&machine.id.0, ("approve", allowed), &confirm::yes(&shown, &machine.id)).await
    };
    several::followed(client, io, chosen, (waiting, &[State::Active]), verb).await
}

/// One machine at once; several one after the other, which is a run of its own.
pub async fn reprovision(
    client: &Client,
    io: &mut Io<'_>,
    (selection, rolling): (&Selection, Rolling),
    (consent, leaving): (Consent, Leaving),
    waiting: Waiting,
) -> Result<Exit, Failure> {
    let chosen = several::selected(client, selection).await?;
    if !chosen.one || rolling.max_unavailable.is_some() || rolling.since.is_some() {
        let typed = (selection, rolling);
        return rolling::reprovision(client, io, chosen, typed, (consent, leaving, waiting)).await;
    }
    let shown = confirm::erasures(client, io, &chosen, (consent, Some(leaving)), "reprovision").await?;
    let allowed = allowed(consent, leaving);
    let verb = async |machine: &Machine| {
        client.order(&machine.id.0, ("reprovision", allowed), &confirm::yes(&shown, &machine.id)).await
    };
    several::followed(client, io, chosen, (waiting, &[State::Active]), verb).await
}

pub async fn retry(
    client: &Client,
    io: &mut Io<'_>,
    (selection, sure): (&Selection, Sure),
    waiting: Waiting,
) -> Result<Exit, Failure> {
    let chosen = several::selected(client, selection).await?;
    several::confirm(io, &chosen, sure, "retry")?;
    let verb = async |machine: &Machine| client.verb(&machine.id.0, "retry").await;
    several::followed(client, io, chosen, (waiting, &[State::Active]), verb).await
}

/// A verb that needs nothing but its name.
pub async fn plain(
    client: &Client,
    io: &mut Io<'_>,
    (selection, sure): (&Selection, Sure),
    verb: &'static str,
) -> Result<Exit, Failure> {
    let chosen = several::selected(client, selection).await?;
    several::confirm(io, &chosen, sure, verb)?;
    several::each(io, chosen, async |machine| client.verb(&machine.id.0, verb).await).await
}

/// What a person's words mean to the server.
pub fn allowed(consent: Consent, leaving: Leaving) -> Allowed {
    let Leaving { powered_off, force } = leaving;
    Allowed { erase_foreign: consent.erase_foreign, powered_off, force, unseen: false }
}
