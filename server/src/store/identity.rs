//! The tables `identifier`, `quarantine` and `merged`: whose hardware it is that a boot found, and what becomes of the
//! rows when that is another's.

use std::collections::BTreeSet;

use api::event::Event;
use api::facts::Facts;
use api::id::{Mac, MachineId};
use api::machine::{HistoryEntry, Quarantine};
use api::state::{Home, State};
use api::who::Doubt;

use super::machine::{Row, insert_interfaces, row};
use super::{Conn, Error, Result, Store, lock, of_ids, on, stored};
use crate::who::{Identifier, Kind, Known, Verdict, decide, identifiers};

/// An identifier that this many rows have is read of no more of them: it tells nothing anyway.
const SHARED: i64 = 3;

impl Store {
    /// Compares what a boot found with what all rows know, and puts the rows right. `machine` is whom the agent's
    /// certificate names, which is to whom the booting port belongs.
    pub async fn identify(&self, machine: &MachineId, facts: &Facts, now: i64) -> Result<Verdict> {
        let (id, found) = (machine.clone(), identifiers(facts));
        let session = (facts.home, facts.boot_id.clone());
        let (verdict, touched) = self
            .write(move |conn| Box::pin(async move { identify(conn, id, (found, session), now).await }))
            .await?;
        for machine in touched {
            self.changed(&machine);
        }
        Ok(verdict)
    }

    /// Holds a machine until a person says who it is. `macs` are the ports that came with what is in question.
    pub async fn quarantine(
        &self,
        machine: &MachineId,
        (about, why): (Doubt, String),
        macs: Vec<Mac>,
        now: i64,
    ) -> Result<()> {
        let id = machine.clone();
        self.write(move |conn| {
            Box::pin(async move { quarantine(conn, &id, (about, why), &macs, now).await })
        })
        .await?;
        self.changed(machine);
        Ok(())
    }

    pub async fn quarantine_of(&self, machine: &MachineId) -> Result<Option<Quarantine>> {
        let one = self.quarantines(std::slice::from_ref(&machine.0)).await?;
        Ok(one.into_iter().next().map(|(_, quarantine)| quarantine))
    }

    /// Of these machines.
    pub async fn quarantines(&self, ids: &[String]) -> Result<Vec<(String, Quarantine)>> {
        let sql =
            "SELECT machine, about, at, why, macs FROM quarantine WHERE machine IN ($1) ORDER BY machine";
        let rows: Vec<(String, String, i64, String, String)> = of_ids!(self, sql, ids)?;
        let mut quarantines = Vec::new();
        for (machine, about, since, why, macs) in rows {
            let about = stored("quarantine.about", &about)?;
            let interfaces =
                macs.split_whitespace().map(|mac| stored("quarantine.macs", mac)).collect::<Result<_>>()?;
            quarantines.push((machine, Quarantine { about, since, why, interfaces }));
        }
        Ok(quarantines)
    }

    /// Whose machine the session of this boot turned out to be, when that is not whom its certificate names.
    pub async fn merged_into(&self, boot_id: &str) -> Result<Option<MachineId>> {
        let sql = "SELECT machine FROM merged WHERE id = $1";
        let machine: Option<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(boot_id).fetch_optional(p).await)?;
        Ok(machine.map(|(machine,)| MachineId(machine)))
    }

    /// The machine that alone is known by this UUID.
    pub async fn machine_by_uuid(&self, uuid: &str) -> Result<Option<Row>> {
        let sql = "SELECT machine.* FROM machine JOIN identifier ON identifier.machine = machine.id \
                   WHERE identifier.kind = 'uuid' AND identifier.value = $1 LIMIT 2";
        let mut rows: Vec<Row> = on!(self.read(), p => sqlx::query_as(sql).bind(uuid).fetch_all(p).await)?;
        Ok(if rows.len() == 1 { rows.pop() } else { None })
    }
}

type Found = (BTreeSet<Identifier>, (Home, String));

async fn identify(
    conn: &mut Conn,
    machine: MachineId,
    (found, (home, boot_id)): Found,
    now: i64,
) -> Result<(Verdict, Vec<MachineId>)> {
    lock(conn, &machine).await?;
    let own = known(conn, &machine).await?;
    let (owners, shared) = owners(conn, &found).await?;
    let mut others = Vec::new();
    for owner in owners.into_iter().filter(|owner| *owner != machine) {
        others.push(known(conn, &owner).await?);
    }
    let verdict = match decide(&own, &others, &found, &shared) {
        // An installed system is believed for its own row only.
        Verdict::Another(other) if home == Home::Disk => {
            let other = others.iter().find(|known| known.machine == other).map_or("another", |o| &o.name);
            Verdict::Doubt {
                why: format!("its OS runs in hardware that is {other}'s: its disk was moved there"),
            }
        }
        verdict => verdict,
    };
    let macs = ports(&found);
    let mut touched = vec![machine.clone()];
    match &verdict {
        Verdict::Itself { absorbs } => {
            for blank in absorbs {
                move_all(conn, blank, &machine).await?;
                touched.push(blank.clone());
            }
            insert_interfaces(conn, &machine, &macs).await?;
            replace_identifiers(conn, &machine, &found).await?;
        }
        Verdict::Another(other) => {
            touched.push(other.clone());
            take_ports(conn, &machine, other, &macs).await?;
            let note = format!("its hardware was found behind the row of {}", own.name);
            remark(conn, other, "merged", note, ("server", now)).await?;
            if own.blank {
                move_all(conn, &machine, other).await?;
            }
            remember(conn, &boot_id, other, now).await?;
        }
        Verdict::Doubt { why } => {
            let mine: BTreeSet<&String> =
                own.identifiers.iter().filter(|id| id.kind == Kind::Mac).map(|id| &id.value).collect();
            let macs: Vec<Mac> = macs.into_iter().filter(|mac| mine.contains(&mac.to_string())).collect();
            quarantine(conn, &machine, (Doubt::Hardware, why.clone()), &macs, now).await?;
        }
    }
    Ok((verdict, touched))
}

async fn known(conn: &mut Conn, machine: &MachineId) -> Result<Known> {
    let row = row(conn, machine).await?;
    let sql = "SELECT kind, value FROM identifier WHERE machine = $1";
    let pairs: Vec<(String, String)> =
        on!(conn, c => sqlx::query_as(sql).bind(&machine.0).fetch_all(&mut **c).await)?;
    let mut identifiers = BTreeSet::new();
    for (kind, value) in pairs {
        let kind = kind.parse().map_err(|()| Error::Stored { place: "identifier.kind", text: kind })?;
        identifiers.insert(Identifier { kind, value });
    }
    let nameless = row.hostname.is_none() && identifiers.is_empty();
    let blank = nameless && row.generation == 0 && row.installed == 0;
    identifiers.extend(macs(conn, machine).await?.into_iter().map(|mac| Identifier::new(Kind::Mac, mac)));
    Ok(Known { machine: machine.clone(), name: row.name().into(), identifiers, blank })
}

pub(super) async fn macs(conn: &mut Conn, machine: &MachineId) -> Result<Vec<String>> {
    let sql = "SELECT mac FROM interface WHERE machine = $1 ORDER BY mac";
    let macs: Vec<(String,)> =
        on!(conn, c => sqlx::query_as(sql).bind(&machine.0).fetch_all(&mut **c).await)?;
    Ok(macs.into_iter().map(|(mac,)| mac).collect())
}

/// Who has something of what was found, and what of it several have.
async fn owners(
    conn: &mut Conn,
    found: &BTreeSet<Identifier>,
) -> Result<(BTreeSet<MachineId>, BTreeSet<Identifier>)> {
    let by_port = "SELECT machine FROM interface WHERE mac = $1";
    let by_other = "SELECT machine FROM identifier WHERE kind = $1 AND value = $2 LIMIT $3";
    let (mut all, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for id in found {
        let owners: Vec<(String,)> = match id.kind {
            Kind::Mac => on!(conn, c => sqlx::query_as(by_port).bind(&id.value).fetch_all(&mut **c).await)?,
            kind => on!(conn, c => sqlx::query_as(by_other).bind(kind.as_str()).bind(&id.value).bind(SHARED)
                .fetch_all(&mut **c).await)?,
        };
        match owners.as_slice() {
            [(one,)] => drop(all.insert(MachineId(one.clone()))),
            [] => {}
            _ => drop(shared.insert(id.clone())),
        }
    }
    Ok((all, shared))
}

fn ports(found: &BTreeSet<Identifier>) -> Vec<Mac> {
    found.iter().filter(|id| id.kind == Kind::Mac).filter_map(|id| id.value.parse().ok()).collect()
}

/// The newest facts count; ports are in a table of their own.
async fn replace_identifiers(
    conn: &mut Conn,
    machine: &MachineId,
    found: &BTreeSet<Identifier>,
) -> Result<()> {
    let delete = "DELETE FROM identifier WHERE machine = $1";
    let sql = "INSERT INTO identifier (kind, value, machine) VALUES ($1, $2, $3)";
    on!(conn, c => sqlx::query(delete).bind(&machine.0).execute(&mut **c).await.map(drop))?;
    for id in found.iter().filter(|id| id.kind != Kind::Mac) {
        on!(conn, c => sqlx::query(sql).bind(id.kind.as_str()).bind(&id.value).bind(&machine.0)
            .execute(&mut **c).await.map(drop))?;
    }
    Ok(())
}

pub(super) async fn take_ports(
    conn: &mut Conn,
    from: &MachineId,
    into: &MachineId,
    macs: &[Mac],
) -> Result<()> {
    let sql = "UPDATE interface SET machine = $3 WHERE mac = $1 AND machine = $2";
    for mac in macs {
        on!(conn, c => sqlx::query(sql).bind(mac.to_string()).bind(&from.0).bind(&into.0)
            .execute(&mut **c).await.map(drop))?;
    }
    Ok(())
}

/// All ports change their row, and the one that they leave goes.
pub(super) async fn move_all(conn: &mut Conn, from: &MachineId, into: &MachineId) -> Result<()> {
    let sql = "UPDATE interface SET machine = $2 WHERE machine = $1";
    let delete = "DELETE FROM machine WHERE id = $1";
    on!(conn, c => sqlx::query(sql).bind(&from.0).bind(&into.0).execute(&mut **c).await.map(drop))?;
    on!(conn, c => sqlx::query(delete).bind(&from.0).execute(&mut **c).await.map(drop))?;
    Ok(())
}

/// The session of this boot was let in as somebody else.
pub(super) async fn remember(conn: &mut Conn, boot_id: &str, machine: &MachineId, now: i64) -> Result<()> {
    let sql = "INSERT INTO merged (id, machine, at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
    if !boot_id.is_empty() {
        on!(conn, c => sqlx::query(sql).bind(boot_id).bind(&machine.0).bind(now).execute(&mut **c).await.map(drop))?;
    }
    Ok(())
}

async fn quarantine(
    conn: &mut Conn,
    id: &MachineId,
    (about, why): (Doubt, String),
    macs: &[Mac],
    now: i64,
) -> Result<()> {
    let sql = "INSERT INTO quarantine (machine, about, at, why, macs, held) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (machine) DO UPDATE SET about = excluded.about, why = excluded.why, macs = excluded.macs";
    let seen = "UPDATE machine SET evidence = $2 WHERE id = $1";
    let again = "SELECT COUNT(*) FROM quarantine WHERE machine = $1 AND why = $2";
    let (told,): (i64,) =
        on!(conn, c => sqlx::query_as(again).bind(&id.0).bind(&why).fetch_one(&mut **c).await)?;
    if told > 0 {
        return Ok(());
    }
    let held = row(conn, id).await?.hold;
    super::apply::apply(conn, id, &Event::Hold, "server", now).await?;
    let ports: Vec<String> = macs.iter().map(Mac::to_string).collect();
    on!(conn, c => sqlx::query(sql).bind(&id.0).bind(about.as_str()).bind(now).bind(&why).bind(ports.join(" "))
        .bind(held).execute(&mut **c).await.map(drop))?;
    on!(conn, c => sqlx::query(seen).bind(&id.0).bind(&why).execute(&mut **c).await.map(drop))?;
    remark(conn, id, "quarantined", why, ("server", now)).await
}

/// Somebody wants it on hold besides: the end of its quarantine does not let it go.
pub(super) async fn stays_held(conn: &mut Conn, id: &MachineId) -> Result<()> {
    let sql = "UPDATE quarantine SET held = $2 WHERE machine = $1";
    on!(conn, c => sqlx::query(sql).bind(&id.0).bind(true).execute(&mut **c).await.map(drop))?;
    Ok(())
}

pub(super) async fn remark(
    conn: &mut Conn,
    id: &MachineId,
    event: &str,
    note: String,
    (who, at): (&str, i64),
) -> Result<()> {
    let state: State = stored("machine.state", &row(conn, id).await?.state)?;
    let (event, who) = (event.to_string(), who.to_string());
    let entry = HistoryEntry { at, event, from: state, to: state, who, refused: false, note };
    super::history::add(conn, id, entry).await
}
