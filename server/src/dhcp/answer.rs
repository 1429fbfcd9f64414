//! The DHCP server's whole judgement (RFC 2131 §4.3), as one function from what the client said,
//! what the store knows of it and what the subnet is, to what is done and said.

use std::net::Ipv4Addr;

use api::id::Mac;

use super::firmware::{Firmware, firmware};
use super::packet::{Ask, Boot, BootHint, Destination, Network, Reply, Request, Say};

/// What the store knows of the MAC that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address this MAC holds or may have; none: the pool has none left, or policy says no.
    pub address: Option<Ipv4Addr>,
    /// False for a client that is to be left alone: it gets a plain lease.
    pub netboots: bool,
    pub hostname: Option<String>,
}

/// The subnet that the packet came in on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Our address on the interface that heard the packet: behind several networks or bridges, any
    /// other one would send the client where it cannot reach us.
    pub server: Ipv4Addr,
    pub prefix: u8,
    pub router: Option<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    pub ntp: Vec<Ipv4Addr>,
    pub domain: Option<String>,
    pub lease_s: u32,
    /// `http://10.77.0.1:8080`, without a slash at the end.
    pub http: String,
    /// File names on our TFTP server.
    pub bios_loader: String,
    pub uefi_loader: String,
    /// The UEFI loader's path under `http`, `/boot/loader/snponly.efi`.
    pub uefi_loader_path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing is said; the words are for the trace.
    Silence(&'static str),
    Send(Reply),
    /// `your_addr` is promised: the lease is durable before this leaves.
    Lease(Reply),
    Release(Ipv4Addr),
    /// The client found someone else on this address.
    Decline(Ipv4Addr),
}

/// Whether and why this packet is none of our business, whoever sent it.
pub fn foreign(request: &Request, subnet: &Subnet) -> Option<&'static str> {
    if request.relay.is_some_and(|relay| !subnet.contains(relay)) {
        return Some("relayed from a subnet that is not ours");
    }
    if request.server.is_some_and(|server| server != subnet.server) {
        return Some("meant for another server");
    }
    None
}

pub fn answer(request: &Request, client: &Client, subnet: &Subnet) -> Answer {
    if let Some(why) = foreign(request, subnet) {
        return Answer::Silence(why);
    }
    match request.ask {
        Ask::Discover => match client.address {
            Some(address) => Answer::Send(offer(request, client, subnet, address)),
            None => Answer::Silence("no address to give"),
        },
        Ask::Request => requested(request, client, subnet),
        Ask::Inform => match request.client_addr {
            Some(address) if subnet.contains(address) => Answer::Send(inform(request, client, subnet)),
            _ => Answer::Silence("an INFORM without an address of this subnet"),
        },
        Ask::Release => match request.client_addr {
            Some(address) => Answer::Release(address),
            None => Answer::Silence("a RELEASE without an address"),
        },
        Ask::Decline => match request.requested {
            Some(address) => Answer::Decline(address),
            None => Answer::Silence("a DECLINE without an address"),
        },
    }
}

/// SELECTING names us and the address we offered, INIT-REBOOT an address it remembers, RENEWING
/// and REBINDING the one in use. The question is the same: is it this MAC's? We are the subnet's
/// authority, so a wrong memory is told no: silence would leave two machines on one address.
fn requested(request: &Request, client: &Client, subnet: &Subnet) -> Answer {
    let Some(wanted) = request.requested.or(request.client_addr) else {
        return Answer::Silence("a REQUEST for no address");
    };
    if !subnet.contains(wanted) {
        return Answer::Send(nak(request, subnet, "this address is not of this subnet"));
    }
    if client.address != Some(wanted) {
        return Answer::Send(not_yours(request, subnet));
    }
    Answer::Lease(Reply { say: Say::Ack, ..offer(request, client, subnet, wanted) })
}

/// Also the answer when the address went to another between the question and the commit.
pub fn not_yours(request: &Request, subnet: &Subnet) -> Reply {
    nak(request, subnet, "this address is not yours")
}

fn offer(request: &Request, client: &Client, subnet: &Subnet, address: Ipv4Addr) -> Reply {
    Reply {
        your_addr: Some(address),
        client_addr: request.client_addr.filter(|_| request.ask == Ask::Request),
        destination: destination(request, address),
        lease_s: Some(subnet.lease_s),
        network: Some(subnet.network()),
        hostname: client.hostname.clone(),
        boot: boot(request, client, subnet),
        ..bare(Say::Offer, request, subnet)
    }
}

/// RFC 2131 §4.3.5: the facts of the network, no address, no lease.
fn inform(request: &Request, client: &Client, subnet: &Subnet) -> Reply {
    Reply {
        client_addr: request.client_addr,
        network: Some(subnet.network()),
        hostname: client.hostname.clone(),
        ..bare(Say::Ack, request, subnet)
    }
}

/// A NAK is broadcast even to one that has an address, for that address is what is wrong with it;
/// through a relay the flag asks the relay to do it (RFC 2131 §4.3.2).
fn nak(request: &Request, subnet: &Subnet, message: &'static str) -> Reply {
    Reply {
        broadcast: request.broadcast || request.relay.is_some(),
        destination: match request.relay {
            Some(relay) => Destination::Relay(relay),
            None => Destination::Broadcast,
        },
        message: Some(message),
        uuid_raw: None,
        ..bare(Say::Nak, request, subnet)
    }
}

fn bare(say: Say, request: &Request, subnet: &Subnet) -> Reply {
    Reply {
        say,
        destination: destination(request, Ipv4Addr::UNSPECIFIED),
        xid: request.xid,
        broadcast: request.broadcast,
        mac: request.mac,
        client_addr: None,
        your_addr: None,
        relay: request.relay,
        server: subnet.server,
        lease_s: None,
        network: None,
        hostname: None,
        boot: None,
        // RFC 6842: a client that shares its MAC with others tells by this which reply is its own.
        client_id: request.client_id.clone(),
        // RFC 4578 §2.3: both sides send it in every packet.
        uuid_raw: request.uuid_raw.clone(),
        relay_info: request.relay_info.clone(),
        message: None,
        max_size: request.max_size,
    }
}

fn destination(request: &Request, address: Ipv4Addr) -> Destination {
    match (request.relay, request.client_addr) {
        (Some(relay), _) => Destination::Relay(relay),
        (None, Some(client)) => Destination::Client(client),
        (None, None) if request.broadcast => Destination::Broadcast,
        (None, None) => Destination::Link(request.mac, address),
    }
}

fn boot(request: &Request, client: &Client, subnet: &Subnet) -> Option<Boot> {
    if !client.netboots {
        return None;
    }
    match firmware(request) {
        // Its ROM takes an offer for a PXE offer only if the class comes back, and then wants to
        // discover boot servers unless told that the file is right here.
        Firmware::BiosPxe => Some(Boot {
            file: subnet.bios_loader.clone(),
            class: Some("PXEClient"),
            hint: Some(BootHint::NoDiscovery),
        }),
        // UEFI takes file and server from an ordinary offer. With the class it would also read
        // the vendor options, and implementations differ in what they then search and ask.
        Firmware::UefiPxe => Some(Boot { file: subnet.uefi_loader.clone(), class: None, hint: None }),
        // Without its class in the reply it drops the offer.
        Firmware::UefiHttp => Some(Boot {
            file: format!("{}{}", subnet.http, subnet.uefi_loader_path),
            class: Some("HTTPClient"),
            hint: None,
        }),
        // Always the script, never a loader: iPXE in a ROM and iPXE we loaded look the same, and
        // a loader handed to the second would load itself for ever.
        Firmware::IpxeBios | Firmware::IpxeUefi => Some(Boot {
            file: script_url(&subnet.http, request.mac),
            class: None,
            hint: Some(BootHint::NoProxy),
        }),
        Firmware::Other(_) | Firmware::Grub | Firmware::Plain => None,
    }
}

fn script_url(http: &str, mac: Mac) -> String {
    format!("{http}/boot/{mac}/boot.ipxe")
}

impl Subnet {
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & u32::from(self.mask()) == u32::from(self.server) & u32::from(self.mask())
    }

    fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0))
    }

    fn network(&self) -> Network {
        let mask = self.mask();
        Network {
            mask,
            broadcast: Ipv4Addr::from(u32::from(self.server) | !u32::from(mask)),
            router: self.router,
            dns: self.dns.clone(),
            ntp: self.ntp.clone(),
            domain: self.domain.clone(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const HIS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 199);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
    const US: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const THEM: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
    const ABROAD: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 9);
    const MAC: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 1]);

    pub const CLIENT: Client = Client { address: Some(HIS), netboots: true, hostname: None };

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
        check(
            Request { requested: Some(HIS), ..request() },
            "lease, ACK to 10.77.0.199 at 52:54:00:77:00:01",
        );
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
}
