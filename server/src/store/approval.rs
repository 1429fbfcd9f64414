//! The table `approval`: the disks that a person was shown before saying yes.

use api::facts::Disk;
use api::id::MachineId;

use super::{Error, Result, Store, on, statement};

impl Store {
    pub async fn approval_put(&self, machine: &MachineId, who: &str, disks: &[Disk], now: i64) -> Result<()> {
        let sql = "INSERT INTO approval (machine, who, at, disks) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (machine) DO UPDATE SET who = excluded.who, at = excluded.at, disks = excluded.disks";
        let (key, who) = (machine.0.clone(), who.to_string());
        let disks = serde_json::to_string(disks)
            .map_err(|_| Error::Stored { place: "approval.disks", text: machine.0.clone() })?;
        statement!(self, sqlx::query(sql).bind(key).bind(who).bind(now).bind(disks)).map(drop)
    }

    /// Empty where nobody was ever shown any.
    pub async fn approved_disks(&self, machine: &MachineId) -> Result<Vec<Disk>> {
        let sql = "SELECT disks FROM approval WHERE machine = $1";
        let disks: Option<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?;
        let Some((disks,)) = disks else { return Ok(Vec::new()) };
        serde_json::from_str(&disks)
            .map_err(|_| Error::Stored { place: "approval.disks", text: machine.0.clone() })
    }
}
