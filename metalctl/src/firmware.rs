//! `metalctl bmc update`: what it may mean, a person's yes, and how far it is until its end.

use std::time::{Duration, Instant};

use api::bmc::update::{FirmwareUpdate, UpdateOrder, UpdateState};
use api::client::{Client, Error};
use indicatif::ProgressBar;

use crate::args::machine::Waiting;
use crate::exit::{Exit, Failure};
use crate::output::{Io, show_progress};
use crate::render::power as screen;

/// Between two questions how far it is.
const PAUSE: Duration = Duration::from_secs(2);

pub async fn update(
    machine: &str,
    (order, yes): (UpdateOrder, bool),
    waiting: Waiting,
    client: &Client,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    let name = client.bmc(machine).await?.name;
    if !yes {
        confirmed(io, &name, &order)?;
    }
    let end = Instant::now() + waiting.timeout;
    let begun = client.bmc_update(machine, &order).await?;
    if !waiting.wait {
        if io.json {
            io.json(&begun)?;
        } else {
            io.say(&format!(
                "{name}: {}; `metalctl bmc show {name}` says how far it is",
                screen::update(&begun)
            ))?;
        }
        return Ok(Exit::Done);
    }
    let update = followed(client, io, (machine, &name), begun, (end, waiting.timeout)).await?;
    if io.json {
        io.json(&update)?;
    }
    ended(&name, &update)
}

fn confirmed(io: &mut Io<'_>, name: &str, order: &UpdateOrder) -> Result<(), Failure> {
    io.say(&format!(
        "The BMC of {name} fetches {} and writes it. It may restart itself, and the machine with all that runs there; what \
         loses its power meanwhile may need a hand.",
        order.image
    ))?;
    if !io.screen.input {
        let message = format!("firmware of {name} would be written, and there is no terminal to ask at");
        return Err(Failure::new(Exit::Usage, message, "say --yes once you have seen what runs there"));
    }
    let typed = io.ask("Type the machine's name to go on")?;
    if typed == name {
        return Ok(());
    }
    let message = format!("`{typed}` is not `{name}`: nothing was done");
    Err(Failure::new(Exit::Refused, message, "the name is the one above"))
}

/// Until it runs no more. Asking survives a server that restarts, but such a server does not know of it any more.
async fn followed(
    client: &Client,
    io: &mut Io<'_>,
    (machine, name): (&str, &str),
    mut update: FirmwareUpdate,
    (end, patience): (Instant, Duration),
) -> Result<FirmwareUpdate, Failure> {
    let mut telling = Telling { bar: io.bar(), last: String::new() };
    while update.state == UpdateState::Running {
        telling.tell(io, (update.percent, format!("{name}: {}", screen::update(&update))))?;
        if Instant::now() >= end {
            telling.clear();
            return Err(late(name, &update, patience));
        }
        tokio::time::sleep(PAUSE).await;
        match client.bmc(machine).await {
            Ok(view) => match view.in_use.and_then(|used| used.update) {
                Some(now) if now.begun_at == update.begun_at => update = now,
                _ => {
                    telling.clear();
                    return Err(forgotten(name));
                }
            },
            Err(Error::Unreachable { .. }) => {
                telling.tell(io, (update.percent, "the server does not answer; trying again".into()))?;
            }
            Err(error) => {
                telling.clear();
                return Err(error.into());
            }
        }
    }
    telling.tell(io, (update.percent, format!("{name}: {}", screen::update(&update))))?;
    telling.clear();
    Ok(update)
}

fn ended(name: &str, update: &FirmwareUpdate) -> Result<Exit, Failure> {
    let hint = format!("`metalctl bmc hardware {name}` shows the versions that run");
    match update.state {
        UpdateState::Done => Ok(Exit::Done),
        UpdateState::Running | UpdateState::Failed => Err(Failure::new(
            Exit::EndedFailed,
            format!("the BMC of {name} did not write it: {}", update.says),
            hint,
        )),
        UpdateState::Unknown => {
            let message = format!("nobody knows what became of the update of {name}: {}", update.says);
            Err(Failure::new(Exit::EndedFailed, message, hint))
        }
    }
}

fn late(name: &str, update: &FirmwareUpdate, patience: Duration) -> Failure {
    let message = format!("{name} after {} s: {}", patience.as_secs(), screen::update(update));
    Failure::new(
        Exit::TimedOut,
        message,
        format!("it goes on without us; `metalctl bmc show {name}` says how far it is"),
    )
}

fn forgotten(name: &str) -> Failure {
    Failure::new(
        Exit::EndedFailed,
        format!(
            "the server does not know any more how far the update of {name} is: it was restarted, or its BMC changed"
        ),
        format!("the BMC goes on by itself; `metalctl bmc hardware {name}` shows the versions that run"),
    )
}

/// A bar at a terminal; else a plain line whenever something else is to be said.
struct Telling {
    bar: Option<ProgressBar>,
    last: String,
}

impl Telling {
    fn tell(&mut self, io: &mut Io<'_>, (percent, words): (Option<u8>, String)) -> Result<(), Failure> {
        match &self.bar {
            Some(bar) => show_progress(bar, percent.unwrap_or(0).into(), percent.map_or(0, |_| 100), words),
            None if words != self.last => {
                io.say(&words)?;
                self.last = words;
            }
            None => {}
        }
        Ok(())
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
