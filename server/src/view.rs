//! From rows to what operators see. Pure: what a row alone does not say comes in as `Beside`.

use std::net::Ipv4Addr;

use api::bmc::Power;
use api::cluster::Node;
use api::id::Mac;
use api::machine::{Machine, Quarantine, Reservation, TaskProgress, Uplink};
use api::power::{Health, MachinePower};

use crate::config::{Approve, Site};
use crate::lifecycle::ladder::Ladder;
use crate::lifecycle::offer::is_sent_back;
use crate::lifecycle::patience::{Seen, wait};
use crate::lifecycle::want::want;
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;
use crate::store::power::PowerRow;
use crate::store::{Error, Result};

/// What lies in other tables, for a range of machines.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    pub interfaces: Vec<(String, String)>,
    pub progress: Vec<(String, TaskProgress)>,
    pub addresses: Vec<(String, Ipv4Addr)>,
    pub nodes: Vec<(String, Node)>,
    pub uplinks: Vec<(String, Uplink)>,
    pub reserved: Vec<(String, Reservation)>,
    pub quarantines: Vec<(String, Quarantine)>,
    /// (machine, key, value)
    pub labels: Vec<(String, String, String)>,
    pub bmcs: Vec<BmcRow>,
    pub powers: Vec<PowerRow>,
    /// What was read since it was written: (machine, power, when).
    pub readings: Vec<(String, Power, i64)>,
    pub ladders: Vec<(String, Ladder)>,
}

pub fn machine(row: &Row, beside: &Beside, site: &Site) -> Result<Machine> {
    let life = row.life()?;
    let stored = |place, text: &str| Error::Stored { place, text: text.into() };
    let hostname = match &row.hostname {
        Some(name) => Some(name.parse().map_err(|_| stored("machine.hostname", name))?),
        None => None,
    };
    let macs = beside.interfaces.iter().filter(|(id, _)| *id == row.id);
    let interfaces: Vec<Mac> =
        macs.map(|(_, mac)| mac.parse().map_err(|_| stored("interface.mac", mac))).collect::<Result<_>>()?;
    let profile = row.profile.as_deref().and_then(|name| site.profiles.get(name));
    let patience = profile.and_then(|profile| profile.deadlines.get(&life.state)).copied();
    let name =
        row.hostname.clone().or(interfaces.first().map(Mac::to_string)).unwrap_or_else(|| row.id.clone());
    let agent_here = row.home().is_some() && row.home() == want(&life).home;
    let person_approves = profile.is_some_and(|profile| profile.approve == Approve::Person);
    let quarantine =
        beside.quarantines.iter().find(|(id, _)| *id == row.id).map(|(_, quarantine)| quarantine);
    let ladder = beside.ladders.iter().find(|(id, ladder)| *id == row.id && ladder.since == row.since);
    let ladder = ladder.map(|(_, ladder)| ladder);
    let seen = Seen {
        since: row.since,
        evidence: &row.evidence,
        name: &name,
        agent_here,
        person_approves,
        in_doubt: quarantine.is_some(),
        arrived: ladder.and_then(|ladder| ladder.arrived),
        ladder: ladder.filter(|_| is_sent_back(&life, row.home(), row.session_generation)),
    };
    let labels = beside.labels.iter().filter(|(id, ..)| *id == row.id);
    let find = |id: &str| beside.progress.iter().rev().find(|(machine, _)| machine == id);
    Ok(Machine {
        id: row.id(),
        hostname,
        interfaces,
        serial: row.serial.clone(),
        address: beside.addresses.iter().find(|(id, _)| *id == row.id).map(|(_, address)| *address),
        profile: row.profile.clone(),
        position: row.position(),
        uplink: beside.uplinks.iter().find(|(id, _)| *id == row.id).map(|(_, uplink)| uplink.clone()),
        reserved: beside.reserved.iter().find(|(id, _)| *id == row.id).map(|(_, reservation)| *reservation),
        labels: labels.map(|(_, key, value)| (key.clone(), value.clone())).collect(),
        state: life.state,
        since: row.since,
        generation: life.generation,
        installed: life.installed,
        failed_in: life.failed_in,
        reason: row.reason.clone(),
        errand: life.errand,
        hold: life.hold,
        quarantine: quarantine.cloned(),
        maintenance: life.maintenance,
        power_off: life.power_off,
        enrolled: life.enrolled,
        wait: wait(&life, seen, patience),
        progress: find(&row.id).map(|(_, progress)| progress.clone()),
        node: beside.nodes.iter().find(|(id, _)| *id == row.id).map(|(_, node)| node.clone()),
        power: power(row, beside)?,
        home: row.home(),
        last_seen: row.last_seen,
        version: row.version,
    })
}

fn power(row: &Row, beside: &Beside) -> Result<Option<MachinePower>> {
    let Some(bmc) = beside.bmcs.iter().find(|bmc| bmc.machine == row.id) else { return Ok(None) };
    let known = beside.powers.iter().find(|power| power.machine == row.id);
    let doing = known.map(PowerRow::doing).transpose()?.unwrap_or_default();
    let mut power = MachinePower {
        driver: bmc.driver()?,
        address: bmc.address.clone(),
        origin: bmc.origin()?,
        power: known.map(PowerRow::power).transpose()?.unwrap_or(Power::Unknown),
        read_at: known.and_then(|known| known.read_at),
        health: known.map(PowerRow::health).transpose()?.unwrap_or(Health::Unproven),
        health_since: known.map_or(row.since, |known| known.health_since),
        sentence: known.map(|known| known.sentence.clone()).unwrap_or_default(),
        todo: known.map(|known| known.todo.clone()).unwrap_or_default(),
        doing: doing.action,
        trouble: doing.trouble,
    };
    if let Some((_, read, at)) = beside.readings.iter().find(|(machine, ..)| *machine == row.id) {
        (power.power, power.read_at) = (*read, Some(*at));
    }
    Ok(Some(power))
}
