//! A verb on several machines: which are meant, a person's yes, and several at a time.

use std::cell::Cell;
use std::time::Instant;

use api::client::{Client, Error};
use api::machine::Machine;
use api::state::State;
use futures::stream::{StreamExt, iter};

use crate::args::machine::Waiting;
use crate::args::select::{Filter, Listed, Selection, Sure};
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::follow;
use crate::output::Io;
use crate::reference::path_segment;
use crate::render;
use crate::select::{holds, in_order, is_pattern, matching};

/// The machines that a verb is about, by what was typed.
#[derive(Debug)]
pub struct Chosen {
    pub machines: Vec<Machine>,
    /// By a name of its own: whoever typed that has said which.
    pub one: bool,
    /// Of some it was clear before that it cannot be done.
    pub refused: Vec<Failure>,
}

impl Chosen {
    fn count(&self) -> usize {
        self.machines.len() + self.refused.len()
    }
}

/// The machines that a list is about.
pub async fn listed(client: &Client, listed: &Listed) -> Result<Vec<Machine>, Failure> {
    let every = listed.machines.is_empty();
    chosen(client, &listed.machines, &listed.filter, every).await
}

/// The machines that a verb is about: never none.
pub async fn selected(client: &Client, selection: &Selection) -> Result<Chosen, Failure> {
    let every = selection.all || selection.machines.is_empty();
    let machines = chosen(client, &selection.machines, &selection.filter, every).await?;
    if machines.is_empty() {
        let hint = "`metalctl machine list` takes the same selection and shows what it is";
        return Err(Failure::new(Exit::NotFound, "no machine fits the selection", hint));
    }
    Ok(Chosen { machines, one: selection.is_one(), refused: Vec::new() })
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
pub fn confirm(io: &mut Io<'_>, chosen: &Chosen, sure: Sure, verb: &str) -> Result<(), Failure> {
    if sure.yes || chosen.one {
        return Ok(());
    }
    io.say(&render::list::machines(&chosen.machines, now(), None, io.talk_paint()))?;
    counted(io, chosen.machines.len(), verb)
}

/// Whoever types the number has looked at the list.
pub fn counted(io: &mut Io<'_>, count: usize, verb: &str) -> Result<(), Failure> {
    let noun = if count == 1 { "machine" } else { "machines" };
    if !io.screen.input {
        return Err(Failure::new(
            Exit::Usage,
            format!("{verb} is asked of {count} {noun} and there is no terminal to ask at"),
            "say --yes once you have seen which they are",
        ));
    }
    let typed = io.ask(&format!("{verb}: type the number of machines to go on"))?;
    if typed == count.to_string() {
        return Ok(());
    }
    let hint = "the number is that of the machines above";
    Err(Failure::new(Exit::Refused, format!("`{typed}` is not {count}: nothing was done"), hint))
}

/// Does it to each and tells what became of it.
pub async fn each(
    io: &mut Io<'_>,
    chosen: Chosen,
    verb: impl AsyncFn(&Machine) -> Result<Machine, Error>,
) -> Result<Exit, Failure> {
    let (done, failures) = run(&chosen.machines, verb).await;
    tell(io, &chosen, &done)?;
    end(chosen, failures)
}

/// The same; with `--wait` all of them are on their way before the first is followed to where the verb leads.
pub async fn followed(
    client: &Client,
    io: &mut Io<'_>,
    chosen: Chosen,
    (waiting, goals): (Waiting, &[State]),
    verb: impl AsyncFn(&Machine) -> Result<Machine, Error>,
) -> Result<Exit, Failure> {
    if !waiting.wait {
        return each(io, chosen, verb).await;
    }
    let end_of_patience = Instant::now() + waiting.timeout;
    let (started, mut failures) = run(&chosen.machines, verb).await;
    let mut ended = Vec::new();
    for machine in started {
        let (machine, failure) =
            follow::to_the_end(client, io, machine, (end_of_patience, waiting.timeout), goals).await?;
        ended.push(machine);
        failures.extend(failure);
    }
    tell(io, &chosen, &ended)?;
    end(chosen, failures)
}

/// Machines of which something is asked at the same time: a BMC that hangs for a minute delays few others.
const ABREAST: usize = 16;

/// Asks it of each, several at a time. The answers come in the order of the selection.
pub async fn abreast<T>(machines: &[Machine], ask: impl AsyncFn(&Machine) -> T) -> Vec<(&Machine, T)> {
    let ask = &ask;
    iter(machines).map(async |machine| (machine, ask(machine).await)).buffered(ABREAST).collect().await
}

/// What became of each, and why of some nothing did: one that is refused does not keep the others from it.
pub async fn run(
    machines: &[Machine],
    verb: impl AsyncFn(&Machine) -> Result<Machine, Error>,
) -> (Vec<Machine>, Vec<Failure>) {
    // A server that is gone, or does not know us, is so for all that are left.
    let over = Cell::new(false);
    let ask = async |machine: &Machine| match over.get() {
        true => None,
        false => {
            let outcome = verb(machine).await;
            over.set(over.get() || outcome.as_ref().is_err_and(is_for_all));
            Some(outcome)
        }
    };
    summed(abreast(machines, ask).await.into_iter().map(|(_, outcome)| outcome).collect())
}

/// A server that answers too late waits for this machine's BMC.
fn is_for_all(error: &Error) -> bool {
    matches!(error, Error::Unreachable { late: false, .. } | Error::Refused { status: 401 | 403, .. })
}

/// `outcomes`: None of those that were not tried. What is so for all is told once.
fn summed(outcomes: Vec<Option<Result<Machine, Error>>>) -> (Vec<Machine>, Vec<Failure>) {
    let left = outcomes.iter().filter(|outcome| outcome.is_none()).count();
    let (mut done, mut failures, mut of_all, mut likewise) = (Vec::new(), Vec::new(), None, 0);
    for outcome in outcomes.into_iter().flatten() {
        match outcome {
            Ok(changed) => done.push(changed),
            Err(error) if is_for_all(&error) && of_all.is_some() => likewise += 1,
            Err(error) => {
                if is_for_all(&error) {
                    of_all = Some(failures.len());
                }
                failures.push(Failure::from(error));
            }
        }
    }
    if let Some(failure) = of_all.and_then(|index: usize| failures.get_mut(index)) {
        if likewise > 0 {
            failure.message += &format!("; {likewise} more likewise");
        }
        if left > 0 {
            failure.message += &format!("; {left} more were not tried");
        }
    }
    (done, failures)
}

/// A machine that was named is a line or an object; a selection is a list, however many it has.
pub fn tell(io: &mut Io<'_>, chosen: &Chosen, done: &[Machine]) -> Result<(), Failure> {
    match (io.json, chosen.one, done) {
        (true, true, [one]) => io.json(one),
        (true, true, _) => Ok(()),
        (true, false, _) => io.json(&done),
        (false, ..) => {
            for changed in done {
                io.data(&render::list::line(changed, now(), io.paint()))?;
            }
            Ok(())
        }
    }
}

pub fn end(chosen: Chosen, failures: Vec<Failure>) -> Result<Exit, Failure> {
    let of = chosen.count();
    let failures = chosen.refused.into_iter().chain(failures).collect();
    as_one(of, failures).map_or(Ok(Exit::Done), Err)
}

/// Several failures told as one, with the code of the gravest: 3, then 1, 5 and 6.
fn as_one(of: usize, mut failures: Vec<Failure>) -> Option<Failure> {
    if failures.len() < 2 {
        return failures.pop();
    }
    let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
    let message = format!("{} of {of}:\n{}", failures.len(), messages.join("\n"));
    let gravest = failures.iter().map(|failure| failure.exit).min_by_key(|exit| match exit {
        Exit::Unreachable => 0,
        Exit::EndedFailed => 2,
        Exit::TimedOut => 3,
        _ => 1,
    })?;
    let exit = if gravest == Exit::NotFound { Exit::Refused } else { gravest };
    let hint = "the others that were tried are done; `metalctl machine why` explains each";
    Some(Failure::new(exit, message, hint))
}

#[cfg(test)]
mod tests;
