//! The tables `tombstone` and `tombstone_interface`: what is still known of machines that were deleted.

use api::id::{Mac, MachineId};
use api::tombstone::Tombstone;

use super::machine::Row;
use super::{Conn, Result, Store, on, stored};

type Columns = (String, Option<String>, String, Option<String>, String, i64, i64, i64, String);

impl Store {
    /// Newest first.
    pub async fn tombstones(&self) -> Result<Vec<Tombstone>> {
        let sql = "SELECT machine, hostname, serial, profile, state, generation, installed, at, who FROM tombstone \
                   ORDER BY at DESC, machine LIMIT 1000";
        let rows: Vec<Columns> = on!(self.read(), p => sqlx::query_as(sql).fetch_all(p).await)?;
        let mut tombstones = rows.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        for tombstone in &mut tombstones {
            tombstone.interfaces = self.ports(&tombstone.machine).await?;
        }
        Ok(tombstones)
    }

    async fn ports(&self, machine: &MachineId) -> Result<Vec<Mac>> {
        let sql = "SELECT mac FROM tombstone_interface WHERE tombstone = $1 ORDER BY mac";
        let macs: Vec<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_all(p).await)?;
        macs.iter().map(|(mac,)| stored("tombstone_interface.mac", mac)).collect()
    }

    /// The deleted machine that had this port.
    pub async fn tombstone_of(&self, mac: Mac) -> Result<Option<Tombstone>> {
        let sql = "SELECT machine, hostname, serial, profile, state, generation, installed, at, who FROM tombstone \
                   WHERE machine = (SELECT tombstone FROM tombstone_interface WHERE mac = $1)";
        let row: Option<Columns> =
            on!(self.read(), p => sqlx::query_as(sql).bind(mac.to_string()).fetch_optional(p).await)?;
        let Some(mut tombstone) = row.map(read).transpose()? else { return Ok(None) };
        tombstone.interfaces = self.ports(&tombstone.machine).await?;
        Ok(Some(tombstone))
    }
}

fn read(row: Columns) -> Result<Tombstone> {
    let (machine, hostname, serial, profile, state, generation, installed, at, who) = row;
    Ok(Tombstone {
        machine: MachineId(machine),
        hostname: hostname.map(|name| stored("tombstone.hostname", &name)).transpose()?,
        interfaces: Vec::new(),
        serial,
        profile,
        state: stored("tombstone.state", &state)?,
        generation,
        installed,
        at,
        who,
    })
}

/// Takes the row with all that hangs on it, and leaves a tombstone.
pub(super) async fn bury(conn: &mut Conn, row: &Row, who: &str, now: i64) -> Result<()> {
    let sql = "INSERT INTO tombstone (machine, hostname, serial, profile, state, generation, installed, at, who) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    on!(conn, c => sqlx::query(sql).bind(&row.id).bind(&row.hostname).bind(&row.serial).bind(&row.profile)
        .bind(&row.state).bind(row.generation).bind(row.installed).bind(now).bind(who)
        .execute(&mut **c).await.map(drop))?;
    // A port that was in a machine deleted before is this one's now.
    let sql = "INSERT INTO tombstone_interface (mac, tombstone) SELECT mac, machine FROM interface WHERE machine = $1 \
               ON CONFLICT (mac) DO UPDATE SET tombstone = excluded.tombstone";
    on!(conn, c => sqlx::query(sql).bind(&row.id).execute(&mut **c).await.map(drop))?;
    let sql = "DELETE FROM machine WHERE id = $1";
    on!(conn, c => sqlx::query(sql).bind(&row.id).execute(&mut **c).await.map(drop))?;
    Ok(())
}

/// A person lets the machine in again: the tombstones of its ports have nothing to say any more.
pub(super) async fn lift(conn: &mut Conn, machine: &MachineId) -> Result<()> {
    let sql = "DELETE FROM tombstone WHERE machine IN (SELECT tombstone FROM tombstone_interface \
               WHERE mac IN (SELECT mac FROM interface WHERE machine = $1))";
    on!(conn, c => sqlx::query(sql).bind(&machine.0).execute(&mut **c).await.map(drop))?;
    Ok(())
}
