//! Profiles and known machines as they are typed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use api::cluster::Role;
use api::id::{Hostname, Mac};
use api::layout::{DiskKind, DiskRule};
use api::machine::Position;
use api::state::State;
use serde::Deserialize;

use crate::config::quantity::{HostnamePattern, parse_duration, size_option};
use crate::config::{Approve, KnownMachine, Profile, Taint};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    image: String,
    layout: String,
    #[serde(default)]
    disk: DiskFile,
    #[serde(default)]
    authorized_keys: Vec<String>,
    hostname: HostnamePattern,
    #[serde(default = "serial_and_screen")]
    consoles: Vec<String>,
    #[serde(default)]
    kernel_arguments: Vec<String>,
    #[serde(default)]
    approve: Approve,
    #[serde(default)]
    deadlines: BTreeMap<State, Patience>,
    back_to_ram: Option<Patience>,
    cluster: Option<String>,
    #[serde(default = "worker")]
    role: Role,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    taints: Vec<Taint>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiskFile {
    serial: Option<String>,
    wwn: Option<String>,
    #[serde(default, deserialize_with = "size_option")]
    min_size: Option<u64>,
    #[serde(default, deserialize_with = "size_option")]
    max_size: Option<u64>,
    kind: Option<DiskKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineFile {
    name: Hostname,
    #[serde(default)]
    macs: Vec<Mac>,
    serial: Option<String>,
    rack: Option<String>,
    unit: Option<u32>,
    profile: Option<String>,
    address: Option<Ipv4Addr>,
    role: Option<Role>,
    bmc: Option<String>,
    bmc_set: Option<String>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Patience(Duration);

impl TryFrom<String> for Patience {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        parse_duration(&text).map(Patience)
    }
}

fn serial_and_screen() -> Vec<String> {
    vec!["ttyS0,115200n8".into(), "tty0".into()]
}

fn worker() -> Role {
    Role::Worker
}

impl ProfileFile {
    pub fn into_profile(self, name: String) -> Profile {
        let DiskFile { serial, wwn, min_size, max_size, kind } = self.disk;
        Profile {
            name,
            image: self.image,
            layout: self.layout,
            disk: DiskRule { serial, wwn, min_size, max_size, kind },
            authorized_keys: self.authorized_keys,
            hostname: self.hostname,
            consoles: self.consoles,
            kernel_arguments: self.kernel_arguments,
            approve: self.approve,
            deadlines: self.deadlines.into_iter().map(|(state, patience)| (state, patience.0)).collect(),
            back_to_ram: self.back_to_ram.map(|patience| patience.0),
            cluster: self.cluster,
            role: self.role,
            labels: self.labels,
            taints: self.taints,
        }
    }
}

impl MachineFile {
    pub fn into_machine(self) -> KnownMachine {
        KnownMachine {
            name: self.name,
            macs: self.macs,
            serial: self.serial,
            position: self.rack.zip(self.unit).map(|(rack, unit)| Position { rack, unit }),
            profile: self.profile,
            address: self.address,
            role: self.role,
            bmc: self.bmc,
            bmc_set: self.bmc_set,
        }
    }
}
