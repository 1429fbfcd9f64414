//! What every part of the running server shares, and the questions that several of them ask.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use api::bmc::Power;
use api::facts::{Disk, Facts};
use api::id::{Mac, MachineId};
use api::machine::{Erasure, Machine};
use api::state::State;
use api::wipe::{DiskName, Wipe, WipePlan, WipePreview, WipeWish};
use uuid::Uuid;

use crate::bmc::access;
use crate::bmc::bmcs::Bmcs;
use crate::ca::Authority;
use crate::cluster::Clusters;
use crate::config::{KnownMachine, Profile, Site, Unknown};
use crate::freeze::{self, Authorisation, Owner, Refusal, Wanted};
use crate::images::{Catalogue, Images};
use crate::seal::Seal;
use crate::store::machine::{Birth, Row};
use crate::store::{Result, Store};
use crate::view;
use crate::wipe::{self, Ours};

#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub site: Arc<Site>,
    pub images: Images,
    pub authority: Arc<Authority>,
    pub seal: Arc<Seal>,
    pub clusters: Clusters,
    pub bmcs: Bmcs,
}

impl App {
    /// The machine behind a MAC. One that was never seen gets a row as the site's policy says; None when it is to be ignored.
    pub async fn machine_of(&self, mac: Mac, seen_as: &str, now: i64) -> Result<Option<Row>> {
        if let Some(row) = self.store.machine_by_mac(mac).await? {
            return Ok(Some(row));
        }
        let known = self.site.known_machine(&[mac], None);
        if known.is_none() && self.site.unknown == Unknown::Ignore {
            return Ok(None);
        }
        let mut macs = known.map(|k| k.macs.clone()).unwrap_or_default();
        if !macs.contains(&mac) {
            macs.insert(0, mac);
        }
        self.born(known, macs, format!("first seen as {seen_as}"), now).await.map(Some)
    }

    /// The row of a machine that the site file announces and nobody has seen, so that its BMC can switch it on. None
    /// where it has no MAC, by which it would be known again, and where it was deleted: then it has to come by itself.
    pub async fn announced(&self, known: &KnownMachine, now: i64) -> Result<Option<Row>> {
        for mac in &known.macs {
            if self.store.tombstone_of(*mac).await?.is_some() {
                return Ok(None);
            }
        }
        if known.macs.is_empty() {
            return Ok(None);
        }
        self.born(Some(known), known.macs.clone(), "announced, and not seen yet".into(), now).await.map(Some)
    }

    async fn born(
        &self,
        known: Option<&KnownMachine>,
        macs: Vec<Mac>,
        evidence: String,
        now: i64,
    ) -> Result<Row> {
        // What was deleted comes back by a person's word, whatever the policy and the site file say.
        let mut tombstone = None;
        for mac in &macs {
            if tombstone.is_none() {
                tombstone = self.store.tombstone_of(*mac).await?;
            }
        }
        let enrolled = known.is_some() || self.site.unknown == Unknown::Enroll;
        let birth = Birth {
            macs,
            hostname: known.map(|k| k.name.clone()),
            serial: known.and_then(|k| k.serial.clone()).unwrap_or_default(),
            position: known.and_then(|k| k.position.clone()),
            profile: known.and_then(|k| k.profile.clone()),
            clustered: known.and_then(|k| k.profile.as_ref()).is_some_and(|name| self.is_clustered(name)),
            enrolled: enrolled && tombstone.is_none(),
            evidence,
        };
        let id = MachineId(Uuid::now_v7().to_string());
        let row = self.store.machine_born(birth, id, now).await?;
        if let Some(tombstone) = tombstone {
            self.store.remark(&row.id(), "deleted before", tombstone.to_string(), now).await?;
        }
        Ok(row)
    }

    /// Whether machines of this profile become nodes.
    pub fn is_clustered(&self, profile: &str) -> bool {
        self.site.profiles.get(profile).is_some_and(|profile| profile.cluster.is_some())
    }

    pub fn profile(&self, row: &Row) -> Option<&Profile> {
        self.site.profiles.get(row.profile.as_deref()?)
    }

    /// How this machine reaches the plain boot server: by the network that its address belongs to.
    pub fn http_base(&self, address: Ipv4Addr) -> Option<String> {
        let network = self.site.network_of(address)?;
        Some(format!("http://{}:{}", network.address.address, self.site.server.http_port))
    }

    pub fn https_base(&self, address: Ipv4Addr) -> Option<String> {
        let network = self.site.network_of(address)?;
        Some(format!("https://{}:{}", network.address.address, self.site.server.https_port))
    }

    /// Machines as operators see them.
    pub async fn views(&self, rows: &[Row]) -> Result<Vec<Machine>> {
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let labels = self.store.labels_of(&ids).await?;
        let (bmcs, powers) = (self.store.bmcs_of(&ids).await?, self.store.powers_of(&ids).await?);
        let mut keys = HashMap::new();
        for bmc in &bmcs {
            keys.insert(bmc.machine.clone(), access::keys(self, bmc).await);
        }
        let beside = view::Beside {
            interfaces: by_machine(self.store.interfaces(&ids).await?),
            progress: by_machine(self.store.progress(&ids).await?),
            addresses: by_machine(self.store.lease_addresses(&ids).await?),
            nodes: by_machine(self.store.nodes_of(&ids).await?),
            uplinks: by_machine(self.store.uplinks(&ids).await?),
            reserved: by_machine(self.store.reservations_of(&ids).await?),
            quarantines: by_machine(self.store.quarantines(&ids).await?),
            labels: by_machine(labels.into_iter().map(|(id, key, value)| (id, (key, value)))),
            bmcs: by_machine(bmcs.into_iter().map(|bmc| (bmc.machine.clone(), bmc))),
            powers: by_machine(powers.into_iter().map(|power| (power.machine.clone(), power))),
            readings: self.readings(rows),
            keys,
            ladders: by_machine(self.store.ladders(&ids).await?),
        };
        rows.iter().map(|row| view::machine(row, &beside, &self.site)).collect()
    }

    fn readings(&self, rows: &[Row]) -> HashMap<String, (Power, i64)> {
        let reading = |row: &Row| self.bmcs.reading(&row.id()).map(|reading| (row.id.clone(), reading));
        rows.iter().filter_map(reading).collect()
    }

    /// The same of these machines, in their order; one that was deleted in the meantime is left out.
    pub async fn views_of(&self, ids: &[String]) -> Result<Vec<Machine>> {
        let rows = self.store.machines_of(ids).await?;
        let views = self.views(&rows).await?;
        let mut by_id: HashMap<String, Machine> =
            views.into_iter().map(|machine| (machine.id.0.clone(), machine)).collect();
        Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
    }

    pub async fn view(&self, id: &MachineId) -> Result<Machine> {
        let row = self.store.machine(id).await?;
        let mut views = self.views(&[row]).await?;
        views.pop().ok_or_else(|| crate::store::Error::NoMachine(id.0.clone()))
    }

    /// The plan that an install begun now would freeze.
    pub async fn freeze(
        &self,
        row: &Row,
        generation: i64,
        by: Authorisation,
    ) -> Result<std::result::Result<api::plan::Plan, Unready>> {
        let id = row.id();
        let Some(facts) = self.store.facts(&id).await? else { return Ok(Err(Unready::NoFacts)) };
        let images = self.images.current();
        let seen = Seen {
            shown: self.store.approved_disks(&id).await?,
            facts,
            own_guids: self.store.plan_guids(&id).await?,
        };
        let wanted = match self.wanted(&images, row, &id, generation, &seen) {
            Ok(wanted) => wanted,
            Err(unready) => return Ok(Err(unready)),
        };
        Ok(freeze::freeze(&wanted, by, &mut Uuid::new_v4).map_err(Unready::Refused))
    }

    /// What an operator is shown before saying yes, so that is what they say yes to.
    pub async fn erasure(&self, row: &Row, by: Authorisation) -> Result<Erasure> {
        let id = row.id();
        let nothing = |why: &Unready| Erasure {
            machine: id.clone(),
            profile: row.profile.clone(),
            disks: Vec::new(),
            digest: String::new(),
            refusal: Some(why.to_string()),
        };
        let Some(facts) = self.store.facts(&id).await? else { return Ok(nothing(&Unready::NoFacts)) };
        let images = self.images.current();
        let seen = Seen { shown: facts.disks.clone(), facts, own_guids: Vec::new() };
        match self.wanted(&images, row, &id, row.generation + 1, &seen) {
            Ok(wanted) => Ok(freeze::erasure(&wanted, by)),
            Err(unready) => Ok(nothing(&unready)),
        }
    }

    /// What a wipe would erase, as the newest facts say.
    pub async fn wipe_preview(&self, row: &Row, wish: &WipeWish) -> Result<Option<WipePreview>> {
        let id = row.id();
        let Some(facts) = self.store.facts(&id).await? else { return Ok(None) };
        let planned = self.store.planned_disks(&id).await?;
        Ok(Some(wipe::preview(&self.ours(row, &id, &planned), wish, &facts)))
    }

    /// The plan of a wipe, to be frozen now.
    pub async fn wipe_plan(&self, row: &Row, wipe: &Wipe) -> Result<WipePlan> {
        let id = row.id();
        let facts = self.store.facts(&id).await?;
        let planned = self.store.planned_disks(&id).await?;
        Ok(wipe::freeze(&self.ours(row, &id, &planned), wipe, facts.as_ref()))
    }

    fn ours<'a>(&'a self, row: &Row, machine: &'a MachineId, planned: &'a [DiskName]) -> Ours<'a> {
        Ours { owner: Owner { site: &self.site.name, machine, generation: row.generation }, planned }
    }

    fn wanted<'a>(
        &'a self,
        images: &'a Catalogue,
        row: &'a Row,
        id: &'a MachineId,
        generation: i64,
        seen: &'a Seen,
    ) -> std::result::Result<Wanted<'a>, Unready> {
        let profile = self.profile(row).ok_or(Unready::NoProfile)?;
        let layout = self.site.layouts.get(&profile.layout).ok_or(Unready::NoProfile)?;
        let image = images.os(&profile.image).ok_or_else(|| Unready::NoImage(profile.image.clone()))?;
        Ok(Wanted {
            site: &self.site.name,
            machine: id,
            name: row.name(),
            verb: verb(row),
            generation,
            facts: &seen.facts,
            profile,
            layout,
            image,
            shown: &seen.shown,
            own_guids: &seen.own_guids,
        })
    }
}

/// In the order in which they come.
fn by_machine<T>(pairs: impl IntoIterator<Item = (String, T)>) -> HashMap<String, Vec<T>> {
    let mut all: HashMap<String, Vec<T>> = HashMap::new();
    for (machine, one) in pairs {
        all.entry(machine).or_default().push(one);
    }
    all
}

/// What is known of a machine's disks, and what of that a person was shown.
struct Seen {
    facts: Facts,
    shown: Vec<Disk>,
    own_guids: Vec<String>,
}

/// By which verb a person allows the erasure of its disks, from where it is.
fn verb(row: &Row) -> &'static str {
    match row.state.parse() {
        Ok(State::Discovered | State::Inspecting | State::Available) => "approve",
        _ => "reprovision",
    }
}

/// Why no plan can be frozen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unready {
    #[error("its hardware is not known yet")]
    NoFacts,
    #[error("it has no profile that the site file still declares")]
    NoProfile,
    #[error("the image `{0}` is not in the images folder: run `make images`, then `metald check`")]
    NoImage(String),
    #[error("it becomes a control plane, which a person approves: `metalctl machine approve {0}`")]
    ControlPlane(String),
    #[error("{0}")]
    Refused(Refusal),
}
