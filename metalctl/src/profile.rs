//! The verbs of `metalctl profile`.

use api::client::Client;

use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::render::catalogue;

pub async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
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
