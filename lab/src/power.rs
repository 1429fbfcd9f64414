//! One machine of the rack at its power socket: on, off, cut, cycled. It stays on through a guest's reboots.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::accel::Accel;
use crate::capture::{self, Capture};
use crate::disk;
use crate::hardware::{Firmware, Hardware};
use crate::netns::Netns;
use crate::post::verdict::Cure;
use crate::post::{self, Watched};
use crate::qemu::{self, Paths};
use crate::qmp::{Events, Qmp};
use crate::record::Record;

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
    /// For the watchdog, which outlasts no machine.
    me: Weak<Machine>,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    hardware: Hardware,
    attempt: u32,
    pub(crate) running: Option<Running>,
}

pub(crate) struct Running {
    process: Child,
    pub(crate) qmp: Qmp,
    pub(crate) events: Events,
    captures: Vec<Capture>,
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
        let inner = Mutex::new(Inner { hardware, attempt: 0, running: None });
        Ok(Arc::new_cyclic(|me| {
            let me = me.clone();
            Self { name, folder, disks, accel, switch, taps, record, me, inner }
        }))
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
        inner.running = Some(self.start(&inner, captures, Events::begin())?);
        Ok(())
    }

    /// Starts QEMU on the files of the current attempt, which go on where they are.
    fn start(&self, inner: &Inner, captures: Vec<Capture>, events: Events) -> Result<Running> {
        let paths = self.paths(inner.attempt);
        let log = self.log(inner.attempt);
        let said = File::options().create(true).append(true).open(&log);
        let said = said.with_context(|| format!("open {}", log.display()))?;
        let mut command = Command::new(qemu::PROGRAM);
        command.args(qemu::argv(&inner.hardware, self.accel, &paths));
        command.stdin(Stdio::null()).stdout(said.try_clone().context("clone QEMU's log")?).stderr(said);
        let mut process =
            self.record.spawn(self.switch.inside(command)).context("start QEMU: is it installed?")?;
        let patience = inner.hardware.post_patience;
        let watched = Qmp::connect(&paths.qmp, events.clone()).and_then(|qmp| {
            let (pulse, events) = (qmp.pulse()?, events.clone());
            Ok((qmp, Watched { patience, pulse, events, console: paths.console.clone() }))
        });
        let (qmp, watched) = match watched {
            Ok(both) => both,
            Err(error) => {
                let _ = process.kill();
                process.wait().context("wait for QEMU's end")?;
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(error.context(format!("machine {} did not start: {}", self.name, said.trim())));
            }
        };
        let (me, watched_process) = (self.me.clone(), process.id());
        post::watch(watched, move |cure| {
            if let Some(machine) = me.upgrade() {
                machine.cure(watched_process, cure);
            }
        });
        Ok(Running { process, qmp, events, captures })
    }

    /// The watchdog's hand on the plug. Somebody else's may have been quicker.
    fn cure(&self, process: u32, cure: Cure) {
        let mut inner = self.lock();
        if inner.running.as_ref().is_none_or(|running| running.process.id() != process) {
            return;
        }
        if let Err(error) = self.replace(&mut inner, cure) {
            self.note(inner.attempt, &format!("{error:#}"));
        }
    }

    fn replace(&self, inner: &mut Inner, cure: Cure) -> Result<()> {
        let Some(mut running) = inner.running.take() else { return Ok(()) };
        // Fails only when the process has ended by itself.
        let _ = running.process.kill();
        running.process.wait().with_context(|| format!("wait for the end of machine {}", self.name))?;
        self.note(inner.attempt, &format!("QEMU did not go on and was ended: {cure:?}"));
        if cure == Cure::Cycle {
            running.events.push("RESET", json!({ "guest": false, "reason": "board-watchdog" }));
            inner.running = Some(self.start(inner, running.captures, running.events)?);
        }
        Ok(())
    }

    /// Among QEMU's own words, as nobody waits for the watchdog's.
    fn note(&self, attempt: u32, what: &str) {
        if let Ok(mut log) = File::options().append(true).open(self.log(attempt)) {
            let _ = writeln!(log, "board watchdog: {what}");
        }
    }

    /// Presses the power button; the guest decides when it is off.
    pub fn off(&self) -> Result<()> {
        self.qmp("system_powerdown")
    }

    /// Pulls the plug.
    pub fn cut(&self) -> Result<()> {
        let mut inner = self.lock();
        let Some(mut running) = inner.running.take() else { return Ok(()) };
        // Fails only when the process has ended by itself.
        let _ = running.process.kill();
        running.process.wait().with_context(|| format!("wait for the end of machine {}", self.name))?;
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
        let process = Pid::from_child(&running.process);
        kill_process(process, Signal::STOP).with_context(|| format!("stop machine {}", self.name))
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
        self.ask(command).map(drop)
    }

    /// QEMU's answer on its control line.
    pub(crate) fn ask(&self, command: &str) -> Result<Value> {
        let mut inner = self.lock();
        let running = inner.running.as_mut().with_context(|| format!("machine {} is off", self.name))?;
        running.qmp.ask(command).with_context(|| format!("machine {}", self.name))
    }

    fn paths(&self, attempt: u32) -> Paths {
        Paths {
            console: self.folder.join(format!("console-{attempt}.log")),
            taps: self.taps.clone(),
            qmp: self.record.folder.join(format!("{}.qmp", self.name)),
            vars: self.folder.join("vars.fd"),
            disks: self.disks.clone(),
        }
    }

    fn log(&self, attempt: u32) -> PathBuf {
        self.folder.join(format!("qemu-{attempt}.log"))
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
    fn status(&mut self) -> Result<Status> {
        let Some(running) = &mut self.running else { return Ok(Status::Off) };
        if running.process.try_wait().context("ask for QEMU's state")?.is_none() {
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
