//! From rows to what operators see. Pure: what a row alone does not say comes in as `Beside`.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use api::bmc::Power;
use api::cluster::Node;
use api::id::Mac;
use api::machine::{Machine, Quarantine, Reservation, TaskProgress, Uplink};
use api::power::{Health, MachinePower};

use crate::bmc::access::Keys;
use crate::config::{Approve, Site};
use crate::lifecycle::ladder::Ladder;
use crate::lifecycle::offer::is_sent_back;
use crate::lifecycle::patience::{Seen, wait};
use crate::lifecycle::want::want;
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;
use crate::store::power::PowerRow;
use crate::store::{Error, Result};

/// What lies in other tables, by machine.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    pub interfaces: HashMap<String, Vec<String>>,
    /// The newest last.
    pub progress: HashMap<String, Vec<TaskProgress>>,
    /// The newest first.
    pub addresses: HashMap<String, Vec<Ipv4Addr>>,
    pub nodes: HashMap<String, Vec<Node>>,
    pub uplinks: HashMap<String, Vec<Uplink>>,
    pub reserved: HashMap<String, Vec<Reservation>>,
    /// (key, value)
    pub labels: HashMap<String, Vec<(String, String)>>,
    pub quarantines: HashMap<String, Vec<Quarantine>>,
    pub bmcs: HashMap<String, Vec<BmcRow>>,
    pub powers: HashMap<String, Vec<PowerRow>>,
    /// What was read since it was written, and when.
    pub readings: HashMap<String, (Power, i64)>,
    pub keys: HashMap<String, Keys>,
    pub ladders: HashMap<String, Vec<Ladder>>,
}

pub fn machine(row: &Row, beside: &Beside, site: &Site) -> Result<Machine> {
    let life = row.life()?;
    let stored = |place, text: &str| Error::Stored { place, text: text.into() };
    let hostname = match &row.hostname {
        Some(name) => Some(name.parse().map_err(|_| stored("machine.hostname", name))?),
        None => None,
    };
    let macs = of(&beside.interfaces, row).iter();
    let interfaces: Vec<Mac> =
        macs.map(|mac| mac.parse().map_err(|_| stored("interface.mac", mac))).collect::<Result<_>>()?;
    let profile = row.profile.as_deref().and_then(|name| site.profiles.get(name));
    let patience = profile.and_then(|profile| profile.deadlines.get(&life.state)).copied();
    let name =
        row.hostname.clone().or(interfaces.first().map(Mac::to_string)).unwrap_or_else(|| row.id.clone());
    let agent_here = row.home().is_some() && row.home() == want(&life).home;
    let person_approves = profile.is_some_and(|profile| profile.approve == Approve::Person);
    let quarantine = of(&beside.quarantines, row).first();
    let ladder = of(&beside.ladders, row).first().filter(|ladder| ladder.since == row.since);
    let seen = Seen {
        since: row.since,
        evidence: &row.evidence,
        name: &name,
        agent_here,
        person_approves,
        in_doubt: quarantine.map(|quarantine| quarantine.about),
        arrived: ladder.and_then(|ladder| ladder.arrived),
        turn: of(&beside.nodes, row).first().map(|node| node.since),
        ladder: ladder.filter(|_| is_sent_back(&life, row.home(), row.session_generation)),
    };
    Ok(Machine {
        id: row.id(),
        hostname,
        interfaces,
        serial: row.serial.clone(),
        address: of(&beside.addresses, row).first().copied(),
        profile: row.profile.clone(),
        position: row.position(),
        uplink: of(&beside.uplinks, row).first().cloned(),
        reserved: of(&beside.reserved, row).first().copied(),
        labels: of(&beside.labels, row).iter().cloned().collect(),
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
        progress: of(&beside.progress, row).last().cloned(),
        node: of(&beside.nodes, row).first().cloned(),
        power: power(row, beside)?,
        home: row.home(),
        last_seen: row.agent_seen,
        version: row.version,
    })
}

fn power(row: &Row, beside: &Beside) -> Result<Option<MachinePower>> {
    let Some(bmc) = of(&beside.bmcs, row).first() else { return Ok(None) };
    let known = of(&beside.powers, row).first();
    let doing = known.map(PowerRow::doing).transpose()?.unwrap_or_default();
    let keys = beside.keys.get(&row.id).copied().unwrap_or_default();
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
        bmc_key: keys.bmc_key,
        secure_on: keys.secure_on,
    };
    if let Some((read, at)) = beside.readings.get(&row.id) {
        (power.power, power.read_at) = (*read, Some(*at));
    }
    Ok(Some(power))
}

fn of<'a, T>(all: &'a HashMap<String, Vec<T>>, row: &Row) -> &'a [T] {
    all.get(&row.id).map_or(&[], Vec::as_slice)
}
