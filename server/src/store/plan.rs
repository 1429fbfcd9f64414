//! The table `plan`: frozen once a generation, never changed.

use api::id::MachineId;
use api::plan::Plan;

use super::{Error, Result, Store, on, statement};

impl Store {
    pub async fn plan(&self, machine: &MachineId, generation: i64) -> Result<Option<Plan>> {
        let sql = "SELECT body FROM plan WHERE machine = $1 AND generation = $2";
        let body: Option<(String,)> = on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).bind(generation).fetch_optional(p).await)?;
        let Some((body,)) = body else { return Ok(None) };
        serde_json::from_str(&body)
            .map(Some)
            .map_err(|_| Error::Stored { place: "plan.body", text: machine.0.clone() })
    }

    /// The disk GUIDs of all plans of a machine: what carries one of them was partitioned by us.
    pub async fn plan_guids(&self, machine: &MachineId) -> Result<Vec<String>> {
        let sql = "SELECT body FROM plan WHERE machine = $1";
        let bodies: Vec<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_all(p).await)?;
        let read = |(body,): &(String,)| {
            let plan = serde_json::from_str::<Plan>(body);
            plan.map(|plan| plan.disk.guid)
                .map_err(|_| Error::Stored { place: "plan.body", text: machine.0.clone() })
        };
        bodies.iter().map(read).collect()
    }

    /// Keeps the plan. Where one was frozen before, that one stands and is returned.
    pub async fn plan_freeze(&self, plan: Plan, now: i64) -> Result<Plan> {
        let sql = "INSERT INTO plan (machine, generation, hash, at, body) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (machine, generation) DO NOTHING";
        let (machine, generation) = (plan.machine.clone(), plan.generation);
        let stored = || Error::Stored { place: "plan.body", text: machine.0.clone() };
        let body = serde_json::to_string(&plan).map_err(|_| stored())?;
        let (key, hash) = (machine.0.clone(), plan.hash());
        statement!(self, sqlx::query(sql).bind(key).bind(generation).bind(hash).bind(now).bind(body))?;
        self.changed(&machine);
        self.plan(&machine, generation).await?.ok_or_else(stored)
    }
}
