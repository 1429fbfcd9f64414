//! The table `loader`: machines that did not get on with the loader that all others are given.

use api::id::MachineId;

use super::{Result, Store, on, statement};

/// The loader of one machine.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Loader {
    /// None: what all others get.
    pub file: Option<String>,
    /// The boot attempt in which it was chosen.
    pub attempt: i64,
}

impl Store {
    /// None for a machine that always got on.
    pub async fn loader(&self, machine: &MachineId) -> Result<Option<Loader>> {
        let sql = "SELECT file, attempt FROM loader WHERE machine = $1";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?)
    }

    pub async fn loader_choose(&self, machine: &MachineId, loader: Loader) -> Result<()> {
        let sql = "INSERT INTO loader (machine, file, attempt) VALUES ($1, $2, $3) \
                   ON CONFLICT (machine) DO UPDATE SET file = excluded.file, attempt = excluded.attempt";
        let key = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(key).bind(loader.file).bind(loader.attempt)).map(drop)
    }
}
