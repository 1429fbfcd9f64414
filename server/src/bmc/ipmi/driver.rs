//! What the server asks of a BMC, in IPMI.

use api::bmc::hardware::Hardware;
use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};

use super::boot::{self, Boot};
use super::chassis::{self, Control};
use super::sensors::Readings;
use super::{Ipmi, console, hardware, is_of_bmc};
use crate::bmc::Driver;
use crate::bmc::console::Console;

impl Driver for Ipmi {
    async fn power(&self) -> Result<Power, Fault> {
        let data = self.ask(chassis::get_status(), "Get Chassis Status").await?;
        chassis::power(&data).map_err(|fault| self.at(fault))
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        match action {
            PowerAction::On => self.control(Control::On).await,
            PowerAction::Off => self.control(Control::Off).await,
            PowerAction::Shutdown => self.control(Control::Soft).await,
            // A cycle of a machine that is off does nothing (28.3), and a machine that runs is wanted.
            PowerAction::Cycle => match self.power().await? {
                Power::Off => self.control(Control::On).await,
                _ => self.control(Control::Cycle).await,
            },
        }
    }

    async fn boot_once(&self, target: BootOnce, mode: FirmwareMode) -> Result<(), Fault> {
        self.run(|| Boot::new(Some((target, mode)))).await
    }

    async fn boot_kept(&self) -> Result<bool, Fault> {
        match self.ask(boot::get_flags(), "Get System Boot Options").await {
            Ok(data) => Ok(boot::is_set(&data)),
            // What cannot be read is not held against it.
            Err(Fault::Unsupported(_) | Fault::NotObeyed(_)) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        self.run(|| Boot::new(None)).await
    }

    async fn identify(&self, lit: bool) -> Result<(), Fault> {
        match self.ask(chassis::identify(lit), "Chassis Identify").await {
            Err(Fault::Unsupported(_)) if lit => {
                self.ask(chassis::identify_for_long(), "Chassis Identify").await.map(drop)
            }
            answer => answer.map(drop),
        }
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        let records = self.records().await?;
        self.run(|| Readings::new(records.clone())).await
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        self.log_after(None).await
    }

    async fn hardware(&self) -> Result<Hardware, Fault> {
        let device = self.device().await?;
        let fru = self.fru().await;
        // What hangs is asked for no more; what one BMC does not have is no fault of the rest.
        if let Err(fault) = &fru
            && is_of_bmc(fault)
        {
            return Err(fault.clone());
        }
        let draw = self.ask(hardware::get_power_reading(), "Get Power Reading").await;
        let draw = draw.ok().and_then(|data| hardware::draw(&data).ok().flatten());
        Ok(hardware::hardware(&device, fru, draw))
    }

    /// In a session of its own: the others go on.
    async fn console(&self, take: bool) -> Result<Console, Fault> {
        let known = self.state.lock().await.suite;
        let connection = self.connect(known).await.map_err(|fault| self.at(fault))?;
        console::open(connection, take).await.map_err(|fault| self.at(fault))
    }

    /// It takes its sessions along.
    async fn reset_bmc(&self) -> Result<(), Fault> {
        let done = self.ask(chassis::cold_reset(), "Cold Reset").await.map(drop);
        self.state.lock().await.connection = None;
        match done {
            // Many are gone before they have answered.
            Err(Fault::Hung(_)) => Ok(()),
            done => done,
        }
    }

    async fn close(&self) -> Result<(), Fault> {
        if let Some(connection) = self.state.lock().await.connection.take() {
            connection.close().await;
        }
        Ok(())
    }
}
