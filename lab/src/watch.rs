//! What can be seen of a machine from outside: its console, its cables, its resets, and waiting for them.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::console;
use crate::power::{Machine, Status};
use crate::qmp::Event;

impl Machine {
    pub fn console_file(&self) -> PathBuf {
        self.folder.join(format!("console-{}.log", self.attempt()))
    }

    /// What the current attempt has put on the serial line, without colours and carriage returns.
    pub fn console(&self) -> String {
        console::plain(&fs::read(self.console_file()).unwrap_or_default())
    }

    /// The capture of one NIC's traffic in the current attempt.
    pub fn capture_file(&self, nic: usize) -> PathBuf {
        self.folder.join(format!("net{nic}-{}.pcap", self.attempt()))
    }

    pub fn wait_console(&self, text: &str, patience: Duration) -> Result<()> {
        self.wait(&format!("{text:?} on the console"), patience, || Ok(self.console().contains(text)))
    }

    pub fn wait_off(&self, patience: Duration) -> Result<()> {
        self.wait("off", patience, || Ok(self.status()? == Status::Off))
    }

    /// The error shows the console's last lines, which usually say why.
    pub fn wait(&self, what: &str, patience: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + patience;
        while !done()? {
            if Instant::now() > end {
                let console = self.console();
                let tail: Vec<&str> = console.lines().rev().take(15).collect();
                let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
                bail!(
                    "machine {}: no {what} within {} s; its console ends:\n{tail}",
                    self.name,
                    patience.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// What happened since power-on, by QEMU's names. Ours are `POWER_ON`, `POWER_OFF`, and `POST` when firmware has
    /// said its first word after a start. Empty when off.
    pub fn events(&self) -> Vec<Event> {
        self.lock().running.as_ref().map(|running| running.events.all()).unwrap_or_default()
    }

    /// The same as it happens, from now on and through power cycles, until the machine is gone.
    pub fn listen(&self) -> Receiver<Event> {
        self.listeners.add()
    }

    /// Bytes that the guest wrote to each disk since power-on, or discarded on it, as QEMU counts them.
    pub fn written(&self) -> Result<Vec<u64>> {
        let told = self.ask("query-blockstats", json!({}))?;
        let of_slot = |slot: usize| {
            let name = format!("disk{slot}");
            let disk = told.as_array().into_iter().flatten().find(|disk| disk["device"] == name.as_str());
            let stats = disk.map(|disk| &disk["stats"]);
            let count = |what: &str| stats.and_then(|stats| stats[what].as_u64());
            let both = count("wr_bytes").zip(count("unmap_bytes"));
            both.map(|(written, unmapped)| written + unmapped)
                .with_context(|| format!("machine {}: QEMU tells nothing of {name}: {told}", self.name))
        };
        (0..self.hardware().disks.len()).map(of_slot).collect()
    }

    /// Resets since power-on, the guest's reboots and the board watchdog's power cycles among them.
    pub fn resets(&self) -> usize {
        self.events().iter().filter(|event| event.name == "RESET").count()
    }
}
