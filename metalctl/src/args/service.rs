//! What can be typed to take machines out of service, or to bring them back.

use std::path::PathBuf;

use api::label::Selector;
use api::state::State;
use clap::Subcommand;

use super::machine::{Consent, Leaving, Waiting};
use super::select::{Filter, Selection, Sure};

#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// Give machines another profile; an install of it is a verb of its own
    Assign {
        #[command(flatten)]
        machines: Assigned,
        #[command(flatten)]
        sure: Sure,
        /// The profile that they get: its name in the site file
        #[arg(long, value_name = "PROFILE")]
        profile: String,
    },
    /// Read the hardware again; what is installed stays and boots again
    Inspect {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        leaving: Leaving,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Boot the agent into RAM with SSH, the disks untouched; `leave` ends it
    Rescue {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
        /// A public key that may log in as root, beside those of its profile
        #[arg(long = "key", value_name = "FILE.pub")]
        keys: Vec<PathBuf>,
        #[command(flatten)]
        leaving: Leaving,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// End a rescue
    Leave {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Erase disks, and let the machine be free for something else
    Wipe {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        erasing: Erasing,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        leaving: Leaving,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Erase disks, and keep the machine for history: nothing more is done to it
    Retire {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        erasing: Erasing,
        /// Erase nothing
        #[arg(long, conflicts_with_all = ["all_disks", "full", "erase_foreign", "skip_failed"])]
        keep_disks: bool,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        leaving: Leaving,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Forget a machine: its disks stay as they are, and a tombstone keeps it from being let in again unasked
    Delete {
        #[command(flatten)]
        selection: Selection,
        /// Delete without asking
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        leaving: Leaving,
    },
    /// Machines that were deleted
    Tombstones,
}

/// What other verbs select by `--profile` is `--from` here: there that word says which profile machines have.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Assigned {
    /// Hostnames or patterns such as `node0?` or `web-*`, or beginnings of MACs, serials or ids
    #[arg(value_name = "MACHINE", required_unless_present_any = ["labels", "state", "from", "all"])]
    pub machines: Vec<String>,
    /// Only machines with this label: KEY, KEY=VALUE or KEY!=VALUE. Given again, all have to hold
    #[arg(short = 'l', long = "label", value_name = "LABEL", help_heading = "Selection")]
    pub labels: Vec<Selector>,
    /// Only machines in this state
    #[arg(long, value_name = "STATE", help_heading = "Selection")]
    pub state: Option<State>,
    /// Only machines that have this profile now
    #[arg(long, value_name = "PROFILE", help_heading = "Selection")]
    pub from: Option<String>,
    /// All machines
    #[arg(long, conflicts_with_all = ["machines", "labels", "state", "from"], help_heading = "Selection")]
    pub all: bool,
}

impl From<Assigned> for Selection {
    fn from(assigned: Assigned) -> Selection {
        let Assigned { machines, labels, state, from, all } = assigned;
        Selection { machines, filter: Filter { labels, state, of_profile: from }, all }
    }
}

/// Which disks a wipe erases, and how.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Erasing {
    /// Every disk that is built in, not only those that an install of ours was on
    #[arg(long)]
    pub all_disks: bool,
    /// Where a disk cannot forget by itself, zeros over all of it (hours), not only over tables and signatures
    #[arg(long)]
    pub full: bool,
    /// Go on though a disk could not be erased; the record keeps which one
    #[arg(long)]
    pub skip_failed: bool,
}
