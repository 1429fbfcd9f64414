//! What can be typed. One verb is one variant here and one function elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

/// Sees and steers the machines of a metald server.
#[derive(Debug, Parser)]
#[command(name = "metalctl", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 server unreachable, \
    4 no such machine or several, 5 the wait ended in `failed`, 6 the wait took too long")]
pub struct Args {
    /// Print the API's own JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    pub connection: Connection,
    #[command(subcommand)]
    pub noun: Noun,
}

/// Which server, believed by which CA, as whom. The defaults fit the server's own host.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The server's address
    #[arg(long, global = true, value_name = "URL", env = "METALCTL_SERVER")]
    #[arg(default_value = "https://127.0.0.1:8443")]
    pub server: String,
    /// The server's CA certificate, the only one believed
    #[arg(long, global = true, value_name = "FILE", env = "METALCTL_CA")]
    #[arg(default_value = "/var/lib/metald/ca.pem")]
    pub ca: PathBuf,
    /// A file that holds the operator's token
    #[arg(long, global = true, value_name = "FILE", env = "METALCTL_TOKEN_FILE")]
    #[arg(default_value = "/var/lib/metald/operator.token")]
    pub token_file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Machines of the rack
    Machine {
        #[command(subcommand)]
        verb: MachineVerb,
    },
    /// What machines are made into
    Profile {
        #[command(subcommand)]
        verb: ProfileVerb,
    },
    /// What machines boot and install
    Image {
        #[command(subcommand)]
        verb: ImageVerb,
    },
    /// Print the completion script of a shell
    Completions { shell: Shell },
}

const MACHINE: &str = "Its hostname, or the beginning of its MAC, serial or id";

#[derive(Debug, Subcommand)]
pub enum MachineVerb {
    /// All machines: state, and what each waits for
    List,
    /// All that is known of a machine
    Show {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// All machines, live, until interrupted
    Watch,
    /// Allow the erasure that an install means
    Approve {
        #[arg(help = MACHINE)]
        machine: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Install anew: back to RAM, erase, install, boot
    Reprovision {
        #[arg(help = MACHINE)]
        machine: String,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Try the failed step again
    Retry {
        #[arg(help = MACHINE)]
        machine: String,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Stop everything: no task, no change of boot
    Hold {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// End a hold
    Release {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// What the agent, the kernel and the boot scripts said
    Logs {
        #[arg(help = MACHINE)]
        machine: String,
        /// Only of this boot attempt
        #[arg(long, value_name = "NUMBER")]
        attempt: Option<i64>,
    },
    /// What a machine waits for, and how far its last boot came
    Why {
        #[arg(help = MACHINE)]
        machine: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ProfileVerb {
    /// All profiles
    List,
}

#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// All images
    List,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Consent {
    /// Erase without asking
    #[arg(long)]
    pub yes: bool,
    /// Also where a disk holds another site's, another machine's or a newer generation's install
    #[arg(long)]
    pub erase_foreign: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Waiting {
    /// Follow the machine until it is active or failed
    #[arg(long)]
    pub wait: bool,
    /// How long to follow it, such as `90s`, `30m` or `2h`
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration, requires = "wait")]
    pub timeout: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.chars().last().filter(char::is_ascii_alphabetic);
    let seconds = match unit {
        None | Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some(other) => return Err(format!("`{other}` is no unit of time; use s, m or h")),
    };
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = number.parse().map_err(|_| format!("`{number}` is not a whole number"))?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "too long".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_verb_parses() {
        for line in [
            "machine list",
            "machine show node07 --json",
            "machine watch",
            "machine approve 52:54:00 --yes --wait --timeout 90s",
            "machine reprovision node07 --wait",
            "machine retry node07",
            "machine hold node07",
            "machine release node07",
            "machine logs node07 --attempt 3",
            "machine why node07",
            "profile list",
            "image list --server https://10.77.0.1:8443",
            "completions bash",
        ] {
            let words = std::iter::once("metalctl").chain(line.split(' '));
            assert!(Args::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_timeout_alone_is_refused() {
        let words = ["metalctl", "machine", "retry", "node07", "--timeout", "1m"];
        assert!(Args::try_parse_from(words).is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(duration("2d").is_err() && duration("m").is_err() && duration("").is_err());
    }
}
