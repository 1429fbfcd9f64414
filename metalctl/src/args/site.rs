//! What can be typed about the site: its file, its events and its leases.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use api::id::Mac;
use clap::Subcommand;

use super::machine::moment;

#[derive(Debug, Subcommand)]
pub enum SiteVerb {
    /// The site file, as the server read it
    Show,
    /// Check a site file and put it in the place of the server's
    Apply {
        /// `-` reads from standard input
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum EventVerb {
    /// What happened lately, the newest last
    List {
        #[command(flatten)]
        about: About,
        /// The newest so many
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// From this moment on
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<i64>,
    },
    /// What happens, a line an event, until interrupted
    Follow {
        #[command(flatten)]
        about: About,
    },
}

#[derive(Clone, Debug, Default, clap::Args)]
pub struct About {
    /// Only of this machine
    #[arg(long, value_name = "MACHINE")]
    pub machine: Option<String>,
    /// Only what was not expected and changed nothing
    #[arg(long)]
    pub refused: bool,
}

#[derive(Debug, Subcommand)]
pub enum LeaseVerb {
    /// Addresses that are in use, or were
    List,
    /// Keep an address for one network card; it gets it when it asks the next time
    Reserve {
        #[arg(value_name = "MAC")]
        mac: Mac,
        #[arg(value_name = "ADDRESS")]
        address: Ipv4Addr,
    },
    /// Give back the address that is kept for a network card
    Unreserve {
        #[arg(value_name = "MAC")]
        mac: Mac,
    },
}
