//! A session on a UDP socket: sends what the session says, hears what comes, and keeps its time.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use api::bmc::Fault;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::dialogue::{Dialogue, Step};
use super::dice::Dice;
use super::login::Login;
use super::message::{Request, Response};
use super::packet::LONGEST;
use super::patience::Patience;
use super::session::{Event, Session};
use super::suite::Suite;

pub struct Connection {
    socket: UdpSocket,
    session: Session,
    start: Instant,
    pub suite: Suite,
}

impl Connection {
    /// Suites in the order in which they are tried.
    pub async fn open(
        address: SocketAddr,
        login: Arc<Login>,
        suites: &[Suite],
        patience: Patience,
    ) -> Result<Connection, Fault> {
        let socket = connect(address)
            .await
            .map_err(|error| Fault::Unreachable(format!("no way to {address}: {error}")))?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| Fault::Busy(format!("no random numbers here: {error}")))?;
        let session = Session::start(login, suites, Dice::new(seed), patience, Duration::ZERO);
        let mut connection = Connection { socket, session, start: Instant::now(), suite: suites[0] };
        match connection.event().await {
            Event::Ready(suite) => connection.suite = suite,
            Event::Failed(failure) => return Err(failure.fault()),
            other => return Err(Fault::Garbled(format!("a session opened with {other:?}"))),
        }
        Ok(connection)
    }

    pub async fn ask(&mut self, request: Request, name: &'static str) -> Result<Response, Fault> {
        let now = self.now();
        if !self.session.ask(request, name, now) {
            return Err(Fault::Busy("its session is at another request".into()));
        }
        loop {
            match self.event().await {
                Event::Answer(response) => return Ok(response),
                Event::Failed(failure) => return Err(failure.fault()),
                Event::Closed => return Err(Fault::Hung("the session is closed".into())),
                Event::Ready(_) | Event::Serial(_) => {}
            }
        }
    }

    pub async fn run<D: Dialogue>(&mut self, mut dialogue: D) -> Result<D::Outcome, Fault> {
        let mut last = None;
        loop {
            match dialogue.step(last.take())? {
                Step::Done(outcome) => return Ok(outcome),
                Step::Ask(request, name) => last = Some(self.ask(request, name).await?),
            }
        }
    }

    /// Whether the BMC says goodbye too does not matter.
    pub async fn close(mut self) {
        let now = self.now();
        self.session.close(now);
        while !matches!(self.event().await, Event::Closed | Event::Failed(_)) {}
    }

    /// The next thing that happens. Dropped in between it loses nothing.
    pub async fn event(&mut self) -> Event {
        let mut buffer = [0; LONGEST];
        loop {
            self.flush().await;
            if let Some(event) = self.session.poll_event() {
                return event;
            }
            let deadline = self.session.deadline().map(|due| self.start + due);
            let heard = tokio::select! {
                heard = self.socket.recv(&mut buffer) => heard,
                () = until(deadline) => {
                    let now = self.now();
                    self.session.handle_timeout(now);
                    continue;
                }
            };
            let now = self.now();
            match heard {
                Ok(length) => self.session.handle_packet(&buffer[..length], now),
                Err(error) => self.refused(&error),
            }
        }
    }

    /// Sends what waits to be sent. Lost is lost: it is sent again.
    pub async fn flush(&mut self) {
        while let Some(bytes) = self.session.poll_transmit() {
            if let Err(error) = self.socket.send(&bytes).await {
                self.refused(&error);
            }
        }
    }

    /// Only for what is not waited for, such as a sign of life; its answer comes as an event.
    pub fn ask_later(&mut self, request: Request, name: &'static str) -> bool {
        let now = self.now();
        self.session.ask(request, name, now)
    }

    pub fn is_alive(&self) -> bool {
        self.session.is_ready()
    }

    pub fn serial(&mut self, payload: &[u8]) {
        self.session.serial(payload);
    }

    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// When a session's time of `due` is.
    pub fn instant(&self, due: Duration) -> Instant {
        self.start + due
    }

    pub fn port(&self) -> u16 {
        self.socket.peer_addr().map_or(623, |address| address.port())
    }

    fn refused(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) {
            self.session.handle_refusal();
        }
    }
}

/// Connected, so that only the BMC is heard, and so that ICMP's word for it is.
async fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

/// Never, without an instant.
pub async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
