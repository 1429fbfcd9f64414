//! The DHCP server's whole judgement (RFC 2131 §4.3), as one function from what the client said,
//! what the store knows of it and what the subnet is, to what is done and said.

use std::net::Ipv4Addr;

use api::id::Mac;
use api::routes::boot::image;

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
    /// A loader for this machine alone, by its file name; one that its firmware cannot start is not given.
    pub loader: Option<String>,
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
            file: own_loader(client, false).unwrap_or(&subnet.bios_loader).to_string(),
            class: Some("PXEClient"),
            hint: Some(BootHint::NoDiscovery),
        }),
        // UEFI takes file and server from an ordinary offer. With the class it would also read
        // the vendor options, and implementations differ in what they then search and ask.
        Firmware::UefiPxe => {
            let file = own_loader(client, true).unwrap_or(&subnet.uefi_loader).to_string();
            Some(Boot { file, class: None, hint: None })
        }
        // Without its class in the reply it drops the offer.
        Firmware::UefiHttp => Some(Boot {
            file: match own_loader(client, true) {
                Some(loader) => format!("{}{}", subnet.http, image("loaders", loader)),
                None => format!("{}{}", subnet.http, subnet.uefi_loader_path),
            },
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

/// A machine may have been switched from one firmware to the other since its loader was chosen.
fn own_loader(client: &Client, efi: bool) -> Option<&str> {
    client.loader.as_deref().filter(|loader| loader.ends_with(".efi") == efi)
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
pub(super) mod tests;
