//! The verbs that take a machine out of service, or bring it back: assign, inspect, rescue, leave, wipe, retire, delete.

use std::path::PathBuf;

use api::client::Client;
use api::machine::{Allowed, Machine};
use api::order::Order;
use api::state::State;
use api::wipe::{WipeScope, WipeWish};

use crate::args::machine::{Consent, Leaving, Waiting};
use crate::args::service::{Erasing, ServiceVerb};
use crate::clock::now;
use crate::confirm;
use crate::exit::{Exit, Failure};
use crate::follow;
use crate::machine::tell;
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;

pub async fn run(verb: ServiceVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        ServiceVerb::Assign { machine, profile } => {
            let order = Order { profile: Some(profile), ..Order::default() };
            let allowed = Allowed::default();
            let changed = client.order(&path_segment(&machine)?, ("assign", allowed), &order).await?;
            tell(io, &changed)
        }
        ServiceVerb::Inspect { machine, leaving, waiting } => {
            let changed = client.verb_with(&path_segment(&machine)?, "inspect", allowed(leaving)).await?;
            told(client, io, &changed, waiting, &[State::Available, State::Active]).await
        }
        ServiceVerb::Rescue { machine, keys, leaving, waiting } => {
            let order = Order { keys: read(&keys)?, ..Order::default() };
            let changed =
                client.order(&path_segment(&machine)?, ("rescue", allowed(leaving)), &order).await?;
            told(client, io, &changed, waiting, &[State::Rescue]).await
        }
        ServiceVerb::Leave { machine, waiting } => {
            let changed = client.verb(&path_segment(&machine)?, "leave").await?;
            told(client, io, &changed, waiting, &[State::Available, State::Active]).await
        }
        ServiceVerb::Wipe { machine, erasing, consent, leaving, waiting } => {
            let wish = wish(erasing, consent);
            let changed = erase(client, io, (&machine, "wipe"), (wish, consent, leaving)).await?;
            told(client, io, &changed, waiting, &[State::Available]).await
        }
        ServiceVerb::Retire { machine, erasing, keep_disks, consent, leaving, waiting } => {
            let mut wish = wish(erasing, consent);
            if keep_disks {
                wish.scope = WipeScope::None;
            }
            let changed = erase(client, io, (&machine, "retire"), (wish, consent, leaving)).await?;
            told(client, io, &changed, waiting, &[State::Retired]).await
        }
        ServiceVerb::Delete { machine, yes, leaving } => delete(client, io, &machine, (yes, leaving)).await,
        ServiceVerb::Tombstones => tombstones(client, io).await,
    }
}

async fn erase(
    client: &Client,
    io: &mut Io<'_>,
    (machine, verb): (&str, &str),
    (mut wish, consent, leaving): (WipeWish, Consent, Leaving),
) -> Result<Machine, Failure> {
    let (id, disks) = confirm::wipe(client, io, machine, (&wish, consent, leaving)).await?;
    if disks.is_empty() {
        wish.scope = WipeScope::None;
    }
    wish.disks = disks;
    let order = Order { wipe: wish, ..Order::default() };
    Ok(client.order(&id.0, (verb, allowed(leaving)), &order).await?)
}

async fn delete(
    client: &Client,
    io: &mut Io<'_>,
    machine: &str,
    (yes, leaving): (bool, Leaving),
) -> Result<Exit, Failure> {
    let id = confirm::deletion(client, io, machine, (yes, leaving)).await?;
    let last = client.verb_with(&id.0, "delete", allowed(leaving)).await?;
    if last.state == State::Draining || io.json {
        return tell(io, &last);
    }
    io.say(&format!("{} is deleted; `metalctl machine tombstones` keeps it", last.name()))?;
    Ok(Exit::Done)
}

async fn tombstones(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let tombstones = client.tombstones().await?;
    if io.json {
        io.json(&tombstones)?;
    } else if tombstones.is_empty() {
        io.say("No machine was deleted")?;
    } else {
        io.data(&render::tombstone::list(&tombstones, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}

fn wish(erasing: Erasing, consent: Consent) -> WipeWish {
    let Erasing { all_disks, full, skip_failed } = erasing;
    let scope = if all_disks { WipeScope::All } else { WipeScope::Ours };
    WipeWish { scope, full, skip_failed, erase_foreign: consent.erase_foreign, disks: Vec::new() }
}

fn allowed(leaving: Leaving) -> Allowed {
    Allowed { erase_foreign: false, powered_off: leaving.powered_off, force: leaving.force }
}

/// Each line of each file that is a key.
fn read(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut keys = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let hint = "name a public key, such as ~/.ssh/id_ed25519.pub";
            Failure::new(Exit::Usage, format!("cannot read {}: {error}", file.display()), hint)
        })?;
        if text.contains("PRIVATE KEY") {
            let message = format!("{} is a private key: it stays where it is", file.display());
            return Err(Failure::new(Exit::Usage, message, "name the file beside it that ends in .pub"));
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        keys.extend(lines.map(String::from));
    }
    Ok(keys)
}

async fn told(
    client: &Client,
    io: &mut Io<'_>,
    changed: &Machine,
    waiting: Waiting,
    goals: &[State],
) -> Result<Exit, Failure> {
    match waiting.wait {
        true => follow::to_the_end(client, io, changed, waiting.timeout, goals).await,
        false => tell(io, changed),
    }
}
