//! The verbs of `metalctl image`.

use api::client::Client;

use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::render::catalogue;

pub async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let images = client.images().await?;
    if io.json {
        io.json(&images)?;
    } else if images.is_empty() {
        io.say("No images: the server's image folder is empty")?;
    } else {
        io.data(&catalogue::images(&images, io.paint()))?;
    }
    Ok(Exit::Done)
}
