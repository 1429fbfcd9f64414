//! Who is where once a list is imported, and what of it claims somebody else's place. Pure.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use api::id::Mac;
use api::import::ImportRow;
use api::machine::{Position, Reservation, Uplink};
use api::state::State;

use super::{Known, name, uplink};

/// Who is where once the list is imported.
pub struct Rack<'a> {
    by_mac: HashMap<Mac, &'a Known>,
    by_name: HashMap<&'a str, &'a Known>,
    by_position: HashMap<&'a Position, &'a Known>,
    by_uplink: HashMap<&'a Uplink, &'a Known>,
    kept: HashMap<Ipv4Addr, Mac>,
    by_bmc: HashMap<&'a str, &'a Known>,
}

impl<'a> Rack<'a> {
    /// What the list moves no longer stands where it stood.
    pub fn of(rows: &[ImportRow], known: &'a [Known], kept: &[Reservation]) -> Rack<'a> {
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
    pub fn owners(&self, row: &ImportRow) -> Vec<&'a Known> {
        let mut owners: Vec<&Known> = Vec::new();
        for owner in row.macs.iter().filter_map(|mac| self.by_mac.get(mac)) {
            if !owners.iter().any(|one| one.id == owner.id) {
                owners.push(owner);
            }
        }
        owners
    }

    pub fn against(&self, row: &ImportRow, owner: Option<&Known>) -> Vec<String> {
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
        if let Some((owner, wanted)) =
            owner.zip(row.profile.as_ref()).filter(|(owner, wanted)| owner.profile.as_ref() != Some(*wanted))
        {
            match &owner.profile {
                Some(has) => found.push(format!(
                    "its profile is {has}: `metalctl machine assign {} --profile {wanted}` gives it another one",
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
        let uplink = uplink(row, owner);
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

fn macs(known: &Known) -> String {
    known.macs.iter().map(Mac::to_string).collect::<Vec<_>>().join(", ")
}
