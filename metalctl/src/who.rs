//! The verbs by which an operator says who a machine is.

use api::client::Client;
use api::id::{Hostname, Mac};
use api::machine::Machine;
use api::who::{MergeInto, Rename, Split};

use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;

pub async fn merge(client: &Client, io: &mut Io<'_>, machine: &str, into: &str) -> Result<Exit, Failure> {
    let merge = MergeInto { into: into.into() };
    let left = client.merge(&path_segment(machine)?, &merge).await?;
    tell(io, &left)
}

pub async fn split(client: &Client, io: &mut Io<'_>, machine: &str, macs: Vec<Mac>) -> Result<Exit, Failure> {
    let new = client.split(&path_segment(machine)?, &Split { macs }).await?;
    tell(io, &new)
}

pub async fn rename(
    client: &Client,
    io: &mut Io<'_>,
    machine: &str,
    hostname: Hostname,
) -> Result<Exit, Failure> {
    let renamed = client.rename(&path_segment(machine)?, &Rename { hostname }).await?;
    tell(io, &renamed)
}

fn tell(io: &mut Io<'_>, machine: &Machine) -> Result<Exit, Failure> {
    if io.json {
        io.json(machine)?;
    } else {
        io.data(&render::list::line(machine, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}
