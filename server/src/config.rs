//! The site file: what an operator declares about networks, disks, profiles and machines. Read once,
//! checked once, then trusted; nothing secret is in it.

mod check;
mod cluster;
mod file;
mod network;
mod place;
pub mod power;
mod quantity;
mod rules;
pub mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::cluster::Role;
use api::id::{Hostname, Mac};
use api::layout::{DiskRule, Layout};
use api::machine::Position;
use api::state::State;

pub use cluster::{Cluster, Endpoint, Fabric, Kubeadm, LoadBalancer, Taint};
pub use network::{Cidr, Range};
pub use place::{Finding, Places, Severity};
pub use quantity::HostnamePattern;

/// The whole site file, with every default filled in.
#[derive(Clone, Debug)]
pub struct Site {
    /// Written into the identity file of every install: a disk of another site is not ours to erase.
    pub name: String,
    pub unknown: Unknown,
    pub server: Server,
    pub networks: Vec<Network>,
    pub reservations: Vec<Reservation>,
    pub layouts: BTreeMap<String, Layout>,
    pub profiles: BTreeMap<String, Profile>,
    pub machines: Vec<KnownMachine>,
    /// In the order of the file: the first that matches gives the profile.
    pub rules: Vec<Rule>,
    pub clusters: BTreeMap<String, Cluster>,
    pub webhooks: Vec<Webhook>,
    pub bmcs: BTreeMap<String, power::BmcSet>,
    pub power: power::PowerSettings,
    /// As it was read, and from where; None where it was no file.
    pub text: String,
    pub path: Option<PathBuf>,
    places: Places,
}

/// What is done with a client that no row and no `[[machine]]` knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// No answer at all.
    Ignore,
    /// A row, an event, and its own disk.
    #[default]
    Record,
    /// The RAM agent, without a person.
    Enroll,
}

#[derive(Clone, Debug)]
pub struct Server {
    /// CA, keys, token and, with SQLite, the database.
    pub state: PathBuf,
    pub images: PathBuf,
    /// `sqlite:///path/to/file` or `postgres://host/name`.
    pub database: String,
    /// Plain: boot scripts, kernels, images.
    pub http_port: u16,
    /// Agents, operators, dashboard.
    pub https_port: u16,
    /// Between two signs of life of an installed machine.
    pub heartbeat: Duration,
    /// How long one way back to RAM may take in silence.
    pub back_to_ram: Duration,
}

/// A network on which machines boot.
#[derive(Clone, Debug)]
pub struct Network {
    pub name: String,
    pub interface: String,
    /// The server's own address here, with the length of the subnet's prefix.
    pub address: Cidr,
    pub pools: Vec<Range>,
    pub router: Option<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    /// Given by DHCP and to the installed system. metald itself answers no NTP; the agent sets the clock once a boot.
    pub ntp: Vec<Ipv4Addr>,
    pub domain: Option<String>,
    pub lease: Duration,
    pub router_advertisements: bool,
}

/// An address that only this MAC gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub mac: Mac,
    pub address: Ipv4Addr,
}

/// What a machine is to become.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: String,
    pub image: String,
    /// A key of [`Site::layouts`].
    pub layout: String,
    pub disk: DiskRule,
    pub authorized_keys: Vec<String>,
    pub hostname: HostnamePattern,
    /// Kernel `console=` arguments in order. Every one gets the kernel's messages; the last is
    /// /dev/console, where init and the boot's errors go.
    pub consoles: Vec<String>,
    /// For the kernel of the agent in RAM and for the installed one, after what both need themselves.
    pub kernel_arguments: Vec<String>,
    pub approve: Approve,
    /// Where a state's own patience is not right for this hardware.
    pub deadlines: BTreeMap<State, Duration>,
    /// Instead of the site's, for hardware whose firmware takes its time.
    pub back_to_ram: Option<Duration>,
    /// A key of [`Site::clusters`]: the machine becomes a node of it.
    pub cluster: Option<String>,
    /// In its cluster; a `[[machine]]` may say otherwise for itself.
    pub role: Role,
    /// Of the Node, beside those that Kubernetes sets itself.
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
}

/// Who lets the disks of a machine be erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Approve {
    /// Nobody has to, as long as the chosen disk has neither table nor signature.
    #[default]
    Untouched,
    /// Always a person.
    Person,
}

/// A machine that the operator knows before it was ever seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMachine {
    pub name: Hostname,
    pub macs: Vec<Mac>,
    pub serial: Option<String>,
    pub position: Option<Position>,
    pub profile: Option<String>,
    pub address: Option<Ipv4Addr>,
    /// Instead of its profile's.
    pub role: Option<Role>,
    /// Where its BMC is.
    pub bmc: Option<String>,
    /// A key of [`Site::bmcs`], instead of its vendor's.
    pub bmc_set: Option<String>,
}

/// Gives a profile to machines by what they are. Every condition given must hold; texts are compared
/// from their beginning and without regard to case, because vendors spell themselves in many ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub manufacturer: Option<String>,
    pub product: Option<String>,
    pub serial: Option<String>,
    /// The first bytes of an Ethernet address, such as `52:54:00`.
    pub mac: Option<String>,
    /// Bytes.
    #[serde(default, deserialize_with = "quantity::size_option")]
    pub min_memory: Option<u64>,
    pub min_disks: Option<usize>,
    pub profile: String,
}

/// A receiver of changes of state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub name: String,
    pub url: String,
    /// Its only line is the key of the signatures.
    pub secret_file: PathBuf,
    /// Which states are told of; empty for all.
    #[serde(default)]
    pub states: Vec<State>,
}

/// Why a site file cannot be used: all that is wrong with it, where, and what to do.
#[derive(Clone, Debug)]
pub struct ConfigErrors {
    pub path: PathBuf,
    pub findings: Vec<Finding>,
}

impl Site {
    /// Reads and checks a site file; warnings do not keep it from loading.
    pub fn load(path: &Path) -> Result<Site, ConfigErrors> {
        let refuse = |findings| ConfigErrors { path: path.into(), findings };
        let site = Site::read(path).map_err(|finding| refuse(vec![finding]))?;
        let errors: Vec<_> = site.check().into_iter().filter(|f| f.severity == Severity::Error).collect();
        if errors.is_empty() { Ok(site) } else { Err(refuse(errors)) }
    }

    /// Reads a site file without asking whether its parts fit together.
    pub fn read(path: &Path) -> Result<Site, Finding> {
        let text = std::fs::read_to_string(path).map_err(|error| Finding {
            severity: Severity::Error,
            line: 0,
            column: 0,
            message: format!("cannot read the site file: {error}"),
            hint: Some(format!("`metald init --output {}` writes one", path.display())),
        })?;
        Ok(Site { path: Some(path.into()), ..Site::parse(&text)? })
    }

    /// How long one way back to RAM may take in silence, for a machine of this profile.
    pub fn back_to_ram(&self, profile: Option<&Profile>) -> Duration {
        profile.and_then(|profile| profile.back_to_ram).unwrap_or(self.server.back_to_ram)
    }

    /// The network that an address belongs to.
    pub fn network_of(&self, address: Ipv4Addr) -> Option<&Network> {
        self.networks.iter().find(|n| n.address.contains(address))
    }

    /// The address that is kept for a MAC: from `[[reservation]]`, else from its `[[machine]]`.
    pub fn reserved_for(&self, mac: Mac) -> Option<Ipv4Addr> {
        let reserved = self.reservations.iter().find(|r| r.mac == mac).map(|r| r.address);
        reserved.or_else(|| self.machines.iter().find(|m| m.macs.first() == Some(&mac))?.address)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.findings.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            write!(f, "{gap}{}", finding.at(&self.path))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
