//! How a session comes to be open: suites one after the other, the proofs of both sides, and the privilege. Pure.

use std::time::Duration;

use super::super::failure::Failure;
use super::super::keys::Keys;
use super::super::live::Live;
use super::super::message::{Function, request};
use super::super::packet::{Kind, encode_plus};
use super::super::rakp::{Challenge, Level, Opened, Proposal, Reply, is_about_suite};
use super::super::suite::Suite;
use super::exchange::Say;
use super::{Event, Phase, Session};

const SET_SESSION_PRIVILEGE: u8 = 0x3b;
/// "The session went stale" can come of packets that the wire doubled or held back: so often it is begun anew.
const RESTARTS: u8 = 2;

impl Session {
    /// Begins anew with the first of the suites that are left.
    pub(super) fn open(&mut self, now: Duration) {
        let Some(suite) = self.suites.front().copied() else {
            return self.end(Event::Failed(Failure::Suites(self.offered)));
        };
        let proposal = Proposal {
            suite,
            level: self.level,
            tag: self.dice.tag(),
            console: self.dice.session(),
            random: self.dice.sixteen(),
            name: self.login.name.clone(),
        };
        let bytes = proposal.open_request();
        self.phase = Phase::Opening(proposal);
        self.say(Say::Handshake(Kind::OpenRequest, bytes), "requests to open a session", now);
    }

    pub(super) fn opened(&mut self, reply: Reply<Opened>, now: Duration) {
        self.heard = true;
        let Phase::Opening(proposal) = self.leave_phase() else { return };
        match reply {
            Reply::Given(opened) if Suite::of(opened.algorithms) == Some(proposal.suite) => {
                let bytes = proposal.rakp1(&opened);
                self.phase = Phase::Proving(proposal, opened);
                self.say(Say::Handshake(Kind::Rakp1, bytes), "RAKP 1", now);
            }
            // Some name the suite that they do instead of refusing the one that they do not.
            Reply::Given(opened) => self.next_suite(Some(opened.algorithms), now),
            Reply::Refused(status) if is_about_suite(status) => self.next_suite(None, now),
            Reply::Refused(status) => self.refused(status, "opening a session", now),
        }
    }

    pub(super) fn challenged(&mut self, reply: Reply<(Challenge, bool)>, now: Duration) {
        let Phase::Proving(proposal, opened) = self.leave_phase() else { return };
        match reply {
            Reply::Refused(status) => self.refused(status, "logging in", now),
            Reply::Given((_, false)) => {
                let refusal = proposal.rakp3_refusal(&opened);
                self.out.push_back(encode_plus(Kind::Rakp3, false, 0, 0, &refusal));
                self.end(Event::Failed(Failure::Password { cut: self.login.may_be_cut() }));
            }
            Reply::Given((challenge, true)) => {
                let bytes = proposal.rakp3(&opened, &challenge, self.login.password());
                let secret = proposal.integrity_key(&challenge, self.login.session_key());
                self.phase = Phase::Confirming(proposal, opened, challenge, secret);
                self.say(Say::Handshake(Kind::Rakp3, bytes), "RAKP 3", now);
            }
        }
    }

    pub(super) fn confirmed(&mut self, reply: Reply<bool>, now: Duration) {
        let Phase::Confirming(proposal, opened, _, secret) = self.leave_phase() else { return };
        match reply {
            Reply::Refused(status) => self.refused(status, "logging in", now),
            Reply::Given(false) => {
                self.end(Event::Failed(Failure::Key { given: self.login.has_key() }));
            }
            Reply::Given(true) => {
                let keys = Keys::new(proposal.suite, &secret);
                let live = Live::new(proposal.suite, keys, proposal.console, opened.bmc);
                self.phase = Phase::Live(Box::new(live));
                self.raise(now);
            }
        }
    }

    /// A session begins as a user's (22.18).
    pub(super) fn raise(&mut self, now: Duration) {
        let level = request(Function::App, SET_SESSION_PRIVILEGE, &[self.level as u8]);
        self.say_message(level, "Set Session Privilege Level", now);
    }

    pub(super) fn next_suite(&mut self, offered: Option<[u8; 3]>, now: Duration) {
        self.offered = offered.or(self.offered);
        self.suites.pop_front();
        self.open(now);
    }

    pub(super) fn refused(&mut self, status: u8, what: &'static str, now: Duration) {
        let stale = matches!(status, 0x02 | 0x08 | 0x0f);
        if stale && self.restarts < RESTARTS {
            self.restarts += 1;
            self.open(now);
        } else if matches!(status, 0x09 | 0x0a) && self.level == Level::Administrator {
            self.level = Level::Operator;
            self.open(now);
        } else {
            self.end(Event::Failed(Failure::Status(status, what)));
        }
    }
}
