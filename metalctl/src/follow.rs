//! `--wait`: follows one machine until it is where a verb leads, or failed, by asking again. Asking survives what a
//! stream does not: a server that restarts in between.

use std::time::{Duration, Instant};

use api::client::{Client, Error};
use api::machine::Machine;
use api::state::{Errand, State};
use indicatif::ProgressBar;

use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::{Io, show_progress};
use crate::pace::{self, Pace};
use crate::render::list;
use crate::render::paint::Paint;

const PAUSE: Duration = Duration::from_secs(1);

/// `machine` as the verb's answer showed it. Answers how it is at the end, and why that is not where it should be.
/// `patience` is how long there was until `end`.
pub async fn to_the_end(
    client: &Client,
    io: &mut Io<'_>,
    mut machine: Machine,
    (end, patience): (Instant, Duration),
    goals: &[State],
) -> Result<(Machine, Option<Failure>), Failure> {
    let mut telling = Telling { bar: io.bar(), last: String::new() };
    let mut pace = Pace::default();
    let failure = loop {
        telling.tell(io, &machine, pace)?;
        if let Some(exit) = ending(&machine, goals) {
            break (exit == Exit::EndedFailed).then(|| failed(&machine));
        }
        if Instant::now() >= end {
            break Some(late(&machine, patience));
        }
        tokio::time::sleep(PAUSE).await;
        match client.machine(&machine.id.0).await {
            Ok(detail) => {
                pace = pace::pace(&detail.history, detail.machine.state, detail.machine.since, now());
                machine = detail.machine;
            }
            Err(Error::Unreachable { .. }) => telling.silence(io)?,
            Err(error) => break Some(error.into()),
        }
    };
    telling.clear();
    Ok((machine, failure))
}

/// A machine with an errand is about to leave its state: the wait has only begun.
fn ending(machine: &Machine, goals: &[State]) -> Option<Exit> {
    match (machine.state, machine.errand) {
        (State::Failed, _) => Some(Exit::EndedFailed),
        (state, Errand::None) if goals.contains(&state) => Some(Exit::Done),
        _ => None,
    }
}

fn failed(machine: &Machine) -> Failure {
    let reason = machine.reason.as_deref().unwrap_or("no reason is recorded");
    Failure::new(
        Exit::EndedFailed,
        format!("{} failed: {reason}", machine.name()),
        format!("`metalctl machine logs {}` has the details", machine.name()),
    )
}

fn late(machine: &Machine, patience: Duration) -> Failure {
    Failure::new(
        Exit::TimedOut,
        format!("{} is still {} after {} s", machine.name(), machine.state, patience.as_secs()),
        format!("it goes on without us; `metalctl machine why {}` says what it waits for", machine.name()),
    )
}

/// A bar at a terminal; else a plain line whenever something else is to be said.
struct Telling {
    bar: Option<ProgressBar>,
    last: String,
}

impl Telling {
    fn tell(&mut self, io: &mut Io<'_>, machine: &Machine, pace: Pace) -> Result<(), Failure> {
        match &self.bar {
            Some(bar) => {
                let progress = machine.progress.as_ref().map(|p| &p.progress);
                let (done, total) = progress.map_or((0, 0), |p| (p.done, p.total));
                // The bar colours nothing: it is redrawn too often to be read by colour.
                let words = list::line(machine, now(), Paint::default()) + &pace.words();
                show_progress(bar, done, total, words);
                Ok(())
            }
            None => self.milestone(io, list::milestone(machine), pace),
        }
    }

    /// The expectation is told with the news, and is no news by itself.
    fn milestone(&mut self, io: &mut Io<'_>, text: String, pace: Pace) -> Result<(), Failure> {
        if text != self.last {
            io.say(&format!("{text}{}", pace.words()))?;
            self.last = text;
        }
        Ok(())
    }

    fn silence(&mut self, io: &mut Io<'_>) -> Result<(), Failure> {
        let text = "the server does not answer; trying again";
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.tick();
                Ok(())
            }
            None => self.milestone(io, text.into(), Pace::default()),
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
