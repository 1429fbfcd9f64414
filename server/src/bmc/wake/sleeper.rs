//! A machine without a BMC, with what the store knows of it at this moment.

use std::sync::Arc;

use api::bmc::hardware::Hardware;
use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};
use api::id::MachineId;

use super::goodbye::{Heard, Known, known};
use super::{Agent, ByAgent, Wake, Way, way};
use crate::bmc::Driver;
use crate::clock;
use crate::store::machine::Row;
use crate::store::{Result as Stored, Store};

pub struct Sleeper {
    pub store: Store,
    pub machine: MachineId,
    /// But for its agent and what was seen of it, which are looked up at each request.
    pub wake: Wake,
}

/// What was heard of a machine, and what its agent said.
pub async fn heard(store: &Store, row: &Row, now: i64) -> Stored<Known> {
    let asked = store.agent_power(&row.id()).await?;
    let heard =
        Heard { at: row.last_seen, agent_at: row.agent_seen, home: row.home(), boot_id: &row.boot_id };
    Ok(known(asked.as_ref(), heard, now))
}

impl Sleeper {
    async fn now(&self) -> Result<Wake, Fault> {
        let row = self.store.machine(&self.machine).await.map_err(unknown)?;
        let known = heard(&self.store, &row, clock::now()).await.map_err(unknown)?;
        let agent = known.agent.then(|| self.agent(row.boot_id));
        Ok(Wake { agent, seen: known.power, ..self.wake.clone() })
    }

    /// Its agent asks for work every few seconds, and finds this.
    fn agent(&self, boot_id: String) -> Agent {
        let (store, machine) = (self.store.clone(), self.machine.clone());
        Arc::new(move |what: ByAgent| {
            let (store, machine, boot_id) = (store.clone(), machine.clone(), boot_id.clone());
            Box::pin(async move {
                store.agent_power_ask(&machine, what, &boot_id, clock::now()).await.map_err(unknown)
            })
        })
    }
}

fn unknown(error: crate::store::Error) -> Fault {
    Fault::Unreachable(error.to_string())
}

impl Driver for Sleeper {
    async fn power(&self) -> Result<Power, Fault> {
        self.now().await?.power().await
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        let wake = self.now().await?;
        let is_woken = way(action, wake.seen, wake.agent.is_some()) == Some(Way::Packet);
        wake.act(action).await?;
        if is_woken {
            self.store.agent_power_woken(&self.machine, clock::now()).await.map_err(unknown)?;
        }
        Ok(())
    }

    async fn boot_once(&self, target: BootOnce, mode: FirmwareMode) -> Result<(), Fault> {
        self.wake.boot_once(target, mode).await
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        self.wake.clear_boot().await
    }

    async fn identify(&self, lit: bool) -> Result<(), Fault> {
        self.wake.identify(lit).await
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        self.wake.sensors().await
    }

    async fn hardware(&self) -> Result<Hardware, Fault> {
        self.wake.hardware().await
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        self.wake.log().await
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        self.wake.reset_bmc().await
    }
}
