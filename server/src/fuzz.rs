//! Bytes of strangers, given to what takes them apart: one function for each target of `fuzz/`, which a test runs over the
//! targets' seeds too. None of them may panic, go on for ever, or take a forged packet for a real one. Pure.

use std::time::Duration;

use bytes::Bytes;

use crate::bmc::{ipmi, redfish};
use crate::dhcp::answer::{Answer, Client, Subnet, answer, foreign, not_yours};
use crate::dhcp::decode::decode;
use crate::dhcp::encode::encode;
use crate::dhcp::firmware::firmware;
use crate::dhcp::packet::Reply;
use crate::tftp::packet::{Opening, opening};
use crate::tftp::transfer::{Limits, Transfer};

pub type Target = fn(&[u8]);

/// Under the names that they have in `fuzz/Cargo.toml`.
pub const TARGETS: [(&str, Target); 8] = [
    ("dhcp_packet", dhcp_packet),
    ("ipmi_console", ipmi::fuzz::console),
    ("ipmi_fru", ipmi::fuzz::fru),
    ("ipmi_packet", ipmi::fuzz::packet),
    ("ipmi_records", ipmi::fuzz::records),
    ("ipmi_session", ipmi::fuzz::session),
    ("redfish_json", redfish::fuzz::json),
    ("tftp_packet", tftp_packet),
];

/// Gives the bytes to the target of this name. There has to be one.
pub fn run(target: &str, bytes: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of server/src/fuzz.rs");
    run(bytes);
}

/// Several inputs in one, each behind a byte that says how long it is.
pub fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first()?;
        let (piece, behind) = rest.split_at(rest.len().min((*length).into()));
        bytes = behind;
        Some(piece)
    })
}

/// A request, and whatever is said to it by a subnet that has all there is.
fn dhcp_packet(bytes: &[u8]) {
    let Ok(request) = decode(bytes) else { return };
    let subnet = subnet();
    let _ = foreign(&request, &subnet);
    written(&not_yours(&request, &subnet));
    for netboots in [true, false] {
        let client = Client {
            address: Some([10, 77, 0, 199].into()),
            netboots,
            hostname: Some("node07".into()),
            loader: Some(subnet.uefi_loader.clone()),
        };
        if let Answer::Send(reply) | Answer::Lease(reply) = answer(&request, &client, &subnet) {
            written(&reply);
        }
    }
    let _ = firmware(&request);
}

/// RFC 2131, 2: a client need not take more than 576 bytes, of which 28 are IP's and UDP's.
fn written(reply: &Reply) {
    let bytes = encode(reply).expect("a reply of ours can be written");
    assert!((300..=1472).contains(&bytes.len()), "{} bytes", bytes.len());
}

fn subnet() -> Subnet {
    let server = [10, 77, 0, 1].into();
    Subnet {
        server,
        prefix: 24,
        router: Some([10, 77, 0, 254].into()),
        dns: vec![server],
        ntp: vec![server],
        domain: Some("rack.example".into()),
        lease_s: 3600,
        http: "http://10.77.0.1:8080".into(),
        bios_loader: "undionly.kpxe".into(),
        uefi_loader: "snponly.efi".into(),
        uefi_loader_path: "/boot/loader/snponly.efi".into(),
    }
}

/// What opens a transfer, and then what is said in it; an empty piece is silence until the next deadline.
fn tftp_packet(bytes: &[u8]) {
    let mut pieces = pieces(bytes);
    let Some(Ok(Opening::Read(request))) = pieces.next().map(opening) else { return };
    assert!(!request.file.starts_with('/'), "{:?} is to be below the folder of loaders", request.file);
    let content = Bytes::from_static(&[7; 3000]);
    let limits = Limits { mtu: 1500, window: 64 };
    let mut now = Duration::ZERO;
    let mut transfer = Transfer::start(&request, content, &limits, now);
    let mut out = Vec::new();
    for piece in pieces {
        let mut sent = 0;
        while transfer.poll_transmit(now, &mut out) {
            sent += 1;
            assert!(out.len() <= 1472 && sent <= 512, "{sent} datagrams of {} bytes", out.len());
            out.clear();
        }
        if piece.is_empty() {
            now = transfer.deadline().max(now);
            transfer.handle_timeout(now);
        } else {
            transfer.handle_packet(piece, now);
        }
        assert!(transfer.confirmed() <= 3000);
    }
}
