//! `metald`: reads the command line and calls what it names.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory, Parser, Subcommand};

/// The bare-metal provisioner's server.
#[derive(Parser)]
#[command(name = "metald", version, about)]
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
        /// Also write a hardened systemd unit that runs this program with that site file
        #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "/etc/systemd/system/metald.service")]
        unit: Option<PathBuf>,
    },
    /// Say what is wrong with a site file and with this machine as its server
    Check {
        #[arg(long, default_value = "/etc/metald/site.toml")]
        config: PathBuf,
    },
    /// Serve until SIGINT or SIGTERM; SIGHUP looks at the images folder again
    Run(Site),
    /// Write database, authority and keys into one file, also while the server runs
    Backup {
        /// A new file, for its owner alone
        file: PathBuf,
        #[command(flatten)]
        site: Site,
    },
    /// Make a backup the state of this server, which must not have one yet
    Restore {
        /// What `metald backup` wrote
        file: PathBuf,
        #[command(flatten)]
        site: Site,
    },
    /// Write the manual, a page a verb
    Man {
        /// Where to, such as /usr/local/share/man/man1
        folder: PathBuf,
    },
}

#[derive(Args)]
struct Site {
    #[arg(long, default_value = "/etc/metald/site.toml")]
    config: PathBuf,
    /// Instead of the site file's: sqlite:///path/to/file or postgres://host/name
    #[arg(long, env = "METALD_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Init { output, unit } => ended(server::init::run(&output, unit.as_deref())),
        Verb::Check { config } => server::check::run(&config),
        Verb::Run(site) => server::run::run(&site.config, site.database),
        Verb::Backup { file, site } => {
            told(async move { server::backup::backup(&file, &site.config, site.database).await })
        }
        Verb::Restore { file, site } => {
            told(async move { server::backup::restore::restore(&file, &site.config, site.database).await })
        }
        Verb::Man { folder } => ended(manual(&folder)),
    }
}

fn manual(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .with_context(|| format!("write to {}", folder.display()))
}

/// Runs to the end, and prints what it says.
fn told(work: impl Future<Output = Result<String>>) -> ExitCode {
    let outcome =
        tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(work));
    ended(outcome.map(|said| println!("{said}")))
}

fn ended(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
