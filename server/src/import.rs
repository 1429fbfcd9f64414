//! What an imported list of machines changes, or why nothing of it does. Pure: the store reads what is known,
//! asks here, and writes all of it or nothing.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use api::bmc::DriverKind;
use api::id::{Hostname, Mac};
use api::import::{ImportRow, Problem, contradictions};
use api::label::Labels;
use api::machine::{Position, Reservation, Uplink};
use api::power::Origin;
use api::state::State;

use crate::config::Site;

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

/// What switches it, as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBmc {
    pub driver: DriverKind,
    pub address: String,
    pub user: String,
    pub origin: Origin,
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

/// What switches it from now on. What was pinned of another address is pinned no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BmcChange {
    pub driver: DriverKind,
    pub address: String,
    pub user: String,
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
        against_bmc(row, owner, site).into_iter().for_each(&mut say);
        changes.push(change(row, owner));
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

fn change(row: &ImportRow, owner: Option<&Known>) -> Change {
    let position = row.rack.clone().zip(row.unit).map(|(rack, unit)| Position { rack, unit });
    let before = owner.and_then(|owner| owner.uplink.clone()).unwrap_or_default();
    let uplink = Uplink {
        switch: row.switch.clone().unwrap_or(before.switch),
        port: row.port.clone().unwrap_or(before.port),
    };
    let mac = row.macs.first().copied();
    let reservation = mac.zip(row.address).map(|(mac, address)| Reservation { mac, address });
    let new = Change {
        id: owner.map(|owner| owner.id.clone()),
        hostname: row.hostname.clone(),
        macs: row.macs.clone(),
        profile: row.profile.clone(),
        position,
        uplink: Some(uplink).filter(|uplink| *uplink != Uplink::default()),
        reservation,
        labels: row.labels.clone(),
        bmc: bmc(row, owner.and_then(|owner| owner.bmc.as_ref())),
    };
    match owner {
        None => new,
        Some(owner) => without_the_known(new, owner),
    }
}

/// None where the list says nothing of it, or nothing new.
fn bmc(row: &ImportRow, known: Option<&KnownBmc>) -> Option<BmcChange> {
    if !row.has_bmc() {
        return None;
    }
    let kept = known.map(|known| BmcChange {
        driver: known.driver,
        address: known.address.clone(),
        user: known.user.clone(),
    });
    let before = kept.clone().unwrap_or(BmcChange {
        driver: DriverKind::Redfish,
        address: String::new(),
        user: String::new(),
    });
    let new = BmcChange {
        driver: row.bmc_driver.unwrap_or(before.driver),
        address: row.bmc.clone().unwrap_or(before.address),
        user: row.bmc_user.clone().unwrap_or(before.user),
    };
    (kept.as_ref() != Some(&new)).then_some(new)
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

/// Who is where once the list is imported.
struct Rack<'a> {
    by_mac: HashMap<Mac, &'a Known>,
    by_name: HashMap<&'a str, &'a Known>,
    by_position: HashMap<&'a Position, &'a Known>,
    by_uplink: HashMap<&'a Uplink, &'a Known>,
    kept: HashMap<Ipv4Addr, Mac>,
    by_bmc: HashMap<&'a str, &'a Known>,
}

impl<'a> Rack<'a> {
    /// What the list moves no longer stands where it stood.
    fn of(rows: &[ImportRow], known: &'a [Known], kept: &[Reservation]) -> Rack<'a> {
        let by_mac: HashMap<Mac, &Known> =
            known.iter().flat_map(|known| known.macs.iter().map(move |mac| (*mac, known))).collect();
        let (mut moved, mut plugged, mut left) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut freed = HashSet::<Mac>::new();
        for row in rows {
            let Some(owner) = row.macs.iter().find_map(|mac| by_mac.get(mac)) else { continue };
            row.rack.is_some().then(|| moved.insert(&owner.id));
            (row.switch.is_some() || row.port.is_some()).then(|| plugged.insert(&owner.id));
            row.address.is_some().then(|| freed.extend(&owner.macs));
            row.bmc.is_some().then(|| left.insert(&owner.id));
        }
        let still = known.iter().filter(|known| !moved.contains(&known.id));
        let linked = known.iter().filter(|known| !plugged.contains(&known.id));
        Rack {
            by_name: known.iter().filter_map(|known| Some((known.hostname.as_deref()?, known))).collect(),
            by_position: still.filter_map(|known| Some((known.position.as_ref()?, known))).collect(),
            by_uplink: linked.filter_map(|known| Some((known.uplink.as_ref()?, known))).collect(),
            kept: kept.iter().filter(|r| !freed.contains(&r.mac)).map(|r| (r.address, r.mac)).collect(),
            by_bmc: known
                .iter()
                .filter(|known| !left.contains(&known.id))
                .filter_map(|known| Some((known.bmc.as_ref()?.address.as_str(), known)))
                .collect(),
            by_mac,
        }
    }

    /// The machines that have one of its MACs; the one with the first of them in front.
    fn owners(&self, row: &ImportRow) -> Vec<&'a Known> {
        let mut owners: Vec<&Known> = Vec::new();
        for owner in row.macs.iter().filter_map(|mac| self.by_mac.get(mac)) {
            if !owners.iter().any(|one| one.id == owner.id) {
                owners.push(owner);
            }
        }
        owners
    }

    fn against(&self, row: &ImportRow, owner: Option<&Known>) -> Vec<String> {
        let mut found = Vec::new();
        let is_other = |known: &&&Known| owner.is_none_or(|owner| owner.id != known.id);
        if let Some(wanted) = &row.hostname {
            if let Some(has) =
                owner.and_then(|owner| owner.hostname.as_deref()).filter(|has| *has != wanted.as_str())
            {
                found.push(format!(
                    "this machine is {has}: `metalctl machine rename {has} {wanted}` renames it"
                ));
            }
            if let Some(other) = self.by_name.get(wanted.as_str()).filter(is_other) {
                found.push(format!("{wanted} is the name of another machine ({})", macs(other)));
            }
        }
        if let Some(owner) = owner.filter(|owner| row.profile.is_some() && row.profile != owner.profile) {
            match &owner.profile {
                Some(has) => found.push(format!(
                    "its profile is {has}: `metalctl machine assign {}` gives it another one",
                    name(owner)
                )),
                None if owner.state == State::Retired => {
                    found.push("it is retired, and gets no profile".into())
                }
                None => {}
            }
        }
        let position = row.rack.clone().zip(row.unit).map(|(rack, unit)| Position { rack, unit });
        if let Some(other) = position.as_ref().and_then(|at| self.by_position.get(at)).filter(is_other) {
            found.push(format!("{} is in that place", name(other)));
        }
        let uplink = change(row, owner).uplink;
        if let Some(other) = uplink.as_ref().and_then(|at| self.by_uplink.get(at)).filter(is_other) {
            found.push(format!("{} is plugged into that port", name(other)));
        }
        if let Some(other) = row.bmc.as_ref().and_then(|at| self.by_bmc.get(at.as_str())).filter(is_other) {
            found.push(format!("the BMC at that address is {}'s", name(other)));
        }
        let holder = row.address.and_then(|address| self.kept.get(&address));
        if let Some(mac) = holder.filter(|mac| row.macs.first() != Some(mac)) {
            found.push(format!(
                "its address is kept for {mac}: `metalctl lease unreserve {mac}` gives it back"
            ));
        }
        found
    }
}

/// What is new of a BMC. What a person has said of one by itself is not said anew by a list.
fn against_bmc(row: &ImportRow, owner: Option<&Known>, site: &Site) -> Option<String> {
    let known = owner.and_then(|owner| owner.bmc.as_ref());
    let new = bmc(row, known)?;
    let said = known.filter(|known| matches!(known.origin, Origin::Operator | Origin::Found));
    if let Some((owner, said)) = owner.zip(said) {
        return Some(format!(
            "its BMC is {} at `{}`, as an operator said: `metalctl bmc set {} --driver {} --address {}` changes it",
            said.driver,
            said.address,
            name(owner),
            new.driver,
            new.address
        ));
    }
    if new.driver == DriverKind::Command {
        return Some("a command is named by a set of the site file, and not by a list".into());
    }
    let can_log_in = site.bmcs.values().any(|set| set.driver.has_address());
    (new.driver.has_address() && !can_log_in)
        .then(|| "nobody can log in to its BMC: the site file has no [bmc.NAME] with a password".into())
}

fn macs(known: &Known) -> String {
    known.macs.iter().map(Mac::to_string).collect::<Vec<_>>().join(", ")
}
