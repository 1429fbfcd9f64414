//! An imported list of machines: read, decided and written in one transaction, so that nothing of it is half
//! there.

use std::sync::Arc;

use api::event::Event;
use api::id::{Mac, MachineId};
use api::import::{ImportRow, Imported, Problem};
use api::machine::{HistoryEntry, Reservation};
use api::power::Origin;
use api::state::State;

use super::bmc::BmcRow;
use super::machine::{Birth, Row};
use super::reservation::Keep;
use super::{Conn, Error, Result, Store, inventory, machine, on, stored};
use crate::config::Site;
use crate::import::{BmcChange, Change, Known, KnownBmc, changes};

/// A list, and who brought it.
pub struct Import {
    pub rows: Vec<ImportRow>,
    pub site: Arc<Site>,
    pub who: String,
    /// Whether that one may say where a BMC's password is sent.
    pub admin: bool,
    pub now: i64,
    pub new_id: fn() -> MachineId,
    /// Only tell what would happen.
    pub dry_run: bool,
}

impl Store {
    /// All of the list with the machines that it changed, or nothing and what is wrong with it.
    pub async fn import(
        &self,
        import: Import,
    ) -> Result<std::result::Result<(Imported, Vec<MachineId>), Vec<Problem>>> {
        let outcome = self.write(move |conn| Box::pin(async move { run(conn, &import).await })).await?;
        if let Ok((_, machines)) = &outcome {
            machines.iter().for_each(|machine| self.changed(machine));
        }
        Ok(outcome)
    }
}

type Outcome = std::result::Result<(Imported, Vec<MachineId>), Vec<Problem>>;

async fn run(conn: &mut Conn, import: &Import) -> Result<Outcome> {
    let (known, kept) = known(conn).await?;
    let changes = match changes(&import.rows, &known, &kept, &import.site) {
        Ok(changes) => changes,
        Err(problems) => return Ok(Err(problems)),
    };
    let sends = import.rows.iter().zip(&changes).filter(|(_, change)| change.bmc.is_some() && !import.admin);
    let refused: Vec<Problem> = sends
        .map(|(row, _)| Problem::new(row.line, "where the password of a BMC is sent is an admin's to say"))
        .collect();
    if !refused.is_empty() {
        return Ok(Err(refused));
    }
    let (mut imported, mut touched) = (Imported::default(), Vec::new());
    for change in changes {
        match &change.id {
            None => imported.new += 1,
            Some(_) if change.is_nothing() => imported.unchanged += 1,
            Some(_) => imported.changed += 1,
        }
        if !import.dry_run && !change.is_nothing() {
            touched.push(write(conn, import, change).await?);
        }
    }
    Ok(Ok((imported, touched)))
}

async fn write(conn: &mut Conn, import: &Import, change: Change) -> Result<MachineId> {
    let (site, now) = (&import.site, import.now);
    let clustered = |name: &String| site.profiles.get(name).is_some_and(|p| p.cluster.is_some());
    let id = match &change.id {
        Some(id) => {
            let id = MachineId(id.clone());
            describe(conn, &id, &change).await?;
            if let Some(profile) = &change.profile {
                let event = Event::Assigned { clustered: clustered(profile) };
                super::apply::apply(conn, &id, &event, &import.who, now).await?;
            }
            id
        }
        None => {
            let birth = Birth {
                macs: change.macs.clone(),
                hostname: change.hostname.clone(),
                position: change.position.clone(),
                profile: change.profile.clone(),
                clustered: change.profile.as_ref().is_some_and(clustered),
                enrolled: true,
                evidence: "imported, and not seen yet".into(),
                ..Birth::default()
            };
            machine::insert(conn, birth, (import.new_id)(), now).await?
        }
    };
    if let Some(uplink) = &change.uplink {
        inventory::plug(conn, &id, uplink).await?;
    }
    if let Some(labels) = &change.labels {
        inventory::relabel(conn, &id, labels).await?;
    }
    if let Some(bmc) = change.bmc {
        switch_by(conn, &id, bmc).await?;
    }
    if let Some(reservation) = change.reservation {
        keep(conn, import, &id, reservation).await?;
    }
    remember(conn, import, &id).await?;
    Ok(id)
}

/// What was sealed for its BMC stays with the same one.
async fn switch_by(conn: &mut Conn, id: &MachineId, bmc: BmcChange) -> Result<()> {
    let sql = "INSERT INTO bmc (machine, driver, address, username, origin) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (machine) DO UPDATE SET driver = excluded.driver, username = excluded.username, \
               password = CASE WHEN bmc.address = excluded.address THEN bmc.password ELSE NULL END, \
               bmc_key = CASE WHEN bmc.address = excluded.address THEN bmc.bmc_key ELSE NULL END, \
               certificate = CASE WHEN bmc.address = excluded.address THEN bmc.certificate ELSE NULL END, \
               address = excluded.address, origin = excluded.origin";
    on!(conn, c => sqlx::query(sql).bind(&id.0).bind(bmc.driver.as_str()).bind(bmc.address).bind(bmc.user)
        .bind(Origin::Import.as_str()).execute(&mut **c).await.map(drop))?;
    Ok(())
}

async fn describe(conn: &mut Conn, id: &MachineId, change: &Change) -> Result<()> {
    let sql = "UPDATE machine SET hostname = COALESCE(hostname, $2), profile = COALESCE(profile, $3), \
               rack = COALESCE($4, rack), unit = COALESCE($5, unit), version = version + 1 WHERE id = $1";
    let (rack, unit) = machine::position_columns(change.position.clone());
    let hostname = change.hostname.clone().map(String::from);
    on!(conn, c => sqlx::query(sql).bind(&id.0).bind(hostname).bind(&change.profile).bind(rack).bind(unit)
        .execute(&mut **c).await.map(drop))?;
    machine::insert_interfaces(conn, id, &change.macs).await
}

/// A machine has one reservation: the list may have put another of its cards in front.
async fn keep(conn: &mut Conn, import: &Import, id: &MachineId, reservation: Reservation) -> Result<()> {
    let sql = "DELETE FROM reservation WHERE mac IN (SELECT mac FROM interface WHERE machine = $1)";
    on!(conn, c => sqlx::query(sql).bind(&id.0).execute(&mut **c).await.map(drop))?;
    let network = import.site.network_of(reservation.address).map(|network| network.name.clone());
    let keep =
        Keep { reservation, network: network.unwrap_or_default(), who: import.who.clone(), now: import.now };
    match super::reservation::reserve(conn, &keep).await? {
        true => Ok(()),
        false => Err(Error::Conflict),
    }
}

async fn remember(conn: &mut Conn, import: &Import, id: &MachineId) -> Result<()> {
    let state = machine::row(conn, id).await?.life()?.state;
    let entry = HistoryEntry {
        at: import.now,
        event: "imported".into(),
        from: state,
        to: state,
        who: import.who.clone(),
        refused: false,
        note: String::new(),
    };
    super::history::add(conn, id, entry).await
}

/// All machines and all reservations, as this transaction sees them.
async fn known(conn: &mut Conn) -> Result<(Vec<Known>, Vec<Reservation>)> {
    let sql = "SELECT * FROM machine WHERE id > $1 ORDER BY id";
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(sql).bind("").fetch_all(&mut **c).await)?;
    let sql = "SELECT machine, mac FROM interface WHERE machine > $1 ORDER BY machine, mac";
    let macs: Vec<(String, String)> = on!(conn, c => sqlx::query_as(sql).bind("").fetch_all(&mut **c).await)?;
    let sql = "SELECT machine, switch, port FROM uplink WHERE machine > $1 ORDER BY machine";
    let uplinks: Vec<(String, String, String)> =
        on!(conn, c => sqlx::query_as(sql).bind("").fetch_all(&mut **c).await)?;
    let sql = "SELECT machine, key, value FROM label WHERE machine > $1 ORDER BY machine, key";
    let labels: Vec<(String, String, String)> =
        on!(conn, c => sqlx::query_as(sql).bind("").fetch_all(&mut **c).await)?;
    let sql = "SELECT * FROM bmc WHERE machine > $1 ORDER BY machine";
    let bmcs: Vec<BmcRow> = on!(conn, c => sqlx::query_as(sql).bind("").fetch_all(&mut **c).await)?;
    let sql = "SELECT mac, address FROM reservation WHERE mac > $1 ORDER BY mac";
    let kept: Vec<(String, i64)> = on!(conn, c => sqlx::query_as(sql).bind("").fetch_all(&mut **c).await)?;
    let kept: Vec<Reservation> =
        kept.into_iter().map(|(mac, n)| super::reservation::reservation(&mac, n)).collect::<Result<_>>()?;
    let mut all: Vec<Known> = rows.iter().map(blank).collect::<Result<_>>()?;
    let index: std::collections::HashMap<String, usize> =
        all.iter().enumerate().map(|(i, known)| (known.id.clone(), i)).collect();
    for (machine, mac) in macs {
        let Some(known) = index.get(&machine).map(|i| &mut all[*i]) else { continue };
        let mac: Mac = stored("interface.mac", &mac)?;
        known.macs.push(mac);
        known.reserved = known.reserved.or_else(|| kept.iter().find(|r| r.mac == mac).copied());
    }
    for (machine, switch, port) in uplinks {
        if let Some(i) = index.get(&machine) {
            all[*i].uplink = Some(api::machine::Uplink { switch, port });
        }
    }
    for bmc in bmcs {
        if let Some(i) = index.get(&bmc.machine) {
            all[*i].bmc = Some(KnownBmc {
                driver: bmc.driver()?,
                origin: bmc.origin()?,
                address: bmc.address,
                user: bmc.username,
            });
        }
    }
    for (machine, key, value) in labels {
        if let Some(i) = index.get(&machine) {
            all[*i].labels.insert(key, value);
        }
    }
    Ok((all, kept))
}

fn blank(row: &Row) -> Result<Known> {
    Ok(Known {
        id: row.id.clone(),
        hostname: row.hostname.clone(),
        macs: Vec::new(),
        state: stored::<State>("machine.state", &row.state)?,
        profile: row.profile.clone(),
        position: row.position(),
        uplink: None,
        reserved: None,
        labels: Default::default(),
        bmc: None,
    })
}
