//! Before anything is erased or forgotten: which disks, what is on them, what else it means, and a person's yes. One
//! machine is named again; of several the number is typed, when what happens to each has been shown.

use std::collections::HashMap;

use api::client::{Client, Error};
use api::facts::Disk;
use api::id::MachineId;
use api::machine::Machine;
use api::order::Order;
use api::wipe::{DiskName, WipePreview, WipeScope, WipeWish};

use crate::args::machine::{Consent, Leaving};
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::render;
use crate::several::{Chosen, counted};

/// What a person saw of each machine.
pub type Shown = HashMap<MachineId, Seen>;

pub struct Seen {
    pub disks: Vec<DiskName>,
    /// Goes back with the yes.
    pub digest: String,
}

/// The yes to what was shown of a machine; to nothing where nothing was.
pub fn yes(shown: &Shown, machine: &MachineId) -> Order {
    Order::yes_to(shown.get(machine).map_or("", |seen| &seen.digest))
}

/// Shows what would be erased and asks.
pub async fn erasures(
    client: &Client,
    io: &mut Io<'_>,
    chosen: &Chosen,
    (consent, leaving): (Consent, Option<Leaving>),
    verb: &str,
) -> Result<Shown, Failure> {
    let mut shown = Shown::new();
    for machine in &chosen.machines {
        let erasure = client.erasure(&machine.id.0, consent.erase_foreign).await?;
        io.say(&render::erasure::disks(machine, &erasure, now(), io.talk_paint()))?;
        shown.insert(machine.id.clone(), seen(&erasure.disks, erasure.digest));
    }
    ask(io, chosen, (consent.yes, leaving), verb)?;
    Ok(shown)
}

fn seen(disks: &[Disk], digest: String) -> Seen {
    Seen { disks: disks.iter().map(DiskName::of).collect(), digest }
}

/// Before a wipe: what is erased, and what is left for which reason. Answers what was shown; machines whose
/// disks cannot be shown are taken out.
pub async fn wipes(
    client: &Client,
    io: &mut Io<'_>,
    chosen: &mut Chosen,
    (wish, consent, leaving): (&WipeWish, Consent, Leaving),
    verb: &str,
) -> Result<Shown, Failure> {
    let mut shown = Shown::new();
    for machine in std::mem::take(&mut chosen.machines) {
        match preview(client, &machine, wish).await {
            Ok(preview) => {
                io.say(&render::erasure::wipe(&machine, &preview, now(), io.talk_paint()))?;
                shown.insert(machine.id.clone(), seen(&preview.erased, preview.digest));
                chosen.machines.push(machine);
            }
            Err(error @ Error::Refused { status: 409, .. }) if !chosen.one => {
                let failure = Failure::from(error);
                let message = format!("{}: {}", machine.name(), failure.message);
                io.say(&format!("{message}\n"))?;
                chosen.refused.push(Failure { message, ..failure });
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !chosen.machines.is_empty() {
        ask(io, chosen, (consent.yes, Some(leaving)), verb)?;
    }
    Ok(shown)
}

async fn preview(client: &Client, machine: &Machine, wish: &WipeWish) -> Result<WipePreview, Error> {
    match wish.scope {
        // Nothing is erased, so nothing need be known of the disks.
        WipeScope::None => {
            let (machine, digest) = (machine.id.clone(), String::new());
            Ok(WipePreview { machine, erased: Vec::new(), left: Vec::new(), digest })
        }
        _ => client.wipe_preview(&machine.id.0, wish).await,
    }
}

/// Before machines are forgotten.
pub fn deletions(io: &mut Io<'_>, chosen: &Chosen, (yes, leaving): (bool, Leaving)) -> Result<(), Failure> {
    for machine in &chosen.machines {
        io.say(&render::erasure::deletion(machine, now(), io.talk_paint()))?;
    }
    ask(io, chosen, (yes, Some(leaving)), "delete")
}

fn ask(
    io: &mut Io<'_>,
    chosen: &Chosen,
    (yes, leaving): (bool, Option<Leaving>),
    verb: &str,
) -> Result<(), Failure> {
    if let Some(leaving) = leaving {
        io.say(&render::erasure::leaving(leaving.powered_off, leaving.force, io.talk_paint()))?;
    }
    match (yes, chosen.machines.as_slice()) {
        (true, _) => Ok(()),
        (false, [machine]) if chosen.one => typed(io, &machine.name()),
        (false, machines) => counted(io, machines.len(), verb),
    }
}

fn typed(io: &mut Io<'_>, name: &str) -> Result<(), Failure> {
    if !io.screen.input {
        return Err(Failure::new(
            Exit::Usage,
            "this cannot be undone and there is no terminal to ask at",
            "say --yes once you have seen what it means",
        ));
    }
    let typed = io.ask("Type the machine's name to go on")?;
    if typed == name {
        return Ok(());
    }
    let hint = "the name is the first word of its line in `metalctl machine list`";
    Err(Failure::new(Exit::Refused, format!("`{typed}` is not `{name}`: nothing was done"), hint))
}
