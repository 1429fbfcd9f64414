//! What a session says, again and again until it is answered, with growing patience. Pure.

use std::time::Duration;

use super::super::message::{Function, Request, request};
use super::super::packet::{Kind, encode_plain, encode_plus, presence_ping};
use super::{Phase, Session};

const GET_AUTHENTICATION_CAPABILITIES: u8 = 0x38;
/// From the second try on, pings tell silence from absence.
const PING_AFTER: u32 = 1;

/// What is said until it is answered.
pub struct Exchange {
    pub say: Say,
    /// For whoever reads why it failed.
    pub name: &'static str,
    pub tries: u32,
    pub due: Duration,
}

pub enum Say {
    Handshake(Kind, Vec<u8>),
    Message(Request),
}

impl Session {
    pub(super) fn say_message(&mut self, request: Request, name: &'static str, now: Duration) {
        if let Phase::Live(live) = &mut self.phase {
            live.message = (live.message + 1) % 64;
            self.say(Say::Message(request), name, now);
        }
    }

    pub(super) fn say(&mut self, say: Say, name: &'static str, now: Duration) {
        self.exchange = Some(Exchange { say, name, tries: 0, due: now });
        self.transmit(now);
    }

    pub(super) fn transmit(&mut self, now: Duration) {
        let Some(exchange) = &mut self.exchange else { return };
        let bytes = match (&exchange.say, &mut self.phase) {
            (Say::Handshake(kind, payload), _) => encode_plus(*kind, false, 0, 0, payload),
            // The same request under a new sequence number (6.12.13): the old packet may still arrive.
            (Say::Message(request), Phase::Live(live)) => {
                live.seal(Kind::Message, &request.encode(live.message), &mut self.dice)
            }
            (Say::Message(_), _) => return,
        };
        self.out.push_back(bytes);
        exchange.due = now + self.patience.wait(exchange.tries);
        exchange.tries += 1;
        if exchange.tries > PING_AFTER && matches!(self.phase, Phase::Opening(_)) && !self.heard {
            self.ping();
        }
    }

    /// Both are answered by BMCs that answer nothing else (13.2.3, 22.13), and cost no time of their own.
    fn ping(&mut self) {
        self.out.push_back(presence_ping(self.dice.tag()));
        // This channel, and what IPMI 2.0 adds to the answer.
        let data = [0x8e, self.level as u8];
        let message = request(Function::App, GET_AUTHENTICATION_CAPABILITIES, &data).encode(0);
        self.out.push_back(encode_plain(&message));
    }
}
