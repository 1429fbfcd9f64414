//! What an imported list of machines changes, or why nothing of it does. Pure: the store reads what is known,
//! asks here, and writes all of it or nothing.

mod bmc;
mod rack;

use std::collections::HashMap;
use std::net::Ipv4Addr;

use api::id::{Hostname, Mac};
use api::import::{ImportRow, Problem, contradictions};
use api::label::Labels;
use api::machine::{Position, Reservation, Uplink};
use api::state::State;

use self::rack::Rack;
use crate::config::Site;

pub use self::bmc::{BmcChange, KnownBmc};

/// A machine that has a row already.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: String,
    pub hostname: Option<String>,
    pub macs: Vec<Mac>,
    pub state: State,
    pub profile: Option<String>,
    pub position: Option<Position>,
    pub uplink: Option<Uplink>,
    pub reserved: Option<Reservation>,
    pub labels: Labels,
    pub bmc: Option<KnownBmc>,
}

/// What becomes of one row; what is None stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// None: a new machine.
    pub id: Option<String>,
    pub hostname: Option<Hostname>,
    pub macs: Vec<Mac>,
    pub profile: Option<String>,
    pub position: Option<Position>,
    pub uplink: Option<Uplink>,
    pub reservation: Option<Reservation>,
    pub labels: Option<Labels>,
    pub bmc: Option<BmcChange>,
}

impl Change {
    pub fn is_nothing(&self) -> bool {
        let id = self.id.clone();
        id.is_some() && *self == Change { id, ..Change::default() }
    }
}

/// `kept`: all addresses that operators keep for a card, of whatever machine.
pub fn changes(
    rows: &[ImportRow],
    known: &[Known],
    kept: &[Reservation],
    site: &Site,
) -> Result<Vec<Change>, Vec<Problem>> {
    let mut problems = contradictions(rows);
    let rack = Rack::of(rows, known, kept);
    let mut met = HashMap::new();
    let mut changes = Vec::new();
    for row in rows {
        let mut say = |message: String| problems.push(Problem::new(row.line, message));
        let owner = match rack.owners(row).as_slice() {
            [] => None,
            [one] => Some(*one),
            [one, other, ..] => {
                say(format!("its MACs belong to {} and to {}", name(one), name(other)));
                continue;
            }
        };
        if let Some(first) = owner.and_then(|owner| met.insert(&owner.id, row.line)) {
            say(format!("it is the same machine as on line {first}"));
        }
        against_site(row, site).into_iter().chain(rack.against(row, owner)).for_each(&mut say);
        bmc::against(row, owner, site).into_iter().for_each(&mut say);
        changes.push(change(row, owner, site));
    }
    problems.sort();
    if problems.is_empty() { Ok(changes) } else { Err(problems) }
}

/// Why this card cannot have this address for itself, as far as the site file says.
pub fn not_for(site: &Site, mac: Mac, address: Ipv4Addr) -> Option<String> {
    let Some(network) = site.network_of(address) else {
        return Some(format!("{address} is in no network of the site file"));
    };
    if !network.address.is_host(address) {
        return Some(format!("{address} is the name or the broadcast address of network {}", network.name));
    }
    if address == network.address.address || Some(address) == network.router {
        return Some(format!("{address} is this server's or the router's"));
    }
    if let Some(other) = site.reserved_for(mac).filter(|other| *other != address) {
        return Some(format!("the site file keeps {other} for {mac}"));
    }
    let in_file = site.reservations.iter().map(|r| (Some(r.mac), r.address));
    let of_machines = site.machines.iter().filter_map(|m| Some((m.macs.first().copied(), m.address?)));
    let holder = in_file.chain(of_machines).find(|(holder, its)| *its == address && *holder != Some(mac));
    holder.map(|_| format!("the site file keeps {address} for another machine"))
}

fn name(known: &Known) -> &str {
    known.hostname.as_deref().unwrap_or(&known.id)
}

fn change(row: &ImportRow, owner: Option<&Known>, site: &Site) -> Change {
    let position = row.rack.clone().zip(row.unit).map(|(rack, unit)| Position { rack, unit });
    let mac = row.macs.first().copied();
    let reservation = mac.zip(row.address).map(|(mac, address)| Reservation { mac, address });
    let new = Change {
        id: owner.map(|owner| owner.id.clone()),
        hostname: row.hostname.clone(),
        macs: row.macs.clone(),
        profile: row.profile.clone(),
        position,
        uplink: uplink(row, owner),
        reservation,
        labels: row.labels.clone(),
        bmc: bmc::changed(row, owner.and_then(|owner| owner.bmc.as_ref()), site),
    };
    match owner {
        None => new,
        Some(owner) => without_the_known(new, owner),
    }
}

/// Where it is plugged in, with what was known of that.
fn uplink(row: &ImportRow, owner: Option<&Known>) -> Option<Uplink> {
    let before = owner.and_then(|owner| owner.uplink.clone()).unwrap_or_default();
    let uplink = Uplink {
        switch: row.switch.clone().unwrap_or(before.switch),
        port: row.port.clone().unwrap_or(before.port),
    };
    Some(uplink).filter(|uplink| *uplink != Uplink::default())
}

fn without_the_known(new: Change, owner: &Known) -> Change {
    let has_name = owner.hostname.is_some();
    let address = owner.reserved.map(|reserved| reserved.address);
    Change {
        id: new.id,
        hostname: new.hostname.filter(|_| !has_name),
        macs: new.macs.into_iter().filter(|mac| !owner.macs.contains(mac)).collect(),
        profile: new.profile.filter(|profile| Some(profile) != owner.profile.as_ref()),
        position: new.position.filter(|position| Some(position) != owner.position.as_ref()),
        uplink: new.uplink.filter(|uplink| Some(uplink) != owner.uplink.as_ref()),
        reservation: new.reservation.filter(|new| Some(new.address) != address),
        labels: new.labels.filter(|labels| *labels != owner.labels),
        bmc: new.bmc,
    }
}

fn against_site(row: &ImportRow, site: &Site) -> Vec<String> {
    let mut found = Vec::new();
    let declared = site.known_machine(&row.macs, None);
    if let (Some(declared), Some(name)) = (declared, &row.hostname)
        && declared.name != *name
    {
        found.push(format!("the site file calls this machine {}", declared.name));
    }
    let namesake = site.machines.iter().find(|machine| Some(&machine.name) == row.hostname.as_ref());
    if let Some(namesake) = namesake.filter(|n| !n.macs.iter().any(|mac| row.macs.contains(mac))) {
        found.push(format!("the site file has another machine with the name {}", namesake.name));
    }
    if let Some(profile) = row.profile.as_ref().filter(|profile| !site.profiles.contains_key(*profile)) {
        found.push(format!("there is no profile `{profile}`: `metalctl profile list` shows them"));
    }
    let said = declared.filter(|declared| declared.bmc.is_some() && row.bmc.is_some());
    if let Some(said) = said.filter(|said| said.bmc != row.bmc).and_then(|said| said.bmc.as_ref()) {
        found.push(format!("the site file says that its BMC is at {said}"));
    }
    if let Some((mac, address)) = row.macs.first().zip(row.address) {
        found.extend(not_for(site, *mac, address));
    }
    found
}
