//! What can be typed about machines.

use std::path::PathBuf;
use std::time::Duration;

use api::id::{Hostname, Mac};
use clap::Subcommand;

use super::power::SwitchVerb;
use super::select::{Listed, Marking, Selection, Sure};
use super::service::ServiceVerb;
use crate::roster::Mapping;

pub(super) const MACHINE: &str = "Its hostname, or the beginning of its MAC, serial or id";

#[derive(Debug, Subcommand)]
pub enum MachineVerb {
    /// Machines: state, and what each waits for
    List {
        #[command(flatten)]
        listed: Listed,
        /// As an inventory for Ansible: groups by state, profile, rack, cluster and label
        #[arg(long, conflicts_with = "json")]
        ansible: bool,
    },
    /// All that is known of a machine
    Show {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// All machines, live, until interrupted
    Watch,
    /// Allow the erasure that an install means
    Approve {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Install anew: back to RAM, erase, install, boot; several machines one after the other
    Reprovision {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        leaving: Leaving,
        #[command(flatten)]
        rolling: Rolling,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Try the failed step again
    Retry {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        waiting: Waiting,
    },
    #[command(flatten)]
    Service(ServiceVerb),
    #[command(flatten)]
    Switch(SwitchVerb),
    /// Stop everything: no task, no change of boot
    Hold {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
    },
    /// End a hold
    Release {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
    },
    /// Give labels to machines, or take them away
    Label {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
        /// KEY=VALUE or KEY gives it, KEY- takes it away
        #[arg(long = "set", value_name = "LABEL", required = true, allow_hyphen_values = true)]
        markings: Vec<Marking>,
    },
    /// Announce the machines of a CSV file: all of them, or none and what is wrong by line
    Import {
        /// `-` reads from standard input
        file: PathBuf,
        /// What a column is that has another header: `--map "Asset tag=ignore"`
        #[arg(long = "map", value_name = "HEADER=COLUMN")]
        mappings: Vec<Mapping>,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Print machines as a CSV file that can be imported
    Export {
        #[command(flatten)]
        listed: Listed,
    },
    /// Say that a machine is another one: its ports and parts become that one's, its own row goes
    Merge {
        #[arg(help = MACHINE)]
        machine: String,
        /// The machine that it is; itself where its parts were replaced
        into: String,
    },
    /// Say that ports of a machine are another machine's: they get a row of their own
    Split {
        #[arg(help = MACHINE)]
        machine: String,
        /// A port that is the other's, once for each; of a quarantined machine those in question
        #[arg(long = "mac", value_name = "MAC")]
        macs: Vec<Mac>,
    },
    /// Give a machine another hostname, from its next install on
    Rename {
        #[arg(help = MACHINE)]
        machine: String,
        hostname: Hostname,
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

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Consent {
    /// Erase without asking
    #[arg(long)]
    pub yes: bool,
    /// Also where a disk holds another site's, another machine's or a newer generation's install
    #[arg(long)]
    pub erase_foreign: bool,
}

/// How a node leaves its cluster. Both are recorded with the name of who said so.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Leaving {
    /// I vouch for it: the machine is without power and stays so. Its node goes without its help
    #[arg(long)]
    pub powered_off: bool,
    /// Also evict pods that no controller makes again; disruption budgets are kept all the same
    #[arg(long)]
    pub force: bool,
}

/// Several machines, a few at a time.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Rolling")]
pub struct Rolling {
    /// How many may be away at the same time; 1 where nothing is said. A machine is back when it is active and its
    /// node Ready again (`--wait --timeout 1h` has more patience). The run stops at the first that fails, and leaves out
    /// what is on hold
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_unavailable: Option<u32>,
    /// Go on with an interrupted run that began then: what has become active since is done
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<i64>,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Waiting {
    /// Follow the machine until it is where the verb leads, or failed
    #[arg(long)]
    pub wait: bool,
    /// How long to follow it, such as `90s`, `30m` or `2h`
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration, requires = "wait")]
    pub timeout: Duration,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
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

pub(super) fn moment(text: &str) -> Result<i64, String> {
    api::words::instant(text).ok_or_else(|| format!("`{text}` is no time such as 2026-11-24T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(duration("2d").is_err() && duration("m").is_err() && duration("").is_err());
    }
}
