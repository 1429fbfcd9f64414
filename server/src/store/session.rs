//! The table `session`: the boots in which a machine's agents have said hello. The newest is in the machine's row.

use api::id::MachineId;

use super::{Result, Store, on};

/// Boots remembered of a machine: one that is older is not alive.
const KEPT: i64 = 100;

impl Store {
    pub async fn session_began(&self, machine: &MachineId, boot_id: &str, now: i64) -> Result<()> {
        let sql = "INSERT INTO session (machine, boot_id, at) VALUES ($1, $2, $3) ON CONFLICT (machine, boot_id) DO NOTHING";
        let trim = "DELETE FROM session WHERE machine = $1 AND at < (SELECT MIN(at) FROM \
                    (SELECT at FROM session WHERE machine = $1 ORDER BY at DESC LIMIT $2) newest)";
        let (machine, boot_id) = (machine.0.clone(), boot_id.to_string());
        self.write(move |conn| {
            Box::pin(async move {
                on!(conn, c => sqlx::query(sql).bind(&machine).bind(boot_id).bind(now).execute(&mut **c).await.map(drop))?;
                on!(conn, c => sqlx::query(trim).bind(&machine).bind(KEPT).execute(&mut **c).await.map(drop))?;
                Ok(())
            })
        })
        .await
    }

    /// The boot that said its first hello after this one's: a machine runs one system at a time. The order is that of the
    /// first hellos, so that one whose answer was lost, or that a killed server had half heard, may be said again.
    pub async fn session_after(&self, machine: &MachineId, boot_id: &str) -> Result<Option<String>> {
        let sql = "SELECT later.boot_id FROM session mine JOIN session later ON later.machine = mine.machine \
                   AND later.at > mine.at WHERE mine.machine = $1 AND mine.boot_id = $2 ORDER BY later.at DESC LIMIT 1";
        let later: Option<(String,)> = on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).bind(boot_id).fetch_optional(p).await)?;
        Ok(later.map(|(boot_id,)| boot_id))
    }
}
