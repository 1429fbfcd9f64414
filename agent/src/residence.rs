//! The agent on the installed disk: says which generation lives here, reports facts, takes tasks. It never gives up on
//! the server and never reboots for its absence.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use api::client::{Client, ClientCertificate};
use api::state::Home;

use crate::boot_server;
use crate::installed::{self, Installed};
use crate::inventory;
use crate::log::Log;
use crate::session::{Server, Session, Waiting};
use crate::sysfs::Tree;
use crate::{clock, grub, kernel_log, node, renewal};

/// A smaller error is the time daemon's business: stepping the clock under running services is not harmless.
const TOLERATED_MS: i64 = 60_000;

pub async fn run(installed: Installed, log: &Log) -> Result<()> {
    kernel_log::follow(log.clone());
    match grub::disarm(Path::new("/")) {
        Ok(true) => {
            log.say("GRUB was told to start the agent in RAM and started this system: the word is taken back")
        }
        Ok(false) => {}
        Err(error) => log.say(format!("{error:#}")),
    }
    let generation = match installed::identity(&installed) {
        Ok(identity) => identity.generation,
        Err(error) => {
            log.say(format!("{error:#}; generation {} of agent.json is told instead", installed.generation));
            installed.generation
        }
    };
    log.say(format!(
        "metal-agent {} on disk, generation {generation}, server {}",
        env!("CARGO_PKG_VERSION"),
        installed.server
    ));
    let clock_error_ms = contact(&installed, log).await?;
    let root = Path::new("/");
    let certificate_pem = installed::credential(root, installed::CERTIFICATE)?;
    let key_pem = installed::credential(root, installed::KEY)?;
    let certificate = ClientCertificate { certificate_pem: &certificate_pem, key_pem: &key_pem };
    let client = Client::new(&installed.server, &installed.ca_pem, Some(certificate))?;
    let session = Session {
        client,
        home: Home::Disk,
        boot_id: inventory::boot_id(&Tree::new("/")),
        generation,
        clock_error_ms,
        machine: installed.machine,
        ports: installed.interfaces,
        server: Server {
            server: installed.server,
            boot: installed.boot,
            ca_pem: installed.ca_pem,
            ca_sha256: installed.ca_sha256,
        },
        patience: Duration::MAX,
        log: log.clone(),
    };
    tokio::select! {
        ended = session.run() => match ended? {},
        () = renewal::run(&session.client, generation, root, log) => {
            log.say("the certificate was renewed; the service starts anew with it");
            Ok(())
        }
        () = node::follow_fabric(root, log) => Ok(()),
        () = node::report_each_minute(&session) => Ok(()),
    }
}

/// A clock that is far off would make TLS refuse a good certificate.
async fn contact(installed: &Installed, log: &Log) -> Result<i64> {
    let mut waiting = Waiting::new(Home::Disk, Duration::MAX);
    loop {
        match boot_server::first_contact(&installed.boot, &installed.ca_sha256).await {
            Ok(contact) => {
                let error = contact.clock_error_ms;
                if error.abs() > TOLERATED_MS {
                    log.say(format!("the clock is off by {error} ms and is set"));
                    if let Err(error) = clock::set(contact.time.max(installed.time)) {
                        log.say(format!("{error:#}"));
                    }
                }
                return Ok(error);
            }
            Err(error) => waiting.after(&error, log).await?,
        }
    }
}
