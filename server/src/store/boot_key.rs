//! The table `boot_key`: the one key of a machine that may still be used. Only its hash is kept.

use api::id::MachineId;

use super::{Result, Store, on, statement};

impl Store {
    /// Makes this key the only one; the one before is dead.
    pub async fn boot_key_put(&self, machine: &MachineId, hash: String, expires: i64) -> Result<()> {
        let sql = "INSERT INTO boot_key (machine, hash, expires) VALUES ($1, $2, $3) \
                   ON CONFLICT (machine) DO UPDATE SET hash = excluded.hash, expires = excluded.expires";
        let key = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(key).bind(hash).bind(expires)).map(drop)
    }

    /// Uses a key up. None for one that is unknown, used or too old.
    pub async fn boot_key_use(&self, hash: String, now: i64) -> Result<Option<MachineId>> {
        let sql = "DELETE FROM boot_key WHERE hash = $1 AND expires > $2 RETURNING machine";
        let used: Option<(String,)> = self
            .write(move |conn| Box::pin(async move {
                Ok(on!(conn, c => sqlx::query_as(sql).bind(hash).bind(now).fetch_optional(&mut **c).await)?)
            }))
            .await?;
        Ok(used.map(|(machine,)| MachineId(machine)))
    }
}
