//! Power as the site declares it: how BMCs are logged in to, and in which order machines are switched on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::bmc::DriverKind;
use api::id::MachineId;
use serde::Deserialize;

use super::quantity::duration;
use super::{KnownMachine, Site};

/// A `[bmc.NAME]`: what many BMCs have in common.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BmcSet {
    /// Its name, which is not in the table itself.
    #[serde(skip)]
    pub name: String,
    #[serde(default = "redfish")]
    pub driver: DriverKind,
    /// Of machines whose manufacturer begins so.
    pub vendor: Option<String>,
    /// Of machines that no other set fits.
    #[serde(default)]
    pub default: bool,
    #[serde(default)]
    pub user: String,
    /// Its only line is the password.
    pub password_file: Option<PathBuf>,
    /// Instead of a file: the name of a systemd credential.
    pub password_credential: Option<String>,
    /// Of IPMI: a file whose only line is the BMC key (Kg), where BMCs have one.
    pub bmc_key_file: Option<PathBuf>,
    /// Instead of that file: the name of a systemd credential.
    pub bmc_key_credential: Option<String>,
    /// Of Wake-on-LAN: a file whose only line is the SecureOn password, where cards want one.
    pub secure_on_file: Option<PathBuf>,
    /// Instead of that file: the name of a systemd credential.
    pub secure_on_credential: Option<String>,
    pub port: Option<u16>,
    /// Of IPMI, in the order in which they are tried.
    #[serde(default = "suites")]
    pub cipher_suites: Vec<u8>,
    /// A BMC that hangs may be restarted.
    #[serde(default)]
    pub cold_reset: bool,
    /// For the driver `command`: the program and its first arguments.
    #[serde(default)]
    pub command: Vec<String>,
}

/// Where a secret of a set lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    /// As settings begin that name it.
    pub what: &'static str,
    pub file: Option<&'a Path>,
    pub credential: Option<&'a str>,
}

impl BmcSet {
    /// All secrets that it can name.
    pub fn secrets(&self) -> [Kept<'_>; 3] {
        [self.password(), self.bmc_key(), self.secure_on()]
    }

    pub fn password(&self) -> Kept<'_> {
        kept("password", &self.password_file, &self.password_credential)
    }

    pub fn bmc_key(&self) -> Kept<'_> {
        kept("bmc_key", &self.bmc_key_file, &self.bmc_key_credential)
    }

    pub fn secure_on(&self) -> Kept<'_> {
        kept("secure_on", &self.secure_on_file, &self.secure_on_credential)
    }
}

fn kept<'a>(what: &'static str, file: &'a Option<PathBuf>, credential: &'a Option<String>) -> Kept<'a> {
    Kept { what, file: file.as_deref(), credential: credential.as_deref() }
}

impl Kept<'_> {
    pub fn is_named(&self) -> bool {
        self.file.is_some() || self.credential.is_some()
    }

    /// `folder`: of systemd's credentials.
    pub fn path(&self, folder: Option<&Path>) -> Option<PathBuf> {
        let credential = self.credential.zip(folder).map(|(name, folder)| folder.join(name));
        self.file.map(Path::to_path_buf).or(credential)
    }
}

/// `[power]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PowerSettings {
    /// Between two readings of each machine's power.
    #[serde(deserialize_with = "duration")]
    pub poll: Duration,
    /// At most so many machines are switched on within `inrush`.
    pub at_once: usize,
    #[serde(deserialize_with = "duration")]
    pub inrush: Duration,
    /// In the order in which they are switched on; machines of no group come last.
    pub group: Vec<PowerGroup>,
}

/// `[[power.group]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerGroup {
    pub name: String,
    #[serde(default)]
    pub profiles: Vec<String>,
    /// `key` or `key=value`.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Hostnames.
    #[serde(default)]
    pub machines: Vec<String>,
    /// What must answer, on any host: `tcp:HOST:PORT`, or an address of HTTP.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// How long the groups after it wait for it.
    #[serde(default = "ten_minutes", deserialize_with = "duration")]
    pub wait: Duration,
}

/// Something that must answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Check {
    /// Takes connections at host and port.
    Tcp(String, u16),
    /// Answers with a status below 400.
    Http(String),
}

/// What is asked of a machine to know its group.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    pub id: &'a MachineId,
    pub hostname: Option<&'a str>,
    pub profile: Option<&'a str>,
    pub labels: &'a api::label::Labels,
}

impl Default for PowerSettings {
    fn default() -> Self {
        PowerSettings {
            poll: Duration::from_secs(60),
            at_once: 4,
            inrush: Duration::from_secs(2),
            group: Vec::new(),
        }
    }
}

fn redfish() -> DriverKind {
    DriverKind::Redfish
}

fn suites() -> Vec<u8> {
    vec![17, 3]
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

impl TryFrom<String> for Check {
    type Error = String;

    fn try_from(text: String) -> Result<Check, String> {
        let no = || format!("`{text}` is no check: tcp:HOST:PORT, or http://HOST/PATH");
        if let Some(rest) = text.strip_prefix("tcp:") {
            let (host, port) = rest.rsplit_once(':').ok_or_else(no)?;
            let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(no)?;
            return if host.is_empty() { Err(no()) } else { Ok(Check::Tcp(host.into(), port)) };
        }
        let is_http = ["http://", "https://"]
            .iter()
            .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if is_http { Ok(Check::Http(text)) } else { Err(no()) }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Tcp(host, port) => write!(f, "tcp:{host}:{port}"),
            Check::Http(url) => f.pad(url),
        }
    }
}

impl PowerGroup {
    fn has(&self, member: Member<'_>) -> bool {
        let named = |list: &[String], name: Option<&str>| {
            name.is_some_and(|name| list.iter().any(|listed| listed == name))
        };
        let labelled = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => member.labels.get(key).is_some_and(|given| given == value),
            None => member.labels.contains_key(wanted.as_str()),
        };
        named(&self.machines, member.hostname)
            || named(&self.profiles, member.profile)
            || self.labels.iter().any(labelled)
    }
}

impl Site {
    /// The first group that a machine is in; the number of groups where it is in none.
    pub fn power_group(&self, member: Member<'_>) -> usize {
        let groups = &self.power.group;
        groups.iter().position(|group| group.has(member)).unwrap_or(groups.len())
    }

    /// The credentials for machines of this manufacturer: the longest fitting vendor, else the default.
    pub fn bmc_set_for(&self, manufacturer: &str) -> Option<&BmcSet> {
        let manufacturer = manufacturer.to_lowercase();
        let fits = |set: &&BmcSet| {
            let vendor = set.vendor.as_ref().map(|vendor| vendor.to_lowercase());
            vendor.is_some_and(|vendor| manufacturer.starts_with(&vendor))
        };
        let by_vendor =
            self.bmcs.values().filter(fits).max_by_key(|set| set.vendor.as_ref().map(String::len));
        by_vendor.or_else(|| self.bmcs.values().find(|set| set.default))
    }

    /// Machines whose BMC the site file names.
    pub fn machines_with_bmc(&self) -> impl Iterator<Item = &KnownMachine> {
        self.machines.iter().filter(|machine| machine.bmc.is_some() || machine.bmc_set.is_some())
    }
}
