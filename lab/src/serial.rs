//! A machine's serial port as its BMC has it: whoever speaks there stays connected while power goes off and on. What the
//! guest says is in the console's file in any case; a reader that is too slow loses some, and never holds the guest up.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use rustix::net::{SendFlags, send};

use crate::power::Machine;

pub(crate) struct Serial {
    /// Where QEMU listens. It serves one at a time.
    pub path: PathBuf,
    ends: Arc<Mutex<Ends>>,
}

#[derive(Default)]
struct Ends {
    client: Option<UnixStream>,
    qemu: Option<UnixStream>,
}

impl Machine {
    /// The serial port, both ways, until the caller closes it. One at a time has it.
    pub fn serial(&self) -> Result<UnixStream> {
        let theirs = self.serial.open().with_context(|| format!("machine {}", self.name))?;
        if self.lock().running.is_some() {
            self.serial.plug();
        }
        Ok(theirs)
    }
}

impl Serial {
    pub fn new(path: PathBuf) -> Self {
        Self { path, ends: Arc::default() }
    }

    fn open(&self) -> Result<UnixStream> {
        let mut ends = lock(&self.ends);
        if ends.client.is_some() {
            bail!("somebody is on its serial port: only one can be");
        }
        let (ours, theirs) = UnixStream::pair().context("make a pair of sockets for the serial port")?;
        let typed = ours.try_clone().context("clone the serial port's socket")?;
        ends.client = Some(ours);
        let shared = self.ends.clone();
        thread::spawn(move || {
            let _ = pass(typed, |bytes| put(lock(&shared).qemu.as_ref(), bytes));
            let mut ends = lock(&shared);
            ends.client = None;
            // QEMU then takes the next one.
            if let Some(qemu) = ends.qemu.take() {
                let _ = qemu.shutdown(Shutdown::Both);
            }
        });
        Ok(theirs)
    }

    /// Connects whoever is there with the QEMU that runs now. Without a connection there is silence, as from a machine
    /// that is off.
    pub fn plug(&self) {
        let mut ends = lock(&self.ends);
        if ends.client.is_none() {
            return;
        }
        let Ok(qemu) = UnixStream::connect(&self.path) else { return };
        let Ok(said) = qemu.try_clone() else { return };
        if let Some(former) = ends.qemu.replace(qemu) {
            let _ = former.shutdown(Shutdown::Both);
        }
        let shared = self.ends.clone();
        thread::spawn(move || {
            let _ = pass(said, |bytes| put(lock(&shared).client.as_ref(), bytes));
        });
    }
}

fn pass(mut from: UnixStream, to: impl Fn(&[u8])) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match from.read(&mut bytes)? {
            0 => return Ok(()),
            length => to(&bytes[..length]),
        }
    }
}

/// As on a wire without flow control: what the other end has no room for is lost.
fn put(to: Option<&UnixStream>, bytes: &[u8]) {
    if let Some(to) = to {
        let _ = send(to, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

fn lock(ends: &Mutex<Ends>) -> MutexGuard<'_, Ends> {
    ends.lock().unwrap_or_else(PoisonError::into_inner)
}
