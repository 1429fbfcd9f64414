//! The table `hop`: boot attempts as hops with times.

use api::id::MachineId;
use api::trace::{Attempt, Hop, HopName};

use super::{Conn, Error, Result, Store, lock, on};

/// Attempts kept with a machine.
const KEPT: i64 = 20;

impl Store {
    /// Adds a hop to the machine's running attempt, or begins the next one. Returns the attempt's number.
    pub async fn hop(&self, machine: &MachineId, hop: Hop, by_firmware: bool) -> Result<i64> {
        let id = machine.clone();
        let attempt =
            self.write(move |conn| Box::pin(async move { add(conn, &id, hop, by_firmware).await })).await?;
        self.changed(machine);
        Ok(attempt)
    }

    /// Newest attempt first, its hops in order.
    pub async fn attempts(&self, machine: &MachineId) -> Result<Vec<Attempt>> {
        let sql =
            "SELECT attempt, name, at, detail FROM hop WHERE machine = $1 ORDER BY attempt DESC, number";
        let rows: Vec<(i64, String, i64, String)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_all(p).await)?;
        let mut attempts: Vec<Attempt> = Vec::new();
        for (number, name, at, detail) in rows {
            let hop = Hop { name: hop_name(&name)?, at, detail };
            match attempts.last_mut().filter(|a| a.number == number) {
                Some(attempt) => attempt.hops.push(hop),
                None => attempts.push(Attempt { number, hops: vec![hop] }),
            }
        }
        Ok(attempts)
    }

    /// The number of the newest attempt; 0 before the first.
    pub async fn attempt_number(&self, machine: &MachineId) -> Result<i64> {
        let sql = "SELECT COALESCE(MAX(attempt), 0) FROM hop WHERE machine = $1";
        let (number,): (i64,) =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_one(p).await)?;
        Ok(number)
    }
}

async fn add(conn: &mut Conn, machine: &MachineId, hop: Hop, by_firmware: bool) -> Result<i64> {
    lock(conn, machine).await?;
    let sql = "SELECT attempt, number, name, at FROM hop WHERE machine = $1 ORDER BY attempt DESC, number DESC LIMIT 1";
    let last: Option<(i64, i64, String, i64)> =
        on!(conn, c => sqlx::query_as(sql).bind(&machine.0).fetch_optional(&mut **c).await)?;
    let (attempt, number) = match &last {
        None => (1, 1),
        Some((attempt, number, name, at)) => match begins(hop_name(name)?, *at, &hop, by_firmware) {
            true => (attempt + 1, 1),
            false => (*attempt, number + 1),
        },
    };
    let sql = "INSERT INTO hop (machine, attempt, number, name, at, detail) VALUES ($1, $2, $3, $4, $5, $6)";
    on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(attempt).bind(number).bind(hop.name.as_str()).bind(hop.at)
        .bind(hop.detail).execute(&mut **c).await.map(drop))?;
    if number == 1 {
        let sql = "DELETE FROM hop WHERE machine = $1 AND attempt <= $2";
        on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(attempt - KEPT).execute(&mut **c).await.map(drop))?;
        let sql = "DELETE FROM log WHERE machine = $1 AND attempt <= $2";
        on!(conn, c => sqlx::query(sql).bind(&machine.0).bind(attempt - KEPT).execute(&mut **c).await.map(drop))?;
    }
    Ok(attempt)
}

/// Whether a hop begins a new attempt: a firmware's DISCOVER does, unless it is repeated, or is that of a
/// loader which the running attempt has just fetched and which asks once more for itself.
fn begins(last: HopName, last_at: i64, hop: &Hop, by_firmware: bool) -> bool {
    const SECOND: i64 = 1_000_000;
    if hop.name != HopName::Discover || !by_firmware {
        return false;
    }
    let since = hop.at - last_at;
    match last {
        HopName::Discover | HopName::Offer => since > 90 * SECOND,
        HopName::TftpFirst | HopName::TftpLast => since > 60 * SECOND,
        // A newer loader chained by script asks again within seconds; a reboot takes longer.
        HopName::Script | HopName::Ack => since > 15 * SECOND,
        HopName::Kernel | HopName::Initrd | HopName::Hello => true,
    }
}

fn hop_name(text: &str) -> Result<HopName> {
    let found = HopName::ALL.into_iter().find(|n| n.as_str() == text);
    found.ok_or(Error::Stored { place: "hop.name", text: text.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chained_loader_belongs_to_the_attempt_that_fetched_it() {
        let discover =
            |seconds: i64| Hop { name: HopName::Discover, at: seconds * 1_000_000, detail: String::new() };
        assert!(!begins(HopName::TftpLast, 0, &discover(5), true));
        assert!(!begins(HopName::Discover, 0, &discover(28), true), "a repeated DISCOVER");
        assert!(!begins(HopName::Script, 0, &discover(40), false), "the installed OS asks for its address");
        assert!(begins(HopName::Script, 0, &discover(40), true));
        assert!(begins(HopName::Hello, 0, &discover(1), true));
    }
}
