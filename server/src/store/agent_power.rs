//! The table `agent_power`: what agents were asked to do with the power of machines that have no BMC.

use api::id::MachineId;

use super::apply::drop_tasks;
use super::{Conn, Result, Store, lock, on, statement, stored};
use crate::bmc::wake::ByAgent;
use crate::bmc::wake::goodbye::Asked;

impl Store {
    pub async fn agent_power(&self, machine: &MachineId) -> Result<Option<Asked>> {
        let sql = "SELECT action, boot_id, asked_at, gone_at FROM agent_power WHERE machine = $1";
        let row: Option<(String, String, i64, Option<i64>)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?;
        let asked = |(action, boot_id, asked_at, gone_at): (String, String, i64, Option<i64>)| {
            let what: ByAgent = stored("agent_power.action", &action)?;
            Ok(Asked { what, boot_id, asked_at, gone_at })
        };
        row.map(asked).transpose()
    }

    /// In the place of what was asked before. What the agent does meanwhile is over: it asks for work again.
    pub async fn agent_power_ask(
        &self,
        machine: &MachineId,
        what: ByAgent,
        boot_id: &str,
        now: i64,
    ) -> Result<()> {
        let sql = "INSERT INTO agent_power (machine, action, boot_id, asked_at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (machine) DO UPDATE SET action = excluded.action, boot_id = excluded.boot_id, \
                   asked_at = excluded.asked_at, gone_at = NULL";
        let (id, boot_id) = (machine.clone(), boot_id.to_string());
        self.write(move |conn| {
            Box::pin(async move {
                lock(conn, &id).await?;
                on!(conn, c => sqlx::query(sql).bind(&id.0).bind(what.as_str()).bind(boot_id).bind(now)
                    .execute(&mut **c).await.map(drop))?;
                drop_tasks(conn, &id).await
            })
        })
        .await?;
        self.changed(machine);
        Ok(())
    }

    /// It was woken: what its agent was asked is over, and as after a reboot nobody knows until it is heard.
    pub async fn agent_power_woken(&self, machine: &MachineId, now: i64) -> Result<()> {
        let sql = "UPDATE agent_power SET action = $2, gone_at = $3 WHERE machine = $1";
        let id = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(id).bind(ByAgent::Reboot.as_str()).bind(now)).map(drop)
    }
}

/// The agent says that it goes.
pub(super) async fn gone(conn: &mut Conn, machine: &MachineId, what: ByAgent, now: i64) -> Result<()> {
    let sql = "UPDATE agent_power SET gone_at = $3 WHERE machine = $1 AND action = $2 AND gone_at IS NULL";
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(what.as_str()).bind(now).execute(&mut **c).await.map(drop))?;
    Ok(())
}
