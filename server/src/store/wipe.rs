//! The table `wipe`: what people wanted erased, the frozen plan of it, and what became of each disk.

use api::id::MachineId;
use api::wipe::{DiskName, Wipe, WipePlan, WipeWish, WipedDisk};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Conn, Error, Result, Store, lock, on, statement};

type Columns = (i64, i64, String, String, Option<String>, String);

impl Store {
    /// The newest one.
    pub async fn wipe(&self, machine: &MachineId) -> Result<Option<Wipe>> {
        let sql = "SELECT number, at, who, wish, plan, record FROM wipe WHERE machine = $1 ORDER BY number DESC LIMIT 1";
        let row: Option<Columns> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?;
        row.map(|row| read(machine, row)).transpose()
    }

    /// Keeps the plan. Where one was frozen before, that one stands.
    pub async fn wipe_freeze(&self, plan: WipePlan) -> Result<()> {
        let sql = "UPDATE wipe SET plan = $3 WHERE machine = $1 AND number = $2 AND plan IS NULL";
        let (machine, number, body) = (plan.machine.clone(), plan.number, text(&plan.machine, &plan)?);
        let key = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(key).bind(number).bind(body))?;
        self.changed(&machine);
        Ok(())
    }

    /// Puts on record what became of a disk. False when the machine's wipe is no longer wanted.
    pub async fn wipe_record(&self, machine: &MachineId, task: &str, wiped: WipedDisk) -> Result<bool> {
        let (id, task) = (machine.clone(), task.to_string());
        let kept =
            self.write(move |conn| Box::pin(async move { record(conn, &id, &task, wiped).await })).await?;
        self.changed(machine);
        Ok(kept)
    }

    /// The disks that installs of this machine were written to.
    pub async fn planned_disks(&self, machine: &MachineId) -> Result<Vec<DiskName>> {
        let sql = "SELECT body FROM plan WHERE machine = $1";
        let bodies: Vec<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_all(p).await)?;
        let name = |(body,): &(String,)| {
            let plan: api::plan::Plan = value(machine, body)?;
            let api::plan::PlannedDisk { model, serial, wwn, size, .. } = plan.disk;
            Ok(DiskName { model, serial, wwn, size })
        };
        bodies.iter().map(name).collect()
    }
}

async fn record(conn: &mut Conn, machine: &MachineId, task: &str, wiped: WipedDisk) -> Result<bool> {
    lock(conn, machine).await?;
    let sql =
        "SELECT COUNT(*) FROM task WHERE id = $1 AND machine = $2 AND kind = 'wipe' AND state = 'running'";
    let (running,): (i64,) =
        on!(conn, c => sqlx::query_as(sql).bind(task).bind(&machine.0).fetch_one(&mut **c).await)?;
    let Some(mut wipe) = newest(conn, machine).await?.filter(|_| running > 0) else { return Ok(false) };
    wipe.record.retain(|known| !known.name.is(&wiped.name));
    wipe.record.push(wiped);
    let sql = "UPDATE wipe SET record = $3 WHERE machine = $1 AND number = $2";
    let record = text(machine, &wipe.record)?;
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(wipe.number).bind(record).execute(&mut **c).await.map(drop))?;
    Ok(true)
}

/// The newest wipe, as this transaction sees it.
pub(super) async fn newest(conn: &mut Conn, machine: &MachineId) -> Result<Option<Wipe>> {
    let sql = "SELECT number, at, who, wish, plan, record FROM wipe WHERE machine = $1 ORDER BY number DESC LIMIT 1";
    let row: Option<Columns> =
        on!(conn, c => sqlx::query_as(sql).bind(&machine.0).fetch_optional(&mut **c).await)?;
    row.map(|row| read(machine, row)).transpose()
}

/// Begins a wipe.
pub(super) async fn begin(
    conn: &mut Conn,
    machine: &MachineId,
    wish: &WipeWish,
    who: &str,
    now: i64,
) -> Result<()> {
    let sql = "INSERT INTO wipe (machine, number, at, who, wish, record) \
               SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, '[]' FROM wipe WHERE machine = $1";
    let wish = text(machine, wish)?;
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(now).bind(who).bind(wish).execute(&mut **c).await.map(drop))?;
    Ok(())
}

/// A person allows a wipe that runs to go on past what it cannot erase.
pub(super) async fn skip_failed(conn: &mut Conn, machine: &MachineId) -> Result<()> {
    let Some(mut wipe) = newest(conn, machine).await? else { return Ok(()) };
    wipe.wish.skip_failed = true;
    let sql = "UPDATE wipe SET wish = $3 WHERE machine = $1 AND number = $2";
    let wish = text(machine, &wipe.wish)?;
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(wipe.number).bind(wish).execute(&mut **c).await.map(drop))?;
    Ok(())
}

fn read(machine: &MachineId, (number, at, who, wish, plan, record): Columns) -> Result<Wipe> {
    let plan = plan.map(|plan| value(machine, &plan)).transpose()?;
    Ok(Wipe { number, at, who, wish: value(machine, &wish)?, plan, record: value(machine, &record)? })
}

fn value<T: DeserializeOwned>(machine: &MachineId, body: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|_| Error::Stored { place: "wipe", text: machine.0.clone() })
}

fn text<T: Serialize>(machine: &MachineId, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::Stored { place: "wipe", text: machine.0.clone() })
}
