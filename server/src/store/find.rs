//! Which machine an operator means: a hostname, or a prefix of a MAC, serial or id that fits one only.

use super::machine::Row;
use super::{Error, Result, Store, on};

impl Store {
    /// A hostname or an id in full wins over all prefixes.
    pub async fn machine_find(&self, reference: &str) -> Result<Row> {
        let sql = "SELECT * FROM machine WHERE hostname = $1 OR id LIKE $2 ESCAPE '!' OR LOWER(serial) LIKE $2 ESCAPE '!' \
                   OR id IN (SELECT machine FROM interface WHERE mac LIKE $3 ESCAPE '!') \
                   ORDER BY CASE WHEN hostname = $1 OR id = $1 THEN 0 ELSE 1 END, id LIMIT 6";
        if reference.is_empty() {
            return Err(Error::NoMachine(reference.into()));
        }
        let typed = reference.to_lowercase();
        let mac = prefix(&mac_spelling(&typed).unwrap_or_else(|| typed.clone()));
        let mut rows: Vec<Row> = on!(self.read(), p => sqlx::query_as(sql).bind(reference).bind(prefix(&typed)).bind(mac)
            .fetch_all(p).await)?;
        let is_exact = |row: &Row| row.hostname.as_deref() == Some(reference) || row.id == reference;
        match rows.len() {
            0 => Err(Error::NoMachine(reference.into())),
            1 => Ok(rows.remove(0)),
            _ if is_exact(&rows[0]) => Ok(rows.remove(0)),
            _ => {
                let names: Vec<&str> = rows.iter().map(Row::name).collect();
                Err(Error::Ambiguous { reference: reference.into(), names: names.join(", ") })
            }
        }
    }
}

/// For LIKE: what was typed, with nothing in it that LIKE would take for more.
pub(super) fn prefix(text: &str) -> String {
    format!("{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

/// The beginning of a MAC in any spelling, as MACs are stored; None for what cannot be one.
pub(super) fn mac_spelling(text: &str) -> Option<String> {
    let digits: Vec<char> = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let fits = (1..=12).contains(&digits.len()) && digits.iter().all(char::is_ascii_hexdigit);
    let pairs: Vec<String> = digits.chunks(2).map(String::from_iter).collect();
    fits.then(|| pairs.join(":"))
}
