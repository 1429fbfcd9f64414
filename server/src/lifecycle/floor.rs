//! What stands on the floor after a power-on, for operators: per firmware order, with the server up and
//! down, in every state. Pure; the pages that show the tables are compared with them by a test.

use api::event::Event;
use api::state::{Home, Life, State};
use api::task::RebootTo;

use super::after::after;
use super::next::{Step, next};
use super::offer::{Offer, Session, Stored, offer};
use super::patience::{Seen, wait};
use super::want::{Boot, want};
use crate::boot::plan::{Answer, Known, plan};

/// What the firmware tries first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Netboot,
    Disk,
}

/// Four tables in Markdown: a row a state, what boots, and what happens then.
pub fn tables() -> String {
    let cases = [(Order::Netboot, true), (Order::Netboot, false), (Order::Disk, true), (Order::Disk, false)];
    let mut text = String::new();
    for (order, server_up) in cases {
        let title = match order {
            Order::Netboot => "Network boot first",
            Order::Disk => "Disk first",
        };
        let server = if server_up { "server up" } else { "server down" };
        text += &format!(
            "\n### {title}, {server}\n\n| state | what boots | what happens then |\n|---|---|---|\n"
        );
        for (name, life) in lives() {
            let (boots, then) = floor(&life, order, server_up);
            text += &format!("| {name} | {boots} | {then} |\n");
        }
    }
    text
}

/// One life for each line of a table: the states, and the variants that boot something else.
pub fn lives() -> Vec<(String, Life)> {
    let life = |state, generation, installed| {
        let assigned = !matches!(state, State::Discovered);
        Life { state, generation, installed, assigned, ..Life::new(true) }
    };
    let failed = |of, installed| Life { failed_in: Some(of), ..life(State::Failed, 1, installed) };
    let mut lives = vec![("`discovered`, only recorded".to_string(), Life::new(false))];
    for state in State::ALL {
        let name = format!("`{state}`");
        match state {
            State::Discovered => lives.push((format!("{name}, enrolled"), life(state, 0, 0))),
            State::Inspecting => {
                lives.push((format!("{name}, new"), life(state, 0, 0)));
                lives.push((format!("{name}, installed before"), life(state, 1, 1)));
            }
            State::Available | State::Retired => lives.push((name, life(state, 0, 0))),
            State::Partitioning => {
                lives.push((format!("{name}, new"), life(state, 1, 0)));
                lives.push((format!("{name}, installed before"), life(state, 2, 1)));
            }
            State::Installing | State::Wiping => lives.push((name, life(state, 1, 0))),
            State::Booting | State::Joining | State::Active | State::Draining | State::Rescue => {
                lives.push((name, life(state, 1, 1)));
            }
            State::Failed => {
                lives.push((format!("{name} in `installing`"), failed(State::Installing, 0)));
                lives.push((format!("{name} in `booting`"), failed(State::Booting, 1)));
            }
        }
    }
    lives
}

/// What boots at a power-on, and what happens then.
pub fn floor(life: &Life, order: Order, server_up: bool) -> (String, String) {
    match (order, server_up) {
        (Order::Netboot, true) => served(life),
        (Order::Netboot, false) => unserved(life),
        (Order::Disk, up) => from_disk(life, up),
    }
}

/// Network first and a server that answers: the boot script decides, from `want`.
fn served(life: &Life) -> (String, String) {
    match plan(life, Known { agent_ready: true, ..Known::default() }) {
        Answer::Agent => ("the agent in RAM".into(), heard(life, RAM)),
        Answer::OwnDisk(_) => ("its own disk, by our script".into(), on_disk(life, true)),
        Answer::Hold { why } => ("nothing: the script asks again every 10 s".into(), why),
    }
}

/// Network first and nobody answers: the firmware waits for DHCP in vain and takes its next entry.
fn unserved(life: &Life) -> (String, String) {
    let boots = "no DHCP answer: the firmware falls to its next entry, usually the disk";
    let then = match disk(life) {
        Disk::Empty => {
            "nothing boots there. Most firmware starts over by itself; a loader that had already started asks again \
             four times, then reboots. Once the server is back, the next try finds it"
        }
        Disk::HalfWritten => {
            "a half-written disk may not boot, or may stop early. Nothing more is erased without the server. Once it is \
             back, a power cycle goes on where the step began"
        }
        Disk::Foreign | Disk::Ours(_) => return (boots.into(), on_disk(life, false)),
    };
    (boots.into(), then.into())
}

/// The disk first: the server is not asked, so a bootable disk wins, whatever is wanted.
fn from_disk(life: &Life, server_up: bool) -> (String, String) {
    match (disk(life), server_up) {
        (Disk::Empty | Disk::HalfWritten, true) => {
            let (boots, then) = served(life);
            (format!("the disk does not boot, so the next entry, the network: {boots}"), then)
        }
        (Disk::Empty | Disk::HalfWritten, false) => {
            ("nothing: neither the disk nor the network answers".into(), unserved(life).1)
        }
        (Disk::Foreign, up) => ("whatever the disk holds".into(), on_disk(life, up)),
        (Disk::Ours(generation), up) if generation < life.generation => (
            format!("the OS of generation {generation}, unless the new layout is already written"),
            on_disk(life, up),
        ),
        (Disk::Ours(generation), up) => (format!("the OS of generation {generation}"), on_disk(life, up)),
    }
}

/// What a firmware finds on the disks of a machine that came with empty ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disk {
    Empty,
    /// None of our business.
    Foreign,
    HalfWritten,
    Ours(i64),
}

fn disk(life: &Life) -> Disk {
    match (life.state, life.failed_in) {
        (State::Discovered, _) if !life.enrolled => Disk::Foreign,
        (State::Retired, _) => Disk::Foreign,
        (State::Installing | State::Wiping, _) | (_, Some(State::Partitioning | State::Installing)) => {
            Disk::HalfWritten
        }
        _ if life.installed > 0 => Disk::Ours(life.installed),
        _ => Disk::Empty,
    }
}

const RAM: Session<'_> = Session { home: Home::Ram, boot_id: "b1", generation: 0 };

/// The OS on the disk is up. Without the server nobody tells its agent anything.
fn on_disk(life: &Life, server_up: bool) -> String {
    let Disk::Ours(generation) = disk(life) else {
        return "it runs; no agent of ours is in it, and nothing is asked of it".into();
    };
    match (server_up, want(life).boot) {
        (true, _) => heard(life, Session { home: Home::Disk, boot_id: "b1", generation }),
        (false, Boot::OwnDisk) => "it runs on, and its agent asks for the server until it is back".into(),
        (false, Boot::Agent) => {
            "it runs on untouched; its agent asks for the server, which sends it to the network when it is back".into()
        }
    }
}

/// An agent has reached the server: what its hello changes, what it is told, and for what the machine waits.
fn heard(life: &Life, session: Session<'_>) -> String {
    let Session { home, generation, .. } = session;
    let hello = Event::Hello { home, boot_id: session.boot_id.into(), generation };
    let step = next(life, &hello);
    let life = after(life, &hello, step);
    let changed = match step {
        Step::Go(state) => format!("the hello makes it `{state}`; "),
        Step::Stay | Step::Gone => String::new(),
        Step::Refuse(why) => format!("the hello is refused ({why}); "),
    };
    format!("{changed}{}; {}", told(&life, session), waits(&life))
}

fn told(life: &Life, session: Session<'_>) -> String {
    let stored = Stored { planned: true, facts_of: Some(session.boot_id) };
    match offer(life, session, stored) {
        Offer::Work(kind) => format!("the agent is given `{}`", kind.as_str()),
        Offer::Reboot(RebootTo::Network) => {
            "the agent goes back to RAM, by the first way that leads there: UEFI BootNext, a GRUB entry for one boot, \
             kexec, a plain reboot; when none does, it asks for a person who boots it from the network once"
                .into()
        }
        Offer::Reboot(RebootTo::Disk) => "the agent is told to reboot to the disk".into(),
        Offer::Nothing => "the agent is given nothing".into(),
    }
}

fn waits(life: &Life) -> String {
    let seen = Seen {
        since: 0,
        evidence: "",
        name: "NAME",
        agent_here: true,
        person_approves: true,
        in_doubt: None,
        arrived: None,
        turn: Some(0),
        ladder: None,
    };
    match wait(life, seen, None) {
        Some(wait) => format!("it waits for {}", wait.waiting_for),
        None => "it waits for nothing".into(),
    }
}
