//! Before anything is erased or forgotten: which disks, what is on them, what else it means, and a person's yes.

use api::client::Client;
use api::id::MachineId;
use api::machine::Machine;
use api::wipe::{DiskName, WipePreview, WipeScope, WipeWish};

use crate::args::machine::{Consent, Leaving};
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;
use crate::several::counted;

/// Shows what would be erased and asks; answers the machine's id, so that what was shown is what is meant
/// even when a name moves on in the meantime.
pub async fn erasure(
    client: &Client,
    io: &mut Io<'_>,
    reference: &str,
    (consent, leaving): (Consent, Option<Leaving>),
) -> Result<MachineId, Failure> {
    let machine = client.machine(&path_segment(reference)?).await?.machine;
    show(client, io, &machine, consent).await?;
    if let Some(leaving) = leaving {
        io.say(&render::erasure::leaving(leaving.powered_off, leaving.force, io.talk_paint()))?;
    }
    let list = "the name is the first word of its line in `metalctl machine list`";
    typed(io, consent, ("machine", &machine.name()), list)?;
    Ok(machine.id)
}

/// The same for several machines; whoever types their number has looked at them.
pub async fn several(
    client: &Client,
    io: &mut Io<'_>,
    machines: &[Machine],
    consent: Consent,
) -> Result<(), Failure> {
    for machine in machines {
        show(client, io, machine, consent).await?;
    }
    if consent.yes { Ok(()) } else { counted(io, machines.len(), "approve") }
}

/// All machines of a profile that are installed anew, and one answer.
pub async fn erasures(
    client: &Client,
    io: &mut Io<'_>,
    (profile, machines): (&str, &[&Machine]),
    (consent, leaving): (Consent, Leaving),
) -> Result<(), Failure> {
    for machine in machines {
        show(client, io, machine, consent).await?;
    }
    io.say(&render::erasure::leaving(leaving.powered_off, leaving.force, io.talk_paint()))?;
    typed(io, consent, ("profile", profile), "`metalctl profile list` shows the profiles")
}

async fn show(client: &Client, io: &mut Io<'_>, machine: &Machine, consent: Consent) -> Result<(), Failure> {
    let erasure = client.erasure(&machine.id.0, consent.erase_foreign).await?;
    io.say(&render::erasure::disks(machine, &erasure, now(), io.talk_paint()))?;
    Ok(())
}

/// Before a wipe: what is erased, and what is left for which reason. Answers the machine's id and the disks
/// that were shown.
pub async fn wipe(
    client: &Client,
    io: &mut Io<'_>,
    reference: &str,
    (wish, consent, leaving): (&WipeWish, Consent, Leaving),
) -> Result<(MachineId, Vec<DiskName>), Failure> {
    let machine = client.machine(&path_segment(reference)?).await?.machine;
    let preview = match wish.scope {
        // Nothing is erased, so nothing need be known of the disks.
        WipeScope::None => WipePreview { machine: machine.id.clone(), erased: Vec::new(), left: Vec::new() },
        _ => client.wipe_preview(&machine.id.0, wish).await?,
    };
    io.say(&render::erasure::wipe(&machine, &preview, now(), io.talk_paint()))?;
    io.say(&render::erasure::leaving(leaving.powered_off, leaving.force, io.talk_paint()))?;
    let list = "the name is the first word of its line in `metalctl machine list`";
    typed(io, consent, ("machine", &machine.name()), list)?;
    Ok((machine.id, preview.erased.iter().map(DiskName::of).collect()))
}

/// Before a machine is forgotten.
pub async fn deletion(
    client: &Client,
    io: &mut Io<'_>,
    reference: &str,
    (yes, leaving): (bool, Leaving),
) -> Result<MachineId, Failure> {
    let machine = client.machine(&path_segment(reference)?).await?.machine;
    io.say(&render::erasure::deletion(&machine, now(), io.talk_paint()))?;
    io.say(&render::erasure::leaving(leaving.powered_off, leaving.force, io.talk_paint()))?;
    let list = "the name is the first word of its line in `metalctl machine list`";
    typed(io, Consent { yes, erase_foreign: false }, ("machine", &machine.name()), list)?;
    Ok(machine.id)
}

fn typed(io: &mut Io<'_>, consent: Consent, (noun, name): (&str, &str), hint: &str) -> Result<(), Failure> {
    if consent.yes {
        return Ok(());
    }
    if !io.screen.input {
        return Err(Failure::new(
            Exit::Usage,
            "this cannot be undone and there is no terminal to ask at",
            "say --yes once you have seen what it means",
        ));
    }
    let typed = io.ask(&format!("Type the {noun}'s name to go on"))?;
    if typed == name {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, format!("`{typed}` is not `{name}`: nothing was done"), hint))
}
