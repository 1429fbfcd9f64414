//! Router Advertisements (RFC 4861) that advertise no router and no prefix. iPXE configures IPv6 beside
//! IPv4 and boots 13 s later when nobody answers its solicitation; one advertisement without the managed
//! and other-configuration flags ends that wait. A router lifetime of 0 makes no host use us as a gateway.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const SOLICITATION: u8 = 133;
/// Type 134, then everything unspecified: hop limit, flags, lifetimes, timers. The kernel fills in
/// the checksum.
const ADVERTISEMENT: [u8; 16] = [134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// RFC 4861 §6.2.1 allows 4 to 1800 s; who comes in between solicits.
const EVERY: Duration = Duration::from_secs(200);
/// MIN_DELAY_BETWEEN_RAS of RFC 4861 §10, for those sent to all.
const APART: Duration = Duration::from_secs(3);

/// Advertises on one interface until its socket fails.
pub async fn serve(interface: &str) -> io::Result<()> {
    let (socket, index) = open(interface)?;
    let everyone = SocketAddr::from(SocketAddrV6::new(ALL_NODES, 0, 0, index));
    let mut timer = interval(EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told_all: Option<Instant> = None;
    let mut buffer = [0; 1500];
    tracing::info!(interface, "router advertisements are sent");
    loop {
        let to = tokio::select! {
            _ = timer.tick() => everyone,
            received = socket.recv_from(&mut buffer) => match received? {
                (length, from) if buffer[..length].first() == Some(&SOLICITATION) => {
                    if from.ip().is_unspecified() { everyone } else { from }
                }
                _ => continue,
            },
        };
        if to == everyone && told_all.is_some_and(|at| at.elapsed() < APART) {
            continue;
        }
        match socket.send_to(&ADVERTISEMENT, to).await {
            Ok(_) if to == everyone => told_all = Some(Instant::now()),
            Ok(_) => {}
            // No link-local address yet, or the cable is out: the next solicitation tries again.
            Err(error) => tracing::debug!(interface, %to, %error, "a router advertisement was not sent"),
        }
    }
}

/// A raw ICMPv6 socket and the interface's index. Whole messages go in and out of it as they do of a UDP
/// socket, so that type carries it.
fn open(interface: &str) -> io::Result<(UdpSocket, u32)> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    let index = rustix::net::netdevice::name_to_index(&socket, interface)?;
    socket.set_multicast_if_v6(index)?;
    // What has crossed a router is not believed (RFC 4861 §6.1.2), so 255 is a must.
    socket.set_multicast_hops_v6(255)?;
    socket.set_unicast_hops_v6(255)?;
    socket.join_multicast_v6(&ALL_ROUTERS, index)?;
    socket.set_nonblocking(true)?;
    Ok((UdpSocket::from_std(socket.into())?, index))
}
