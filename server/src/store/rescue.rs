//! The table `rescue`: whose keys may log in to a machine in rescue, beside those of its profile.

use api::id::MachineId;

use super::{Conn, Result, Store, on};

impl Store {
    pub async fn rescue_keys(&self, machine: &MachineId) -> Result<Vec<String>> {
        let sql = "SELECT keys FROM rescue WHERE machine = $1";
        let keys: Option<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?;
        Ok(keys.iter().flat_map(|(keys,)| keys.lines()).map(String::from).collect())
    }
}

/// The keys of this rescue; those of the one before are forgotten.
pub(super) async fn put(conn: &mut Conn, machine: &MachineId, keys: &[String]) -> Result<()> {
    let sql = "INSERT INTO rescue (machine, keys) VALUES ($1, $2) ON CONFLICT (machine) DO UPDATE SET keys = excluded.keys";
    let keys = keys.join("\n");
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(keys).execute(&mut **c).await.map(drop))?;
    Ok(())
}
