//! The verbs of `metalctl bmc`.

use std::path::{Path, PathBuf};

use api::bmc::update::UpdateOrder;
use api::client::Client;
use api::power::{BmcSettings, BmcView};

use crate::args::power::{BmcVerb, MediaVerb, Set};
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::firmware;
use crate::output::Io;
use crate::reference::path_segment;
use crate::render::{parts, power as screen};

pub async fn run(verb: BmcVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        BmcVerb::List => list(client, io).await,
        BmcVerb::Show { machine } => tell(io, &client.bmc(&path_segment(&machine)?).await?),
        BmcVerb::Hardware { machine } => hardware(&machine, client, io).await,
        BmcVerb::Media { machine, verb } => media(&path_segment(&machine)?, verb, client, io).await,
        BmcVerb::Update { machine, image, yes, force, waiting } => {
            let order = UpdateOrder { image, force };
            firmware::update(&path_segment(&machine)?, (order, yes), waiting, client, io).await
        }
        BmcVerb::Adopt { machine, credentials, driver } => {
            let settings = BmcSettings { adopt: true, credentials, driver, ..BmcSettings::default() };
            tell(io, &client.bmc_set(&path_segment(&machine)?, &settings).await?)
        }
        BmcVerb::Set(set) => {
            let Set { machine, driver, address, port, credentials, user, .. } = set;
            // Standard input gives them in this order, a line each.
            let mut secret = |file: Option<PathBuf>| file.map(|file| secret(io, &file)).transpose();
            let settings = BmcSettings {
                password: secret(set.password_file)?,
                bmc_key: secret(set.bmc_key_file)?,
                secure_on: secret(set.secure_on_file)?,
                ..BmcSettings { driver, address, port, credentials, user, ..BmcSettings::default() }
            };
            tell(io, &client.bmc_set(&path_segment(&machine)?, &settings).await?)
        }
        BmcVerb::Forget { machine } => {
            client.bmc_forget(&path_segment(&machine)?).await?;
            io.say(&format!("nothing switches {machine} any more"))?;
            shown(client, io, &machine).await
        }
        BmcVerb::AcceptCertificate { machine } => {
            tell(io, &client.accept_certificate(&path_segment(&machine)?).await?)
        }
        BmcVerb::Reset { machine } => {
            client.bmc_reset(&path_segment(&machine)?).await?;
            io.say(&format!("the BMC of {machine} restarts; it answers again in a minute or two"))?;
            shown(client, io, &machine).await
        }
    }
}

/// The machine of a verb whose answer is empty, for whoever reads JSON.
async fn shown(client: &Client, io: &mut Io<'_>, machine: &str) -> Result<Exit, Failure> {
    if io.json {
        io.json(&client.machine(&path_segment(machine)?).await?.machine)?;
    }
    Ok(Exit::Done)
}

async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let bmcs = client.bmcs().await?;
    if io.json {
        io.json(&bmcs)?;
    } else if bmcs.is_empty() {
        io.say("No BMC was found or named yet")?;
    } else {
        io.data(&screen::bmcs(&bmcs, io.paint()))?;
    }
    Ok(Exit::Done)
}

async fn hardware(machine: &str, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let hardware = client.bmc_hardware(&path_segment(machine)?).await?;
    match io.json {
        true => io.json(&hardware)?,
        false => io.data(&parts::hardware(&hardware, io.paint()))?,
    }
    Ok(Exit::Done)
}

async fn media(machine: &str, verb: MediaVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let drives = match verb {
        MediaVerb::Show => client.bmc_media(machine).await?,
        MediaVerb::Insert { image } => client.media_insert(machine, &image).await?,
        MediaVerb::Eject => {
            client.media_eject(machine).await?;
            io.say("nothing lies in the virtual drive any more")?;
            if !io.json {
                return Ok(Exit::Done);
            }
            client.bmc_media(machine).await?
        }
    };
    match io.json {
        true => io.json(&drives)?,
        false => io.data(&parts::media(&drives, io.paint()))?,
    }
    Ok(Exit::Done)
}

fn tell(io: &mut Io<'_>, view: &BmcView) -> Result<Exit, Failure> {
    if io.json {
        io.json(view)?;
    } else {
        io.data(&screen::bmc(view, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}

/// Never an argument: others would read it in the list of processes.
fn secret(io: &mut Io<'_>, file: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        let message = format!("cannot read {}: {error}", file.display());
        Failure::new(
            Exit::Usage,
            message,
            "name a file whose only line is the secret, or - for standard input",
        )
    };
    let mut text = String::new();
    if file == Path::new("-") {
        io.input().read_line(&mut text).map_err(unreadable)?;
    } else {
        text = std::fs::read_to_string(file).map_err(unreadable)?;
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || secret.contains(['\r', '\n']) {
        let message = format!("{} is not one line with a secret", file.display());
        return Err(Failure::new(Exit::Usage, message, "its only line is the secret"));
    }
    Ok(secret.into())
}
