//! What is said to whom, a line a question (RFC 2131 §4.3).

use super::*;

const HIS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 199);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
const US: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const THEM: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
const ABROAD: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 9);
const MAC: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 1]);

pub const CLIENT: Client = Client { address: Some(HIS), netboots: true, hostname: None, loader: None };

pub fn subnet() -> Subnet {
    Subnet {
        server: US,
        prefix: 24,
        router: Some(US),
        dns: vec![US],
        ntp: vec![US],
        domain: None,
        lease_s: 3600,
        http: "http://10.77.0.1:8080".into(),
        bios_loader: "undionly.kpxe".into(),
        uefi_loader: "snponly.efi".into(),
        uefi_loader_path: "/boot/loader/snponly.efi".into(),
    }
}

pub fn discover() -> Request {
    Request {
        ask: Ask::Discover,
        xid: 1,
        secs: 0,
        broadcast: false,
        mac: MAC,
        client_addr: None,
        relay: None,
        requested: None,
        server: None,
        client_id: None,
        hostname: None,
        class: None,
        arch: None,
        ipxe: false,
        uuid: None,
        uuid_raw: None,
        relay_info: None,
        max_size: 1472,
    }
}

fn request() -> Request {
    Request { ask: Ask::Request, ..discover() }
}

/// What is done, in a word, and where the reply goes.
fn says(request: &Request, client: &Client) -> String {
    match answer(request, client, &subnet()) {
        Answer::Silence(_) => "silence".into(),
        Answer::Send(reply) => format!("{} to {}", reply.say, reply.destination),
        Answer::Lease(reply) => format!("lease, {} to {}", reply.say, reply.destination),
        Answer::Release(address) => format!("release {address}"),
        Answer::Decline(address) => format!("decline {address}"),
    }
}

fn check(request: Request, expected: &str) {
    assert_eq!(says(&request, &CLIENT), expected, "{request:?}");
}

#[test]
fn discovering() {
    check(discover(), "OFFER to 10.77.0.199 at 52:54:00:77:00:01");
    check(Request { broadcast: true, ..discover() }, "OFFER to broadcast");
    check(Request { relay: Some(THEM), ..discover() }, "OFFER to relay 10.77.0.3");
    check(Request { relay: Some(ABROAD), ..discover() }, "silence");
    let exhausted = Client { address: None, ..CLIENT };
    assert_eq!(says(&discover(), &exhausted), "silence");
}

#[test]
fn selecting() {
    let ours = Request { server: Some(US), requested: Some(HIS), ..request() };
    check(ours.clone(), "lease, ACK to 10.77.0.199 at 52:54:00:77:00:01");
    check(Request { requested: Some(OTHER), ..ours.clone() }, "NAK to broadcast");
    check(Request { server: Some(THEM), ..ours.clone() }, "silence");
    check(Request { requested: None, ..ours }, "silence");
}

#[test]
fn init_reboot() {
    check(Request { requested: Some(HIS), ..request() }, "lease, ACK to 10.77.0.199 at 52:54:00:77:00:01");
    check(Request { requested: Some(OTHER), ..request() }, "NAK to broadcast");
    check(Request { requested: Some(ABROAD), ..request() }, "NAK to broadcast");
    let unknown = Client { address: None, ..CLIENT };
    let memory = Request { requested: Some(HIS), ..request() };
    assert_eq!(says(&memory, &unknown), "NAK to broadcast");
    check(Request { requested: Some(ABROAD), relay: Some(THEM), ..request() }, "NAK to relay 10.77.0.3");
}

#[test]
fn renewing_and_rebinding() {
    check(Request { client_addr: Some(HIS), ..request() }, "lease, ACK to 10.77.0.199");
    check(Request { client_addr: Some(OTHER), ..request() }, "NAK to broadcast");
}

#[test]
fn release_decline_inform() {
    let ends = Request { ask: Ask::Release, client_addr: Some(HIS), ..discover() };
    check(ends.clone(), "release 10.77.0.199");
    check(Request { server: Some(THEM), ..ends }, "silence");
    let conflict = Request { ask: Ask::Decline, requested: Some(HIS), ..discover() };
    check(conflict, "decline 10.77.0.199");
    let inform = Request { ask: Ask::Inform, client_addr: Some(OTHER), ..discover() };
    check(inform.clone(), "ACK to 10.77.0.50");
    check(Request { client_addr: Some(ABROAD), ..inform }, "silence");
}

#[test]
fn a_client_left_alone_gets_a_lease_and_no_file() {
    let rom = Request { class: Some("PXEClient:Arch:00000".into()), arch: Some(0), ..request() };
    assert!(boot(&rom, &CLIENT, &subnet()).is_some());
    assert!(boot(&rom, &Client { netboots: false, ..CLIENT }, &subnet()).is_none());
}

#[test]
fn a_machine_may_have_a_loader_of_its_own() {
    let own = |loader: &str| Client { loader: Some(loader.into()), ..CLIENT };
    let bios = Request { class: Some("PXEClient".into()), arch: Some(0), ..request() };
    let uefi = Request { class: Some("PXEClient".into()), arch: Some(7), ..request() };
    let http = Request { class: Some("HTTPClient".into()), arch: Some(16), ..request() };
    let file = |request: &Request, client: &Client| boot(request, client, &subnet()).unwrap().file;
    assert_eq!(file(&uefi, &own("ipxe.efi")), "ipxe.efi");
    assert_eq!(file(&http, &own("ipxe.efi")), "http://10.77.0.1:8080/images/loaders/ipxe.efi");
    assert_eq!(file(&bios, &own("ipxe.efi")), "undionly.kpxe", "it was switched to BIOS since");
    assert_eq!(file(&uefi, &own("ipxe.pxe")), "snponly.efi");
}

#[test]
fn ipxe_never_gets_a_loader() {
    for arch in [None, Some(0), Some(7), Some(16), Some(11)] {
        for class in ["PXEClient", "HTTPClient"] {
            let ipxe = Request { ipxe: true, arch, class: Some(class.into()), ..request() };
            let boot = boot(&ipxe, &CLIENT, &subnet()).unwrap();
            assert_eq!(boot.file, "http://10.77.0.1:8080/boot/52:54:00:77:00:01/boot.ipxe");
            assert_eq!(boot.hint, Some(BootHint::NoProxy));
        }
    }
}

#[test]
fn a_subnet_is_its_prefix() {
    let mut subnet = subnet();
    assert!(subnet.contains(HIS) && !subnet.contains(ABROAD));
    subnet.prefix = 0;
    assert!(subnet.contains(ABROAD));
    subnet.prefix = 32;
    assert!(subnet.contains(US) && !subnet.contains(HIS));
}
