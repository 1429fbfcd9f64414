//! The verbs of `metalctl machine power` and `metalctl power`.

use std::time::Duration;

use api::bmc::{Power, PowerAction};
use api::client::Client;
use api::id::MachineId;
use api::machine::Machine;
use api::power::{PowerOrder, Trouble};
use api::state::State;

use crate::args::power::{Cut, Light, PowerVerb, SiteVerb, SwitchVerb};
use crate::args::select::{Selection, Sure};
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render::power as screen;
use crate::several::Chosen;
use crate::{console, render, several};

pub async fn run(verb: SwitchVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        SwitchVerb::Power { verb } => power(verb, client, io).await,
        SwitchVerb::Identify { lit, selection } => {
            identify(client, io, &selection, matches!(lit, Light::On)).await
        }
        SwitchVerb::Console { machine, take } => console::run(client, io, &machine, take).await,
        SwitchVerb::Sensors { machine } => {
            let sensors = client.sensors(&path_segment(&machine)?).await?;
            match io.json {
                true => io.json(&sensors)?,
                false if sensors.is_empty() => io.say("Its BMC lists no sensors")?,
                false => io.data(&screen::sensors(&sensors, io.paint()))?,
            }
            Ok(Exit::Done)
        }
        SwitchVerb::BmcLog { machine } => {
            let log = client.bmc_log(&path_segment(&machine)?).await?;
            match io.json {
                true => io.json(&log)?,
                false if log.is_empty() => io.say("Its BMC's log is empty")?,
                false => io.data(&screen::log(&log, io.paint()))?,
            }
            Ok(Exit::Done)
        }
    }
}

async fn power(verb: PowerVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let order = |action| PowerOrder { action, in_order: false, force: false };
    match verb {
        PowerVerb::On { selection, sure } => {
            let chosen = several::selected(client, &selection).await?;
            several::confirm(io, &chosen, sure, "power on")?;
            each(client, io, chosen, order(PowerAction::On)).await
        }
        PowerVerb::Off(cut) => stop(client, io, cut, PowerAction::Off).await,
        PowerVerb::Shutdown(cut) => stop(client, io, cut, PowerAction::Shutdown).await,
        PowerVerb::Cycle(cut) => stop(client, io, cut, PowerAction::Cycle).await,
        PowerVerb::Status { selection } => status(client, io, &selection).await,
    }
}

async fn each(client: &Client, io: &mut Io<'_>, chosen: Chosen, order: PowerOrder) -> Result<Exit, Failure> {
    several::each(io, chosen, async |machine| client.power_order(&machine.id.0, order).await).await
}

/// What runs on a machine ends with its power: it is shown first, and a person says yes.
async fn stop(client: &Client, io: &mut Io<'_>, cut: Cut, action: PowerAction) -> Result<Exit, Failure> {
    let Cut { selection, sure, force } = cut;
    let chosen = several::selected(client, &selection).await?;
    if !sure.yes {
        io.say(&render::list::machines(&chosen.machines, now(), None, io.talk_paint()))?;
        match chosen.machines.as_slice() {
            [one] => named(io, one, action)?,
            many => several::counted(io, many.len(), action.as_str())?,
        }
    }
    each(client, io, chosen, PowerOrder { action, in_order: false, force }).await
}

fn named(io: &mut Io<'_>, machine: &Machine, action: PowerAction) -> Result<(), Failure> {
    if !io.screen.input {
        let message =
            format!("{action} ends what runs on {}, and there is no terminal to ask at", machine.name());
        return Err(Failure::new(Exit::Usage, message, "say --yes once you have seen what runs there"));
    }
    let typed = io.ask(&format!("{action}: type the machine's name to go on"))?;
    if typed == machine.name() {
        return Ok(());
    }
    let hint = "the name is the first word of its line";
    Err(Failure::new(Exit::Refused, format!("`{typed}` is not `{}`: nothing was done", machine.name()), hint))
}

async fn status(client: &Client, io: &mut Io<'_>, selection: &Selection) -> Result<Exit, Failure> {
    let chosen = several::selected(client, selection).await?;
    let (mut read, mut failed) = (Vec::new(), Vec::new());
    let ask = async |machine: &Machine| client.power(&machine.id.0).await;
    for (machine, answer) in several::abreast(&chosen.machines, ask).await {
        match answer {
            Ok(power) => read.push(Machine { power: Some(power), ..machine.clone() }),
            Err(error) => failed.push(Failure::from(error)),
        }
    }
    if io.json {
        several::tell(io, &chosen, &read)?;
    } else if !read.is_empty() {
        io.data(&screen::powers(&read, now(), io.paint()))?;
    }
    several::end(chosen, failed)
}

async fn identify(
    client: &Client,
    io: &mut Io<'_>,
    selection: &Selection,
    lit: bool,
) -> Result<Exit, Failure> {
    let chosen = several::selected(client, selection).await?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let ask = async |machine: &Machine| client.identify(&machine.id.0, lit).await;
    for (machine, answer) in several::abreast(&chosen.machines, ask).await {
        match answer {
            Ok(()) => {
                io.say(&format!("{}: the light is {}", machine.name(), if lit { "on" } else { "off" }))?;
                done.push(machine.clone());
            }
            Err(error) => failed.push(Failure::from(error)),
        }
    }
    if io.json {
        several::tell(io, &chosen, &done)?;
    }
    several::end(chosen, failed)
}

pub async fn site(verb: SiteVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        SiteVerb::On { all: _, group, sure, timeout } => {
            bring_up(client, io, (group.as_deref(), sure), timeout).await
        }
        SiteVerb::Groups => {
            let groups = client.power_groups().await?;
            match io.json {
                true => io.json(&groups)?,
                false if groups.is_empty() => {
                    io.say("The site file declares no [[power.group]]: all are one")?
                }
                false => io.data(&screen::groups(&groups, io.paint()))?,
            }
            Ok(Exit::Done)
        }
    }
}

/// Between two looks at who is missing.
const LOOK: Duration = Duration::from_secs(5);

/// Wants all of them on and follows them: the server keeps the order.
async fn bring_up(
    client: &Client,
    io: &mut Io<'_>,
    (group, sure): (Option<&str>, Sure),
    timeout: Duration,
) -> Result<Exit, Failure> {
    let chosen = switchable(client, io, group).await?;
    if chosen.machines.is_empty() {
        let hint = "`metalctl bmc list` shows the BMCs there are";
        return Err(Failure::new(Exit::NotFound, "nothing here can switch any of these machines", hint));
    }
    if !sure.yes {
        several::counted(io, chosen.machines.len(), "power on")?;
    }
    let order = PowerOrder { action: PowerAction::On, in_order: true, force: false };
    let verb = async |machine: &Machine| client.power_order(&machine.id.0, order).await;
    let (wanted, refused) = several::run(&chosen.machines, verb).await;
    let ids: Vec<MachineId> = wanted.into_iter().map(|machine| machine.id).collect();
    let missing = follow(client, io, &ids, timeout).await?;
    if io.json {
        io.json(&missing)?;
    } else if missing.is_empty() {
        io.say(&format!("{} machines are on", ids.len()))?;
    } else {
        io.data(&screen::powers(&missing, now(), io.paint()))?;
    }
    let late = (!missing.is_empty()).then(|| {
        let message = format!("{} of {} machines are missing", missing.len(), ids.len());
        Failure::new(
            Exit::TimedOut,
            message,
            "`metalctl machine why` explains each; the server goes on trying",
        )
    });
    several::end(chosen, refused)?;
    late.map_or(Ok(Exit::Done), Err)
}

/// Of the machines that are meant those that something can switch. The others are named: they are followed by nobody.
async fn switchable(client: &Client, io: &mut Io<'_>, group: Option<&str>) -> Result<Chosen, Failure> {
    let members = match group {
        Some(name) => Some(members(client, name).await?),
        None => None,
    };
    let meant = |machine: &Machine| members.as_ref().is_none_or(|members| members.contains(&machine.id));
    let mut machines = client.machines().await?;
    machines.retain(meant);
    let (machines, without): (Vec<_>, Vec<_>) =
        machines.into_iter().partition(|machine| machine.power.is_some());
    let ours = without.iter().filter(|machine| machine.enrolled && machine.state != State::Retired);
    let names: Vec<String> = ours.map(Machine::name).collect();
    if !names.is_empty() {
        io.say(&format!(
            "Nothing here can switch {}: see whether they are on; `metalctl bmc set NAME --driver wake-on-lan` is for \
             machines without a BMC",
            names.join(", ")
        ))?;
    }
    Ok(Chosen { machines, one: false, refused: Vec::new() })
}

async fn members(client: &Client, name: &str) -> Result<Vec<MachineId>, Failure> {
    let groups = client.power_groups().await?;
    match groups.iter().find(|group| group.name == name) {
        Some(group) => Ok(group.machines.clone()),
        None => {
            let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
            let hint = format!("the site file has: {}", names.join(", "));
            Err(Failure::new(Exit::NotFound, format!("there is no group `{name}`"), hint))
        }
    }
}

/// Until all are on, or the time is over: those that are missing then.
async fn follow(
    client: &Client,
    io: &mut Io<'_>,
    ids: &[MachineId],
    timeout: Duration,
) -> Result<Vec<Machine>, Failure> {
    let end = tokio::time::Instant::now() + timeout;
    let mut told = usize::MAX;
    loop {
        let mut missing = client.machines().await?;
        missing.retain(|machine| ids.contains(&machine.id) && !is_up(machine));
        if missing.is_empty() || tokio::time::Instant::now() >= end {
            return Ok(missing);
        }
        if missing.len() != told {
            told = missing.len();
            io.say(&format!("{} of {} are on", ids.len() - told, ids.len()))?;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Read as on, and nothing of that went wrong.
fn is_up(machine: &Machine) -> bool {
    machine.power.as_ref().is_some_and(|power| {
        power.power == Power::On && matches!(power.trouble, Trouble::None | Trouble::BootKept)
    })
}
