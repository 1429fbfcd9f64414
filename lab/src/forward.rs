//! Carries TCP from a port of the host to an address inside a namespace, with no route or interface on the host: the
//! connecting thread steps into the namespace, and a socket stays where it was made.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::netns::Netns;

/// Stops listening when dropped; connections that are open end with their peers.
pub struct Forward {
    pub address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Port 0 takes a free one, to be read from `address`.
pub fn start(listen: SocketAddr, inside: Netns, to: SocketAddr) -> Result<Forward> {
    let listener =
        TcpListener::bind(listen).with_context(|| format!("listen on {listen} for the forward to {to}"))?;
    let address = listener.local_addr().context("read the forward's own address")?;
    let stopped = Arc::new(AtomicBool::new(false));
    let ended = stopped.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            if ended.load(Ordering::SeqCst) {
                return;
            }
            let Ok(client) = client else { continue };
            let inside = inside.clone();
            // A connection that fails here closes, which the client sees; there is nobody else to tell.
            thread::spawn(move || carry(client, &inside, to));
        }
    });
    Ok(Forward { address, stopped })
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a client.
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(client: TcpStream, inside: &Netns, to: SocketAddr) -> io::Result<()> {
    inside.enter()?;
    let server = TcpStream::connect_timeout(&to, CONNECT_PATIENCE)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let upward = thread::spawn(move || pour(from_client, to_server));
    let downward = pour(server, client);
    // A panic in the other direction has nothing to add to a closed connection.
    let _ = upward.join();
    downward
}

fn pour(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let outcome = io::copy(&mut from, &mut to).map(drop);
    let _ = to.shutdown(Shutdown::Write);
    outcome
}
