//! One session with a BMC (IPMI 2.0, 13.14 to 13.33) as a machine of bytes and timeouts: it opens, asks one thing
//! at a time, carries console output, closes. Time and randomness are given; a datagram can do no harm. Pure.

mod exchange;
mod opening;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use self::exchange::{Exchange, Say};
use super::dice::Dice;
use super::failure::{Failure, is_busy};
use super::live::{Live, Stage};
use super::login::Login;
use super::message::{Function, Request, Response, request};
use super::packet::{Datagram, Kind, Malformed, Plus, decode};
use super::patience::Patience;
use super::rakp::{Challenge, Level, Opened, Proposal};
use super::suite::Suite;

const CLOSE_SESSION: u8 = 0x3c;
/// Who answers pings and says nothing to so many tries does not know the suite: some refuse it that way.
const SUITE_TRIES: u32 = 2;
/// ICMP may speak for a BMC that is just starting, so once is not enough.
const REFUSALS: u8 = 2;

pub struct Session {
    login: Arc<Login>,
    dice: Dice,
    patience: Patience,
    level: Level,
    /// Those not tried yet are behind the first, which is.
    suites: VecDeque<Suite>,
    offered: Option<[u8; 3]>,
    phase: Phase,
    exchange: Option<Exchange>,
    restarts: u8,
    refusals: u8,
    heard: bool,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Requests may be made, with this suite.
    Ready(Suite),
    Answer(Response),
    /// A payload of serial-over-LAN.
    Serial(Vec<u8>),
    Failed(Failure),
    Closed,
}

enum Phase {
    Opening(Proposal),
    Proving(Proposal, Opened),
    /// With the session integrity key.
    Confirming(Proposal, Opened, Challenge, Vec<u8>),
    Live(Box<Live>),
    Over,
}

impl Session {
    /// Suites in the order in which they are tried.
    pub fn start(
        login: Arc<Login>,
        suites: &[Suite],
        dice: Dice,
        patience: Patience,
        now: Duration,
    ) -> Session {
        let mut session = Session {
            level: login.level,
            login,
            dice,
            patience,
            suites: suites.iter().copied().collect(),
            offered: None,
            phase: Phase::Over,
            exchange: None,
            restarts: 0,
            refusals: 0,
            heard: false,
            out: VecDeque::new(),
            events: VecDeque::new(),
        };
        session.open(now);
        session
    }

    pub fn handle_packet(&mut self, bytes: &[u8], now: Duration) {
        // What is malformed, late, doubled or another's is as if it had been lost.
        let _ = self.take(bytes, now);
    }

    pub fn handle_timeout(&mut self, now: Duration) {
        let Some(exchange) = self.exchange.as_ref().filter(|exchange| exchange.due <= now) else { return };
        let closing = matches!(&self.phase, Phase::Live(live) if live.stage == Stage::Closing);
        let other_suite = matches!(self.phase, Phase::Opening(_)) && self.heard && self.suites.len() > 1;
        let tries = if other_suite { SUITE_TRIES } else { self.patience.tries };
        if exchange.tries < tries && !closing {
            self.transmit(now);
        } else if closing {
            self.end(Event::Closed);
        } else {
            self.give_up(exchange.name, now);
        }
    }

    /// The network says that nobody is there.
    pub fn handle_refusal(&mut self) {
        self.refusals += 1;
        if self.refusals >= REFUSALS && !matches!(self.phase, Phase::Over) {
            self.end(Event::Failed(Failure::NoPort));
        }
    }

    /// False before `Ready`, after the end, and while another request waits.
    pub fn ask(&mut self, request: Request, name: &'static str, now: Duration) -> bool {
        let free = self.exchange.is_none();
        let ready = matches!(&self.phase, Phase::Live(live) if live.stage == Stage::Ready);
        if free && ready {
            self.say_message(request, name, now);
        }
        free && ready
    }

    pub fn serial(&mut self, payload: &[u8]) {
        if let Phase::Live(live) = &mut self.phase {
            let bytes = live.seal(Kind::SerialOverLan, payload, &mut self.dice);
            self.out.push_back(bytes);
        }
    }

    /// Says goodbye once: a BMC that does not hear it forgets us after a minute.
    pub fn close(&mut self, now: Duration) {
        let Phase::Live(live) = &mut self.phase else { return self.end(Event::Closed) };
        live.stage = Stage::Closing;
        let goodbye = goodbye(live);
        self.say_message(goodbye, "Close Session", now);
    }

    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `handle_timeout` wants to be called.
    pub fn deadline(&self) -> Option<Duration> {
        self.exchange.as_ref().map(|exchange| exchange.due)
    }

    pub fn is_ready(&self) -> bool {
        matches!(&self.phase, Phase::Live(live) if live.stage == Stage::Ready)
    }

    fn take(&mut self, bytes: &[u8], now: Duration) -> Result<(), Malformed> {
        match decode(bytes)? {
            Datagram::Pong { .. } => self.heard = true,
            Datagram::Plain(message) => self.heard |= Response::decode(message).is_ok(),
            Datagram::Plus(plus) => self.take_plus(&plus, now)?,
        }
        Ok(())
    }

    fn take_plus(&mut self, plus: &Plus, now: Duration) -> Result<(), Malformed> {
        let payload = plus.payload;
        match (&mut self.phase, plus.kind) {
            (Phase::Opening(proposal), Kind::OpenResponse) => {
                if let Some(reply) = proposal.opened(payload)? {
                    self.opened(reply, now);
                }
            }
            (Phase::Proving(proposal, opened), Kind::Rakp2) => {
                if let Some(reply) = proposal.challenged(opened, self.login.password(), payload)? {
                    self.challenged(reply, now);
                }
            }
            (Phase::Confirming(proposal, opened, challenge, secret), Kind::Rakp4) => {
                if let Some(reply) = proposal.confirmed(opened, challenge, secret, payload)? {
                    self.confirmed(reply, now);
                }
            }
            (Phase::Live(live), Kind::Message | Kind::SerialOverLan) => {
                let payload = live.open(plus)?;
                match plus.kind {
                    Kind::Message => self.answered(Response::decode(&payload)?, now),
                    _ => self.events.push_back(Event::Serial(payload)),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, response: Response, now: Duration) {
        let Phase::Live(live) = &mut self.phase else { return };
        let waited = self.exchange.as_ref().is_some_and(|exchange| {
            matches!(&exchange.say, Say::Message(request) if request.is_answered_by(&response, live.message))
        });
        if !waited {
            return;
        }
        self.exchange = None;
        match (live.stage, response.completion) {
            (Stage::Ready, _) => self.events.push_back(Event::Answer(response)),
            (Stage::Closing, _) => self.end(Event::Closed),
            (Stage::Raising, 0) => {
                live.stage = Stage::Ready;
                self.events.push_back(Event::Ready(live.suite));
            }
            // A BMC that is busy says nothing about what the user may do.
            (Stage::Raising, code) if self.level == Level::Administrator && !is_busy(code) => {
                self.level = Level::Operator;
                self.raise(now);
            }
            (Stage::Raising, code) => self.leave(Failure::Privilege(code)),
        }
    }

    fn give_up(&mut self, name: &'static str, now: Duration) {
        match (&self.phase, self.heard) {
            (Phase::Opening(_), true) if self.suites.len() > 1 => self.next_suite(None, now),
            (Phase::Opening(_), false) => self.end(Event::Failed(Failure::Nothing)),
            _ => self.leave(Failure::Silent(name)),
        }
    }

    /// Whatever it is that the BMC does not do: a session that nobody ends stays one of its few for a minute.
    fn leave(&mut self, failure: Failure) {
        if let Phase::Live(live) = &mut self.phase {
            live.message = (live.message + 1) % 64;
            let goodbye = goodbye(live).encode(live.message);
            let bytes = live.seal(Kind::Message, &goodbye, &mut self.dice);
            self.out.push_back(bytes);
        }
        self.end(Event::Failed(failure));
    }

    fn end(&mut self, event: Event) {
        self.phase = Phase::Over;
        self.exchange = None;
        self.events.push_back(event);
    }

    fn leave_phase(&mut self) -> Phase {
        self.exchange = None;
        std::mem::replace(&mut self.phase, Phase::Over)
    }
}

/// Close Session (22.19).
fn goodbye(live: &Live) -> Request {
    request(Function::App, CLOSE_SESSION, &live.bmc.to_le_bytes())
}
