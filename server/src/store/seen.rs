//! What was last seen and known of a machine, beside its state.

use api::id::MachineId;

use super::{Result, Store, statement};

impl Store {
    /// The last thing seen of a machine, in words: a packet of its firmware.
    pub async fn machine_seen(&self, id: &MachineId, evidence: String, now: i64) -> Result<()> {
        let sql = "UPDATE machine SET evidence = $2, last_seen = $3 WHERE id = $1";
        let key = id.0.clone();
        statement!(self, sqlx::query(sql).bind(key).bind(evidence).bind(now))?;
        self.changed(id);
        Ok(())
    }

    /// Something is known of it, in words, that it did not say itself: it was not seen by that.
    pub async fn machine_noted(&self, id: &MachineId, evidence: String) -> Result<()> {
        let sql = "UPDATE machine SET evidence = $2 WHERE id = $1";
        let key = id.0.clone();
        statement!(self, sqlx::query(sql).bind(key).bind(evidence))?;
        self.changed(id);
        Ok(())
    }

    /// Its agent is alive. Written at most every few seconds, and no news to anyone.
    pub async fn agent_seen(&self, id: &MachineId, now: i64) -> Result<()> {
        let sql = "UPDATE machine SET last_seen = $2, agent_seen = $2 WHERE id = $1 \
                   AND (agent_seen IS NULL OR agent_seen < $2 - 10000000)";
        let key = id.0.clone();
        statement!(self, sqlx::query(sql).bind(key).bind(now)).map(drop)
    }

    /// Counts a try of the machine's own disk.
    pub async fn disk_boot_counted(&self, id: &MachineId) -> Result<()> {
        let sql = "UPDATE machine SET disk_boots = disk_boots + 1 WHERE id = $1";
        let key = id.0.clone();
        statement!(self, sqlx::query(sql).bind(key)).map(drop)
    }
}
