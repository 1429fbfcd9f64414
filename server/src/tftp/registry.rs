//! The transfers that run now, by client, so that a repeated request finds the one it repeats.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::packet::ReadRequest;

/// A request and the content that answers it.
pub type Job = (ReadRequest, Bytes);

#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    clients: HashMap<IpAddr, HashMap<u16, Running>>,
    count: usize,
    next_id: u64,
}

struct Running {
    id: u64,
    file: String,
    again: mpsc::Sender<Job>,
    /// The client takes data: another request for the file is another download.
    established: Arc<AtomicBool>,
    abort: Option<AbortHandle>,
}

/// A running transfer's place in the registry; it is freed when this is dropped, by whatever end.
pub struct Entry {
    registry: Registry,
    peer: SocketAddr,
    id: u64,
    pub again: mpsc::Receiver<Job>,
    pub established: Arc<AtomicBool>,
}

impl Registry {
    /// Hands the request to the transfer that already talks with this very port, if there is one.
    pub fn repeat(&self, peer: SocketAddr, job: &Job) -> bool {
        let inner = self.lock();
        let running = inner.clients.get(&peer.ip()).and_then(|ports| ports.get(&peer.port()));
        running.is_some_and(|running| running.again.try_send(job.clone()).is_ok())
    }

    /// Makes a place for a new transfer. One that the same client began for the same file and never took
    /// data from is over: firmware that asks again does so from another port. None: too many run.
    pub fn enter(&self, peer: SocketAddr, file: &str, per_client: usize, overall: usize) -> Option<Entry> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let ports = inner.clients.entry(peer.ip()).or_default();
        let before = ports.len();
        ports.retain(|_, running| {
            let stale = running.file == file && !running.established.load(Relaxed);
            if let (true, Some(abort)) = (stale, &running.abort) {
                abort.abort();
            }
            !stale
        });
        inner.count -= before - ports.len();
        if ports.len() >= per_client || inner.count >= overall {
            return None;
        }
        inner.next_id += 1;
        inner.count += 1;
        let (again, again_receiver) = mpsc::channel(2);
        let established = Arc::new(AtomicBool::new(false));
        let running = Running {
            id: inner.next_id,
            file: file.into(),
            again,
            established: established.clone(),
            abort: None,
        };
        if ports.insert(peer.port(), running).is_some() {
            inner.count -= 1;
        }
        Some(Entry { registry: self.clone(), peer, id: inner.next_id, again: again_receiver, established })
    }

    /// How the transfer's task can be ended by a later request.
    pub fn abortable(&self, peer: SocketAddr, id: u64, abort: AbortHandle) {
        let mut inner = self.lock();
        let running = inner.clients.get_mut(&peer.ip()).and_then(|ports| ports.get_mut(&peer.port()));
        if let Some(running) = running.filter(|running| running.id == id) {
            running.abort = Some(abort);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn peer(&self) -> SocketAddr {
        self.peer
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        let inner = &mut *inner;
        let Some(ports) = inner.clients.get_mut(&self.peer.ip()) else {
            return;
        };
        if ports.get(&self.peer.port()).is_some_and(|running| running.id == self.id) {
            ports.remove(&self.peer.port());
            inner.count -= 1;
        }
        if ports.is_empty() {
            inner.clients.remove(&self.peer.ip());
        }
    }
}
