//! The BMC as a whole, without a socket, a clock or a board: a datagram and the time go in, and what to send, what to
//! look at and what to do comes out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::commands::{self, Then};
use super::memory::Memory;
use super::message::{self, Code, Request};
use super::rmcp::{self, Datagram, Kind, Plus};
use super::sessions::Sessions;
use super::sol::Sol;
use super::view::{Now, Order, View};

pub struct Controller {
    pub sessions: Sessions,
    pub memory: Memory,
    pub sol: Option<Sol>,
    /// For so long a restart takes.
    restart: Duration,
    /// While it restarts.
    silent_until: Duration,
    out: VecDeque<(SocketAddr, Vec<u8>)>,
}

#[derive(Debug)]
pub enum Heard {
    /// Nothing to answer now.
    Nothing,
    /// To whoever sent it.
    Answer(Vec<u8>),
    /// To be decided with a view of the board, and then answered.
    Ask(Ask),
}

#[derive(Debug)]
pub struct Ask {
    pub via: Via,
    pub request: Request,
    message: Vec<u8>,
}

/// How a request came, and its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Outside of sessions, with the header of IPMI 1.5 or of RMCP+.
    Plain,
    Plus,
    Session(u32),
}

impl Controller {
    pub fn new(sessions: Sessions, memory: Memory, restart: Duration) -> Controller {
        let silent_until = Duration::ZERO;
        Controller { sessions, memory, sol: None, restart, silent_until, out: VecDeque::new() }
    }

    /// `full`: no session is opened, whatever room there is.
    pub fn receive(&mut self, datagram: &[u8], from: SocketAddr, now: Duration, full: bool) -> Heard {
        if now < self.silent_until {
            return Heard::Nothing;
        }
        match rmcp::decode(datagram) {
            Some(Datagram::Ping(tag)) => Heard::Answer(rmcp::pong(tag)),
            Some(Datagram::Plain(message)) => ask(Via::Plain, message.to_vec()),
            Some(Datagram::Plus(plus)) if plus.session != 0 => self.receive_in_session(&plus, from, now),
            Some(Datagram::Plus(plus)) if plus.kind == Kind::Message => ask(Via::Plus, plus.payload.to_vec()),
            Some(Datagram::Plus(plus)) => {
                self.sessions.greet(&plus, from, now, full).map_or(Heard::Nothing, Heard::Answer)
            }
            None => Heard::Nothing,
        }
    }

    /// What a request comes to. An order is carried out before the answer goes, which tells how that went.
    pub fn decide(&mut self, ask: &Ask, view: &View, now: Now) -> commands::Outcome {
        commands::run(self, ask, view, now)
    }

    pub fn answer(&mut self, ask: &Ask, outcome: commands::Outcome, now: Duration) -> Option<Vec<u8>> {
        let (result, then) = match outcome {
            Ok(reply) => (Ok(reply.data), reply.then),
            Err(code) => (Err(code), None),
        };
        let message = message::answer(&ask.request, result.as_deref().map_err(|code: &Code| *code));
        let datagram = match ask.via {
            Via::Plain => Some(rmcp::encode_plain(&message)),
            Via::Plus => Some(rmcp::encode_plus(Kind::Message, false, 0, 0, &message)),
            Via::Session(id) => {
                self.sessions.keep_answer(id, ask.message.clone(), message.clone(), now);
                self.sessions.seal(id, Kind::Message, &message).map(|(_, datagram)| datagram)
            }
        };
        match then {
            Some(Then::Close(id)) => self.sessions.close(id),
            Some(Then::Restart) => self.silent_until = now + self.restart,
            None => {}
        }
        if then == Some(Then::Restart) {
            self.end_console();
            self.sessions.close_all();
            self.memory.restart();
        }
        datagram
    }

    /// What time alone brings about.
    pub fn tick(&mut self, now: Duration) -> Vec<Order> {
        self.sessions.expire(now);
        if self.sol.as_ref().is_some_and(|sol| self.sessions.live(sol.session).is_none()) {
            self.sol = None;
        }
        if let Some(sol) = &mut self.sol {
            sol.tick(now);
        }
        self.memory.tick(now)
    }

    /// When there is something to do next if nothing comes.
    pub fn due(&self) -> Option<Duration> {
        let sol = self.sol.as_ref().and_then(Sol::due);
        [sol, self.sessions.next_end(), self.memory.due()].into_iter().flatten().min()
    }

    /// What the BMC has to say by itself.
    pub fn poll(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        while let Some(sol) = &mut self.sol
            && let Some(payload) = sol.poll()
        {
            self.out.extend(self.sessions.seal(sol.session, Kind::Serial, &payload));
        }
        self.out.pop_front()
    }

    /// Whoever has the console is told that it ends.
    pub fn end_console(&mut self) {
        if let Some(sol) = self.sol.take() {
            self.out.extend(self.sessions.seal(sol.session, Kind::Serial, &Sol::farewell()));
        }
    }

    fn receive_in_session(&mut self, plus: &Plus, from: SocketAddr, now: Duration) -> Heard {
        let Some((id, payload)) = self.sessions.open(plus, from, now) else { return Heard::Nothing };
        match plus.kind {
            Kind::Serial => {
                if let Some(sol) = self.sol.as_mut().filter(|sol| sol.session == id) {
                    sol.hear(&payload, now);
                }
                Heard::Nothing
            }
            Kind::Message => match self.sessions.answered(id, &payload, now) {
                Some(answer) => {
                    let sealed = self.sessions.seal(id, Kind::Message, &answer);
                    sealed.map_or(Heard::Nothing, |(_, datagram)| Heard::Answer(datagram))
                }
                None => ask(Via::Session(id), payload),
            },
            _ => Heard::Nothing,
        }
    }
}

fn ask(via: Via, message: Vec<u8>) -> Heard {
    match message::decode(&message) {
        Some(request) => Heard::Ask(Ask { via, request, message }),
        None => Heard::Nothing,
    }
}
