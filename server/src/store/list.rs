//! All machines in few words, for lists that are searched, filtered and counted: what a person narrows a list by lies
//! in several tables.

use std::collections::{HashMap, HashSet};

use api::label::Labels;

use super::find::{mac_spelling, prefix};
use super::{Result, Store, on};

/// A machine in a long list.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    pub id: String,
    pub hostname: Option<String>,
    pub profile: Option<String>,
    pub rack: Option<String>,
    pub unit: Option<i64>,
    pub state: String,
    pub hold: bool,
    pub maintenance: bool,
    pub power_off: bool,
    /// Of its node.
    pub cluster: Option<String>,
    /// The node as the API server last showed it, as JSON.
    pub node: Option<String>,
    pub quarantined: bool,
}

impl Store {
    pub async fn lines(&self) -> Result<Vec<Line>> {
        let sql = "SELECT machine.id, machine.hostname, machine.profile, machine.rack, machine.unit, machine.state, \
                   machine.hold, machine.maintenance, machine.power_off, node.cluster, node.body AS node, \
                   quarantine.machine IS NOT NULL AS quarantined FROM machine \
                   LEFT JOIN node ON node.machine = machine.id LEFT JOIN quarantine ON quarantine.machine = machine.id";
        Ok(on!(self.read(), p => sqlx::query_as(sql).fetch_all(p).await)?)
    }

    /// Machines that have this word in a name, MAC, serial, profile, rack or label, whose id begins with it, or that have
    /// an address that does.
    pub async fn found(&self, word: &str) -> Result<HashSet<String>> {
        let sql = "SELECT id FROM machine WHERE LOWER(hostname) LIKE $1 ESCAPE '!' OR LOWER(serial) LIKE $1 ESCAPE '!' \
                   OR LOWER(profile) LIKE $1 ESCAPE '!' OR LOWER(rack) LIKE $1 ESCAPE '!' OR id LIKE $2 ESCAPE '!' \
                   UNION SELECT machine FROM interface WHERE mac LIKE $1 ESCAPE '!' OR mac LIKE $3 ESCAPE '!' \
                   UNION SELECT machine FROM label WHERE LOWER(key || '=' || value) LIKE $1 ESCAPE '!' \
                   UNION SELECT interface.machine FROM lease JOIN interface ON interface.mac = lease.mac \
                   WHERE lease.state = 'leased' AND lease.address BETWEEN $4 AND $5";
        let typed = word.to_lowercase();
        let (begins, mac) = (prefix(&typed), prefix(&mac_spelling(&typed).unwrap_or_else(|| typed.clone())));
        let (anywhere, (first, last)) = (format!("%{begins}"), addresses(&typed));
        let ids: Vec<(String,)> = on!(self.read(), p => sqlx::query_as(sql).bind(anywhere).bind(begins).bind(mac)
            .bind(first).bind(last).fetch_all(p).await)?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// The labels with this key, by machine.
    pub async fn labelled(&self, key: &str) -> Result<HashMap<String, Labels>> {
        let sql = "SELECT machine, value FROM label WHERE key = $1";
        let rows: Vec<(String, String)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(key).fetch_all(p).await)?;
        Ok(rows
            .into_iter()
            .map(|(machine, value)| (machine, Labels::from([(key.to_string(), value)])))
            .collect())
    }

    /// Every label key that a machine has, for people to choose from.
    pub async fn label_keys(&self) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT key FROM label ORDER BY key LIMIT 100";
        let keys: Vec<(String,)> = on!(self.read(), p => sqlx::query_as(sql).fetch_all(p).await)?;
        Ok(keys.into_iter().map(|(key,)| key).collect())
    }

    /// Changes with every machine that comes, goes or is written anew, and not with what is merely heard of one.
    pub async fn pulse(&self) -> Result<(i64, i64)> {
        let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM machine";
        Ok(on!(self.read(), p => sqlx::query_as(sql).fetch_one(p).await)?)
    }
}

/// The addresses that begin like this, as the numbers that leases have; none where it is no beginning of an address.
fn addresses(typed: &str) -> (i64, i64) {
    let numbers: Option<Vec<u8>> =
        typed.strip_suffix('.').unwrap_or(typed).split('.').map(|part| part.parse().ok()).collect();
    match numbers {
        // A number alone is more often a part of a name.
        Some(parts) if (2..=4).contains(&parts.len()) => {
            let fill = |rest: u8| {
                let all = (0..4).map(|place| parts.get(place).copied().unwrap_or(rest));
                all.fold(0, |number, part| number * 256 + i64::from(part))
            };
            (fill(0), fill(255))
        }
        _ => (1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_address_is_a_range() {
        assert_eq!(addresses("10.77"), (0x0a4d_0000, 0x0a4d_ffff));
        assert_eq!(addresses("10.77.0."), (0x0a4d_0000, 0x0a4d_00ff));
        assert_eq!(addresses("10.77.0.1"), (0x0a4d_0001, 0x0a4d_0001));
        for none in ["", "10", "node07", "10.77.0.1.1", "10.777", "10..1"] {
            assert_eq!(addresses(none), (1, 0), "{none}");
        }
    }
}
