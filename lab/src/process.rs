//! The QEMU process of a machine that is on: started, watched by the board's watchdog, and ended.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::capture::Capture;
use crate::order;
use crate::post::verdict::Cure;
use crate::post::{self, Watched};
use crate::power::{Inner, Machine};
use crate::qemu;
use crate::qmp::{Events, Qmp};

pub(crate) struct Running {
    process: Child,
    pub qmp: Arc<Mutex<Qmp>>,
    pub events: Events,
    /// The least `bootindex` that no device of this process has had.
    pub free_index: usize,
    captures: Vec<Capture>,
}

impl Running {
    /// A guest that powers itself off ends its process.
    pub fn goes_on(&mut self) -> Result<bool> {
        Ok(self.process.try_wait().context("ask for QEMU's state")?.is_none())
    }

    pub fn end(&mut self) -> Result<()> {
        // Fails only when the process has ended by itself.
        let _ = self.process.kill();
        self.process.wait().context("wait for QEMU's end").map(drop)
    }

    pub fn hang(&self) -> Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::STOP).context("stop QEMU")
    }
}

impl Machine {
    /// Starts QEMU on the files of the current attempt, which go on where they are.
    pub(crate) fn start(&self, inner: &mut Inner, captures: Vec<Capture>, events: Events) -> Result<Running> {
        let paths = self.paths(inner.attempt);
        let mark = post::length(&paths.console);
        let log = self.log(inner.attempt);
        let said = File::options().create(true).append(true).open(&log);
        let said = said.with_context(|| format!("open {}", log.display()))?;
        let mut command = Command::new(qemu::PROGRAM);
        command.args(qemu::argv(&inner.hardware, inner.boot, self.accel, &paths));
        command.stdin(Stdio::null()).stdout(said.try_clone().context("clone QEMU's log")?).stderr(said);
        let mut process =
            self.record.spawn(self.switch.inside(command)).context("start QEMU: is it installed?")?;
        let connected = Qmp::connect(&paths.qmp, events.clone()).and_then(|qmp| Ok((qmp.pulse()?, qmp)));
        let (pulse, qmp) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let _ = process.kill();
                process.wait().context("wait for QEMU's end")?;
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(error.context(format!("machine {} did not start: {}", self.name, said.trim())));
            }
        };
        let (me, pid, patience) = (self.me.clone(), process.id(), inner.hardware.post_patience);
        let (console, seen) = (paths.console, events.clone());
        let watched = Watched { process: pid, patience, pulse, events: seen, console, mark };
        post::watch(watched, move |cure| {
            if let Some(machine) = me.upgrade() {
                machine.cure(pid, cure);
            }
        });
        self.serial.plug();
        inner.boot_after = None;
        let free_index = order::devices(&inner.hardware);
        Ok(Running { process, qmp: Arc::new(Mutex::new(qmp)), events, free_index, captures })
    }

    /// The watchdog's hand on the plug. Somebody else's may have been quicker.
    fn cure(&self, process: u32, cure: Cure) {
        let mut inner = self.lock();
        if inner.running.as_ref().is_none_or(|running| running.process.id() != process) {
            return;
        }
        if let Err(error) = self.replace(&mut inner, cure) {
            self.note(inner.attempt, &format!("board watchdog: {error:#}"));
        }
    }

    fn replace(&self, inner: &mut Inner, cure: Cure) -> Result<()> {
        let Some(mut running) = inner.running.take() else { return Ok(()) };
        running.end()?;
        self.note(inner.attempt, &format!("board watchdog: QEMU did not go on and was ended: {cure:?}"));
        if cure == Cure::Cycle {
            running.events.push("RESET", json!({ "guest": false, "reason": "board-watchdog" }));
            inner.running = Some(self.start(inner, running.captures, running.events)?);
        }
        Ok(())
    }

    /// Among QEMU's own words: what happened with nobody waiting for its outcome.
    pub(crate) fn note(&self, attempt: u32, what: &str) {
        if let Ok(mut log) = File::options().create(true).append(true).open(self.log(attempt)) {
            let _ = writeln!(log, "{what}");
        }
    }

    fn log(&self, attempt: u32) -> PathBuf {
        self.folder.join(format!("qemu-{attempt}.log"))
    }
}
