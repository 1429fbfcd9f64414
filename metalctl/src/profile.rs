//! The verbs of `metalctl profile`.

use api::client::Client;

use crate::args::image::ProfileVerb;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render::catalogue;

pub async fn run(verb: ProfileVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        ProfileVerb::List => list(client, io).await,
        ProfileVerb::Show { profile } => show(client, io, &profile).await,
        ProfileVerb::Diff { one, other } => diff(client, io, &one, &other).await,
    }
}

async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let profiles = client.profiles().await?;
    if io.json {
        io.json(&profiles)?;
    } else if profiles.is_empty() {
        io.say("No profiles: the site file declares them")?;
    } else {
        io.data(&catalogue::profiles(&profiles, io.paint()))?;
    }
    Ok(Exit::Done)
}

async fn show(client: &Client, io: &mut Io<'_>, profile: &str) -> Result<Exit, Failure> {
    let profile = client.profile(&path_segment(profile)?).await?;
    match io.json {
        true => io.json(&profile)?,
        false => io.data(&catalogue::settings(&profile, io.paint()))?,
    }
    Ok(Exit::Done)
}

/// As `diff` does, it ends with another code where the two differ.
async fn diff(client: &Client, io: &mut Io<'_>, one: &str, other: &str) -> Result<Exit, Failure> {
    let (one, other) =
        (client.profile(&path_segment(one)?).await?, client.profile(&path_segment(other)?).await?);
    let differences = catalogue::differences(&one, &other);
    if io.json {
        io.json(&differences)?;
    } else if differences.is_empty() {
        io.say(&format!("{} and {} are the same", one.name, other.name))?;
    } else {
        io.data(&catalogue::diff((&one.name, &other.name), &differences, io.paint()))?;
    }
    Ok(if differences.is_empty() { Exit::Done } else { Exit::Differs })
}
