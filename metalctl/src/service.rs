//! The verbs that take machines out of service, or bring them back: assign, inspect, rescue, leave, wipe, retire, delete.

use std::path::PathBuf;

use api::client::Client;
use api::machine::{Allowed, Machine};
use api::order::Order;
use api::state::State;
use api::wipe::{WipeScope, WipeWish};

use crate::args::machine::{Consent, Leaving, Waiting};
use crate::args::select::{Selection, Sure};
use crate::args::service::{Erasing, ServiceVerb};
use crate::clock::now;
use crate::confirm;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::render;
use crate::several;

/// Where a machine is that nothing more is done to.
const SETTLED: &[State] = &[State::Available, State::Active];

/// Erased. Where a rule may do so by itself, it begins the next install in the same second.
const ERASED: &[State] = &[
    State::Available,
    State::Partitioning,
    State::Installing,
    State::Booting,
    State::Joining,
    State::Active,
];

pub async fn run(verb: ServiceVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        ServiceVerb::Assign { machines, sure, profile } => {
            let order = Order { profile: Some(profile), ..Order::default() };
            assign(client, io, (&Selection::from(machines), sure), order).await
        }
        ServiceVerb::Inspect { selection, sure, leaving, waiting } => {
            let moving = Moving { verb: "inspect", order: Order::default(), leaving, goals: SETTLED };
            moved(client, io, (&selection, sure), moving, waiting).await
        }
        ServiceVerb::Rescue { selection, sure, keys, leaving, waiting } => {
            let order = Order { keys: read(&keys)?, ..Order::default() };
            let moving = Moving { verb: "rescue", order, leaving, goals: &[State::Rescue] };
            moved(client, io, (&selection, sure), moving, waiting).await
        }
        ServiceVerb::Leave { selection, sure, waiting } => {
            let (order, leaving) = (Order::default(), Leaving::default());
            let moving = Moving { verb: "leave", order, leaving, goals: SETTLED };
            moved(client, io, (&selection, sure), moving, waiting).await
        }
        ServiceVerb::Wipe { selection, erasing, consent, leaving, waiting } => {
            let wish = wish(erasing, consent);
            let erasure = Erasure { verb: "wipe", wish, consent, leaving, goals: ERASED };
            erase(client, io, &selection, erasure, waiting).await
        }
        ServiceVerb::Retire { selection, erasing, keep_disks, consent, leaving, waiting } => {
            let mut wish = wish(erasing, consent);
            if keep_disks {
                wish.scope = WipeScope::None;
            }
            let erasure = Erasure { verb: "retire", wish, consent, leaving, goals: &[State::Retired] };
            erase(client, io, &selection, erasure, waiting).await
        }
        ServiceVerb::Delete { selection, yes, leaving } => {
            delete(client, io, &selection, (yes, leaving)).await
        }
        ServiceVerb::Tombstones => tombstones(client, io).await,
    }
}

async fn assign(
    client: &Client,
    io: &mut Io<'_>,
    (selection, sure): (&Selection, Sure),
    order: Order,
) -> Result<Exit, Failure> {
    let chosen = several::selected(client, selection).await?;
    several::confirm(io, &chosen, sure, "assign")?;
    let verb =
        async |machine: &Machine| client.order(&machine.id.0, ("assign", Allowed::default()), &order).await;
    several::each(io, chosen, verb).await
}

/// To another home, with the disks as they are.
struct Moving {
    verb: &'static str,
    order: Order,
    leaving: Leaving,
    goals: &'static [State],
}

async fn moved(
    client: &Client,
    io: &mut Io<'_>,
    (selection, sure): (&Selection, Sure),
    moving: Moving,
    waiting: Waiting,
) -> Result<Exit, Failure> {
    let Moving { verb, order, leaving, goals } = moving;
    let chosen = several::selected(client, selection).await?;
    if !chosen.one {
        io.say(&render::erasure::leaving(leaving.powered_off, leaving.force, io.talk_paint()))?;
    }
    several::confirm(io, &chosen, sure, verb)?;
    let call = async |machine: &Machine| client.order(&machine.id.0, (verb, allowed(leaving)), &order).await;
    several::followed(client, io, chosen, (waiting, goals), call).await
}

struct Erasure {
    verb: &'static str,
    wish: WipeWish,
    consent: Consent,
    leaving: Leaving,
    goals: &'static [State],
}

async fn erase(
    client: &Client,
    io: &mut Io<'_>,
    selection: &Selection,
    erasure: Erasure,
    waiting: Waiting,
) -> Result<Exit, Failure> {
    let Erasure { verb, wish, consent, leaving, goals } = erasure;
    let mut chosen = several::selected(client, selection).await?;
    let shown = confirm::wipes(client, io, &mut chosen, (&wish, consent, leaving), verb).await?;
    let call = async |machine: &Machine| {
        let disks = shown.get(&machine.id).map(|seen| seen.disks.clone()).unwrap_or_default();
        let mut wish = WipeWish { disks, ..wish.clone() };
        if wish.disks.is_empty() {
            wish.scope = WipeScope::None;
        }
        let order = Order { wipe: wish, ..confirm::yes(&shown, &machine.id) };
        client.order(&machine.id.0, (verb, allowed(leaving)), &order).await
    };
    several::followed(client, io, chosen, (waiting, goals), call).await
}

async fn delete(
    client: &Client,
    io: &mut Io<'_>,
    selection: &Selection,
    (yes, leaving): (bool, Leaving),
) -> Result<Exit, Failure> {
    let chosen = several::selected(client, selection).await?;
    confirm::deletions(io, &chosen, (yes, leaving))?;
    let call = async |machine: &Machine| client.verb_with(&machine.id.0, "delete", allowed(leaving)).await;
    let (gone, failures) = several::run(&chosen.machines, call).await;
    if io.json {
        several::tell(io, &chosen, &gone)?;
    } else {
        gone.iter().try_for_each(|machine| farewell(io, machine))?;
    }
    several::end(chosen, failures)
}

/// A node leaves its cluster first, and is still there.
fn farewell(io: &mut Io<'_>, machine: &Machine) -> Result<(), Failure> {
    match machine.state {
        State::Draining => io.data(&render::list::line(machine, now(), io.paint()))?,
        _ => io.say(&format!("{} is deleted; `metalctl machine tombstones` keeps it", machine.name()))?,
    }
    Ok(())
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
    Allowed { powered_off: leaving.powered_off, force: leaving.force, ..Allowed::default() }
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
