//! The tables `bmc` and `bmc_found`: what switches a machine's power and how it is reached, and what agents saw.
//! Passwords come in sealed and leave sealed.

use api::bmc::DriverKind;
use api::id::{Mac, MachineId};
use api::power::{FoundBmc, Origin};

use super::{Error, Result, Store, of_ids, on, statement, stored};

#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct BmcRow {
    pub machine: String,
    pub driver: String,
    pub address: String,
    pub port: Option<i64>,
    pub credentials: Option<String>,
    pub username: String,
    pub password: Option<String>,
    pub certificate: Option<String>,
    pub origin: String,
    /// Sealed, as the password is.
    pub bmc_key: Option<String>,
    pub secure_on: Option<String>,
}

impl std::fmt::Debug for BmcRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BmcRow({} {} at {})", self.machine, self.driver, self.address)
    }
}

impl BmcRow {
    pub fn id(&self) -> MachineId {
        MachineId(self.machine.clone())
    }

    pub fn driver(&self) -> Result<DriverKind> {
        stored("bmc.driver", &self.driver)
    }

    pub fn origin(&self) -> Result<Origin> {
        stored("bmc.origin", &self.origin)
    }

    /// The usual one of its driver where none is kept.
    pub fn port(&self) -> Option<u16> {
        self.port.and_then(|port| u16::try_from(port).ok())
    }
}

impl Store {
    pub async fn bmc(&self, machine: &MachineId) -> Result<Option<BmcRow>> {
        let sql = "SELECT * FROM bmc WHERE machine = $1";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).fetch_optional(p).await)?)
    }

    /// In the order of their machines, in pages.
    pub async fn bmcs(&self, after: &str, limit: i64) -> Result<Vec<BmcRow>> {
        let sql = "SELECT * FROM bmc WHERE machine > $1 ORDER BY machine LIMIT $2";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(after).bind(limit).fetch_all(p).await)?)
    }

    /// Of all machines from `first` to `last`.
    pub async fn bmcs_between(&self, first: &str, last: &str) -> Result<Vec<BmcRow>> {
        let sql = "SELECT * FROM bmc WHERE machine >= $1 AND machine <= $2 ORDER BY machine";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(first).bind(last).fetch_all(p).await)?)
    }

    pub async fn bmcs_of(&self, ids: &[String]) -> Result<Vec<BmcRow>> {
        of_ids!(self, "SELECT * FROM bmc WHERE machine IN ($1)", ids)
    }

    /// In the place of what was there.
    pub async fn bmc_put(&self, row: BmcRow) -> Result<()> {
        let sql = "INSERT INTO bmc (machine, driver, address, port, credentials, username, password, certificate, origin, \
                   bmc_key, secure_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (machine) DO UPDATE SET \
                   driver = excluded.driver, address = excluded.address, port = excluded.port, \
                   credentials = excluded.credentials, username = excluded.username, password = excluded.password, \
                   certificate = excluded.certificate, origin = excluded.origin, bmc_key = excluded.bmc_key, \
                   secure_on = excluded.secure_on";
        let id = row.id();
        statement!(
            self,
            sqlx::query(sql)
                .bind(row.machine)
                .bind(row.driver)
                .bind(row.address)
                .bind(row.port)
                .bind(row.credentials)
                .bind(row.username)
                .bind(row.password)
                .bind(row.certificate)
                .bind(row.origin)
                .bind(row.bmc_key)
                .bind(row.secure_on)
        )?;
        self.changed(&id);
        Ok(())
    }

    /// With what was read of it; what an agent found stays an offer.
    pub async fn bmc_forget(&self, machine: &MachineId) -> Result<bool> {
        let id = machine.0.clone();
        let gone = self
            .write(move |conn| {
                Box::pin(async move {
                    let sql = "DELETE FROM power WHERE machine = $1";
                    on!(conn, c => sqlx::query(sql).bind(&id).execute(&mut **c).await.map(drop))?;
                    let sql = "DELETE FROM bmc WHERE machine = $1";
                    let gone = on!(conn, c => sqlx::query(sql).bind(&id).execute(&mut **c).await
                        .map(|done| done.rows_affected()))?;
                    Ok(gone > 0)
                })
            })
            .await?;
        self.changed(machine);
        Ok(gone)
    }

    /// Pins what it presents. `None` pins what it presents next.
    pub async fn bmc_pin(&self, machine: &MachineId, certificate: Option<String>) -> Result<()> {
        let sql = "UPDATE bmc SET certificate = $2 WHERE machine = $1";
        let id = machine.0.clone();
        statement!(self, sqlx::query(sql).bind(id).bind(certificate)).map(drop)
    }

    pub async fn bmc_saw(&self, machine: &MachineId, found: FoundBmc) -> Result<()> {
        let sql = "INSERT INTO bmc_found (machine, address, mac, at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (machine) DO UPDATE SET address = excluded.address, mac = excluded.mac, at = excluded.at";
        let id = machine.0.clone();
        let mac = found.mac.map(|mac| mac.to_string());
        statement!(self, sqlx::query(sql).bind(id).bind(found.address).bind(mac).bind(found.at)).map(drop)
    }

    /// Of all machines from `first` to `last`.
    pub async fn bmcs_found(&self, first: &str, last: &str) -> Result<Vec<(String, FoundBmc)>> {
        let sql = "SELECT machine, address, mac, at FROM bmc_found WHERE machine >= $1 AND machine <= $2";
        let rows: Vec<(String, String, Option<String>, i64)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(first).bind(last).fetch_all(p).await)?;
        let found = |(machine, address, mac, at): (String, String, Option<String>, i64)| {
            let mac: Option<Mac> = mac.as_deref().map(|mac| stored("bmc_found.mac", mac)).transpose()?;
            Ok::<_, Error>((machine, FoundBmc { address, mac, at }))
        };
        rows.into_iter().map(found).collect()
    }
}
