//! The table `facts`: what the newest boot of a machine reported.

use api::facts::Facts;
use api::id::MachineId;

use super::{Conn, Error, Result, Store, on, statement};

impl Store {
    pub async fn facts(&self, machine: &MachineId) -> Result<Option<Facts>> {
        let sql = "SELECT body FROM facts WHERE machine = $1";
        let body: Option<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?;
        let Some((body,)) = body else { return Ok(None) };
        serde_json::from_str(&body)
            .map(Some)
            .map_err(|_| Error::Stored { place: "facts.body", text: machine.0.clone() })
    }

    /// Of which boot the newest facts are; of none once its disks were written.
    pub async fn facts_boot(&self, machine: &MachineId) -> Result<Option<String>> {
        let sql = "SELECT boot_id FROM facts WHERE machine = $1";
        let boot: Option<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?;
        Ok(boot.map(|(boot_id,)| boot_id))
    }

    pub async fn facts_put(&self, machine: &MachineId, facts: &Facts, now: i64) -> Result<()> {
        let sql = "INSERT INTO facts (machine, boot_id, at, body) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (machine) DO UPDATE SET boot_id = excluded.boot_id, at = excluded.at, body = excluded.body";
        let body = serde_json::to_string(facts)
            .map_err(|_| Error::Stored { place: "facts.body", text: machine.0.clone() })?;
        let (key, boot_id) = (machine.0.clone(), facts.boot_id.clone());
        statement!(self, sqlx::query(sql).bind(key).bind(boot_id).bind(now).bind(body))?;
        self.changed(machine);
        Ok(())
    }
}

/// The disks are not as they were reported any more: the next plan needs another look at them, in the same boot, too.
pub(super) async fn outdate(conn: &mut Conn, machine: &MachineId) -> Result<()> {
    let sql = "UPDATE facts SET boot_id = '' WHERE machine = $1";
    on!(conn, c => sqlx::query(sql).bind(&machine.0).execute(&mut **c).await.map(drop))?;
    Ok(())
}
