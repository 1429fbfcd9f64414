//! The table `machine` with its interfaces: rows in, rows out. State is written in `apply.rs` only.

use api::id::{Hostname, Mac, MachineId};
use api::machine::Position;
use api::state::{Errand, Home, Life, State};

use super::{Error, Result, Store, of_ids, on, statement, stored};

/// A row as it lies in the database. [`Row::life`] is what the lifecycle looks at.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    pub id: String,
    pub hostname: Option<String>,
    pub serial: String,
    pub profile: Option<String>,
    pub rack: Option<String>,
    pub unit: Option<i64>,
    pub state: String,
    pub since: i64,
    pub generation: i64,
    pub installed: i64,
    pub failed_in: Option<String>,
    pub reason: Option<String>,
    pub errand: String,
    pub hold: bool,
    pub maintenance: bool,
    pub power_off: bool,
    pub clustered: bool,
    pub enrolled: bool,
    pub approved: bool,
    pub erase_foreign: bool,
    pub home: Option<String>,
    pub boot_id: String,
    pub session_generation: i64,
    /// The last packet of its firmware, or word of its agent.
    pub last_seen: Option<i64>,
    /// The last word of its agent.
    pub agent_seen: Option<i64>,
    pub evidence: String,
    pub disk_boots: i64,
    pub boot_drive: Option<i64>,
    pub version: i64,
}

impl Row {
    pub fn id(&self) -> MachineId {
        MachineId(self.id.clone())
    }

    pub fn life(&self) -> Result<Life> {
        Ok(Life {
            state: stored("machine.state", &self.state)?,
            generation: self.generation,
            installed: self.installed,
            failed_in: self.failed_in.as_deref().map(|s| stored("machine.failed_in", s)).transpose()?,
            errand: stored_errand(&self.errand)?,
            hold: self.hold,
            maintenance: self.maintenance,
            power_off: self.power_off,
            clustered: self.clustered,
            enrolled: self.enrolled,
            assigned: self.profile.is_some(),
            approved: self.approved,
            erase_foreign: self.erase_foreign,
        })
    }

    /// Where the agent that spoke last lives.
    pub fn home(&self) -> Option<Home> {
        match self.home.as_deref() {
            Some("ram") => Some(Home::Ram),
            Some("disk") => Some(Home::Disk),
            _ => None,
        }
    }

    pub fn position(&self) -> Option<Position> {
        let (rack, unit) = (self.rack.clone()?, self.unit?);
        Some(Position { rack, unit: u32::try_from(unit).unwrap_or(0) })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        self.hostname.as_deref().unwrap_or(&self.id)
    }
}

const ERRANDS: [(Errand, &str); 7] = [
    (Errand::None, "none"),
    (Errand::Reprovision, "reprovision"),
    (Errand::Inspect, "inspect"),
    (Errand::Release, "release"),
    (Errand::Retire, "retire"),
    (Errand::Rescue, "rescue"),
    (Errand::Delete, "delete"),
];

fn stored_errand(text: &str) -> Result<Errand> {
    let found = ERRANDS.iter().find(|(_, spelling)| *spelling == text);
    found.map(|(errand, _)| *errand).ok_or(Error::Stored { place: "machine.errand", text: text.into() })
}

pub(super) fn errand_text(errand: Errand) -> &'static str {
    ERRANDS.iter().find(|(e, _)| *e == errand).map_or("none", |(_, spelling)| spelling)
}

/// What is known of a machine when its row is made.
#[derive(Clone, Debug, Default)]
pub struct Birth {
    pub macs: Vec<Mac>,
    pub hostname: Option<Hostname>,
    pub serial: String,
    pub position: Option<Position>,
    pub profile: Option<String>,
    pub clustered: bool,
    pub enrolled: bool,
    pub evidence: String,
}

impl Store {
    pub async fn machine(&self, id: &MachineId) -> Result<Row> {
        let sql = "SELECT * FROM machine WHERE id = $1";
        let row = on!(self.read(), p => sqlx::query_as::<_, Row>(sql).bind(&id.0).fetch_optional(p).await)?;
        row.ok_or_else(|| Error::NoMachine(id.0.clone()))
    }

    pub async fn machine_by_mac(&self, mac: Mac) -> Result<Option<Row>> {
        let sql = "SELECT machine.* FROM machine JOIN interface ON interface.machine = machine.id WHERE interface.mac = $1";
        Ok(
            on!(self.read(), p => sqlx::query_as::<_, Row>(sql).bind(mac.to_string()).fetch_optional(p).await)?,
        )
    }

    /// Machines in the order of their ids, which is the order of first sight.
    pub async fn machines(&self, after: &str, limit: i64) -> Result<Vec<Row>> {
        let sql = "SELECT * FROM machine WHERE id > $1 ORDER BY id LIMIT $2";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(after).bind(limit).fetch_all(p).await)?)
    }

    /// Machines in one state, in pages: what the reconciler walks.
    pub async fn machines_in(&self, state: State, after: &str, limit: i64) -> Result<Vec<Row>> {
        let sql = "SELECT * FROM machine WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3";
        Ok(
            on!(self.read(), p => sqlx::query_as(sql).bind(state.as_str()).bind(after).bind(limit).fetch_all(p).await)?,
        )
    }

    /// These machines, in no order.
    pub async fn machines_of(&self, ids: &[String]) -> Result<Vec<Row>> {
        of_ids!(self, "SELECT * FROM machine WHERE id IN ($1)", ids)
    }

    /// (machine, mac) of these machines.
    pub async fn interfaces(&self, ids: &[String]) -> Result<Vec<(String, String)>> {
        of_ids!(self, "SELECT machine, mac FROM interface WHERE machine IN ($1) ORDER BY machine, mac", ids)
    }

    pub async fn macs_of(&self, id: &MachineId) -> Result<Vec<Mac>> {
        let pairs = self.interfaces(std::slice::from_ref(&id.0)).await?;
        pairs.iter().map(|(_, mac)| stored("interface.mac", mac)).collect()
    }

    pub async fn hostname_is_taken(&self, hostname: &str) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM machine WHERE hostname = $1";
        let (count,): (i64,) = on!(self.read(), p => sqlx::query_as(sql).bind(hostname).fetch_one(p).await)?;
        Ok(count > 0)
    }

    pub async fn machine_count(&self, profile: &str) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM machine WHERE profile = $1";
        let (count,): (i64,) = on!(self.read(), p => sqlx::query_as(sql).bind(profile).fetch_one(p).await)?;
        Ok(count)
    }

    /// Makes a row at first sight. A machine that already has one of the MACs gets the others too, and its
    /// row is returned: another packet was first, or the site file has learned of a second port.
    pub async fn machine_born(&self, birth: Birth, id: MachineId, now: i64) -> Result<Row> {
        let (again, same) = (birth.clone(), id.clone());
        let born = self.write(move |conn| Box::pin(async move { bear(conn, birth, id, now).await })).await;
        let id = match born {
            // Two servers saw it in the same moment; the other one's row is there now.
            Err(Error::Database(error))
                if error.as_database_error().is_some_and(|e| e.is_unique_violation()) =>
            {
                self.write(move |conn| Box::pin(async move { bear(conn, again, same, now).await })).await?
            }
            born => born?,
        };
        self.changed(&id);
        self.machine(&id).await
    }

    /// Profile, hostname, serial and position, where the row has none yet. Nothing known is overwritten, and
    /// a hostname that another machine has stays there.
    pub async fn machine_describe(&self, id: &MachineId, birth: Birth) -> Result<()> {
        let sql = "UPDATE machine SET hostname = COALESCE(hostname, CASE WHEN EXISTS \
                   (SELECT 1 FROM machine other WHERE other.hostname = $2 AND other.id <> $1) THEN NULL ELSE $2 END), \
                   serial = CASE WHEN serial = '' THEN $3 ELSE serial END, profile = COALESCE(profile, $4), \
                   rack = COALESCE(rack, $5), unit = COALESCE(unit, $6), version = version + 1 WHERE id = $1";
        let key = id.0.clone();
        let (rack, unit) = position_columns(birth.position);
        let hostname = birth.hostname.map(String::from);
        statement!(
            self,
            sqlx::query(sql)
                .bind(key)
                .bind(hostname)
                .bind(birth.serial)
                .bind(birth.profile)
                .bind(rack)
                .bind(unit)
        )?;
        self.changed(id);
        Ok(())
    }
}

/// The row as this transaction sees it.
pub(super) async fn row(conn: &mut super::Conn, id: &MachineId) -> Result<Row> {
    let sql = "SELECT * FROM machine WHERE id = $1";
    let row: Option<Row> = on!(conn, c => sqlx::query_as(sql).bind(&id.0).fetch_optional(&mut **c).await)?;
    row.ok_or_else(|| Error::NoMachine(id.0.clone()))
}

async fn bear(conn: &mut super::Conn, birth: Birth, id: MachineId, now: i64) -> Result<MachineId> {
    let sql = "SELECT machine FROM interface WHERE mac = $1";
    for mac in &birth.macs {
        let owner: Option<(String,)> =
            on!(conn, c => sqlx::query_as(sql).bind(mac.to_string()).fetch_optional(&mut **c).await)?;
        if let Some((owner,)) = owner {
            let owner = MachineId(owner);
            insert_interfaces(conn, &owner, &birth.macs).await?;
            return Ok(owner);
        }
    }
    insert(conn, birth, id, now).await
}

pub(super) async fn insert(
    conn: &mut super::Conn,
    birth: Birth,
    id: MachineId,
    now: i64,
) -> Result<MachineId> {
    let sql = "INSERT INTO machine (id, hostname, serial, profile, rack, unit, state, since, generation, installed, \
               errand, hold, maintenance, power_off, clustered, enrolled, approved, erase_foreign, boot_id, session_generation, \
               evidence, disk_boots, version) VALUES ($1, CASE WHEN EXISTS (SELECT 1 FROM machine WHERE hostname = $2) \
               THEN NULL ELSE $2 END, $3, $4, $5, $6, $7, $8, 0, 0, 'none', FALSE, FALSE, FALSE, $9, $10, FALSE, FALSE, '', 0, \
               $11, 0, 1)";
    let (rack, unit) = position_columns(birth.position);
    let hostname = birth.hostname.map(String::from);
    on!(conn, c => sqlx::query(sql).bind(&id.0).bind(hostname).bind(birth.serial).bind(birth.profile)
        .bind(rack).bind(unit).bind(State::Discovered.as_str()).bind(now).bind(birth.clustered)
        .bind(birth.enrolled).bind(birth.evidence).execute(&mut **c).await.map(drop))?;
    let sql = "INSERT INTO interface (mac, machine) VALUES ($1, $2)";
    for mac in &birth.macs {
        on!(conn, c => sqlx::query(sql).bind(mac.to_string()).bind(&id.0).execute(&mut **c).await.map(drop))?;
    }
    Ok(id)
}

pub(super) async fn insert_interfaces(conn: &mut super::Conn, id: &MachineId, macs: &[Mac]) -> Result<()> {
    let sql = "INSERT INTO interface (mac, machine) VALUES ($1, $2) ON CONFLICT (mac) DO NOTHING";
    for mac in macs {
        on!(conn, c => sqlx::query(sql).bind(mac.to_string()).bind(&id.0).execute(&mut **c).await.map(drop))?;
    }
    Ok(())
}

pub(super) fn position_columns(position: Option<Position>) -> (Option<String>, Option<i64>) {
    match position {
        Some(Position { rack, unit }) => (Some(rack), Some(unit.into())),
        None => (None, None),
    }
}
