//! What can be typed about power and BMCs.

use std::path::PathBuf;
use std::time::Duration;

use api::bmc::DriverKind;
use clap::{Subcommand, ValueEnum};

use super::machine::{MACHINE, Waiting, duration};
use super::select::{Selection, Sure};

/// Of machines, beside all else that can be done to them.
#[derive(Debug, Subcommand)]
pub enum SwitchVerb {
    /// Switch machines on and off, or read their power
    Power {
        #[command(subcommand)]
        verb: PowerVerb,
    },
    /// The light by which a hand finds the machine
    Identify {
        lit: Light,
        #[command(flatten)]
        selection: Selection,
    },
    /// The serial console, by the BMC; `~.` at the beginning of a line leaves it, `~?` says what else there is
    Console {
        #[arg(help = MACHINE)]
        machine: String,
        /// Whoever else has it loses it
        #[arg(long)]
        take: bool,
    },
    /// What the BMC's sensors read
    Sensors {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// What the BMC has logged
    BmcLog {
        #[arg(help = MACHINE)]
        machine: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Light {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
pub enum PowerVerb {
    /// On now, in nobody's order; they stay on
    On {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        sure: Sure,
    },
    /// Cut the power; they stay off until somebody wants them on
    Off(Cut),
    /// Let the OS end, then off; its power is cut when it has not ended after 5 minutes
    Shutdown(Cut),
    /// Off and on again, hard
    Cycle(Cut),
    /// Read it now
    Status {
        #[command(flatten)]
        selection: Selection,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub struct Cut {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub sure: Sure,
    /// Also where etcd may lose its quorum by it; recorded with who said so
    #[arg(long)]
    pub force: bool,
}

/// Of the whole site.
#[derive(Debug, Subcommand)]
pub enum SiteVerb {
    /// Bring machines up in the order of the site file, and report who is missing
    On {
        /// All machines
        #[arg(long, required_unless_present = "group")]
        all: bool,
        /// Only those of this group
        #[arg(long, value_name = "NAME", conflicts_with = "all")]
        group: Option<String>,
        #[command(flatten)]
        sure: Sure,
        /// How long to wait for the last of them, such as `90s`, `30m` or `2h`
        #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
        timeout: Duration,
    },
    /// The groups in their order, and which are well
    Groups,
}

#[derive(Debug, Subcommand)]
pub enum BmcVerb {
    /// All BMCs: in use, and found by agents
    List,
    /// How a machine's BMC is reached, and how it does
    Show {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// The machine's parts, their firmware and serials, and what it draws, as its BMC says now
    Hardware {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// The BMC's virtual drive: what lies in it, put an image into it, take it out
    Media {
        #[arg(help = MACHINE)]
        machine: String,
        #[command(subcommand)]
        verb: MediaVerb,
    },
    /// Have the BMC fetch firmware and write it; `bmc show` says how far it is. It may restart the machine
    Update {
        #[arg(help = MACHINE)]
        machine: String,
        /// Where the BMC itself fetches it from, by http:// or https://
        image: String,
        /// Write it without asking
        #[arg(long)]
        yes: bool,
        /// Also where etcd may lose its quorum by it; recorded with who said so
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Use the BMC that a machine's agent found
    Adopt {
        #[arg(help = MACHINE)]
        machine: String,
        /// A [bmc.NAME] of the site file; the vendor's where none is named
        #[arg(long, value_name = "NAME")]
        credentials: Option<String>,
        #[arg(long)]
        driver: Option<DriverKind>,
    },
    /// Say where a machine's BMC is and how it is logged in to
    Set(Set),
    /// Use it no more
    Forget {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// Pin the certificate that it presents now: somebody replaced the board or the certificate
    AcceptCertificate {
        #[arg(help = MACHINE)]
        machine: String,
    },
    /// Restart the BMC itself, never the machine
    Reset {
        #[arg(help = MACHINE)]
        machine: String,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum MediaVerb {
    /// What lies in the virtual drives
    Show,
    /// Have an image lie in the drive for CDs; what boots next stays as it is
    Insert {
        /// Where the BMC itself fetches it from, by http:// or https://
        image: String,
    },
    /// Take out what lies in the drive for CDs
    Eject,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Set {
    #[arg(help = MACHINE)]
    pub machine: String,
    /// redfish, ipmi, wake-on-lan or command
    #[arg(long)]
    pub driver: Option<DriverKind>,
    /// Address or name of the BMC
    #[arg(long)]
    pub address: Option<String>,
    #[arg(long)]
    pub port: Option<u16>,
    /// A [bmc.NAME] of the site file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "password_file"])]
    pub credentials: Option<String>,
    /// Its own, instead of credentials of the site file
    #[arg(long, requires = "password_file")]
    pub user: Option<String>,
    /// A file whose only line is the password; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Of IPMI: a file whose only line is the BMC key (Kg), as text or as 0x and hexadecimal digits; `-` as above
    #[arg(long, value_name = "FILE")]
    pub bmc_key_file: Option<PathBuf>,
    /// Of Wake-on-LAN: a file whose only line is the SecureOn password, such as 00:11:22:aa:bb:cc; `-` as above
    #[arg(long, value_name = "FILE")]
    pub secure_on_file: Option<PathBuf>,
}
