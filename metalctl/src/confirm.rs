//! Before anything is erased: which disks, what is on them, and a person's yes.

use api::client::Client;
use api::id::MachineId;

use crate::args::Consent;
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;

/// Shows what would be erased and asks; answers the machine's id, so that what was shown is what is meant
/// even when a name moves on in the meantime.
pub async fn erasure(
    client: &Client,
    io: &mut Io<'_>,
    reference: &str,
    consent: Consent,
) -> Result<MachineId, Failure> {
    let machine = client.machine(&path_segment(reference)?).await?.machine;
    let erasure = client.erasure(&machine.id.0, consent.erase_foreign).await?;
    io.say(&render::erasure::disks(&machine, &erasure, now(), io.talk_paint()))?;
    if consent.yes {
        return Ok(machine.id);
    }
    if !io.screen.input {
        return Err(Failure::new(
            Exit::Usage,
            "this erases disks and there is no terminal to ask at",
            "say --yes once you have seen what will be erased",
        ));
    }
    let typed = io.ask("Type the machine's name to go on")?;
    if typed == machine.name() {
        return Ok(machine.id);
    }
    Err(Failure::new(
        Exit::Refused,
        format!("`{typed}` is not `{}`: nothing was done", machine.name()),
        "the name is the first word of its line in `metalctl machine list`",
    ))
}
