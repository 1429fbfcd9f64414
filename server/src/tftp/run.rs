//! Carries one transfer: its socket, its timer, and what is told of it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use api::trace::HopName;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::registry::{Entry, Job};
use super::serve::Tftp;
use super::transfer::{Outcome, Transfer};
use crate::clock;

/// A request repeated while the client takes data is an echo on the wire, unless the client has been
/// silent for so long that it must have started anew from the same port.
const STALLED: Duration = Duration::from_secs(2);

pub async fn run(tftp: Arc<Tftp>, socket: UdpSocket, mut entry: Entry, job: Job) {
    let began = Instant::now();
    let (mut request, mut content) = job;
    let mut transfer = Transfer::start(&request, content.clone(), &tftp.limits, Duration::ZERO);
    let mut incoming = [0; 600];
    let mut out = Vec::with_capacity(1500);
    let mut teller = None;
    let outcome = 'transfer: loop {
        while transfer.poll_transmit(began.elapsed(), &mut out) {
            if teller.is_none() && out.starts_with(&[0, 3]) {
                let hops = tell(&tftp, &entry);
                let _ = hops.send((HopName::TftpFirst, clock::now(), request.file.clone()));
                teller = Some(hops);
            }
            if closed(&socket.send(&out).await) {
                break 'transfer port_closed(&transfer);
            }
            out.clear();
        }
        if let Some(outcome) = transfer.outcome() {
            break outcome.clone();
        }
        tokio::select! {
            received = socket.recv(&mut incoming) => match received {
                Ok(length) => transfer.handle_packet(&incoming[..length], began.elapsed()),
                received if closed(&received) => break port_closed(&transfer),
                Err(_) => {}
            },
            () = sleep_until(began + transfer.deadline()) => transfer.handle_timeout(began.elapsed()),
            Some(job) = entry.again.recv() => {
                let now = began.elapsed();
                if !transfer.established() || now > transfer.progress_at() + STALLED {
                    (request, content) = job;
                    transfer = Transfer::start(&request, content.clone(), &tftp.limits, now);
                }
            }
        }
        entry.established.store(transfer.established(), Relaxed);
    };
    count(&tftp, entry.peer(), &request.file, &transfer, &outcome);
    if let (Outcome::Complete, Some(hops)) = (outcome, teller) {
        let took = began.elapsed().as_secs_f32();
        let detail = format!("{}: {} bytes in {took:.1} s", request.file, content.len());
        let _ = hops.send((HopName::TftpLast, clock::now(), detail));
    }
}

/// Any other error is loss, and loss is the timer's business.
fn closed(result: &io::Result<usize>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Once the last block is sent, a client whose port is closed has it: only its word of that got lost.
fn port_closed(transfer: &Transfer) -> Outcome {
    if transfer.all_sent() { Outcome::Complete } else { Outcome::Silence }
}

fn count(tftp: &Tftp, peer: SocketAddr, file: &str, transfer: &Transfer, outcome: &Outcome) {
    let bytes = transfer.confirmed();
    let counter = match outcome {
        Outcome::Complete => &tftp.counters.complete,
        Outcome::SizeProbe => &tftp.counters.probes,
        Outcome::Aborted { code, text } => {
            tracing::info!(%peer, file, bytes, code, text, "TFTP: the client gave up");
            &tftp.counters.failed
        }
        Outcome::Silence => {
            tracing::info!(%peer, file, bytes, "TFTP: the client fell silent");
            &tftp.counters.failed
        }
    };
    counter.fetch_add(1, Relaxed);
}

type TimedHop = (HopName, i64, String);

/// A task beside the transfer, which asks the store whose address this is and tells the hops in order:
/// no block waits for that.
fn tell(tftp: &Tftp, entry: &Entry) -> mpsc::UnboundedSender<TimedHop> {
    let (sender, mut hops) = mpsc::unbounded_channel::<TimedHop>();
    let (store, sightings, peer) = (tftp.store.clone(), tftp.sightings.clone(), entry.peer());
    tokio::spawn(async move {
        let IpAddr::V4(address) = peer.ip() else {
            return;
        };
        let mac = match store.lease_by_ip(address).await {
            Ok(lease) => lease.and_then(|lease| lease.mac),
            Err(error) => {
                tracing::warn!(%address, %error, "a TFTP client's lease could not be read");
                None
            }
        };
        while let (Some(mac), Some((name, at, detail))) = (mac, hops.recv().await) {
            sightings.tell(mac, true, name, at, detail);
        }
    });
    sender
}
