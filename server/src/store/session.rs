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

    /// Whether a later boot than this one has said hello: a machine runs one system at a time.
    pub async fn session_is_over(&self, machine: &MachineId, boot_id: &str) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM session JOIN machine ON machine.id = session.machine \
                   WHERE session.machine = $1 AND session.boot_id = $2 AND machine.boot_id <> $2";
        let (over,): (i64,) =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).bind(boot_id).fetch_one(p).await)?;
        Ok(over > 0)
    }
}
