//! The table `firmware`: what BMCs write, for a server that is restarted meanwhile.

use api::bmc::update::FirmwareUpdate;

use super::bmc::BmcRow;
use super::{Error, Result, Store, on, statement};

#[derive(sqlx::FromRow)]
struct Columns {
    machine: String,
    task: Option<String>,
    stand: String,
}

/// The last update of one BMC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    pub machine: String,
    /// What the BMC is asked how far it is.
    pub task: Option<String>,
    pub update: FirmwareUpdate,
}

impl Store {
    /// Of all BMCs that are still where they were then.
    pub async fn firmware(&self) -> Result<Vec<Firmware>> {
        let sql = "SELECT firmware.machine, firmware.task, firmware.stand FROM firmware \
                   JOIN bmc ON bmc.machine = firmware.machine AND bmc.address = firmware.address";
        let rows: Vec<Columns> = on!(self.read(), p => sqlx::query_as(sql).fetch_all(p).await)?;
        let read = |row: Columns| {
            let update = serde_json::from_str(&row.stand).map_err(|_| stored(&row.stand))?;
            Ok(Firmware { machine: row.machine, task: row.task, update })
        };
        rows.into_iter().map(read).collect()
    }

    /// In the place of the one before; None: there was none before either.
    pub async fn firmware_put(
        &self,
        bmc: &BmcRow,
        task: Option<&str>,
        update: Option<&FirmwareUpdate>,
    ) -> Result<()> {
        let (machine, address) = (bmc.machine.clone(), bmc.address.clone());
        let Some(update) = update else {
            let sql = "DELETE FROM firmware WHERE machine = $1";
            return statement!(self, sqlx::query(sql).bind(machine)).map(drop);
        };
        let stand = serde_json::to_string(update).map_err(|_| stored(&machine))?;
        let task = task.map(str::to_string);
        let sql = "INSERT INTO firmware (machine, address, task, stand) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (machine) DO UPDATE SET address = excluded.address, task = excluded.task, \
                   stand = excluded.stand";
        statement!(self, sqlx::query(sql).bind(machine).bind(address).bind(task).bind(stand)).map(drop)
    }
}

fn stored(text: &str) -> Error {
    Error::Stored { place: "firmware.stand", text: text.into() }
}
