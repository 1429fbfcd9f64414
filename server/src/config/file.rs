//! The site file as it is typed, and its way into a [`Site`] with every default filled in.

mod profile;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use api::id::Mac;
use api::layout::{ExtraPartition, Fs, Layout, Volume};
use serde::Deserialize;

use profile::{MachineFile, ProfileFile};

use super::network::{Cidr, Range};
use super::place::{Finding, Places, Severity, line_and_column};
use super::power::{BmcSet, PowerSettings};
use super::quantity::{duration, size};
use super::{Cluster, Network, Reservation, Rule, Server, Site, Unknown, Webhook};

impl Site {
    /// Reads the text of a site file. The finding names the setting, its line and its column.
    pub fn parse(text: &str) -> Result<Site, Finding> {
        let typed = toml::Deserializer::parse(text).map_err(|error| finding(text, "", &error))?;
        let typed: SiteFile = serde_path_to_error::deserialize(typed)
            .map_err(|error| finding(text, &error.path().to_string(), error.inner()))?;
        Ok(typed.into_site(text))
    }
}

fn finding(text: &str, path: &str, error: &toml::de::Error) -> Finding {
    let (line, column) = error.span().map_or((1, 1), |span| line_and_column(text, span.start));
    let setting = if path.is_empty() || path == "." { String::new() } else { format!("`{path}`: ") };
    let message = format!("{setting}{}", error.message().replace('\n', " "));
    Finding { severity: Severity::Error, line, column, message, hint: None }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteFile {
    name: String,
    #[serde(default)]
    unknown: Unknown,
    #[serde(default)]
    server: ServerFile,
    #[serde(default)]
    network: Vec<NetworkFile>,
    #[serde(default)]
    reservation: Vec<ReservationFile>,
    #[serde(default)]
    layout: BTreeMap<String, LayoutFile>,
    #[serde(default)]
    profile: BTreeMap<String, ProfileFile>,
    #[serde(default)]
    machine: Vec<MachineFile>,
    #[serde(default)]
    rule: Vec<Rule>,
    #[serde(default)]
    cluster: BTreeMap<String, Cluster>,
    #[serde(default)]
    webhook: Vec<Webhook>,
    #[serde(default)]
    bmc: BTreeMap<String, BmcSet>,
    #[serde(default)]
    power: PowerSettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServerFile {
    state: PathBuf,
    images: Option<PathBuf>,
    database: Option<String>,
    http_port: u16,
    https_port: u16,
    #[serde(deserialize_with = "duration")]
    heartbeat: Duration,
    #[serde(deserialize_with = "duration")]
    back_to_ram: Duration,
}

impl Default for ServerFile {
    fn default() -> Self {
        ServerFile {
            state: PathBuf::from("/var/lib/metald"),
            images: None,
            database: None,
            http_port: 8080,
            https_port: 8443,
            heartbeat: Duration::from_secs(30),
            // A large server's firmware takes ten minutes before it boots anything; a way that led back to the OS is
            // noticed at that OS's hello, long before this.
            back_to_ram: Duration::from_secs(15 * 60),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    name: String,
    interface: String,
    address: Cidr,
    pool: Vec<Range>,
    router: Option<Ipv4Addr>,
    #[serde(default)]
    dns: Vec<Ipv4Addr>,
    #[serde(default)]
    ntp: Vec<Ipv4Addr>,
    domain: Option<String>,
    #[serde(default = "an_hour", deserialize_with = "duration")]
    lease: Duration,
    #[serde(default)]
    router_advertisements: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReservationFile {
    mac: Mac,
    address: Ipv4Addr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayoutFile {
    #[serde(default = "half_a_gibibyte", deserialize_with = "size")]
    esp: u64,
    root: VolumeFile,
    #[serde(default)]
    extra: Vec<ExtraFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeFile {
    #[serde(deserialize_with = "size")]
    size: u64,
    #[serde(default)]
    grow: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtraFile {
    name: String,
    #[serde(deserialize_with = "size")]
    size: u64,
    #[serde(default)]
    grow: bool,
    fs: Fs,
    mount: Option<String>,
}

fn an_hour() -> Duration {
    Duration::from_secs(3600)
}

fn half_a_gibibyte() -> u64 {
    512 << 20
}

impl SiteFile {
    fn into_site(self, text: &str) -> Site {
        Site {
            name: self.name,
            unknown: self.unknown,
            server: self.server.into_server(),
            networks: self.network.into_iter().map(NetworkFile::into_network).collect(),
            reservations: self
                .reservation
                .into_iter()
                .map(|r| Reservation { mac: r.mac, address: r.address })
                .collect(),
            layouts: self.layout.into_iter().map(|(name, l)| (name, l.into_layout())).collect(),
            profiles: self
                .profile
                .into_iter()
                .map(|(name, p)| (name.clone(), p.into_profile(name)))
                .collect(),
            machines: self.machine.into_iter().map(MachineFile::into_machine).collect(),
            rules: self.rule,
            clusters: self
                .cluster
                .into_iter()
                .map(|(name, c)| (name.clone(), Cluster { name, ..c }))
                .collect(),
            webhooks: self.webhook,
            bmcs: self.bmc.into_iter().map(|(name, b)| (name.clone(), BmcSet { name, ..b })).collect(),
            power: self.power,
            text: text.into(),
            path: None,
            places: Places::of(text),
        }
    }
}

impl ServerFile {
    fn into_server(self) -> Server {
        Server {
            images: self.images.unwrap_or_else(|| self.state.join("images")),
            database: self
                .database
                .unwrap_or_else(|| format!("sqlite://{}", self.state.join("metald.db").display())),
            state: self.state,
            http_port: self.http_port,
            https_port: self.https_port,
            heartbeat: self.heartbeat,
            back_to_ram: self.back_to_ram,
        }
    }
}

impl NetworkFile {
    fn into_network(self) -> Network {
        Network {
            name: self.name,
            interface: self.interface,
            ntp: self.ntp,
            address: self.address,
            pools: self.pool,
            router: self.router,
            dns: self.dns,
            domain: self.domain,
            lease: self.lease,
            router_advertisements: self.router_advertisements,
        }
    }
}

impl LayoutFile {
    fn into_layout(self) -> Layout {
        let extra = |p: ExtraFile| ExtraPartition {
            name: p.name,
            volume: Volume { size: p.size, grow: p.grow },
            fs: p.fs,
            mount: p.mount,
        };
        Layout {
            esp: self.esp,
            root: Volume { size: self.root.size, grow: self.root.grow },
            extra: self.extra.into_iter().map(extra).collect(),
        }
    }
}
