//! A verb on several machines: which are meant, a person's yes, and one after the other.

use api::client::{Client, Error};
use api::machine::Machine;

use crate::args::select::{Filter, Listed, Selection, Sure};
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;
use crate::select::{holds, in_order, is_pattern, matching};

/// The machines that a list is about.
pub async fn listed(client: &Client, listed: &Listed) -> Result<Vec<Machine>, Failure> {
    let every = listed.machines.is_empty();
    chosen(client, &listed.machines, &listed.filter, every).await
}

/// The machines that a verb is about: never none.
pub async fn selected(client: &Client, selection: &Selection) -> Result<Vec<Machine>, Failure> {
    let every = selection.all || selection.machines.is_empty();
    let machines = chosen(client, &selection.machines, &selection.filter, every).await?;
    if machines.is_empty() {
        let hint = "`metalctl machine list` takes the same selection and shows what it is";
        return Err(Failure::new(Exit::NotFound, "no machine fits the selection", hint));
    }
    Ok(machines)
}

async fn chosen(
    client: &Client,
    references: &[String],
    filter: &Filter,
    every: bool,
) -> Result<Vec<Machine>, Failure> {
    let whole = every || references.iter().any(|text| is_pattern(text));
    let rack = if whole { client.machines().await? } else { Vec::new() };
    let mut machines = if every { rack.clone() } else { Vec::new() };
    for reference in references {
        match is_pattern(reference) {
            true => machines.extend(matching(reference, &rack)?),
            false => machines.push(client.machine(&path_segment(reference)?).await?.machine),
        }
    }
    machines.retain(|machine| holds(filter, machine));
    Ok(in_order(machines))
}

/// One machine that was named needs no second word; several are shown and counted.
pub fn confirm(
    io: &mut Io<'_>,
    machines: &[Machine],
    (selection, sure): (&Selection, Sure),
    verb: &str,
) -> Result<(), Failure> {
    if sure.yes || selection.is_one() {
        return Ok(());
    }
    io.say(&render::list::machines(machines, now(), None, io.talk_paint()))?;
    counted(io, machines.len(), verb)
}

/// Whoever types the number has looked at the list.
pub fn counted(io: &mut Io<'_>, count: usize, verb: &str) -> Result<(), Failure> {
    if !io.screen.input {
        return Err(Failure::new(
            Exit::Usage,
            format!("{verb} is asked of {count} machines and there is no terminal to ask at"),
            "say --yes once you have seen which they are",
        ));
    }
    let typed = io.ask(&format!("{verb}: type the number of machines to go on"))?;
    if typed == count.to_string() {
        return Ok(());
    }
    let hint = "the number is that of the lines above";
    Err(Failure::new(Exit::Refused, format!("`{typed}` is not {count}: nothing was done"), hint))
}

/// Does it to each and tells what became of it.
pub async fn each(
    io: &mut Io<'_>,
    machines: &[Machine],
    verb: impl AsyncFn(&Machine) -> Result<Machine, Error>,
) -> Result<Exit, Failure> {
    let (done, refused) = run(machines, verb).await?;
    match (io.json, machines, done.as_slice()) {
        (true, [_], [one]) => io.json(one)?,
        (true, ..) => io.json(&done)?,
        (false, ..) => {
            for changed in &done {
                io.data(&render::list::line(changed, now(), io.paint()))?;
            }
        }
    }
    refusals(machines.len(), refused).map_or(Ok(Exit::Done), Err)
}

/// What became of each, and why of some nothing did: one that is refused does not keep the others from it.
pub async fn run(
    machines: &[Machine],
    verb: impl AsyncFn(&Machine) -> Result<Machine, Error>,
) -> Result<(Vec<Machine>, Vec<Failure>), Failure> {
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for machine in machines {
        match verb(machine).await {
            Ok(changed) => done.push(changed),
            // A server that is gone, or does not know us, is so for all of them.
            Err(error @ (Error::Unreachable { .. } | Error::Refused { status: 401 | 403, .. })) => {
                return Err(error.into());
            }
            Err(error) => refused.push(Failure::from(error)),
        }
    }
    Ok((done, refused))
}

/// Several refusals told as one.
pub fn refusals(of: usize, mut refused: Vec<Failure>) -> Option<Failure> {
    if refused.len() < 2 {
        return refused.pop();
    }
    let messages: Vec<&str> = refused.iter().map(|failure| failure.message.as_str()).collect();
    let message = format!("{} of {of}:\n{}", refused.len(), messages.join("\n"));
    Some(Failure::new(Exit::Refused, message, "the others are done; `metalctl machine why` explains each"))
}
