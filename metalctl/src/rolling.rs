//! `machine reprovision` of several: machine after machine, with no memory but the server's rows. Who runs it again
//! with `--since` goes on where it was interrupted.

mod step;

use std::time::{Duration, Instant};

use api::client::{Client, Error};
use api::id::MachineId;
use api::machine::{Allowed, Machine};

use self::step::{Standing, Step, progress, standing, step};
use crate::args::machine::{Consent, Leaving, Rolling, Waiting};
use crate::args::select::Selection;
use crate::clock::now;
use crate::confirm::{self, Shown};
use crate::exit::{Exit, Failure};
use crate::machine::allowed;
use crate::output::Io;
use crate::render::list;
use crate::several::Chosen;

const PAUSE: Duration = Duration::from_secs(1);

struct Run {
    machines: Vec<MachineId>,
    /// How they are selected, as it is typed.
    selection: String,
    /// When it began, by the server's clock.
    since: i64,
    at_most: u32,
    allowed: Allowed,
    /// Hours may pass until a machine's turn: what is in it by then must still be this.
    shown: Shown,
    /// For one step of it.
    patience: Duration,
}

pub async fn reprovision(
    client: &Client,
    io: &mut Io<'_>,
    chosen: Chosen,
    (selection, rolling): (&Selection, Rolling),
    (consent, leaving, waiting): (Consent, Leaving, Waiting),
) -> Result<Exit, Failure> {
    if leaving.powered_off {
        let hint = "name the machine that is without power, without `--max-unavailable` and `--since`";
        return Err(Failure::new(Exit::Usage, "`--powered-off` is vouched for one machine alone", hint));
    }
    let since = rolling.since.unwrap_or_else(|| begins(&chosen.machines));
    let mut run = Run {
        machines: chosen.machines.iter().map(|machine| machine.id.clone()).collect(),
        selection: again(selection, &chosen.machines),
        since,
        at_most: rolling.max_unavailable.unwrap_or(1),
        allowed: allowed(consent, leaving),
        shown: Shown::new(),
        patience: waiting.timeout,
    };
    for machine in chosen.machines.iter().filter(|m| standing(m, since) == Standing::LeftOut) {
        io.say(&format!("{} is left out: {}", machine.name(), api::words::state(machine)))?;
    }
    let mut due = chosen;
    due.machines.retain(|machine| standing(machine, since) == Standing::Before);
    if !due.machines.is_empty() {
        run.shown = confirm::erasures(client, io, &due, (consent, Some(leaving)), "reprovision").await?;
    }
    io.say(&format!("If this is interrupted, go on with:\n  {}", run.again()))?;
    run.to_the_end(client, io).await
}

/// A machine that is away is in another state than it was selected by: then the names are told.
fn again(selection: &Selection, machines: &[Machine]) -> String {
    match selection.filter.state {
        None => selection.to_string(),
        Some(_) => machines.iter().map(Machine::name).collect::<Vec<_>>().join(" "),
    }
}

/// Later than all that has happened to these machines, on the server's clock.
fn begins(machines: &[Machine]) -> i64 {
    machines.iter().map(|machine| machine.since).max().unwrap_or(0) + 1
}

impl Run {
    async fn to_the_end(&self, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
        let (mut last, mut moved) = (Vec::new(), Instant::now());
        loop {
            let machines = match self.look(client).await {
                Ok(machines) => machines,
                // A server that restarts is no reason to leave a run half done.
                Err(Error::Unreachable { .. }) if moved.elapsed() < self.patience => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return Err(self.stopped(error)),
            };
            let told = milestones(&machines, self.since);
            if told != last {
                self.tell(io, &told, &last, &machines)?;
                (last, moved) = (told, Instant::now());
            }
            match step(&machines, self.since, self.at_most as usize) {
                Step::Begin(machine) => {
                    let yes = confirm::yes(&self.shown, &machine);
                    let answer = client.order(&machine.0, ("reprovision", self.allowed), &yes).await;
                    answer.map_err(|error| self.stopped(error))?;
                    moved = Instant::now();
                }
                Step::Done => return self.done(io, &machines),
                Step::Stop(why) => return Err(self.failed(why)),
                Step::Wait(names) if moved.elapsed() > self.patience => return Err(self.late(&names)),
                Step::Wait(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn look(&self, client: &Client) -> Result<Vec<Machine>, Error> {
        let mut machines = client.machines().await?;
        machines.retain(|machine| self.machines.contains(&machine.id));
        Ok(machines)
    }

    fn tell(
        &self,
        io: &mut Io<'_>,
        told: &[String],
        last: &[String],
        machines: &[Machine],
    ) -> Result<(), Failure> {
        for line in told.iter().filter(|line| !last.contains(line)) {
            io.say(&format!("{line} ({})", progress(machines, self.since, now())))?;
        }
        Ok(())
    }

    fn done(&self, io: &mut Io<'_>, machines: &[Machine]) -> Result<Exit, Failure> {
        if io.json {
            io.json(&machines)?;
        } else {
            io.data(&progress(machines, self.since, now()))?;
        }
        Ok(Exit::Done)
    }

    /// What to type to go on.
    fn again(&self) -> String {
        let since = api::words::exact(self.since);
        let Run { selection, at_most, .. } = self;
        let flags = [(self.allowed.erase_foreign, " --erase-foreign"), (self.allowed.force, " --force")];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
        format!("metalctl machine reprovision {selection} --max-unavailable {at_most}{flags} --since {since}")
    }

    fn stopped(&self, error: Error) -> Failure {
        let failure = Failure::from(error);
        let hint = format!("the run has stopped; `{}` goes on", self.again());
        Failure { hint: Some(failure.hint.map_or(hint.clone(), |own| format!("{own}; {hint}"))), ..failure }
    }

    fn failed(&self, why: String) -> Failure {
        let hint = format!("nothing else was begun; see to it, then `{}` goes on", self.again());
        Failure::new(Exit::EndedFailed, why, hint)
    }

    fn late(&self, names: &[String]) -> Failure {
        let waited = self.patience.as_secs();
        let hint = format!("`metalctl machine why NAME` says what it waits for; `{}` goes on", self.again());
        Failure::new(Exit::TimedOut, format!("nothing has moved for {waited} s: {}", names.join(", ")), hint)
    }
}

/// A line for each machine that is away or has come back in this run.
fn milestones(machines: &[Machine], since: i64) -> Vec<String> {
    let told = |machine: &&Machine| matches!(standing(machine, since), Standing::Away | Standing::After);
    machines.iter().filter(told).map(list::milestone).collect()
}
