//! The management port of one machine: an address of its own on the rack's switch, with sockets on it for the
//! protocols, and the board that they lead to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};

use super::User;
use super::board::Board;
use super::chassis::Chassis;
use super::fault::Faults;
use crate::netns::Netns;
use crate::power::Machine;

/// Of the interface that all BMCs of a rack are behind.
pub(crate) const INTERFACE: &str = "bmc0";

/// Off the wire when dropped. The machine stays as it is.
pub struct Bmc {
    pub address: Ipv4Addr,
    pub user: User,
    pub faults: Faults,
    pub board: Arc<dyn Board>,
    inside: Netns,
    with_prefix: String,
}

impl Bmc {
    pub(crate) fn mount(
        machine: &Arc<Machine>,
        inside: &Netns,
        with_prefix: &str,
        user: User,
    ) -> Result<Self> {
        let address = with_prefix.split('/').next().unwrap_or_default();
        let address: Ipv4Addr = address.parse().with_context(|| {
            format!(
                "BMC of {}: {with_prefix:?} is no address with its prefix, as 10.77.0.201/24",
                machine.name
            )
        })?;
        inside
            .ip_batch(&format!("address add {with_prefix} dev {INTERFACE}\n"))
            .with_context(|| format!("give {address} to the BMC of {}", machine.name))?;
        let board: Arc<dyn Board> = Arc::new(Chassis::new(machine));
        let (inside, with_prefix) = (inside.clone(), with_prefix.to_owned());
        Ok(Self { address, user, faults: Faults::default(), board, inside, with_prefix })
    }

    /// Redfish is on 443 (DSP0266, 7.1).
    pub fn tcp(&self, port: u16) -> Result<TcpListener> {
        self.bind("TCP", port, TcpListener::bind)
    }

    /// IPMI is on 623 (IPMI 2.0, 13.1.2).
    pub fn udp(&self, port: u16) -> Result<UdpSocket> {
        self.bind("UDP", port, UdpSocket::bind)
    }

    /// A socket stays in the namespace in which it was made, so a thread that steps inside makes it.
    fn bind<S: Send + 'static>(
        &self,
        protocol: &str,
        port: u16,
        bind: impl FnOnce(SocketAddr) -> io::Result<S> + Send + 'static,
    ) -> Result<S> {
        let (inside, address) = (self.inside.clone(), SocketAddr::from((self.address, port)));
        let bound = thread::spawn(move || {
            inside.enter()?;
            bind(address)
        });
        let bound =
            bound.join().map_err(|_| anyhow!("the thread inside {} ended early", self.inside.name))?;
        bound.with_context(|| format!("listen on {address} ({protocol}) for a BMC"))
    }
}

impl Drop for Bmc {
    fn drop(&mut self) {
        // Of a rack that is down the interface is gone as well.
        let _ = self.inside.ip_batch(&format!("address delete {} dev {INTERFACE}\n", self.with_prefix));
    }
}
