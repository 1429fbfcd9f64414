//! The table `webhook`: how far each receiver was told of the history of all machines.

use api::machine::HistoryEntry;

use super::{Result, Store, on, statement, stored};

/// A place in the history of all machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Microseconds since 1970.
    pub at: i64,
    pub machine: String,
    pub number: i64,
}

/// One entry, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub mark: Mark,
    /// Its hostname, where it has one.
    pub hostname: Option<String>,
    pub entry: HistoryEntry,
}

type Columns = (i64, String, i64, Option<String>, String, String, String, String, bool, String);

impl Store {
    /// Where a receiver is; one that was never told of anything begins at `otherwise`.
    pub async fn webhook_mark(&self, name: &str, otherwise: Mark) -> Result<Mark> {
        let sql = "SELECT at, machine, number FROM webhook WHERE name = $1";
        let row: Option<(i64, String, i64)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(name).fetch_optional(p).await)?;
        if let Some((at, machine, number)) = row {
            return Ok(Mark { at, machine, number });
        }
        self.webhook_told(name, otherwise.clone()).await?;
        Ok(otherwise)
    }

    pub async fn webhook_told(&self, name: &str, mark: Mark) -> Result<()> {
        let sql = "INSERT INTO webhook (name, at, machine, number) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE \
                   SET at = excluded.at, machine = excluded.machine, number = excluded.number";
        let name = name.to_string();
        statement!(self, sqlx::query(sql).bind(name).bind(mark.at).bind(mark.machine).bind(mark.number))
            .map(drop)
    }

    /// The history of all machines behind a mark, oldest first, up to a time.
    pub async fn history_behind(&self, mark: &Mark, until: i64, limit: i64) -> Result<Vec<Told>> {
        let sql = "SELECT h.at, h.machine, h.number, m.hostname, h.event, h.from_state, h.to_state, h.who, h.refused, h.note \
                   FROM history h JOIN machine m ON m.id = h.machine \
                   WHERE h.at >= $1 AND (h.at, h.machine, h.number) > ($1, $2, $3) AND h.at <= $4 \
                   ORDER BY h.at, h.machine, h.number LIMIT $5";
        let rows: Vec<Columns> = on!(self.read(), p => sqlx::query_as(sql).bind(mark.at).bind(&mark.machine)
            .bind(mark.number).bind(until).bind(limit).fetch_all(p).await)?;
        rows.into_iter().map(read).collect()
    }
}

fn read((at, machine, number, hostname, event, from, to, who, refused, note): Columns) -> Result<Told> {
    let (from, to) = (stored("history.from_state", &from)?, stored("history.to_state", &to)?);
    let entry = HistoryEntry { at, event, from, to, who, refused, note };
    Ok(Told { mark: Mark { at, machine, number }, hostname, entry })
}
