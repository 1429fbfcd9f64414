//! A BMC as a machine of bytes: the other side of RMCP+, and a chassis with a few sensors, a log, a FRU and a
//! console that echoes. `ipmitool` agrees with it, see `independent.rs`.

use std::collections::{BTreeMap, VecDeque};

use super::super::dialogue::word;
use super::super::dice::Dice;
use super::super::fru;
use super::super::keys::Keys;
use super::super::message::checksum;
use super::super::packet::{Datagram, Kind, Plus, decode, encode_plain, encode_plus};
use super::super::rakp::{Challenge, Level, Opened, Proposal};
use super::super::suite::{Suite, same};
use super::super::window::Window;

const GUID: [u8; 16] = *b"model-bmc-guid-0";

pub struct Model {
    pub name: Vec<u8>,
    pub password: Vec<u8>,
    pub key: Option<Vec<u8>>,
    pub suites: Vec<Suite>,
    pub otherwise: Otherwise,
    /// The highest level that the user gets.
    pub level: u8,
    /// Answers nothing at all, or nothing in sessions.
    pub dead: bool,
    pub mute: bool,
    /// Answers no such request (function and command), and all others.
    pub deaf_to: Option<(u8, u8)>,
    pub chassis: Chassis,
    pub sessions: BTreeMap<u32, Session>,
    pub dice: Dice,
}

/// What it does about a suite that it does not know.
#[derive(Clone, Copy, PartialEq)]
pub enum Otherwise {
    Refuses,
    /// As pyghmi's server does.
    NamesItsOwn,
    Ignores,
}

pub struct Session {
    proposal: Proposal,
    challenge: Option<Challenge>,
    role: u8,
    live: Option<(Keys, u32, Window)>,
    /// The last answer, for a request that comes again (13.8 lets a BMC do so).
    answered: Option<(u8, u8, Vec<u8>)>,
    console: bool,
}

#[derive(Default)]
pub struct Chassis {
    pub on: bool,
    pub lit: bool,
    pub controls: Vec<u8>,
    pub boot: BTreeMap<u8, Vec<u8>>,
    pub records: Vec<Vec<u8>>,
    pub log: Vec<[u8; 16]>,
    pub typed: Vec<u8>,
    pub resets: usize,
    pub reads: usize,
}

impl Model {
    pub fn new(suites: &[Suite], seed: u8) -> Model {
        Model {
            name: b"ADMIN".to_vec(),
            password: b"a-password".to_vec(),
            key: None,
            suites: suites.to_vec(),
            otherwise: Otherwise::Refuses,
            level: 4,
            dead: false,
            mute: false,
            deaf_to: None,
            chassis: Chassis::default(),
            sessions: BTreeMap::new(),
            dice: Dice::new([seed; 32]),
        }
    }

    pub fn handle(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        if self.dead {
            return Vec::new();
        }
        if bytes.len() == 12 && bytes[3] == 6 && bytes[8] == 0x80 {
            let pong = format!("0600ff06000011be40{:02x}0010000011be000000008100000000000000", bytes[9]);
            return vec![hex::decode(pong).unwrap()];
        }
        match decode(bytes) {
            Ok(Datagram::Plain(message)) => self.outside(message).into_iter().collect(),
            Ok(Datagram::Plus(plus)) => self.plus(&plus),
            _ => Vec::new(),
        }
    }

    fn outside(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        // IPMI 2.0, RMCP+ only, non-null users.
        let answer = match message.get(5)? {
            0x38 => respond(message, 0, &[1, 0x80, 0x04, 0x02, 0, 0, 0, 0]),
            _ => respond(message, 0xc1, &[]),
        };
        Some(encode_plain(&answer))
    }

    fn plus(&mut self, plus: &Plus) -> Vec<Vec<u8>> {
        let payload = plus.payload;
        let answer = match plus.kind {
            Kind::OpenRequest if payload.len() >= 32 => {
                self.open(payload).map(|payload| (Kind::OpenResponse, payload))
            }
            Kind::Rakp1 if payload.len() >= 28 => self.rakp1(payload).map(|payload| (Kind::Rakp2, payload)),
            Kind::Rakp3 if payload.len() >= 8 => self.rakp3(payload).map(|payload| (Kind::Rakp4, payload)),
            Kind::Message | Kind::SerialOverLan => return self.inside(plus),
            _ => None,
        };
        answer.map(|(kind, payload)| encode_plus(kind, false, 0, 0, &payload)).into_iter().collect()
    }

    fn open(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let (tag, console) = (request[0], u32::from_le_bytes(request[4..8].try_into().unwrap()));
        let asked = Suite::of([request[12], request[20], request[28]]);
        let known = asked.filter(|suite| self.suites.contains(suite));
        let suite = match (known, self.otherwise) {
            (Some(suite), _) => suite,
            (None, Otherwise::NamesItsOwn) => self.suites[0],
            (None, Otherwise::Ignores) => return None,
            (None, Otherwise::Refuses) => {
                return Some([&[tag, 0x11, 0, 0], &request[4..8]].concat());
            }
        };
        let bmc = self.dice.session();
        let (random, name) = ([0; 16], Vec::new());
        let proposal = Proposal { suite, level: Level::Administrator, tag, console, random, name };
        let session =
            Session { proposal, challenge: None, role: 0, live: None, answered: None, console: false };
        if self.sessions.len() > 64 {
            self.sessions.pop_first();
        }
        self.sessions.insert(bmc, session);
        let mut out = vec![tag, 0, 4, 0];
        out.extend(console.to_le_bytes());
        out.extend(bmc.to_le_bytes());
        for (payload, algorithm) in (0..).zip(suite.algorithms()) {
            out.extend([payload, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        Some(out)
    }

    fn rakp1(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let bmc = u32::from_le_bytes(payload[4..8].try_into().unwrap());
        let random = self.dice.sixteen();
        let session = self.sessions.get_mut(&bmc).filter(|session| session.live.is_none())?;
        let name = payload[28..].get(..usize::from(payload[27]))?;
        let refuse = |status| Some(vec![payload[0], status, 0, 0, 0, 0, 0, 0]);
        if name != self.name {
            return refuse(0x0d);
        }
        if payload[24] & 15 > self.level {
            return refuse(0x0a);
        }
        let level = if payload[24] & 15 == 3 { Level::Operator } else { Level::Administrator };
        session.role = payload[24];
        let old = session.proposal.clone();
        let mine = payload[8..24].try_into().unwrap();
        session.proposal = Proposal { tag: payload[0], level, random: mine, name: name.to_vec(), ..old };
        let challenge = Challenge { random, guid: GUID };
        session.challenge = Some(challenge);
        let opened = Opened { bmc, algorithms: session.proposal.suite.algorithms() };
        let mut out = vec![payload[0], 0, 0, 0];
        out.extend(session.proposal.console.to_le_bytes());
        out.extend(random);
        out.extend(GUID);
        out.extend(session.proposal.bmc_proof(&opened, &challenge, &self.password));
        Some(out)
    }

    fn rakp3(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let bmc = u32::from_le_bytes(payload[4..8].try_into().unwrap());
        if payload[1] != 0 {
            self.sessions.remove(&bmc);
            return None;
        }
        let session = self.sessions.get_mut(&bmc)?;
        let (challenge, proposal) = (session.challenge?, &session.proposal);
        if !same(&proposal.console_proof(&challenge, &self.password), &payload[8..]) {
            return Some([&[payload[0], 0x0f, 0, 0][..], &proposal.console.to_le_bytes()].concat());
        }
        let secret = proposal.integrity_key(&challenge, self.key.as_ref().unwrap_or(&self.password));
        let opened = Opened { bmc, algorithms: proposal.suite.algorithms() };
        let mut out = vec![payload[0], 0, 0, 0];
        out.extend(proposal.console.to_le_bytes());
        out.extend(proposal.bmc_code(&opened, &challenge, &secret));
        let keys = Keys::new(proposal.suite, &secret);
        session.live.get_or_insert_with(|| (keys, 0, Window::default()));
        Some(out)
    }

    fn inside(&mut self, plus: &Plus) -> Vec<Vec<u8>> {
        let Some(session) = self.sessions.get_mut(&plus.session).filter(|_| !self.mute) else {
            return Vec::new();
        };
        let Some((keys, _, window)) = &mut session.live else { return Vec::new() };
        let Ok(payload) = keys.open(plus) else { return Vec::new() };
        if !window.admit(plus.sequence) {
            return Vec::new();
        }
        let mut out = VecDeque::new();
        if plus.kind == Kind::SerialOverLan {
            out.extend(self.chassis.serial(&payload).into_iter().map(|p| (Kind::SerialOverLan, p)));
        } else if self.deaf_to == Some((payload[1] >> 2, payload[5])) {
            return Vec::new();
        } else if checksum(&payload[..3]) == 0 && checksum(&payload[3..]) == 0 {
            let key = (payload[4], payload[5]);
            let known = session.answered.as_ref().filter(|(s, c, _)| (*s, *c) == key).map(|a| a.2.clone());
            let answer = known.unwrap_or_else(|| {
                let (code, data) =
                    answer(&mut self.chassis, session.role & 15, &payload, &mut session.console);
                respond(&payload, code, &data)
            });
            session.answered = Some((key.0, key.1, answer.clone()));
            out.push_back((Kind::Message, answer));
            if session.console && payload[5] == 0x48 {
                out.push_back((Kind::SerialOverLan, b"\x01\0\0\0login: ".to_vec()));
            }
        }
        let close = plus.kind == Kind::Message && payload[1] >> 2 == 6 && payload[5] == 0x3c;
        let (keys, sequence, _) = session.live.as_mut().unwrap();
        let seal = |(kind, payload): (Kind, Vec<u8>)| {
            *sequence += 1;
            keys.seal(kind, session.proposal.console, *sequence, &payload, self.dice.sixteen())
        };
        let sealed = out.into_iter().map(seal).collect();
        if close {
            self.sessions.remove(&plus.session);
        }
        sealed
    }
}

fn answer(chassis: &mut Chassis, level: u8, message: &[u8], console: &mut bool) -> (u8, Vec<u8>) {
    let data = &message[6..message.len() - 1];
    match (message[1] >> 2, message[5]) {
        (0x06, 0x3b) if data[0] > level => (0x81, vec![]),
        (0x06, 0x3b) => (0, vec![data[0]]),
        (0x06, 0x3c) => (0, vec![]),
        (0x06, 0x01) => (0, vec![0x20, 1, 3, 0x88, 2, 0xbf, 0x7c, 0x2a, 0, 0x64, 0x09]),
        (0x06, 0x48) => {
            *console = true;
            (0, vec![0, 0, 0, 0, 64, 0, 64, 0, 0x6f, 0x02, 0xff, 0xff])
        }
        (0x06, 0x49) if *console => {
            *console = false;
            (0, vec![])
        }
        (0x06, 0x49) => (0x80, vec![]),
        _ => chassis.answer(message[1] >> 2, message[5], data),
    }
}

impl Chassis {
    pub fn answer(&mut self, function: u8, command: u8, data: &[u8]) -> (u8, Vec<u8>) {
        match (function, command, data) {
            (0x00, 0x01, _) => (0, vec![u8::from(self.on), 0, 0]),
            (0x00, 0x02, [control]) => {
                self.controls.push(*control);
                if *control == 5 && !self.on {
                    return (0xd5, vec![]);
                }
                self.on = matches!(control, 1..=3);
                (0, vec![])
            }
            (0x00, 0x04, [interval, force @ ..]) => {
                self.lit = *interval > 0 || force == [1];
                (0, vec![])
            }
            (0x00, 0x08, [parameter, value @ ..]) => {
                self.boot.insert(*parameter, value.to_vec());
                (0, vec![])
            }
            (0x00, 0x09, [parameter, ..]) => match self.boot.get(parameter) {
                Some(value) => (0, [&[1, *parameter], &value[..]].concat()),
                None => (0x80, vec![]),
            },
            (0x06, 0x02, _) => {
                self.resets += 1;
                (0, vec![])
            }
            (0x0c, 0x02, [_, 5, ..]) => (0, vec![0x11, 0xac, 0x1f, 0x6b, 1, 2, 3]),
            (0x04, 0x2d, [1]) => (0, vec![41, 0xc0, 0]),
            (0x0a, _, _) => self.storage(command, data),
            _ => (0xc1, vec![]),
        }
    }

    fn storage(&mut self, command: u8, data: &[u8]) -> (u8, Vec<u8>) {
        match (command, data) {
            (0x20, _) => (0, vec![0x51, self.records.len() as u8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
            (0x22, _) => (0, vec![7, 0]),
            (0x23, [7, 0, _, _, offset, count]) if *count <= 16 => {
                self.reads += 1;
                let id = word(data, 2);
                let Some(record) = self.records.get(usize::from(id.saturating_sub(1))) else {
                    return (0xcb, vec![]);
                };
                let last = usize::from(id.max(1)) == self.records.len();
                let next = if last { 0xffff } else { id.max(1) + 1 };
                let piece = record.iter().skip(usize::from(*offset)).take(usize::from(*count));
                (0, next.to_le_bytes().into_iter().chain(piece.copied()).collect())
            }
            (0x23, _) => (0xca, vec![]),
            (0x43, [_, _, _, _, 0, 0xff]) => {
                let id = word(data, 2);
                let at = self.log.iter().position(|entry| id == 0 || word(entry, 0) == id);
                let Some(at) = at else { return (0xcb, vec![]) };
                let next = self.log.get(at + 1).map_or(0xffff, |entry| word(entry, 0));
                (0, [&next.to_le_bytes()[..], &self.log[at]].concat())
            }
            (0x10, _) => (0, [&(fru::tests::sample().len() as u16).to_le_bytes()[..], &[0]].concat()),
            (0x11, [0, _, _, count]) => {
                let stored = fru::tests::sample();
                let piece: Vec<u8> =
                    stored.iter().skip(word(data, 1).into()).take(usize::from(*count)).copied().collect();
                (0, [&[piece.len() as u8], &piece[..]].concat())
            }
            _ => (0xc1, vec![]),
        }
    }

    /// Echoes what is typed in capitals, each packet under the number of the one that it answers.
    fn serial(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let [sequence, _, _, operation, letters @ ..] = payload else { return None };
        if *sequence == 0 {
            return None;
        }
        if operation & 0x10 != 0 {
            self.typed.extend(b"<break>");
        }
        self.typed.extend(letters);
        let echo = if letters.is_empty() { 0 } else { sequence % 15 + 1 };
        let mut out = vec![echo, *sequence, letters.len() as u8, 0];
        out.extend(letters.to_ascii_uppercase());
        Some(out)
    }
}

fn respond(request: &[u8], code: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![request[3], request[1] | 0x04];
    out.push(checksum(&out));
    out.extend([request[0], request[4], request[5], code]);
    out.extend(data);
    out.push(checksum(&out[3..]));
    out
}
