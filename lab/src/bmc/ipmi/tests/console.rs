//! The other side of a session, and a board that is a value: what the core's tests ask it with.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use super::super::accounts::accounts;
use super::super::controller::{Ask, Controller, Heard};
use super::super::dice::Dice;
use super::super::memory::Memory;
use super::super::message::{BMC_ADDRESS, Code, checksum};
use super::super::rmcp::{Datagram, Kind, decode, encode_plus};
use super::super::seal::Seal;
use super::super::sessions::Sessions;
use super::super::settings::{Level, Settings};
use super::super::suite::Suite;
use super::super::view::{Manner, Now, Order, View};
use crate::bmc::User;
use crate::bmc::board::{Boot, Entry, Identity, Light, Power, Quantity, Sensor, Severity};
use crate::bmc::picture::Picture;

pub const USER: &str = "ADMIN";
pub const PASSWORD: &str = "twenty-bytes-exactly";
pub const FROM: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 4711));
/// In the place of a status, where nothing was said.
pub const SILENCE: u8 = 0xff;
const CLOCK: u64 = 1_700_000_000;
const ID: u32 = 0x0403_0201;
const RANDOM: [u8; 16] = [5; 16];

/// A core, its time, and all that it ordered.
pub struct Bench {
    pub controller: Controller,
    pub view: View,
    pub now: Duration,
    pub orders: Vec<Order>,
    pub full: bool,
    /// What the console takes the BMC's key for.
    pub key: Option<Vec<u8>>,
    /// All that was sent, for whoever bends it.
    pub sent: Vec<Vec<u8>>,
}

/// A session from its far end.
pub struct Console {
    session: u32,
    seal: Seal,
    sequence: u32,
    message: u8,
}

impl Bench {
    pub fn new(settings: Settings) -> Bench {
        let users = [User { name: USER.into(), password: PASSWORD.into() }];
        let accounts = accounts(&users, &settings).unwrap();
        let (memory, restart) = (Memory::new(settings.oddities.clone()), settings.restart);
        let sessions = Sessions::new(accounts, settings, [7; 16], Dice::new([9; 32]));
        Bench {
            controller: Controller::new(sessions, memory, restart),
            view: view(),
            now: Duration::ZERO,
            orders: vec![],
            full: false,
            key: None,
            sent: vec![],
        }
    }

    /// As the shell does, with a board that obeys and changes nothing.
    pub fn send(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.sent.push(datagram.to_vec());
        match self.controller.receive(datagram, FROM, self.now, self.full) {
            Heard::Nothing => None,
            Heard::Answer(answer) => Some(answer),
            Heard::Ask(ask) => self.answer(&ask),
        }
    }

    fn answer(&mut self, ask: &Ask) -> Option<Vec<u8>> {
        let outcome = self.controller.decide(ask, &self.view, Now { tick: self.now, clock: CLOCK });
        self.orders.extend(outcome.iter().filter_map(|reply| reply.order));
        self.controller.answer(ask, outcome, self.now)
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        let orders = self.controller.tick(self.now);
        self.orders.extend(orders);
    }

    pub fn login(&mut self, suite: Suite, level: Level) -> Result<Console, u8> {
        self.login_as(USER, PASSWORD, suite, level)
    }

    pub fn admin(&mut self) -> Console {
        let mut console = self.login(Suite::Seventeen, Level::Administrator).unwrap();
        self.raise(&mut console, Level::Administrator);
        console
    }

    /// The status of the answer that refuses it.
    pub fn login_as(
        &mut self,
        name: &str,
        password: &str,
        suite: Suite,
        level: Level,
    ) -> Result<Console, u8> {
        let opened = self.greet(&propose(suite, ID))?;
        let session = word(&opened, 8);
        let role = 0x10 | level as u8;
        let asked = [&[role, name.len() as u8], name.as_bytes()].concat();
        let mut rakp1 = vec![1, 0, 0, 0];
        rakp1.extend(session.to_le_bytes());
        rakp1.extend(RANDOM);
        rakp1.extend([role, 0, 0, name.len() as u8]);
        rakp1.extend(name.bytes());
        let rakp2 = self.greet(&encode_plus(Kind::Rakp1, false, 0, 0, &rakp1))?;
        let random = &rakp2[8..24];
        let mut rakp3 = vec![2, 0, 0, 0];
        rakp3.extend(session.to_le_bytes());
        rakp3.extend(suite.hmac(password.as_bytes(), &[random, &ID.to_le_bytes(), &asked]));
        let rakp4 = self.greet(&encode_plus(Kind::Rakp3, false, 0, 0, &rakp3))?;
        let key = self.key.as_deref().unwrap_or(password.as_bytes());
        let session_key = suite.hmac(key, &[&RANDOM, random, &asked]);
        let proof = suite.check(&session_key, &[&RANDOM, &session.to_le_bytes(), &rakp2[24..40]]);
        if rakp4[8..] != proof {
            return Err(SILENCE);
        }
        Ok(Console { session, seal: Seal::new(suite, &session_key), sequence: 0, message: 0 })
    }

    pub fn raise(&mut self, console: &mut Console, level: Level) {
        self.ask(console, (6, 0x3b), &[level as u8]).unwrap();
    }

    pub fn ask(&mut self, console: &mut Console, command: (u8, u8), data: &[u8]) -> Result<Vec<u8>, Code> {
        self.try_ask(console, command, data).expect("an answer")
    }

    pub fn try_ask(
        &mut self,
        console: &mut Console,
        command: (u8, u8),
        data: &[u8],
    ) -> Option<Result<Vec<u8>, Code>> {
        let message = console.message(command, data);
        let answer = self.send(&console.seal(Kind::Message, &message))?;
        let message = console.open(&answer).expect("an answer of this session");
        Some(match message[6] {
            0 => Ok(message[7..message.len() - 1].to_vec()),
            code => Err(Code(code)),
        })
    }

    fn greet(&mut self, datagram: &[u8]) -> Result<Vec<u8>, u8> {
        let answer = self.send(datagram).ok_or(SILENCE)?;
        match decode(&answer) {
            Some(Datagram::Plus(plus)) if plus.payload[1] == 0 => Ok(plus.payload.to_vec()),
            Some(Datagram::Plus(plus)) => Err(plus.payload[1]),
            other => panic!("{other:?}"),
        }
    }
}

impl Console {
    pub fn message(&mut self, (function, command): (u8, u8), data: &[u8]) -> Vec<u8> {
        self.message = (self.message + 1) % 64;
        let mut message = vec![BMC_ADDRESS, function << 2];
        message.push(checksum(&message));
        message.extend([0x81, self.message << 2, command]);
        message.extend(data);
        message.push(checksum(&message[3..]));
        message
    }

    pub fn seal(&mut self, kind: Kind, payload: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        self.seal.close(kind, self.session, self.sequence, payload, [self.sequence as u8; 16])
    }

    pub fn open(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        match decode(datagram)? {
            Datagram::Plus(plus) if plus.session == ID => self.seal.open(&plus),
            other => panic!("{other:?}"),
        }
    }
}

/// RMCP+ Open Session Request.
pub fn propose(suite: Suite, id: u32) -> Vec<u8> {
    let mut payload = vec![0, 0, 0, 0];
    payload.extend(id.to_le_bytes());
    for (kind, algorithm) in (0..).zip(suite.algorithms()) {
        payload.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
    }
    encode_plus(Kind::OpenRequest, false, 0, 0, &payload)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn view() -> View {
    let sensor =
        |name: &str, kind, value, upper_critical| Sensor { name: name.into(), kind, value, upper_critical };
    View {
        board: Picture {
            identity: Identity {
                name: "node-1".into(),
                vendor: "Rack".into(),
                product: "Lab machine".into(),
                serial: "SN-1".into(),
                asset: "A-1".into(),
                uuid: "00112233-4455-6677-8899-aabbccddeeff".into(),
                uefi: true,
                cpus: 2,
                memory_mb: 2048,
                macs: vec!["52:54:00:77:00:01".into()],
                disks: vec![],
            },
            power: Some(Power::Off),
            boot: Boot::NONE,
            light: Light::Off,
            sensors: vec![
                sensor("CPU", Quantity::Celsius, Some(41.0), Some(95.0)),
                sensor("Fan 1", Quantity::Rpm, None, None),
                sensor("Draw", Quantity::Watts, Some(143.0), None),
            ],
            log: vec![Entry { id: 1, at: CLOCK, severity: Severity::Ok, message: "power on".into() }],
        },
        address: Some(FROM.ip()),
        port: 623,
        manner: Manner::default(),
    }
}
