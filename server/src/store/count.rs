//! How much there is of everything, for monitoring. A few queries that read whole tables, asked every some
//! seconds and not by packets.

use super::{Result, Store, on};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By state; a state without machines is not in it.
    pub machines: Vec<(String, i64)>,
    /// Tasks of agents that failed for good, by kind.
    pub failed: Vec<(String, i64)>,
    /// (network, addresses in its pools, those that somebody holds).
    pub pools: Vec<(String, i64, i64)>,
    /// Boots over the network that were ever seen of the machines that are known.
    pub boots: i64,
    /// By state: since when its oldest machine is in it.
    pub oldest: Vec<(String, i64)>,
    pub held: i64,
    /// BMCs by health.
    pub bmcs: Vec<(String, i64)>,
    /// Machines by what went wrong with their power.
    pub troubles: Vec<(String, i64)>,
    /// Active ones whose agent was not heard since the time asked for.
    pub silent: i64,
}

impl Store {
    pub async fn counts(&self, now: i64, heard_since: i64) -> Result<Counts> {
        let machines = "SELECT state, COUNT(*) FROM machine GROUP BY state ORDER BY state";
        let failed = "SELECT kind, COUNT(*) FROM task WHERE state = 'failed' GROUP BY kind ORDER BY kind";
        let pools = "SELECT network, COUNT(*), COUNT(CASE WHEN state = 'leased' AND until > $1 THEN 1 END) \
                     FROM lease WHERE pooled GROUP BY network ORDER BY network";
        let boots = "SELECT CAST(COALESCE(SUM((SELECT MAX(attempt) FROM hop WHERE hop.machine = machine.id)), 0) AS BIGINT) \
                     FROM machine";
        let oldest = "SELECT state, MIN(since) FROM machine GROUP BY state ORDER BY state";
        let apart = "SELECT COUNT(CASE WHEN hold THEN 1 END), \
                     COUNT(CASE WHEN state = 'active' AND COALESCE(agent_seen, 0) < $1 THEN 1 END) FROM machine";
        let (held, silent): (i64, i64) =
            on!(self.read(), p => sqlx::query_as(apart).bind(heard_since).fetch_one(p).await)?;
        let (boots,): (i64,) = on!(self.read(), p => sqlx::query_as(boots).fetch_one(p).await)?;
        let (bmcs, troubles) = self.power_counts().await?;
        Ok(Counts {
            bmcs,
            troubles,
            machines: on!(self.read(), p => sqlx::query_as(machines).fetch_all(p).await)?,
            failed: on!(self.read(), p => sqlx::query_as(failed).fetch_all(p).await)?,
            pools: on!(self.read(), p => sqlx::query_as(pools).bind(now).fetch_all(p).await)?,
            boots,
            oldest: on!(self.read(), p => sqlx::query_as(oldest).fetch_all(p).await)?,
            held,
            silent,
        })
    }
}
