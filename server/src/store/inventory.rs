//! The tables `label` and `uplink`: what operators say about machines beside their life.

use api::id::MachineId;
use api::label::Labels;
use api::machine::Uplink;

use super::{Conn, Result, Store, of_ids, on};

impl Store {
    /// (machine, key, value) of all machines from `first` to `last`.
    pub async fn labels(&self, first: &str, last: &str) -> Result<Vec<(String, String, String)>> {
        let sql = "SELECT machine, key, value FROM label WHERE machine >= $1 AND machine <= $2 ORDER BY machine, key";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(first).bind(last).fetch_all(p).await)?)
    }

    /// (machine, key, value) of these machines.
    pub async fn labels_of(&self, ids: &[String]) -> Result<Vec<(String, String, String)>> {
        of_ids!(
            self,
            "SELECT machine, key, value FROM label WHERE machine IN ($1) ORDER BY machine, key",
            ids
        )
    }

    /// (machine, switch port) of these machines.
    pub async fn uplinks(&self, ids: &[String]) -> Result<Vec<(String, Uplink)>> {
        let sql = "SELECT machine, switch, port FROM uplink WHERE machine IN ($1) ORDER BY machine";
        let rows: Vec<(String, String, String)> = of_ids!(self, sql, ids)?;
        Ok(rows.into_iter().map(|(machine, switch, port)| (machine, Uplink { switch, port })).collect())
    }

    /// Gives and takes labels; what is in neither list stays.
    pub async fn machine_label(&self, id: &MachineId, set: Labels, remove: Vec<String>) -> Result<()> {
        let key = id.clone();
        self.write(move |conn| {
            Box::pin(async move {
                for name in &remove {
                    unlabel(conn, &key, name).await?;
                }
                label(conn, &key, &set).await?;
                touch(conn, &key).await
            })
        })
        .await?;
        self.changed(id);
        Ok(())
    }
}

pub(super) async fn label(conn: &mut Conn, id: &MachineId, labels: &Labels) -> Result<()> {
    let sql = "INSERT INTO label (machine, key, value) VALUES ($1, $2, $3) \
               ON CONFLICT (machine, key) DO UPDATE SET value = excluded.value";
    for (key, value) in labels {
        on!(conn, c => sqlx::query(sql).bind(&id.0).bind(key).bind(value).execute(&mut **c).await.map(drop))?;
    }
    Ok(())
}

async fn unlabel(conn: &mut Conn, id: &MachineId, key: &str) -> Result<()> {
    let sql = "DELETE FROM label WHERE machine = $1 AND key = $2";
    on!(conn, c => sqlx::query(sql).bind(&id.0).bind(key).execute(&mut **c).await.map(drop))?;
    Ok(())
}

/// These labels and no others.
pub(super) async fn relabel(conn: &mut Conn, id: &MachineId, labels: &Labels) -> Result<()> {
    let sql = "DELETE FROM label WHERE machine = $1";
    on!(conn, c => sqlx::query(sql).bind(&id.0).execute(&mut **c).await.map(drop))?;
    label(conn, id, labels).await
}

pub(super) async fn plug(conn: &mut Conn, id: &MachineId, uplink: &Uplink) -> Result<()> {
    let sql = "INSERT INTO uplink (machine, switch, port) VALUES ($1, $2, $3) \
               ON CONFLICT (machine) DO UPDATE SET switch = excluded.switch, port = excluded.port";
    on!(conn, c => sqlx::query(sql).bind(&id.0).bind(&uplink.switch).bind(&uplink.port)
        .execute(&mut **c).await.map(drop))?;
    Ok(())
}

/// What is beside the row counts as the machine's own: whoever compares versions sees the change.
async fn touch(conn: &mut Conn, id: &MachineId) -> Result<()> {
    let sql = "UPDATE machine SET version = version + 1 WHERE id = $1";
    on!(conn, c => sqlx::query(sql).bind(&id.0).execute(&mut **c).await.map(drop))?;
    Ok(())
}
