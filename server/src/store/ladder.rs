//! The table `ladder`: by which ways a machine is on its way back to RAM, and which one worked.

use api::id::MachineId;
use api::rung::Rung;

use super::{Conn, Error, Result, Store, lock, of_ids, on, stored};
use crate::lifecycle::ladder::{Ground, Ladder, arrive, climb, fall_silent, news, refuse, refuse_way};

type Columns = (String, i64, String, Option<i64>, Option<String>);

impl Store {
    pub async fn ladder(&self, machine: &MachineId) -> Result<Ladder> {
        let one = self.ladders(std::slice::from_ref(&machine.0)).await?.pop();
        Ok(one.map(|(_, ladder)| ladder).unwrap_or_default())
    }

    /// Of these machines.
    pub async fn ladders(&self, ids: &[String]) -> Result<Vec<(String, Ladder)>> {
        let sql = "SELECT machine, since, steps, arrived, learned FROM ladder WHERE machine IN ($1) ORDER BY machine";
        let rows: Vec<Columns> = of_ids!(self, sql, ids)?;
        rows.into_iter().map(read).collect()
    }

    /// The OS of this boot answers and is to go. None when the machine has moved on since the caller looked.
    pub async fn ladder_climb(
        &self,
        machine: &MachineId,
        ground: Ground,
        boot_id: &str,
        now: i64,
    ) -> Result<Option<Ladder>> {
        let (id, boot_id) = (machine.clone(), boot_id.to_string());
        let turned = self
            .write(move |conn| {
                Box::pin(async move {
                    lock(conn, &id).await?;
                    if super::machine::row(conn, &id).await?.since != ground.since {
                        return Ok(None);
                    }
                    turn(conn, &id, now, |ladder| climb(ladder, &ground, &boot_id, now)).await.map(Some)
                })
            })
            .await?;
        self.told(machine, turned)
    }

    /// Ends a step that needed more than the OS, where it still is the open one of the state that began at `since`.
    pub async fn ladder_refused(
        &self,
        machine: &MachineId,
        (since, rung): (i64, Rung),
        why: &str,
        now: i64,
    ) -> Result<()> {
        let (id, why) = (machine.clone(), why.to_string());
        let turned = self
            .write(move |conn| {
                Box::pin(async move {
                    lock(conn, &id).await?;
                    turn(conn, &id, now, |ladder| refuse_way(ladder, (since, rung), &why, now))
                        .await
                        .map(Some)
                })
            })
            .await?;
        self.told(machine, turned).map(drop)
    }

    /// Ends the step whose time is over.
    pub async fn ladder_silent(&self, machine: &MachineId, now: i64) -> Result<()> {
        let id = machine.clone();
        let turned = self
            .write(move |conn| {
                Box::pin(async move {
                    lock(conn, &id).await?;
                    turn(conn, &id, now, |ladder| fall_silent(ladder, now)).await.map(Some)
                })
            })
            .await?;
        self.told(machine, turned).map(drop)
    }

    fn told(&self, machine: &MachineId, turned: Option<(Ladder, bool)>) -> Result<Option<Ladder>> {
        if turned.as_ref().is_some_and(|(_, changed)| *changed) {
            self.changed(machine);
        }
        Ok(turned.map(|(ladder, _)| ladder))
    }
}

/// The agent in RAM has said hello in the state that began at `since`.
pub(super) async fn arrived(conn: &mut Conn, machine: &MachineId, since: i64, now: i64) -> Result<()> {
    turn(conn, machine, now, |ladder| arrive(ladder, since, now)).await.map(drop)
}

/// The agent cannot go the way that it was told.
pub(super) async fn refused(conn: &mut Conn, machine: &MachineId, why: &str, now: i64) -> Result<()> {
    turn(conn, machine, now, |ladder| refuse(ladder, why, now)).await.map(drop)
}

/// Reads the ladder, writes what became of it with its history, and says whether that is anything new.
async fn turn(
    conn: &mut Conn,
    machine: &MachineId,
    now: i64,
    step: impl FnOnce(&Ladder) -> Ladder,
) -> Result<(Ladder, bool)> {
    let sql = "SELECT machine, since, steps, arrived, learned FROM ladder WHERE machine = $1";
    let row: Option<Columns> =
        on!(conn, c => sqlx::query_as(sql).bind(&machine.0).fetch_optional(&mut **c).await)?;
    let old = row.map(read).transpose()?.map(|(_, ladder)| ladder).unwrap_or_default();
    let new = step(&old);
    if new == old {
        return Ok((new, false));
    }
    let sql = "INSERT INTO ladder (machine, since, steps, arrived, learned) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (machine) DO UPDATE SET since = excluded.since, steps = excluded.steps, \
               arrived = excluded.arrived, learned = excluded.learned";
    let steps = serde_json::to_string(&new.steps).map_err(|_| unreadable(&machine.0))?;
    let learned = new.learned.map(|rung| rung.as_str());
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(new.since).bind(steps).bind(new.arrived).bind(learned)
        .execute(&mut **c).await.map(drop))?;
    for note in news(&old, &new) {
        super::identity::remark(conn, machine, "way_back", note, ("server", now)).await?;
    }
    Ok((new, true))
}

fn read((machine, since, steps, arrived, learned): Columns) -> Result<(String, Ladder)> {
    let steps = serde_json::from_str(&steps).map_err(|_| unreadable(&machine))?;
    let learned = learned.as_deref().map(|rung| stored("ladder.learned", rung)).transpose()?;
    Ok((machine, Ladder { since, steps, learned, arrived }))
}

fn unreadable(machine: &str) -> Error {
    Error::Stored { place: "ladder.steps", text: machine.into() }
}
