//! The TFTP server's well-known port: hears a request, finds the content, starts a transfer on a socket
//! of its own. Writes and unknown files are refused; nothing here opens a file.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::packet::{self, ACCESS, ILLEGAL, Malformed, NOT_FOUND, Opening, ReadRequest};
use super::registry::Registry;
use super::run::run;
use super::transfer::Limits;
use crate::dhcp::sighting::Sightings;
use crate::store::Store;

pub const PORT: u16 = 69;

/// Firmware reads one file at a time; a few more may hang after a reset.
const PER_CLIENT: usize = 16;
const OVERALL: usize = 8192;
const RECEIVE_BUFFER: usize = 4 << 20;

pub struct Tftp {
    pub files: Files,
    /// To learn whose address asks, for the boot trace.
    pub store: Store,
    pub sightings: Sightings,
    pub limits: Limits,
    pub counters: Arc<Counters>,
}

/// The content behind a normalised name, for the client at this address. Names are looked up among
/// what is served, never on a disk, so there is no root to leave.
pub type Files = Arc<dyn Fn(&str, IpAddr) -> Option<Bytes> + Send + Sync>;

#[derive(Debug, Default)]
pub struct Counters {
    pub malformed: AtomicU64,
    pub refused: AtomicU64,
    pub overloaded: AtomicU64,
    pub complete: AtomicU64,
    pub probes: AtomicU64,
    pub failed: AtomicU64,
}

/// Serves until its socket fails. It is bound to one address or to all: replies come from the one that was
/// asked, because a client takes them from no other.
pub async fn serve(socket: UdpSocket, tftp: Arc<Tftp>) -> io::Result<()> {
    let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
    // A rack that powers on asks at once; what does not fit waits for the client's next try.
    state.set_recv_buffer_size(UdpSockRef::from(&socket), RECEIVE_BUFFER)?;
    let registry = Registry::default();
    let own = socket.local_addr()?.ip();
    tracing::info!(address = %socket.local_addr()?, "TFTP serves");
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let meta = receive(&socket, &state, &mut buffer).await?;
        let asked = meta.dst_ip.unwrap_or(own);
        // The kernel may hand over several datagrams of one sender at once.
        for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
            if let Err(error) = open(&tftp, &registry, datagram, meta.addr, asked).await {
                tracing::warn!(peer = %meta.addr, %error, "a TFTP request could not be answered");
            }
        }
    }
}

async fn receive(socket: &UdpSocket, state: &UdpSocketState, buffer: &mut [u8]) -> io::Result<RecvMeta> {
    loop {
        socket.readable().await?;
        let mut meta = [RecvMeta::default()];
        let mut slices = [IoSliceMut::new(buffer)];
        let received =
            socket.try_io(Interest::READABLE, || state.recv(socket.into(), &mut slices, &mut meta));
        match received {
            Ok(_) => return Ok(meta[0]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // An ICMP error for an earlier reply is reported here, and says nothing about us.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
    }
}

async fn open(
    tftp: &Arc<Tftp>,
    registry: &Registry,
    datagram: &[u8],
    peer: SocketAddr,
    asked: IpAddr,
) -> io::Result<()> {
    let request = match packet::opening(datagram) {
        Ok(Opening::Read(request)) => request,
        Ok(Opening::Write) => return refuse(tftp, peer, asked, ACCESS, "this server only serves").await,
        Err(Malformed::Mode) => {
            return refuse(tftp, peer, asked, ILLEGAL, "use octet (binary) mode").await;
        }
        Err(malformed) => {
            tftp.counters.malformed.fetch_add(1, Relaxed);
            tracing::debug!(%peer, %malformed, "not a TFTP request");
            return Ok(());
        }
    };
    match (tftp.files)(&request.file, peer.ip()) {
        Some(content) => start(tftp, registry, request, content, peer, asked).await,
        None => {
            tracing::debug!(%peer, file = request.file, "TFTP: no such file");
            refuse(tftp, peer, asked, NOT_FOUND, "no such file").await
        }
    }
}

async fn start(
    tftp: &Arc<Tftp>,
    registry: &Registry,
    request: ReadRequest,
    content: Bytes,
    peer: SocketAddr,
    asked: IpAddr,
) -> io::Result<()> {
    let file = request.file.clone();
    let job = (request, content);
    if registry.repeat(peer, &job) {
        return Ok(());
    }
    let Some(entry) = registry.enter(peer, &file, PER_CLIENT, OVERALL) else {
        // Silence, not an ERROR: firmware takes an ERROR as final and asks again after silence.
        tftp.counters.overloaded.fetch_add(1, Relaxed);
        return Ok(());
    };
    let socket = connect(asked, peer).await?;
    let id = entry.id();
    let task = tokio::spawn(run(tftp.clone(), socket, entry, job));
    registry.abortable(peer, id, task.abort_handle());
    Ok(())
}

/// Connected: the kernel then drops what comes from anyone else, as RFC 1350 §4 asks.
async fn connect(from: IpAddr, peer: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(peer).await?;
    Ok(socket)
}

async fn refuse(tftp: &Tftp, peer: SocketAddr, asked: IpAddr, code: u16, text: &str) -> io::Result<()> {
    tftp.counters.refused.fetch_add(1, Relaxed);
    connect(asked, peer).await?.send(&packet::error(code, text)).await.map(drop)
}
