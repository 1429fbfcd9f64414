//! What a DHCP packet means: `Request` is what a client said, `Reply` what we say back. Owned
//! and typed; option numbers stay in `decode` and `encode`.

use std::fmt;
use std::net::Ipv4Addr;

use api::id::Mac;
use uuid::Uuid;

/// UDP ports of RFC 2131 §4.1.
pub const SERVER_PORT: u16 = 67;
pub const CLIENT_PORT: u16 = 68;

/// The client's messages; a server's own (OFFER, ACK, NAK) never become a `Request`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Discover,
    Request,
    Decline,
    Release,
    Inform,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub ask: Ask,
    pub xid: u32,
    pub secs: u16,
    /// The client cannot receive unicast before it has an address.
    pub broadcast: bool,
    pub mac: Mac,
    /// `ciaddr`: the address the client already uses.
    pub client_addr: Option<Ipv4Addr>,
    /// `giaddr`: the relay that passed the packet on.
    pub relay: Option<Ipv4Addr>,
    /// The address it asks for (50).
    pub requested: Option<Ipv4Addr>,
    /// The server whose offer it takes (54).
    pub server: Option<Ipv4Addr>,
    /// Echoed, never a key: see `store::lease` for why leases are kept by MAC.
    pub client_id: Option<Vec<u8>>,
    pub hostname: Option<String>,
    /// What firmware says of itself, `PXEClient:Arch:00007:UNDI:003000`.
    pub class: Option<String>,
    /// IANA processor architecture of the boot client.
    pub arch: Option<u16>,
    /// iPXE's user class or its own encapsulated option is there.
    pub ipxe: bool,
    /// SMBIOS UUID as people read it.
    pub uuid: Option<Uuid>,
    /// The UUID option as it came, to be echoed byte for byte.
    pub uuid_raw: Option<Vec<u8>>,
    /// Relay agent information, echoed to the relay.
    pub relay_info: Option<Vec<u8>>,
    /// The largest IP datagram the client takes, clamped to something an Ethernet carries.
    pub max_size: u16,
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ask::Discover => "DISCOVER",
            Ask::Request => "REQUEST",
            Ask::Decline => "DECLINE",
            Ask::Release => "RELEASE",
            Ask::Inform => "INFORM",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    Offer,
    Ack,
    Nak,
}

impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Say::Offer => "OFFER",
            Say::Ack => "ACK",
            Say::Nak => "NAK",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub say: Say,
    pub destination: Destination,
    pub xid: u32,
    pub broadcast: bool,
    pub mac: Mac,
    pub client_addr: Option<Ipv4Addr>,
    pub your_addr: Option<Ipv4Addr>,
    pub relay: Option<Ipv4Addr>,
    /// Our address as the client sees it.
    pub server: Ipv4Addr,
    /// Absent in a NAK and in the answer to an INFORM.
    pub lease_s: Option<u32>,
    /// Absent in a NAK.
    pub network: Option<Network>,
    pub hostname: Option<String>,
    pub boot: Option<Boot>,
    pub client_id: Option<Vec<u8>>,
    pub uuid_raw: Option<Vec<u8>>,
    pub relay_info: Option<Vec<u8>>,
    /// For the person who reads a capture.
    pub message: Option<&'static str>,
    pub max_size: u16,
}

/// Where a reply goes: RFC 2131 §4.1 as data, so that it can be tested without a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    Broadcast,
    /// The client has no address yet and answers no ARP: the frame is addressed by us.
    Link(Mac, Ipv4Addr),
    /// It uses this address already.
    Client(Ipv4Addr),
    Relay(Ipv4Addr),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Broadcast => write!(f, "broadcast"),
            Destination::Link(mac, addr) => write!(f, "{addr} at {mac}"),
            Destination::Client(addr) => write!(f, "{addr}"),
            Destination::Relay(addr) => write!(f, "relay {addr}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub mask: Ipv4Addr,
    pub broadcast: Ipv4Addr,
    pub router: Option<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    pub ntp: Vec<Ipv4Addr>,
    pub domain: Option<String>,
}

/// What firmware is told to fetch next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// A file name on our TFTP server, or a URL.
    pub file: String,
    /// The vendor class some firmware insists on seeing again.
    pub class: Option<&'static str>,
    pub hint: Option<BootHint>,
}

/// A word to one kind of firmware that spares it a search or a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootHint {
    /// PXE ROM: take the file named here, look for no boot server, show no menu.
    NoDiscovery,
    /// iPXE: no proxyDHCP server will speak, do not wait 3 s for one.
    NoProxy,
}
