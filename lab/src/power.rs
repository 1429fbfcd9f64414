//! One machine of the rack at its power socket: on, off, cut, cycled. It stays on through a guest's reboots.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::accel::Accel;
use crate::bmc::board::Boot;
use crate::capture;
use crate::disk;
use crate::hardware::{Firmware, Hardware};
use crate::netns::Netns;
use crate::order;
use crate::process::Running;
use crate::qemu::{self, Paths};
use crate::qmp::{Events, Listeners};
use crate::record::Record;
use crate::serial::Serial;

pub struct Machine {
    pub name: String,
    /// Consoles, captures and firmware variables of this machine, a set of files per power-on.
    pub folder: PathBuf,
    /// The disks of the whole rack, a file per serial.
    pub disks: PathBuf,
    pub(crate) accel: Accel,
    pub(crate) switch: Netns,
    pub(crate) taps: Vec<String>,
    pub(crate) record: Record,
    pub(crate) serial: Serial,
    pub(crate) listeners: Listeners,
    /// One at a time changes the order of devices.
    pub(crate) ordering: Mutex<()>,
    /// For threads that outlast no machine.
    pub(crate) me: Weak<Machine>,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub(crate) hardware: Hardware,
    pub(crate) attempt: u32,
    pub(crate) boot: Boot,
    /// Resets before `boot` was set, in the QEMU that runs; none if its first start has found it.
    pub(crate) boot_after: Option<usize>,
    pub(crate) running: Option<Running>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    On,
    Off,
}

/// What a rack gives to each of its machines.
pub(crate) struct Slot {
    pub folder: PathBuf,
    pub disks: PathBuf,
    pub accel: Accel,
    pub switch: Netns,
    pub taps: Vec<String>,
    pub record: Record,
}

impl Machine {
    pub(crate) fn rack(hardware: Hardware, slot: Slot) -> Result<Arc<Self>> {
        hardware.check()?;
        if slot.folder.exists() {
            fs::remove_dir_all(&slot.folder)
                .with_context(|| format!("remove the old {}", slot.folder.display()))?;
        }
        for folder in [&slot.folder, &slot.disks] {
            fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        }
        for disk in &hardware.disks {
            disk::create(&slot.disks, disk)?;
        }
        if hardware.firmware == Firmware::Uefi {
            let vars = slot.folder.join("vars.fd");
            fs::copy(qemu::OVMF_VARS, vars)
                .with_context(|| format!("copy {}: is ovmf installed?", qemu::OVMF_VARS))?;
        }
        let Slot { folder, disks, accel, switch, taps, record } = slot;
        let name = hardware.name.clone();
        let inner =
            Mutex::new(Inner { hardware, attempt: 0, boot: Boot::NONE, boot_after: None, running: None });
        let serial = Serial::new(record.folder.join(format!("{name}.serial")));
        let (ordering, listeners) = (Mutex::new(()), Listeners::default());
        let machine = Arc::new_cyclic(|me| {
            let me = me.clone();
            Self { name, folder, disks, accel, switch, taps, record, serial, listeners, ordering, me, inner }
        });
        order::keep(&machine);
        Ok(machine)
    }

    /// Nothing happens to a machine that is on.
    pub fn on(&self) -> Result<()> {
        let mut inner = self.lock();
        if inner.status()? == Status::On {
            return Ok(());
        }
        inner.attempt += 1;
        let attempt = inner.attempt;
        let captured = self.taps.iter().enumerate().map(|(nic, tap)| {
            let file = self.folder.join(format!("net{nic}-{attempt}.pcap"));
            capture::start(&self.record, &self.switch, tap, &file)
        });
        let captures = captured.collect::<Result<Vec<_>>>()?;
        let events = Events::begin(self.listeners.clone());
        inner.running = Some(self.start(&mut inner, captures, events.clone())?);
        events.push("POWER_ON", json!({}));
        Ok(())
    }

    /// Presses the power button; the guest decides when it is off.
    pub fn off(&self) -> Result<()> {
        self.qmp("system_powerdown")
    }

    /// Pulls the plug.
    pub fn cut(&self) -> Result<()> {
        let mut inner = self.lock();
        if inner.status()? == Status::Off {
            return Ok(());
        }
        let Some(mut running) = inner.running.take() else { return Ok(()) };
        running.end().with_context(|| format!("machine {}", self.name))?;
        running.events.push("POWER_OFF", json!({}));
        Ok(())
    }

    /// Pulls the plug and puts it back.
    pub fn cycle(&self) -> Result<()> {
        self.cut()?;
        self.on()
    }

    /// Presses the reset button.
    pub fn reset(&self) -> Result<()> {
        self.qmp("system_reset")
    }

    /// The fault "hung": QEMU itself stops, with power on, as it now and then does under emulation.
    pub fn hang(&self) -> Result<()> {
        let inner = self.lock();
        let running = inner.running.as_ref().with_context(|| format!("machine {} is off", self.name))?;
        running.hang().with_context(|| format!("machine {}", self.name))
    }

    /// A non-maskable interrupt to the processors.
    pub fn nmi(&self) -> Result<()> {
        self.qmp("inject-nmi")
    }

    /// A break on its serial port: for Linux the beginning of a magic SysRq.
    pub fn send_break(&self) -> Result<()> {
        self.ask("chardev-send-break", json!({ "id": qemu::CONSOLE })).map(drop)
    }

    pub fn status(&self) -> Result<Status> {
        self.lock().status()
    }

    /// Power-ons so far; the files of the current one carry this number.
    pub fn attempt(&self) -> u32 {
        self.lock().attempt
    }

    pub fn hardware(&self) -> Hardware {
        self.lock().hardware.clone()
    }

    /// Changes what the machine is made of, for the next power-on. Disk files are not made or removed.
    pub fn refit(&self, change: impl FnOnce(&mut Hardware)) -> Result<()> {
        let mut inner = self.lock();
        ensure!(
            inner.status()? == Status::Off,
            "machine {} is on: cut its power before changing it",
            self.name
        );
        change(&mut inner.hardware);
        inner.hardware.check()
    }

    pub fn disk(&self, slot: usize) -> Result<PathBuf> {
        let inner = self.lock();
        let disk = inner.hardware.disks.get(slot);
        let disk = disk.with_context(|| format!("machine {} has no disk in slot {slot}", self.name))?;
        Ok(disk::file(&self.disks, &disk.serial))
    }

    /// Writes the disk in `slot` whole to `to`, a base for other machines' disks.
    pub fn keep_disk(&self, slot: usize, to: &Path) -> Result<()> {
        ensure!(self.status()? == Status::Off, "machine {} is on: its disk is not finished", self.name);
        disk::keep(&self.disk(slot)?, to)
    }

    fn qmp(&self, command: &str) -> Result<()> {
        self.ask(command, json!({})).map(drop)
    }

    /// QEMU's answer on its control line. Meanwhile others may ask the machine for what does not come from QEMU.
    pub(crate) fn ask(&self, command: &str, arguments: Value) -> Result<Value> {
        let qmp = self.lock().running.as_ref().map(|running| running.qmp.clone());
        let qmp = qmp.with_context(|| format!("machine {} is off", self.name))?;
        let mut qmp = qmp.lock().unwrap_or_else(PoisonError::into_inner);
        qmp.ask(command, arguments).with_context(|| format!("machine {}", self.name))
    }

    pub(crate) fn paths(&self, attempt: u32) -> Paths {
        Paths {
            console: self.folder.join(format!("console-{attempt}.log")),
            serial: self.serial.path.clone(),
            taps: self.taps.clone(),
            qmp: self.record.folder.join(format!("{}.qmp", self.name)),
            vars: self.folder.join("vars.fd"),
            disks: self.disks.clone(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fault "disk swapped": the two disks change places, in one machine or between two. Both are off.
pub fn swap_disks(left: (&Machine, usize), right: (&Machine, usize)) -> Result<()> {
    let slot = |machine: &Machine, slot: usize| {
        let disk = machine.hardware().disks.get(slot).cloned();
        disk.with_context(|| format!("machine {} has no disk in slot {slot}", machine.name))
    };
    let (a, b) = (slot(left.0, left.1)?, slot(right.0, right.1)?);
    ensure!(
        right.0.status()? == Status::Off,
        "machine {} is on: cut its power before swapping disks",
        right.0.name
    );
    left.0.refit(|hardware| hardware.disks[left.1] = b)?;
    right.0.refit(|hardware| hardware.disks[right.1] = a)
}

impl Inner {
    /// A guest that powers itself off ends its process.
    pub(crate) fn status(&mut self) -> Result<Status> {
        let Some(running) = &mut self.running else { return Ok(Status::Off) };
        if running.goes_on()? {
            return Ok(Status::On);
        }
        self.running = None;
        Ok(Status::Off)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.cut();
    }
}
