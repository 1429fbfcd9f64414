//! An IPMI 2.0 BMC over UDP (lanplus), written from the specification (rev. 1.1) and from nothing of our driver, so
//! that each can prove the other. Its thread and its socket are `shell`; all decisions are functions, in `controller`.

mod accounts;
mod boot;
mod channel;
mod chassis;
mod commands;
mod controller;
mod device;
mod dice;
mod fru;
mod handshake;
mod lan;
mod log;
mod memory;
mod message;
mod payload;
mod power_reading;
mod records;
mod rmcp;
mod scale;
mod seal;
mod sensors;
mod session;
mod sessions;
mod settings;
mod shell;
mod sol;
mod suite;
#[cfg(test)]
mod tests;
mod view;
mod window;

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};

use self::accounts::accounts;
use self::controller::Controller;
use self::dice::Dice;
use self::memory::Memory;
use self::sessions::Sessions;
use self::shell::Shell;
use super::User;
use super::board::Board;
use super::fault::Faults;

pub use self::settings::{Level, Oddity, Settings};
pub use self::suite::Suite;

/// A BMC on this socket, for the users in this order; all of them administrators, but for `settings.limits`.
pub fn serve(
    socket: UdpSocket,
    board: Arc<dyn Board>,
    faults: Faults,
    users: Vec<User>,
    settings: Settings,
) -> Result<Handle> {
    let accounts = accounts(&users, &settings)?;
    let address = socket.local_addr().context("the BMC's own address")?;
    socket.set_nonblocking(true).context("set the BMC's socket to non-blocking")?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("randomness for the BMC's sessions")?;
    let guid = device::guid(&board.identity().uuid);
    let (restart, memory) = (settings.restart, Memory::new(settings.oddities.clone()));
    let sessions = Sessions::new(accounts, settings, guid, Dice::new(seed));
    let (stop, stopped) = UnixStream::pair().context("the line by which the BMC is told to stop")?;
    let shell = Shell::new(Controller::new(sessions, memory, restart), socket, address, board, faults);
    let thread = std::thread::Builder::new().name("ipmi".into());
    let thread = thread.spawn(move || shell.run(&stopped)).context("start the BMC's thread")?;
    Ok(Handle { address, stop: Some(stop), thread: Some(thread) })
}

/// Dropped, it ends the BMC.
pub struct Handle {
    pub address: SocketAddr,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // The thread sees the other end close.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
