//! The mainboard of a QEMU machine of the rack. Orders are carried out one after the other, in the background, as a
//! BMC's are: nobody who gave one waits for QEMU.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::board::{Action, Board, Boot, Drive, Entry, Identity, Light, Power, Sensor, Severity};
use super::event_log::{self, EventLog};
use super::readings::readings;
use crate::hardware::{Bus, Firmware, Hardware};
use crate::power::{Machine, Status};
use crate::qmp::Event;

pub struct Chassis {
    machine: Arc<Machine>,
    light: Mutex<Light>,
    log: Arc<Mutex<EventLog>>,
    orders: Mutex<Sender<Action>>,
}

impl Chassis {
    /// The log begins here: nothing is in it of what happened before.
    pub fn new(machine: &Arc<Machine>) -> Self {
        let (orders, inbox) = channel();
        let log = Arc::default();
        let (events, weak) = (machine.listen(), Arc::downgrade(&log));
        thread::spawn(move || write_down(&events, &weak));
        let (worker, its_log) = (machine.clone(), log.clone());
        thread::spawn(move || carry_out(&worker, &inbox, &its_log));
        let (light, orders) = (Mutex::new(Light::Off), Mutex::new(orders));
        Self { machine: machine.clone(), light, log, orders }
    }
}

impl Board for Chassis {
    fn identity(&self) -> Identity {
        identity(&self.machine.hardware())
    }

    fn power(&self) -> Result<Power> {
        Ok(match self.machine.status()? {
            Status::On => Power::On,
            Status::Off => Power::Off,
        })
    }

    fn act(&self, action: Action) -> Result<()> {
        let for_any = matches!(action, Action::On | Action::Off);
        let name = &self.machine.name;
        ensure!(
            for_any || self.power()? == Power::On,
            "machine {name} is off, so {action:?} can do nothing to it: power it on"
        );
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.send(action).with_context(|| format!("machine {name}: nobody takes its BMC's orders any more"))
    }

    fn boot(&self) -> Boot {
        self.machine.boot()
    }

    fn set_boot(&self, boot: Boot) -> Result<()> {
        self.machine.set_boot(boot)?;
        write(&self.log, Severity::Ok, event_log::of_boot(boot));
        Ok(())
    }

    fn light(&self) -> Light {
        *self.light.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_light(&self, light: Light) -> Result<()> {
        *self.light.lock().unwrap_or_else(PoisonError::into_inner) = light;
        Ok(())
    }

    fn sensors(&self) -> Vec<Sensor> {
        // A board whose power cannot be told reads as one that is off.
        readings(self.power().unwrap_or(Power::Off))
    }

    fn log(&self) -> Vec<Entry> {
        lock(&self.log).entries()
    }

    fn clear_log(&self) {
        lock(&self.log).clear();
    }

    fn console(&self) -> Result<UnixStream> {
        self.machine.serial()
    }

    fn send_break(&self) -> Result<()> {
        self.machine.send_break()
    }
}

fn identity(hardware: &Hardware) -> Identity {
    let drive = |disk: &crate::hardware::Disk| Drive {
        serial: disk.serial.clone(),
        bytes: disk.size_mb << 20,
        bus: match disk.bus {
            Bus::Virtio => "virtio",
            Bus::Ahci { .. } => "SATA",
            Bus::Nvme => "NVMe",
        }
        .to_owned(),
    };
    let smbios = &hardware.smbios;
    Identity {
        name: hardware.name.clone(),
        vendor: smbios.vendor.clone(),
        product: smbios.product.clone(),
        serial: smbios.serial.clone(),
        asset: smbios.asset.clone(),
        uuid: hardware.uuid.to_lowercase(),
        uefi: hardware.firmware == Firmware::Uefi,
        cpus: hardware.cpus.into(),
        memory_mb: hardware.memory_mb.into(),
        macs: hardware.nics.iter().map(|nic| nic.mac.clone()).collect(),
        disks: hardware.disks.iter().map(drive).collect(),
    }
}

/// Until the board is gone, whose sender closes the inbox.
fn carry_out(machine: &Machine, inbox: &Receiver<Action>, log: &Mutex<EventLog>) {
    for action in inbox {
        let outcome = match action {
            Action::On => machine.on(),
            Action::Off => machine.cut(),
            Action::Shutdown => machine.off(),
            Action::Reset => machine.reset(),
            Action::Cycle => machine.cycle(),
            Action::Nmi => machine.nmi(),
        };
        match (outcome, event_log::of_action(action)) {
            (Ok(()), None) => {}
            (Ok(()), Some(message)) => write(log, Severity::Ok, message.to_owned()),
            (Err(error), _) => write(log, Severity::Critical, format!("{action:?} failed: {error:#}")),
        }
    }
}

fn write_down(events: &Receiver<Event>, log: &Weak<Mutex<EventLog>>) {
    for event in events {
        let Some(log) = log.upgrade() else { return };
        if let Some((severity, message)) = event_log::of_event(&event.name, &event.data) {
            write(&log, severity, message);
        }
    }
}

fn write(log: &Mutex<EventLog>, severity: Severity, message: String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    lock(log).write(now.as_secs(), severity, message);
}

fn lock(log: &Mutex<EventLog>) -> MutexGuard<'_, EventLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
