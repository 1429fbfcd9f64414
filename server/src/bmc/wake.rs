//! Machines without a BMC: a magic packet switches on, the agent does the rest while it lives, and what is left
//! needs a hand at the power button.

pub mod goodbye;
pub mod sleeper;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use api::bmc::hardware::Hardware;
use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};
use api::id::{Mac, ParseError};
use futures::future::BoxFuture;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::Driver;

/// Discard: nobody listens there, and cards do not ask for a port.
pub const PORT: u16 = 9;
/// A card that just lost its link misses one, and a second packet costs nothing.
const TIMES: usize = 3;

/// What the agent is asked to do in place of a BMC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByAgent {
    Reboot,
    PowerOff,
}

impl ByAgent {
    pub const ALL: [ByAgent; 2] = [ByAgent::Reboot, ByAgent::PowerOff];

    /// The one spelling, in SQL and in texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            ByAgent::Reboot => "reboot",
            ByAgent::PowerOff => "power-off",
        }
    }
}

impl fmt::Display for ByAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ByAgent {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = ByAgent::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or_else(|| ParseError { text: text.into(), expected: "reboot or power-off" })
    }
}

/// Leaves the agent such a task. Ok: it is there when the agent asks for work next.
pub type Agent = Arc<dyn Fn(ByAgent) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>;

/// Where a magic packet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// To everybody on the network of this interface of the server.
    Interface(String),
    /// To the broadcast address of a network behind a router that lets it through.
    Broadcast(Ipv4Addr),
}

/// One machine without a BMC, and what is known of it at this moment.
#[derive(Clone)]
pub struct Wake {
    pub macs: Vec<Mac>,
    pub via: Via,
    /// The six bytes that some cards want behind the packet (SecureOn).
    pub secure_on: Option<[u8; 6]>,
    /// Absent while no agent of it speaks.
    pub agent: Option<Agent>,
    /// What its traffic says: On of one that is heard, Off of one that said goodbye, else Unknown.
    pub seen: Power,
}

/// How an action is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Packet,
    Agent(ByAgent),
    /// It is so already.
    Nothing,
}

/// None: only a hand can.
pub fn way(action: PowerAction, seen: Power, agent: bool) -> Option<Way> {
    match (action, agent) {
        (PowerAction::On, true) => Some(Way::Nothing),
        (PowerAction::On, false) => Some(Way::Packet),
        (PowerAction::Cycle, true) => Some(Way::Agent(ByAgent::Reboot)),
        (PowerAction::Off | PowerAction::Shutdown, true) => Some(Way::Agent(ByAgent::PowerOff)),
        (PowerAction::Off | PowerAction::Shutdown, false) if seen == Power::Off => Some(Way::Nothing),
        (PowerAction::Cycle, false) if seen == Power::Off => Some(Way::Packet),
        (PowerAction::Off | PowerAction::Shutdown | PowerAction::Cycle, false) => None,
    }
}

/// Six times 0xff, sixteen times the card's address, then the password of cards that have one.
pub fn magic(mac: Mac, secure_on: Option<[u8; 6]>) -> Vec<u8> {
    let mut packet = vec![0xff; 6];
    packet.extend(mac.0.repeat(16));
    packet.extend(secure_on.iter().flatten());
    packet
}

/// Sends the packets of all these cards: which of them wakes the machine, it alone knows.
pub async fn send(macs: &[Mac], secure_on: Option<[u8; 6]>, via: &Via, port: u16) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    let address = match via {
        Via::Interface(interface) => {
            socket.bind_device(Some(interface.as_bytes()))?;
            Ipv4Addr::BROADCAST
        }
        Via::Broadcast(address) => *address,
    };
    let socket = UdpSocket::from_std(socket.into())?;
    for _ in 0..TIMES {
        for mac in macs {
            socket.send_to(&magic(*mac, secure_on), SocketAddr::from((address, port))).await?;
        }
    }
    Ok(())
}

impl Driver for Wake {
    async fn power(&self) -> Result<Power, Fault> {
        Ok(if self.agent.is_some() { Power::On } else { self.seen })
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        match (way(action, self.seen, self.agent.is_some()), &self.agent) {
            (Some(Way::Packet), _) => self.wake().await,
            (Some(Way::Agent(task)), Some(agent)) => agent(task).await,
            (Some(Way::Nothing), _) => Ok(()),
            (None | Some(Way::Agent(_)), _) => Err(Fault::Unsupported(by_hand(action).into())),
        }
    }

    async fn boot_once(&self, _: BootOnce, _: FirmwareMode) -> Result<(), Fault> {
        Err(Fault::Unsupported(
            "it has no BMC, so its firmware's own order decides: network boot has to come first there, and the \
             server then sends it on to its disk"
                .into(),
        ))
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn identify(&self, _: bool) -> Result<(), Fault> {
        Err(Fault::Unsupported("it has no BMC, and so no light that could be switched".into()))
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        Err(Fault::Unsupported("it has no BMC that reads sensors".into()))
    }

    async fn hardware(&self) -> Result<Hardware, Fault> {
        Err(Fault::Unsupported(
            "it has no BMC that knows its parts; `metalctl machine show` has what its agent found".into(),
        ))
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        Err(Fault::Unsupported("it has no BMC that keeps a log".into()))
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        Err(Fault::Unsupported("it has no BMC".into()))
    }
}

impl Wake {
    async fn wake(&self) -> Result<(), Fault> {
        if self.macs.is_empty() {
            return Err(Fault::Unsupported(
                "none of its network cards is known: needs a hand: press power".into(),
            ));
        }
        send(&self.macs, self.secure_on, &self.via, PORT).await.map_err(|error| {
            let via = match &self.via {
                Via::Interface(interface) => interface.clone(),
                Via::Broadcast(address) => address.to_string(),
            };
            Fault::Unreachable(format!("no magic packet leaves by {via}: {error}"))
        })
    }
}

fn by_hand(action: PowerAction) -> &'static str {
    match action {
        PowerAction::Cycle => {
            "no BMC, and no agent of it that could do it: needs a hand: press power, and press it again"
        }
        _ => "no BMC, and no agent of it that could do it: needs a hand: press power",
    }
}

#[cfg(test)]
mod tests;
