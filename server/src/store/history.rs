//! The table `history`: every event of a machine, the refused ones too.

use api::id::MachineId;
use api::machine::HistoryEntry;

use super::{Conn, Result, Store, on, stored};

type Columns = (i64, String, String, String, String, bool, String);

impl Store {
    /// Newest first.
    pub async fn history(&self, machine: &MachineId, limit: i64) -> Result<Vec<HistoryEntry>> {
        let sql = "SELECT at, event, from_state, to_state, who, refused, note FROM history \
                   WHERE machine = $1 ORDER BY number DESC LIMIT $2";
        let rows: Vec<Columns> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).bind(limit).fetch_all(p).await)?;
        rows.into_iter().map(read).collect()
    }

    /// Puts on record what is no event of the machine's life: its state stays.
    pub async fn remark(&self, machine: &MachineId, event: &str, note: String, now: i64) -> Result<()> {
        let (id, event) = (machine.clone(), event.to_string());
        self.write(move |conn| {
            Box::pin(async move {
                super::lock(conn, &id).await?;
                let state = super::machine::row(conn, &id).await?.life()?.state;
                let who = "server".to_string();
                let entry =
                    HistoryEntry { at: now, event, from: state, to: state, who, refused: false, note };
                add(conn, &id, entry).await
            })
        })
        .await?;
        self.changed(machine);
        Ok(())
    }
}

fn read((at, event, from, to, who, refused, note): Columns) -> Result<HistoryEntry> {
    let (from, to) = (stored("history.from_state", &from)?, stored("history.to_state", &to)?);
    Ok(HistoryEntry { at, event, from, to, who, refused, note })
}

pub(super) async fn add(conn: &mut Conn, machine: &MachineId, entry: HistoryEntry) -> Result<()> {
    let sql = "INSERT INTO history (machine, number, at, event, from_state, to_state, who, refused, note) \
               SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM history WHERE machine = $1";
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(entry.at).bind(entry.event).bind(entry.from.as_str())
        .bind(entry.to.as_str()).bind(entry.who).bind(entry.refused).bind(entry.note).execute(&mut **c).await.map(drop))?;
    Ok(())
}
