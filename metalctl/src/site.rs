//! The verbs of `metalctl site`.

use std::path::Path;

use api::client::{Client, Error};

use crate::args::site::SiteVerb;
use crate::exit::{Exit, Failure};
use crate::output::Io;

pub async fn run(verb: SiteVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        SiteVerb::Show => show(client, io).await,
        SiteVerb::Apply { file } => apply(client, io, &file).await,
    }
}

/// The text as it is, so that `site show > site.toml` is the beginning of a change.
async fn show(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let site = client.site().await?;
    match io.json {
        true => io.json(&site)?,
        false => io.data(&site.text)?,
    }
    Ok(Exit::Done)
}

async fn apply(client: &Client, io: &mut Io<'_>, file: &Path) -> Result<Exit, Failure> {
    let text = match file == Path::new("-") {
        true => {
            let mut text = String::new();
            io.input().read_to_string(&mut text)?;
            text
        }
        false => std::fs::read_to_string(file).map_err(|error| {
            let message = format!("cannot read `{}`: {error}", file.display());
            Failure::new(Exit::Usage, message, "`-` reads from standard input")
        })?,
    };
    let applied = client.site_apply(text).await.map_err(|error| match error {
        Error::Refused { status: 422, message, hint } => Failure {
            exit: Exit::Refused,
            message: message.lines().map(|line| format!("\n{}: {line}", file.display())).collect(),
            hint,
        },
        other => other.into(),
    })?;
    for warning in &applied.warnings {
        io.say(&format!("{} {}: {warning}", io.talk_paint().bold("warning:"), file.display()))?;
    }
    if io.json {
        io.json(&applied)?;
    } else if applied.changed {
        io.data(&format!("{} is written; what was there is in {}.previous", applied.path, applied.path))?;
        io.say("metald reads it when it starts: `systemctl restart metald` on its machine")?;
    } else {
        io.data("nothing changes: the server runs with this file")?;
    }
    Ok(Exit::Done)
}
