//! The tables `power` and `power_time`: what was read of machines' power, what was asked of it, and how long models
//! take from power to the wire. What is read every minute and stays the same is not written every minute.

use api::bmc::{Power, PowerAction};
use api::id::MachineId;
use api::power::Health;

use super::{Result, Store, of_ids, on, statement, stored};
use crate::bmc::gap::Doing;
use crate::bmc::usual::Usual;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PowerRow {
    pub machine: String,
    pub power: String,
    pub read_at: Option<i64>,
    pub health: String,
    pub health_since: i64,
    pub sentence: String,
    pub todo: String,
    pub action: Option<String>,
    pub acted_at: i64,
    pub tries: i64,
    pub on_at: Option<i64>,
    pub cycled: bool,
    pub trouble: String,
    pub reset_at: i64,
    pub pending: bool,
    /// The boot that ran when firmware was told what to boot next, until it was looked at what became of it.
    pub led: Option<String>,
}

/// What a poll made of a BMC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// None where nothing was read: the last reading stays.
    pub power: Option<Power>,
    pub health: Health,
    pub sentence: String,
    pub todo: String,
}

impl PowerRow {
    pub fn power(&self) -> Result<Power> {
        stored("power.power", &self.power)
    }

    pub fn health(&self) -> Result<Health> {
        stored("power.health", &self.health)
    }

    pub fn action(&self) -> Result<Option<PowerAction>> {
        self.action.as_deref().map(|action| stored("power.action", action)).transpose()
    }

    pub fn doing(&self) -> Result<Doing> {
        Ok(Doing {
            action: self.action()?,
            acted_at: self.acted_at,
            tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
            on_at: self.on_at,
            cycled: self.cycled,
            trouble: stored("power.trouble", &self.trouble)?,
        })
    }
}

impl Store {
    pub async fn power(&self, machine: &MachineId) -> Result<Option<PowerRow>> {
        let sql = "SELECT * FROM power WHERE machine = $1";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?)
    }

    pub async fn powers_of(&self, ids: &[String]) -> Result<Vec<PowerRow>> {
        of_ids!(self, "SELECT * FROM power WHERE machine IN ($1)", ids)
    }

    /// Machines of which something was asked that has not shown yet.
    pub async fn powers_pending(&self) -> Result<Vec<MachineId>> {
        let sql = "SELECT machine FROM power WHERE pending ORDER BY machine";
        let rows: Vec<(String,)> = on!(self.read(), p => sqlx::query_as(sql).fetch_all(p).await)?;
        Ok(rows.into_iter().map(|(machine,)| MachineId(machine)).collect())
    }

    /// Keeps a reading. Watchers hear of it where it differs from the last one.
    pub async fn power_read(&self, machine: &MachineId, reading: Reading, now: i64) -> Result<()> {
        let known = self.power(machine).await?;
        let news = known.as_ref().is_none_or(|row| differs(row, &reading));
        let sql = "INSERT INTO power (machine, power, read_at, health, health_since, sentence, todo, acted_at, tries, \
                   cycled, trouble, reset_at, pending) VALUES ($1, $2, $3, $4, $7, $5, $6, 0, 0, FALSE, 'none', 0, FALSE) \
                   ON CONFLICT (machine) DO UPDATE SET \
                   power = CASE WHEN excluded.read_at IS NULL THEN power.power ELSE excluded.power END, read_at = COALESCE(excluded.read_at, power.read_at), health = excluded.health, \
                   health_since = CASE WHEN power.health = excluded.health THEN power.health_since \
                   ELSE excluded.health_since END, sentence = excluded.sentence, todo = excluded.todo";
        let id = machine.0.clone();
        let read_at = reading.power.map(|_| now);
        let power = reading.power.unwrap_or(Power::Unknown).as_str();
        statement!(
            self,
            sqlx::query(sql)
                .bind(id)
                .bind(power)
                .bind(read_at)
                .bind(reading.health.as_str())
                .bind(reading.sentence)
                .bind(reading.todo)
                .bind(now)
        )?;
        if news {
            self.changed(machine);
        }
        Ok(())
    }

    /// Keeps what was begun. Nothing is kept of a machine that was never read: its BMC comes first.
    pub async fn power_doing(&self, machine: &MachineId, doing: Doing) -> Result<()> {
        let sql = "UPDATE power SET action = $2, acted_at = $3, tries = $4, on_at = $5, cycled = $6, trouble = $7, \
                   pending = $8 \
                   WHERE machine = $1";
        let id = machine.0.clone();
        let action = doing.action.map(PowerAction::as_str);
        statement!(
            self,
            sqlx::query(sql)
                .bind(id)
                .bind(action)
                .bind(doing.acted_at)
                .bind(i64::from(doing.tries))
                .bind(doing.on_at)
                .bind(doing.cycled)
                .bind(doing.trouble.as_str())
                .bind(doing.action.is_some() || doing.on_at.is_some())
        )?;
        self.changed(machine);
        Ok(())
    }

    /// Firmware was told what to boot after this boot; `None`: nothing is left of that.
    pub async fn power_led(&self, machine: &MachineId, boot_id: Option<String>) -> Result<()> {
        let sql = "UPDATE power SET led = $2 WHERE machine = $1";
        let id = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(id).bind(boot_id)).map(drop)
    }

    pub async fn bmc_was_reset(&self, machine: &MachineId, now: i64) -> Result<()> {
        let sql = "UPDATE power SET reset_at = $2 WHERE machine = $1";
        let id = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(id).bind(now)).map(drop)
    }

    pub async fn usual(&self, model: &str) -> Result<Usual> {
        let sql = "SELECT samples, mean, deviation FROM power_time WHERE model = $1";
        let row: Option<(i64, i64, i64)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(model).fetch_optional(p).await)?;
        Ok(row.map_or(Usual::default(), |(samples, mean, deviation)| Usual { samples, mean, deviation }))
    }

    pub async fn usual_put(&self, model: &str, usual: Usual) -> Result<()> {
        let sql = "INSERT INTO power_time (model, samples, mean, deviation) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (model) DO UPDATE SET samples = excluded.samples, mean = excluded.mean, \
                   deviation = excluded.deviation";
        let model = model.to_string();
        statement!(
            self,
            sqlx::query(sql).bind(model).bind(usual.samples).bind(usual.mean).bind(usual.deviation)
        )
        .map(drop)
    }

    /// (health, how many BMCs), and (trouble, how many machines).
    pub async fn power_counts(&self) -> Result<(Vec<(String, i64)>, Vec<(String, i64)>)> {
        let healths = "SELECT health, COUNT(*) FROM power GROUP BY health ORDER BY health";
        let troubles =
            "SELECT trouble, COUNT(*) FROM power WHERE trouble <> 'none' GROUP BY trouble ORDER BY trouble";
        Ok((
            on!(self.read(), p => sqlx::query_as(healths).fetch_all(p).await)?,
            on!(self.read(), p => sqlx::query_as(troubles).fetch_all(p).await)?,
        ))
    }
}

fn differs(row: &PowerRow, reading: &Reading) -> bool {
    reading.power.is_some_and(|power| power.as_str() != row.power)
        || reading.health.as_str() != row.health
        || reading.todo != row.todo
}
