//! The sessions of a BMC, from the first proposal to their end (IPMI 2.0 rev. 1.1, 6.12 and 13.14 to 13.33). There
//! are few of them, and none lasts without packets.

use std::net::SocketAddr;
use std::time::Duration;

use super::accounts::Account;
use super::dice::Dice;
use super::handshake::{
    Challenge, Proposal, Rakp1, Refused, Status, opened, read_proposal, read_rakp1, read_rakp3, refusal,
};
use super::rmcp::{Kind, Plus, encode_plus};
use super::seal::Seal;
use super::settings::{Level, Settings};
use super::suite::Suite;
use super::window::Window;

/// What is not opened by then is given up, so that packets of nobody take no place.
const OPENING: Duration = Duration::from_secs(10);
/// A request that comes again is the same one, whose answer was lost, and is not carried out twice (6.12.13).
const AGAIN: Duration = Duration::from_secs(5);

pub struct Sessions {
    accounts: Vec<Account>,
    settings: Settings,
    guid: [u8; 16],
    dice: Dice,
    all: Vec<Session>,
}

pub struct Session {
    pub id: u32,
    pub from: SocketAddr,
    proposal: Proposal,
    used: Duration,
    stage: Stage,
}

enum Stage {
    Opened,
    /// With the number of the account.
    Challenged(Challenge, usize),
    Live(Box<Live>),
}

/// A session that may ask.
pub struct Live {
    pub user: u8,
    /// What it may do now, and what it may be raised to (6.8).
    pub level: Level,
    pub limit: Level,
    seal: Seal,
    /// Of the last packet that was sent.
    sequence: u32,
    window: Window,
    tag: u8,
    rakp4: Vec<u8>,
    answered: Option<Answered>,
}

struct Answered {
    request: Vec<u8>,
    answer: Vec<u8>,
    at: Duration,
}

impl Sessions {
    pub fn new(accounts: Vec<Account>, settings: Settings, guid: [u8; 16], dice: Dice) -> Sessions {
        Sessions { accounts, settings, guid, dice, all: vec![] }
    }

    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// One step of opening a session. `full`: whatever there is room for, it says that there is none.
    pub fn greet(&mut self, plus: &Plus, from: SocketAddr, now: Duration, full: bool) -> Option<Vec<u8>> {
        let (kind, payload) = match plus.kind {
            Kind::OpenRequest => (Kind::OpenResponse, self.propose(plus.payload, from, now, full)?),
            Kind::Rakp1 => (Kind::Rakp2, self.challenge(read_rakp1(plus.payload)?, now)?),
            Kind::Rakp3 => (Kind::Rakp4, self.prove(plus.payload, now)?),
            _ => return None,
        };
        Some(encode_plus(kind, false, 0, 0, &payload))
    }

    /// What a session says, once and by the one who opened it.
    pub fn open(&mut self, plus: &Plus, from: SocketAddr, now: Duration) -> Option<(u32, Vec<u8>)> {
        let session = self.all.iter_mut().find(|session| session.id == plus.session)?;
        let Stage::Live(live) = &mut session.stage else { return None };
        let payload = live.seal.open(plus)?;
        if !live.window.admit(plus.sequence) {
            return None;
        }
        (session.used, session.from) = (now, from);
        Some((session.id, payload))
    }

    /// A datagram for the other end of a session.
    pub fn seal(&mut self, id: u32, kind: Kind, payload: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        let iv = self.dice.sixteen();
        let session = self.all.iter_mut().find(|session| session.id == id)?;
        let Stage::Live(live) = &mut session.stage else { return None };
        live.sequence = live.sequence.checked_add(1).unwrap_or(1);
        Some((session.from, live.seal.close(kind, session.proposal.console, live.sequence, payload, iv)))
    }

    /// The answer to this very request, where it was given just before.
    pub fn answered(&self, id: u32, request: &[u8], now: Duration) -> Option<Vec<u8>> {
        let last = self.live(id)?.answered.as_ref()?;
        (last.request == request && now < last.at + AGAIN).then(|| last.answer.clone())
    }

    pub fn keep_answer(&mut self, id: u32, request: Vec<u8>, answer: Vec<u8>, at: Duration) {
        if let Some(live) = self.live_mut(id) {
            live.answered = Some(Answered { request, answer, at });
        }
    }

    pub fn live(&self, id: u32) -> Option<&Live> {
        self.all.iter().find(|session| session.id == id)?.live()
    }

    pub fn live_mut(&mut self, id: u32) -> Option<&mut Live> {
        match &mut self.all.iter_mut().find(|session| session.id == id)?.stage {
            Stage::Live(live) => Some(live),
            _ => None,
        }
    }

    /// Those that may ask, the oldest first.
    pub fn active(&self) -> impl Iterator<Item = (&Session, &Live)> {
        self.all.iter().filter_map(|session| Some((session, session.live()?)))
    }

    pub fn limit(&self) -> usize {
        self.settings.sessions
    }

    pub fn suites(&self) -> &[Suite] {
        &self.settings.suites
    }

    pub fn has_key(&self) -> bool {
        self.settings.key.is_some()
    }

    pub fn close(&mut self, id: u32) {
        self.all.retain(|session| session.id != id);
    }

    pub fn close_all(&mut self) {
        self.all.clear();
    }

    pub fn expire(&mut self, now: Duration) {
        let idle = self.settings.idle;
        self.all.retain(|session| now < session.end(idle));
    }

    /// When the next of them ends if nothing comes.
    pub fn next_end(&self) -> Option<Duration> {
        self.all.iter().map(|session| session.end(self.settings.idle)).min()
    }

    fn propose(&mut self, payload: &[u8], from: SocketAddr, now: Duration, full: bool) -> Option<Vec<u8>> {
        let proposal = match read_proposal(payload, &self.settings.suites)? {
            Ok(proposal) => proposal,
            Err(refused) => return Some(refusal(&refused)),
        };
        let known = self.all.iter().find(|session| {
            session.from == from && session.proposal == proposal && matches!(session.stage, Stage::Opened)
        });
        if let Some(session) = known {
            return Some(opened(&proposal, session.id));
        }
        if full || self.all.len() >= self.settings.sessions {
            let Proposal { tag, console, .. } = proposal;
            return Some(refusal(&Refused { status: Status::NoRoom, tag, console }));
        }
        let id = self.new_id();
        self.all.push(Session { id, from, proposal, used: now, stage: Stage::Opened });
        Some(opened(&proposal, id))
    }

    fn challenge(&mut self, rakp1: Rakp1, now: Duration) -> Option<Vec<u8>> {
        let random = self.dice.sixteen();
        let tag = rakp1.tag;
        let Some(at) = self.all.iter().position(|session| session.id == rakp1.session) else {
            return Some(refusal(&Refused { status: Status::InvalidSession, tag, console: 0 }));
        };
        let session = &mut self.all[at];
        let console = session.proposal.console;
        let account = match &session.stage {
            Stage::Live(_) => return None,
            // It was lost on its way: the same challenge again.
            Stage::Challenged(challenge, user) if challenge.rakp1 == rakp1 => {
                return Some(challenge.rakp2(self.accounts[*user].password()));
            }
            Stage::Challenged(..) | Stage::Opened => find(&self.accounts, &rakp1),
        };
        let user = match account {
            Ok(user) => user,
            Err(status) => {
                self.all.remove(at);
                return Some(refusal(&Refused { status, tag, console }));
            }
        };
        let suite = session.proposal.suite;
        let challenge = Challenge { suite, console, session: session.id, rakp1, random, guid: self.guid };
        let answer = challenge.rakp2(self.accounts[user].password());
        session.used = now;
        session.stage = Stage::Challenged(challenge, user);
        Some(answer)
    }

    fn prove(&mut self, payload: &[u8], now: Duration) -> Option<Vec<u8>> {
        let rakp3 = read_rakp3(payload)?;
        let tag = rakp3.tag;
        let Some(at) = self.all.iter().position(|session| session.id == rakp3.session) else {
            return Some(refusal(&Refused { status: Status::InvalidSession, tag, console: 0 }));
        };
        let session = &mut self.all[at];
        let (challenge, account) = match &session.stage {
            Stage::Opened => return None,
            // Its answer was lost.
            Stage::Live(live) => return (live.tag == tag).then(|| live.rakp4.clone()),
            Stage::Challenged(challenge, user) => (challenge, &self.accounts[*user]),
        };
        if rakp3.status != Status::Done as u8 {
            // The console does not trust us: nobody waits for an answer (13.22).
            self.all.remove(at);
            return None;
        }
        if !challenge.is_proved(account.password(), rakp3.proof) {
            let console = challenge.console;
            self.all.remove(at);
            return Some(refusal(&Refused { status: Status::InvalidProof, tag, console }));
        }
        let key = self.settings.key.as_deref().unwrap_or(account.password());
        let session_key = challenge.session_key(key);
        let asked = Level::of(challenge.rakp1.role & 0x0f);
        let limits = [asked, session.proposal.level, Some(account.level)];
        let limit = limits.into_iter().flatten().min().unwrap_or(Level::User);
        let rakp4 = challenge.rakp4(tag, &session_key);
        let live = Live {
            user: account.id,
            level: limit.min(Level::User),
            limit,
            seal: Seal::new(challenge.suite, &session_key),
            sequence: 0,
            window: Window::default(),
            tag,
            rakp4: rakp4.clone(),
            answered: None,
        };
        session.used = now;
        session.stage = Stage::Live(Box::new(live));
        Some(rakp4)
    }

    fn new_id(&mut self) -> u32 {
        loop {
            let id = self.dice.number();
            if self.all.iter().all(|session| session.id != id) {
                return id;
            }
        }
    }
}

impl Session {
    fn live(&self) -> Option<&Live> {
        match &self.stage {
            Stage::Live(live) => Some(live),
            _ => None,
        }
    }

    fn end(&self, idle: Duration) -> Duration {
        self.used + if self.live().is_some() { idle } else { OPENING.min(idle) }
    }
}

/// The account that is asked for, in a role that it may have. Bit 4 of the role says whether accounts differ by
/// their names alone, which ours do.
fn find(accounts: &[Account], rakp1: &Rakp1) -> Result<usize, Status> {
    let named = |account: &Account| account.name.as_bytes() == rakp1.name;
    let at = accounts.iter().position(named).ok_or(Status::UnauthorizedName)?;
    match rakp1.role & 0x0f {
        0 => Ok(at),
        role => match Level::of(role) {
            None => Err(Status::InvalidRole),
            Some(level) if level > accounts[at].level => Err(Status::UnauthorizedRole),
            Some(_) => Ok(at),
        },
    }
}
