//! `metald`: reads the command line and calls what it names.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The bare-metal provisioner's server.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Write a commented site file from the network interfaces of this machine
    Init {
        /// Where to write it; an existing file is left alone
        #[arg(long, default_value = "site.toml")]
        output: PathBuf,
    },
    /// Say what is wrong with a site file and with this machine as its server
    Check {
        #[arg(long, default_value = "/etc/metald/site.toml")]
        config: PathBuf,
    },
    /// Serve until SIGINT or SIGTERM; SIGHUP looks at the images folder again
    Run {
        #[arg(long, default_value = "/etc/metald/site.toml")]
        config: PathBuf,
        /// Instead of the site file's: sqlite:///path/to/file or postgres://host/name
        #[arg(long, env = "METALD_DATABASE", hide_env_values = true)]
        database: Option<String>,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Init { output } => match server::init::run(&output) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
        Verb::Check { config } => server::check::run(&config),
        Verb::Run { config, database } => server::run::run(&config, database),
    }
}
