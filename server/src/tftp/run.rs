//! Carries one transfer: its socket, its timer, and what is told of it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use api::trace::HopName;
use tokio::net::UdpSocket;
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
    let mut told_first = false;
    let outcome = 'transfer: loop {
        while transfer.poll_transmit(began.elapsed(), &mut out) {
            if !told_first && out.starts_with(&[0, 3]) {
                told_first = true;
                tell(&tftp, &entry, HopName::TftpFirst, request.file.clone());
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
    finish(&tftp, &entry, &request.file, &transfer, &outcome, began.elapsed());
}

/// Any other error is loss, and loss is the timer's business.
fn closed(result: &io::Result<usize>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Once the last block is sent, a client whose port is closed has it: only its word of that got lost.
fn port_closed(transfer: &Transfer) -> Outcome {
    if transfer.all_sent() { Outcome::Complete } else { Outcome::Silence }
}

fn finish(tftp: &Tftp, entry: &Entry, file: &str, transfer: &Transfer, outcome: &Outcome, took: Duration) {
    let bytes = transfer.confirmed();
    let peer = entry.peer();
    match outcome {
        Outcome::Complete => {
            tftp.counters.complete.fetch_add(1, Relaxed);
            tracing::debug!(%peer, file, bytes, ?took, "TFTP: sent");
            let detail = format!("{file}: {bytes} bytes in {:.1} s", took.as_secs_f32());
            tell(tftp, entry, HopName::TftpLast, detail);
        }
        Outcome::SizeProbe => {
            tftp.counters.probes.fetch_add(1, Relaxed);
        }
        Outcome::Aborted { code, text } => {
            tftp.counters.failed.fetch_add(1, Relaxed);
            tracing::info!(%peer, file, bytes, code, text, "TFTP: the client gave up");
        }
        Outcome::Silence => {
            tftp.counters.failed.fetch_add(1, Relaxed);
            tracing::info!(%peer, file, bytes, "TFTP: the client fell silent");
        }
    }
}

/// In a task of its own: the transfer does not wait for the store to say whose address this is.
fn tell(tftp: &Tftp, entry: &Entry, name: HopName, detail: String) {
    let (store, sightings, at) = (tftp.store.clone(), tftp.sightings.clone(), clock::now());
    let IpAddr::V4(address) = entry.peer().ip() else {
        return;
    };
    tokio::spawn(async move {
        match store.lease_by_ip(address).await {
            Ok(lease) => {
                if let Some(mac) = lease.and_then(|lease| lease.mac) {
                    sightings.tell(mac, true, name, at, detail);
                }
            }
            Err(error) => tracing::warn!(%address, %error, "a TFTP client's lease could not be read"),
        }
    });
}
