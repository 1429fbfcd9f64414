//! The verbs of `metalctl user`, and `metalctl audit`.

use std::path::Path;

use api::client::Client;
use api::user::{AuditQuery, NewUser};

use crate::args::user::{AuditArgs, UserVerb};
use crate::cluster::write_private;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render::user as screen;

pub async fn run(verb: UserVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        UserVerb::Add { user, role, days, output } => {
            let new = NewUser { name: user, role: role.into(), days };
            add(client, io, new, output.as_deref()).await
        }
        UserVerb::List => list(client, io).await,
        UserVerb::Revoke { user } => revoke(client, io, &user).await,
    }
}

async fn add(client: &Client, io: &mut Io<'_>, new: NewUser, output: Option<&Path>) -> Result<Exit, Failure> {
    let issued = client.user_add(&new).await?;
    let name = &issued.user.name;
    if let Some(file) = output {
        write_private(file, &format!("{}\n", issued.token)).map_err(|e| {
            Failure::new(
                Exit::Refused,
                format!("cannot write `{}`: {e}", file.display()),
                format!("the token is lost: `metalctl user revoke {name}`, then add the user again"),
            )
        })?;
        io.say(&format!("{name} is {}; the token is in {}", issued.user.role, file.display()))?;
    } else if io.json {
        io.json(&issued)?;
    } else {
        io.data(&issued.token)?;
        io.say(&format!("{name} is {}; nobody can show this token again", issued.user.role))?;
    }
    Ok(Exit::Done)
}

async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let users = client.users().await?;
    if io.json {
        io.json(&users)?;
    } else {
        io.data(&screen::users(&users, io.paint()))?;
    }
    Ok(Exit::Done)
}

async fn revoke(client: &Client, io: &mut Io<'_>, user: &str) -> Result<Exit, Failure> {
    client.user_revoke(&path_segment(user)?).await?;
    io.say(&format!("{user} has neither a token nor a session any more"))?;
    Ok(Exit::Done)
}

pub async fn audit(args: AuditArgs, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let segment = |text: Option<String>| text.map(|text| path_segment(&text)).transpose();
    let query = AuditQuery {
        who: segment(args.user)?,
        subject: segment(args.of)?,
        before: None,
        limit: Some(args.limit),
    };
    let entries = client.audit(&query).await?;
    if io.json {
        io.json(&entries)?;
    } else if entries.is_empty() {
        io.say("Nothing of that kind was done")?;
    } else {
        io.data(&screen::audit(&entries, io.paint()))?;
    }
    Ok(Exit::Done)
}
