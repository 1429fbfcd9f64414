//! The operators' command line. What was typed is in `args`, one function a verb in `machine`, `cluster`,
//! `profile` and `image`; `render` turns values into text and `output` alone prints it.

pub mod args;
pub mod bmc;
pub mod clock;
pub mod cluster;
pub mod confirm;
pub mod connect;
pub mod console;
pub mod event;
pub mod exit;
pub mod firmware;
pub mod follow;
pub mod image;
pub mod inventory;
pub mod kubeconfig;
pub mod lease;
pub mod machine;
pub mod output;
pub mod pace;
pub mod power;
pub mod profile;
pub mod reference;
pub mod render;
pub mod rolling;
pub mod roster;
pub mod select;
pub mod service;
pub mod several;
pub mod site;
pub mod sse;
pub mod stream;
pub mod user;
pub mod watch;
pub mod who;

use clap::CommandFactory;

use crate::args::machine::MachineVerb;
use crate::args::{Args, Noun};
use crate::exit::{Exit, Failure};
use crate::output::Io;

/// Does what was typed; says on `io` what went wrong.
pub async fn run(args: Args, io: &mut Io<'_>) -> Exit {
    match dispatch(args, io).await {
        Ok(exit) => exit,
        Err(failure) => io.complain(&failure),
    }
}

async fn dispatch(args: Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    io.json = args.json;
    let connection = &args.connection;
    match args.noun {
        Noun::Machine { verb } => machine_verb(verb, &connection.client()?, io).await,
        Noun::Power { verb } => power::site(verb, &connection.client()?, io).await,
        Noun::Bmc { verb } => bmc::run(verb, &connection.client()?, io).await,
        Noun::Cluster { verb } => cluster::run(verb, &connection.client()?, io).await,
        Noun::Profile { verb } => profile::run(verb, &connection.client()?, io).await,
        Noun::Image { verb } => image::run(verb, &connection.client()?, io).await,
        Noun::Site { verb } => site::run(verb, &connection.client()?, io).await,
        Noun::Event { verb } => event::run(verb, &connection.client()?, io).await,
        Noun::Lease { verb } => lease::run(verb, &connection.client()?, io).await,
        Noun::Man { folder } => {
            std::fs::create_dir_all(&folder)?;
            clap_mangen::generate_to(Args::command(), &folder)?;
            Ok(Exit::Done)
        }
        Noun::User { verb } => user::run(verb, &connection.client()?, io).await,
        Noun::Audit(args) => user::audit(args, &connection.client()?, io).await,
        Noun::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "metalctl", &mut script);
            io.data(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}

async fn machine_verb(
    verb: MachineVerb,
    client: &api::client::Client,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    match verb {
        MachineVerb::List { listed, ansible } => machine::list(client, io, &listed, ansible).await,
        MachineVerb::Show { machine } => machine::show(client, io, &machine).await,
        MachineVerb::Watch => watch::watch(client, io).await,
        MachineVerb::Why { machine } => machine::why(client, io, &machine).await,
        MachineVerb::Logs { machine, attempt } => machine::logs(client, io, &machine, attempt).await,
        MachineVerb::Approve { selection, consent, waiting } => {
            machine::approve(client, io, &selection, consent, waiting).await
        }
        MachineVerb::Reprovision { selection, consent, leaving, rolling, waiting } => {
            machine::reprovision(client, io, (&selection, rolling), (consent, leaving), waiting).await
        }
        MachineVerb::Switch(verb) => power::run(verb, client, io).await,
        MachineVerb::Service(verb) => service::run(verb, client, io).await,
        MachineVerb::Retry { selection, sure, waiting } => {
            machine::retry(client, io, (&selection, sure), waiting).await
        }
        MachineVerb::Hold { selection, sure } => machine::plain(client, io, (&selection, sure), "hold").await,
        MachineVerb::Release { selection, sure } => {
            machine::plain(client, io, (&selection, sure), "release").await
        }
        MachineVerb::Label { selection, sure, markings } => {
            inventory::label(client, io, (&selection, sure), markings).await
        }
        MachineVerb::Import { file, mappings, dry_run } => {
            inventory::import(client, io, &file, &mappings, dry_run).await
        }
        MachineVerb::Export { listed } => inventory::export(client, io, &listed).await,
        MachineVerb::Merge { machine, into } => who::merge(client, io, &machine, &into).await,
        MachineVerb::Split { machine, macs } => who::split(client, io, &machine, macs).await,
        MachineVerb::Rename { machine, hostname } => who::rename(client, io, &machine, hostname).await,
    }
}
