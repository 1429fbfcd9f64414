//! The wire of one interface: where requests are heard, and the three ways a reply leaves by.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use api::id::Mac;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::packet::{CLIENT_PORT, Destination, SERVER_PORT};

const RECEIVE_BUFFER: usize = 4 << 20;

/// One socket an interface: a broadcast leaves by the interface that its socket is bound to. It is not
/// reusable, for another DHCP server that is would share the port in silence.
pub fn bind(interface: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, SERVER_PORT)).into())?;
    Ok(socket)
}

pub struct Link {
    udp: UdpSocket,
    state: UdpSocketState,
    /// None without CAP_NET_RAW: then clients without an address are answered by broadcast.
    raw: Option<Socket>,
    index: u32,
    server: Ipv4Addr,
}

impl Link {
    pub fn open(interface: &str, server: Ipv4Addr) -> io::Result<Link> {
        let socket = bind(interface)?;
        socket.set_broadcast(true)?;
        // A rack that powers on asks at once.
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_nonblocking(true)?;
        let index = rustix::net::netdevice::name_to_index(&socket, interface)?;
        let udp = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&udp))?;
        let raw = Socket::new(Domain::PACKET, Type::DGRAM, None)
            .and_then(|raw| raw.set_nonblocking(true).map(|()| raw))
            .inspect_err(|error| tracing::warn!(interface, %error, "no raw socket: replies are broadcast"))
            .ok();
        Ok(Link { udp, state, raw, index, server })
    }

    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.udp.recv_from(buffer).await?.0)
    }

    pub async fn send(&self, destination: Destination, payload: &[u8]) -> io::Result<()> {
        match (destination, &self.raw) {
            (Destination::Link(mac, address), Some(raw)) => {
                let packet = datagram(self.server, address, payload);
                raw.send_to(&packet, &link_address(self.index, mac)?).map(drop)
            }
            (Destination::Link(..), None) | (Destination::Broadcast, _) => {
                self.send_udp((Ipv4Addr::BROADCAST, CLIENT_PORT).into(), payload).await
            }
            (Destination::Client(address), _) => self.send_udp((address, CLIENT_PORT).into(), payload).await,
            (Destination::Relay(address), _) => self.send_udp((address, SERVER_PORT).into(), payload).await,
        }
    }

    async fn send_udp(&self, destination: SocketAddr, contents: &[u8]) -> io::Result<()> {
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size: None,
            // The interface may have other addresses; clients compare this one with the server's id.
            src_ip: Some(self.server.into()),
        };
        loop {
            self.udp.writable().await?;
            let sent =
                self.udp.try_io(Interest::WRITABLE, || self.state.try_send((&self.udp).into(), &transmit));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
    }
}

/// An IPv4 packet with a UDP datagram from the server's port to the client's. The kernel cannot
/// send it for us: it would ask by ARP for an address that nobody has yet.
fn datagram(from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let udp_length = (8 + payload.len()) as u16;
    let mut packet = Vec::with_capacity(28 + payload.len());
    packet.extend([0x45, 0x10]);
    packet.extend((20 + udp_length).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let header_sum = checksum(&packet, 0);
    packet[10..12].copy_from_slice(&header_sum.to_be_bytes());
    packet.extend(SERVER_PORT.to_be_bytes());
    packet.extend(CLIENT_PORT.to_be_bytes());
    packet.extend(udp_length.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    // The pseudo header: both addresses, the protocol, the length.
    let pseudo = sum(&packet[12..20]) + 17 + u32::from(udp_length);
    let udp_sum = match checksum(&packet[20..], pseudo) {
        0 => 0xffff,
        sum => sum,
    };
    packet[26..28].copy_from_slice(&udp_sum.to_be_bytes());
    packet
}

fn checksum(bytes: &[u8], start: u32) -> u16 {
    let mut total = start + sum(bytes);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

/// `sockaddr_ll` (packet(7)), which no library here can make.
fn link_address(index: u32, mac: Mac) -> io::Result<SockAddr> {
    const AF_PACKET: u16 = 17;
    const ETHERTYPE_IPV4: u16 = 0x0800;
    let mut bytes = [0u8; 20];
    bytes[0..2].copy_from_slice(&AF_PACKET.to_ne_bytes());
    bytes[2..4].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[11] = 6;
    bytes[12..18].copy_from_slice(&mac.0);
    // SAFETY: the storage is larger than `sockaddr_ll`, of which every byte is written, and the length
    // says so.
    let (_, address) = unsafe {
        SockAddr::try_init(|storage, length| {
            storage.cast::<[u8; 20]>().write(bytes);
            *length = 20;
            Ok(())
        })?
    };
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_a_packet_that_tcpdump_calls_good() {
        let packet = datagram(Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 199), &[1, 2, 3]);
        assert_eq!(checksum(&packet[..20], 0), 0, "a header with its own checksum sums to nothing");
        let pseudo = sum(&packet[12..20]) + 17 + 11;
        assert_eq!(checksum(&packet[20..], pseudo), 0);
        assert_eq!(packet.len(), 31);
    }

    #[test]
    fn a_link_address_names_interface_and_mac() {
        let address = link_address(3, Mac([1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!((address.len(), address.domain()), (20, Domain::PACKET));
    }
}
