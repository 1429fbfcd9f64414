//! A BMC's Redfish service (DSP0266, DSP2046): HTTPS with a certificate that it signed itself, sessions, the tree of one
//! machine, actions, tasks, and the bends of one vendor by choice. What is answered is a plain function of the request,
//! what the BMC remembers and what the board shows; this file and `listen` carry it to a socket and to the board.

mod act;
mod answer;
mod boot;
mod certificate;
mod chassis;
mod controller;
mod document;
mod listen;
mod logs;
mod media;
mod message;
mod metadata;
mod parts;
mod request;
mod reset;
mod root;
mod sensing;
mod service;
mod session;
mod state;
mod system;
mod task;
#[cfg(test)]
mod tests;
mod vendor;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use super::User;
use super::board::Board;
use super::fault::Faults;
use listen::Service;

pub use vendor::Vendor;

/// A service that runs until this is dropped.
pub struct Handle {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // It ends by itself, and a panic in it was already told.
            let _ = thread.join();
        }
    }
}

/// Serves a board's Redfish on a listener, in a thread of its own. The certificate is made here and stays the same
/// for as long as the service lives.
pub fn serve(
    listener: TcpListener,
    board: Arc<dyn Board>,
    faults: Faults,
    users: Vec<User>,
    vendor: Vendor,
) -> Result<Handle> {
    let address = listener.local_addr().context("a BMC's listener has no address")?;
    listener.set_nonblocking(true).context("a BMC's listener cannot wait")?;
    let service = Service::new(board, faults, users, vendor)?;
    let (end, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name(format!("redfish {address}")).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = listen::serve(listener, service) => {}
                _ = ended => {}
            }
        });
        // A board that hangs in a call holds up nobody's end.
        runtime.shutdown_background();
    })?;
    Ok(Handle { address, end: Some(end), thread: Some(thread) })
}
