//! What can be typed to take machines out of service, or to bring them back.

use std::path::PathBuf;

use clap::Subcommand;

use super::machine::{Consent, Leaving, Waiting};
use super::select::{Selection, Sure};

#[derive(Debug, Subcommand)]
pub enum ServiceVerb {
    /// Give machines another profile; an install of it is a verb of its own
    #[command(allow_missing_positional = true)]
    Assign {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
        #[arg(help = "Its name in the site file")]
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
