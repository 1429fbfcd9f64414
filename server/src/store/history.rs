//! The table `history`: every event of a machine, the refused ones too.

use std::fmt;

use api::event::Event;
use api::id::MachineId;
use api::machine::{HistoryEntry, MachineEvent};

use super::machine::Row;
use super::{Conn, Result, Store, on, stored};

type OfAll = (String, Option<String>, i64, i64, String, String, String, String, bool, String);
type Columns = (i64, String, String, String, String, bool, String);

const NEWEST: &str = "SELECT at, event, from_state, to_state, who, refused, note FROM history \
                      WHERE machine = $1 ORDER BY number DESC LIMIT $2";

/// Where a page of events begins: before this one. By default before none, which is at the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    at: i64,
    machine: String,
    number: i64,
}

impl Default for Before {
    fn default() -> Before {
        Before { at: i64::MAX, machine: String::new(), number: i64::MAX }
    }
}

impl Before {
    pub fn of(event: &MachineEvent) -> Before {
        Before { at: event.entry.at, machine: event.machine.0.clone(), number: event.number }
    }

    /// As [`fmt::Display`] writes it.
    pub fn read(text: &str) -> Option<Before> {
        let (at, rest) = text.split_once('.')?;
        let (number, machine) = rest.split_once('.')?;
        Some(Before { at: at.parse().ok()?, machine: machine.into(), number: number.parse().ok()? })
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at, self.number, self.machine)
    }
}

impl Store {
    /// Newest first.
    pub async fn history(&self, machine: &MachineId, limit: i64) -> Result<Vec<HistoryEntry>> {
        let rows: Vec<Columns> =
            on!(self.read(), p => sqlx::query_as(NEWEST).bind(&machine.0).bind(limit).fetch_all(p).await)?;
        rows.into_iter().map(read).collect()
    }

    /// Of all machines, the newest first.
    pub async fn events_newest(&self, limit: i64) -> Result<Vec<MachineEvent>> {
        let sql = "SELECT history.machine, machine.hostname, number, at, event, from_state, to_state, who, refused, note \
                   FROM history JOIN machine ON machine.id = history.machine WHERE at > $1 \
                   ORDER BY at DESC, history.machine DESC, number DESC LIMIT $2";
        let rows: Vec<OfAll> =
            on!(self.read(), p => sqlx::query_as(sql).bind(-1_i64).bind(limit).fetch_all(p).await)?;
        rows.into_iter().map(of_all).collect()
    }

    /// Of one machine or all, older than an event, the newest first.
    pub async fn events_before(
        &self,
        before: &Before,
        machine: Option<&MachineId>,
        refused: bool,
        limit: i64,
    ) -> Result<Vec<MachineEvent>> {
        let all = "SELECT history.machine, machine.hostname, number, at, event, from_state, to_state, who, refused, note \
                   FROM history JOIN machine ON machine.id = history.machine WHERE at <= $1 \
                   AND (at < $1 OR history.machine < $2 OR (history.machine = $2 AND number < $3)) \
                   AND (refused OR NOT $4) ORDER BY at DESC, history.machine DESC, number DESC LIMIT $5";
        let one = "SELECT history.machine, machine.hostname, number, at, event, from_state, to_state, who, refused, note \
                   FROM history JOIN machine ON machine.id = history.machine WHERE history.machine = $1 AND number < $2 \
                   AND (refused OR NOT $3) ORDER BY number DESC LIMIT $4";
        let Before { at, machine: of, number } = before;
        let rows: Vec<OfAll> = match machine {
            None => {
                on!(self.read(), p => sqlx::query_as(all).bind(at).bind(of).bind(number).bind(refused).bind(limit)
                .fetch_all(p).await)?
            }
            Some(machine) => {
                on!(self.read(), p => sqlx::query_as(one).bind(&machine.0).bind(number).bind(refused).bind(limit)
                    .fetch_all(p).await)?
            }
        };
        rows.into_iter().map(of_all).collect()
    }

    /// Of all machines, from a moment on, the oldest first.
    pub async fn events_since(&self, since: i64, limit: i64) -> Result<Vec<MachineEvent>> {
        let sql = "SELECT history.machine, machine.hostname, number, at, event, from_state, to_state, who, refused, note \
                   FROM history JOIN machine ON machine.id = history.machine WHERE at >= $1 \
                   ORDER BY at, history.machine, number LIMIT $2";
        let rows: Vec<OfAll> =
            on!(self.read(), p => sqlx::query_as(sql).bind(since).bind(limit).fetch_all(p).await)?;
        rows.into_iter().map(of_all).collect()
    }

    /// Of one machine, the newest first.
    pub async fn events_of(&self, row: &Row, limit: i64) -> Result<Vec<MachineEvent>> {
        let sql = "SELECT machine, CAST($3 AS TEXT), number, at, event, from_state, to_state, who, refused, note \
                   FROM history WHERE machine = $1 ORDER BY number DESC LIMIT $2";
        let rows: Vec<OfAll> = on!(self.read(), p => sqlx::query_as(sql).bind(&row.id).bind(limit).bind(&row.hostname)
            .fetch_all(p).await)?;
        rows.into_iter().map(of_all).collect()
    }

    /// Whether the install that is running, or was the last, was begun by a rule and by no person.
    pub async fn install_by_rule(&self, machine: &MachineId) -> Result<bool> {
        let sql = "SELECT event FROM history WHERE machine = $1 AND to_state = 'partitioning' \
                   AND from_state IN ('available', 'inspecting') ORDER BY number DESC LIMIT 1";
        let event: Option<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?;
        Ok(event.is_some_and(|(event,)| event == Event::Allowed.name()))
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

fn of_all(
    (machine, hostname, number, at, event, from, to, who, refused, note): OfAll,
) -> Result<MachineEvent> {
    let name = hostname.unwrap_or_else(|| machine.clone());
    let entry = read((at, event, from, to, who, refused, note))?;
    Ok(MachineEvent { machine: MachineId(machine), name, number, entry })
}

/// As this transaction sees them, the newest first.
pub(super) async fn newest(conn: &mut Conn, machine: &MachineId, limit: i64) -> Result<Vec<HistoryEntry>> {
    let rows: Vec<Columns> = on!(conn, c => sqlx::query_as(NEWEST).bind(&machine.0).bind(limit)
        .fetch_all(&mut **c).await)?;
    rows.into_iter().map(read).collect()
}

pub(super) async fn add(conn: &mut Conn, machine: &MachineId, entry: HistoryEntry) -> Result<()> {
    let sql = "INSERT INTO history (machine, number, at, event, from_state, to_state, who, refused, note) \
               SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM history WHERE machine = $1";
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(entry.at).bind(entry.event).bind(entry.from.as_str())
        .bind(entry.to.as_str()).bind(entry.who).bind(entry.refused).bind(entry.note).execute(&mut **c).await.map(drop))?;
    Ok(())
}
