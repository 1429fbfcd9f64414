//! The agent in RAM: from a kernel command line and a one-time key to a session. It reboots when the server stays away,
//! because nobody is there to press a button, and a new boot brings a new key.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::agent::{Enroll, Enrolled};
use api::client::{Client, ClientCertificate, Error};
use api::id::Mac;
use api::routes::agent::ENROLL;
use api::state::Home;
use tokio::time::sleep;

use crate::boot_args::{self, BootArgs};
use crate::boot_server::{self, FirstContact};
use crate::inventory;
use crate::kernel_log;
use crate::leave::Ready;
use crate::log::Log;
use crate::session::{Server, Session, Waiting};
use crate::sysfs::Tree;
use crate::{boot_key, clock, credentials, patience, reboot, watchdog};

/// A key that was refused stays refused; the tries beyond the first are for a server that was just starting.
const ENROLL_TRIES: u32 = 3;

/// With the pauses between them a little more than a minute: a server that restarts is back by then.
const KEY_TRIES: u32 = 7;

pub async fn run(log: &Log) -> Result<()> {
    kernel_log::follow(log.clone());
    tokio::spawn(watchdog::stroke(log.clone()));
    let line = fs::read_to_string("/proc/cmdline").context("cannot read the kernel's command line")?;
    let args = boot_args::parse(&line)?;
    let tree = Tree::new("/");
    let ports = ports(&tree, args.boot_interface);
    log.say(format!("metal-agent {} in RAM, server {}", env!("CARGO_PKG_VERSION"), args.server));
    let ended = live(&args, &tree, ports, log).await;
    let error = match ended {
        Ok(never) => match never {},
        Err(error) => error,
    };
    log.say(format!("{error:#}; rebooting"));
    reboot::now(Home::Ram, Ready::Reboot)
}

async fn live(args: &BootArgs, tree: &Tree, ports: Vec<Mac>, log: &Log) -> Result<std::convert::Infallible> {
    let contact = contact(args, log).await?;
    let boot_id = inventory::boot_id(tree);
    let (enrolled, client) = enroll(args, &contact, &boot_id, &ports, log).await?;
    if let Err(error) = clock::set(enrolled.server_time) {
        log.say(format!("{error:#}"));
    }
    let session = Session {
        client,
        home: Home::Ram,
        boot_id,
        generation: 0,
        clock_error_ms: contact.clock_error_ms,
        machine: enrolled.machine,
        ports,
        server: Server {
            server: args.server.clone(),
            boot: args.boot.clone(),
            ca_pem: contact.ca_pem,
            ca_sha256: args.ca_sha256.clone(),
        },
        patience: args.patience,
        log: log.clone(),
    };
    session.run().await
}

/// The port that booted is the first.
fn ports(tree: &Tree, booted: Option<Mac>) -> Vec<Mac> {
    let mut macs: Vec<Mac> = inventory::interfaces::macs(tree);
    if let Some(booted) = booted {
        macs.retain(|m| *m != booted);
        macs.insert(0, booted);
    }
    macs
}

async fn contact(args: &BootArgs, log: &Log) -> Result<FirstContact> {
    let mut waiting = Waiting::new(Home::Ram, args.patience);
    loop {
        match boot_server::first_contact(&args.boot, &args.ca_sha256).await {
            Ok(contact) => {
                // The boot script's time is older than any true one: an answer from before it is a wrong clock.
                let time = contact.time.max(args.time);
                match clock::set(time) {
                    Ok(()) => {
                        log.say(format!("the clock was off by {} ms and is set", contact.clock_error_ms))
                    }
                    Err(error) => log.say(format!("{error:#}")),
                }
                return Ok(contact);
            }
            Err(error) => waiting.after(&error, log).await?,
        }
    }
}

/// A machine on which no agent is wanted in RAM after all goes back to its disk by a reboot, as one does for a key that
/// was refused.
async fn key(args: &BootArgs, ports: &[Mac], log: &Log) -> Result<String> {
    if let Some(key) = boot_key::brought()? {
        return Ok(key);
    }
    let mut tries = 0;
    loop {
        match boot_key::fetch(&args.boot, ports).await {
            Ok(key) => return Ok(key),
            Err(error) => {
                tries += 1;
                log.say(format!("no boot key ({tries} of {KEY_TRIES}): {error:#}"));
                if tries >= KEY_TRIES {
                    bail!("this boot gets no key");
                }
                sleep(patience::pause(2 * tries, 0)).await;
            }
        }
    }
}

async fn enroll(
    args: &BootArgs,
    contact: &FirstContact,
    boot_id: &str,
    macs: &[Mac],
    log: &Log,
) -> Result<(Enrolled, Client)> {
    let boot_key = key(args, macs, log).await?;
    let request = credentials::request()?;
    let enroll = Enroll { boot_key, boot_id: boot_id.into(), csr_pem: request.csr_pem, macs: macs.to_vec() };
    let stranger = Client::new(&args.server, &contact.ca_pem, None)?;
    let mut waiting = Waiting::new(Home::Ram, args.patience);
    let mut refused = 0;
    loop {
        match stranger.post::<Enrolled>(ENROLL, &enroll).await {
            Ok(Some(enrolled)) => {
                let certificate = ClientCertificate {
                    certificate_pem: &enrolled.certificate_pem,
                    key_pem: &request.key_pem,
                };
                let client = Client::new(&args.server, &contact.ca_pem, Some(certificate))?;
                log.say(format!("enrolled as machine {}", enrolled.machine));
                return Ok((enrolled, client));
            }
            Ok(None) => bail!("{} answered the enrolment with nothing", args.server),
            Err(Error::Refused { status: 401, message, .. }) => {
                refused += 1;
                log.say(format!(
                    "the server refuses this boot's key ({refused} of {ENROLL_TRIES}): {message}"
                ));
                if refused >= ENROLL_TRIES {
                    bail!("this boot's key is not accepted, a new boot brings a new one");
                }
                sleep(Duration::from_secs(2)).await;
            }
            Err(error) => waiting.after(&error.into(), log).await?,
        }
    }
}
