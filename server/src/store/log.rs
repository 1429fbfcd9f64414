//! The table `log`: what agents, kernels and boot scripts said, by boot attempt.

use api::agent::{LogLine, LogSource};
use api::id::MachineId;
use api::machine::LogEntry;

use super::{Result, Store, lock, on};

/// Lines kept of a machine; a kernel that repeats itself must not fill the disk.
const KEPT: i64 = 20_000;

impl Store {
    pub async fn log_add(&self, machine: &MachineId, lines: Vec<LogLine>) -> Result<()> {
        let sql = "INSERT INTO log (machine, number, attempt, at, source, line) \
                   SELECT $1, (SELECT COALESCE(MAX(number), 0) + 1 FROM log WHERE machine = $1), \
                   (SELECT COALESCE(MAX(attempt), 0) FROM hop WHERE machine = $1), $2, $3, $4";
        let trim = "DELETE FROM log WHERE machine = $1 AND number <= (SELECT MAX(number) FROM log WHERE machine = $1) - $2";
        let (id, key) = (machine.clone(), machine.0.clone());
        self.write(move |conn| Box::pin(async move {
            lock(conn, &id).await?;
            for line in lines {
                on!(conn, c => sqlx::query(sql).bind(&key).bind(line.at).bind(line.source.as_str()).bind(line.text)
                    .execute(&mut **c).await.map(drop))?;
            }
            on!(conn, c => sqlx::query(trim).bind(&key).bind(KEPT).execute(&mut **c).await.map(drop))?;
            Ok(())
        }))
        .await
    }

    /// The newest `limit` lines, oldest first.
    pub async fn log(&self, machine: &MachineId, limit: i64) -> Result<Vec<LogEntry>> {
        let sql =
            "SELECT at, attempt, source, line FROM log WHERE machine = $1 ORDER BY number DESC LIMIT $2";
        let mut rows: Vec<(i64, i64, String, String)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).bind(limit).fetch_all(p).await)?;
        rows.reverse();
        let source = |text: &str| match text {
            "kernel" => LogSource::Kernel,
            "boot" => LogSource::Boot,
            _ => LogSource::Agent,
        };
        Ok(rows
            .into_iter()
            .map(|(at, attempt, s, text)| LogEntry { at, attempt, source: source(&s), text })
            .collect())
    }
}
