//! Sessions over a wire that loses, doubles, delays and reorders, on a clock that jumps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::super::chassis::{Control, control, get_status};
use super::super::dice::Dice;
use super::super::failure::Failure;
use super::super::login::Login;
use super::super::message::Response;
use super::super::patience::Patience;
use super::super::session::{Event, Session};
use super::super::suite::Suite;
use super::model::{Model, Otherwise};
use super::{login, operator};

const BOTH: [Suite; 2] = [Suite::Seventeen, Suite::Three];

#[derive(Clone, Copy, Debug)]
struct Wire {
    loss: f64,
    double: f64,
    /// Every datagram takes between 1 ms and this.
    slowest_ms: u64,
}

const PERFECT: Wire = Wire { loss: 0.0, double: 0.0, slowest_ms: 1 };

pub struct Simulation {
    pub session: Session,
    pub bmc: Model,
    wire: Wire,
    random: u64,
    pub now: Duration,
    /// Datagrams in flight by arrival; the counter keeps two of one instant apart.
    flight: BTreeMap<(Duration, u64), (To, Vec<u8>)>,
    counter: u64,
    sent: u64,
}

#[derive(Clone, Copy)]
enum To {
    Bmc,
    Console,
}

impl Simulation {
    fn new(login: Arc<Login>, bmc: Model, wire: Wire, seed: u64) -> Simulation {
        let patience = Patience::NORMAL;
        let session = Session::start(login, &BOTH, Dice::new([seed as u8; 32]), patience, Duration::ZERO);
        let (flight, random) = (BTreeMap::new(), seed | 1);
        Simulation { session, bmc, wire, random, now: Duration::ZERO, flight, counter: 0, sent: 0 }
    }

    fn perfect(login: Arc<Login>, bmc: Model) -> Simulation {
        Simulation::new(login, bmc, PERFECT, 7)
    }

    /// Until something happens, or nothing can any more.
    fn event(&mut self) -> Option<Event> {
        loop {
            while let Some(bytes) = self.session.poll_transmit() {
                self.sent += 1;
                self.send(To::Bmc, bytes);
            }
            if let Some(event) = self.session.poll_event() {
                return Some(event);
            }
            let arrival = self.flight.keys().next().map(|(at, _)| *at);
            let next = [arrival, self.session.deadline()].into_iter().flatten().min()?;
            self.now = next.max(self.now);
            assert!(self.now < Duration::from_secs(600), "no end in ten minutes");
            while let Some(entry) = self.flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
                match entry.remove() {
                    (To::Bmc, bytes) => {
                        for answer in self.bmc.handle(&bytes) {
                            self.send(To::Console, answer);
                        }
                    }
                    (To::Console, bytes) => self.session.handle_packet(&bytes, self.now),
                }
            }
            self.session.handle_timeout(self.now);
        }
    }

    fn ask_status(&mut self) -> Option<Event> {
        assert!(self.session.ask(get_status(), "Get Chassis Status", self.now));
        self.event()
    }

    fn send(&mut self, to: To, bytes: Vec<u8>) {
        if self.chance(self.wire.double) {
            self.put(to, bytes.clone());
        }
        if !self.chance(self.wire.loss) {
            self.put(to, bytes);
        }
    }

    fn put(&mut self, to: To, bytes: Vec<u8>) {
        let delay = Duration::from_millis(1 + self.roll() % self.wire.slowest_ms);
        self.counter += 1;
        self.flight.insert((self.now + delay, self.counter), (to, bytes));
    }

    fn chance(&mut self, probability: f64) -> bool {
        (self.roll() % 10_000) as f64 / 10_000.0 < probability
    }

    /// xorshift64: the same seed is the same wire.
    fn roll(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

fn status(on: bool) -> Vec<u8> {
    vec![u8::from(on), 0, 0]
}

#[test]
fn a_session_opens_asks_and_closes_in_as_few_packets_as_there_can_be() {
    for suite in BOTH {
        let mut simulation = Simulation::perfect(login(), Model::new(&[suite], 1));
        assert_eq!(simulation.event(), Some(Event::Ready(suite)));
        let Some(Event::Answer(Response { data, completion: 0, .. })) = simulation.ask_status() else {
            panic!()
        };
        assert_eq!(data, status(false));
        assert!(simulation.session.ask(control(Control::On), "Chassis Control", simulation.now));
        assert!(!simulation.session.ask(get_status(), "two at once", simulation.now));
        assert!(matches!(simulation.event(), Some(Event::Answer(Response { completion: 0, .. }))));
        simulation.session.close(simulation.now);
        assert_eq!(simulation.event(), Some(Event::Closed));
        assert_eq!(simulation.event(), None);
        assert!(simulation.bmc.chassis.on && simulation.bmc.sessions.is_empty());
        let opening = if suite == Suite::Seventeen { 4 } else { 5 };
        assert_eq!(simulation.sent, opening + 3, "{suite:?}");
        assert!(simulation.now < Duration::from_millis(50), "no timeout had to pass");
    }
}

#[test]
fn an_old_bmc_gets_suite_3_whatever_it_says_to_17() {
    for (otherwise, at_most_s) in
        [(Otherwise::Refuses, 1), (Otherwise::NamesItsOwn, 1), (Otherwise::Ignores, 4)]
    {
        let bmc = Model { otherwise, ..Model::new(&[Suite::Three], 2) };
        let mut simulation = Simulation::perfect(login(), bmc);
        assert_eq!(simulation.event(), Some(Event::Ready(Suite::Three)));
        assert!(simulation.now < Duration::from_secs(at_most_s), "{:?}", simulation.now);
    }
    let bmc = Model { otherwise: Otherwise::Refuses, ..Model::new(&[], 2) };
    assert_eq!(Simulation::perfect(login(), bmc).event(), Some(Event::Failed(Failure::Suites(None))));
}

fn failure(login: Arc<Login>, bend: impl FnOnce(&mut Model)) -> Failure {
    let mut bmc = Model::new(&BOTH, 3);
    bend(&mut bmc);
    match Simulation::perfect(login, bmc).event() {
        Some(Event::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_way_to_be_refused_has_its_own_words() {
    assert_eq!(failure(login(), |bmc| bmc.password = b"another".to_vec()), Failure::Password { cut: false });
    assert_eq!(failure(login(), |bmc| bmc.name = b"root".to_vec()), Failure::Status(0x0d, "logging in"));
    assert_eq!(failure(login(), |bmc| bmc.key = Some(b"kg".to_vec())), Failure::Key { given: false });
    let with_key = Arc::new(Login::new("ADMIN", "a-password", Some(b"gk")).unwrap());
    assert_eq!(failure(with_key, |bmc| bmc.key = Some(b"kg".to_vec())), Failure::Key { given: true });
    assert_eq!(failure(login(), |bmc| bmc.level = 2), Failure::Status(0x0a, "logging in"));
    assert_eq!(failure(login(), |bmc| bmc.dead = true), Failure::Nothing);
    assert_eq!(failure(login(), |bmc| bmc.mute = true), Failure::Silent("Set Session Privilege Level"));
}

#[test]
fn a_wrong_password_leaves_no_session_behind() {
    let mut simulation =
        Simulation::perfect(login(), Model { password: b"x".to_vec(), ..Model::new(&BOTH, 4) });
    assert!(matches!(simulation.event(), Some(Event::Failed(Failure::Password { .. }))));
    assert_eq!(simulation.event(), None);
    assert!(simulation.bmc.sessions.is_empty());
}

#[test]
fn a_bmc_key_and_an_operator_work() {
    let key = Arc::new(Login::new("ADMIN", "a-password", Some(b"kg")).unwrap());
    let bmc = Model { key: Some(b"kg".to_vec()), ..Model::new(&BOTH, 5) };
    assert_eq!(Simulation::perfect(key, bmc).event(), Some(Event::Ready(Suite::Seventeen)));
    let few_rights = || Model { level: 3, ..Model::new(&BOTH, 5) };
    for login in [login(), operator()] {
        let mut simulation = Simulation::perfect(login, few_rights());
        assert_eq!(simulation.event(), Some(Event::Ready(Suite::Seventeen)));
        assert!(matches!(simulation.ask_status(), Some(Event::Answer(_))));
    }
}

#[test]
fn a_bmc_that_dies_in_a_session_is_told_from_one_that_was_never_there() {
    let mut simulation = Simulation::perfect(login(), Model::new(&BOTH, 6));
    assert!(matches!(simulation.event(), Some(Event::Ready(_))));
    simulation.bmc.dead = true;
    let start = simulation.now;
    let silent = Some(Event::Failed(Failure::Silent("Get Chassis Status")));
    assert_eq!(simulation.ask_status(), silent);
    assert_eq!(simulation.now - start, Duration::from_secs(11));
    assert_eq!(simulation.event(), None);
    assert!(!simulation.session.is_ready());
}

#[test]
fn icmp_is_believed_the_second_time() {
    let mut simulation = Simulation::perfect(login(), Model { dead: true, ..Model::new(&BOTH, 6) });
    simulation.session.handle_refusal();
    assert_eq!(simulation.session.poll_event(), None);
    simulation.session.handle_refusal();
    simulation.session.handle_refusal();
    assert_eq!(simulation.session.poll_event(), Some(Event::Failed(Failure::NoPort)));
    assert_eq!(simulation.session.poll_event(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_bad_wire_costs_time_and_nothing_else(
        seed in 1u64..u64::MAX, loss in 0.0..0.12, double in 0.0..0.5, slowest_ms in 1u64..3000, old: bool
    ) {
        let suites = if old { &BOTH[1..] } else { &BOTH[..] };
        let mut simulation =
            Simulation::new(login(), Model::new(suites, seed as u8), Wire { loss, double, slowest_ms }, seed);
        // Four datagrams in a row may be lost, and then it says so.
        match simulation.event() {
            Some(Event::Ready(suite)) => prop_assert_eq!(suite, if old { Suite::Three } else { suite }),
            Some(Event::Failed(
                Failure::Silent(_) | Failure::Nothing | Failure::Status(0x02 | 0x08 | 0x0f, _)
            )) => return Ok(()),
            other => prop_assert!(false, "{:?}", other),
        }
        for round in 0..20 {
            let on = simulation.bmc.chassis.on;
            match simulation.ask_status() {
                Some(Event::Answer(response)) => prop_assert_eq!(response.data, status(on), "round {}", round),
                Some(Event::Failed(Failure::Silent(_))) => return Ok(()),
                other => prop_assert!(false, "{:?}", other),
            }
            simulation.bmc.chassis.on = !on;
        }
        simulation.session.close(simulation.now);
        prop_assert_eq!(simulation.event(), Some(Event::Closed));
    }
}

#[test]
fn most_sessions_survive_a_bad_wire() {
    let wire = Wire { loss: 0.1, double: 0.2, slowest_ms: 900 };
    let opened = (1..=200u64).filter(|seed| {
        let bmc = Model::new(&BOTH, *seed as u8);
        let event = Simulation::new(login(), bmc, wire, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).event();
        matches!(event, Some(Event::Ready(_)))
    });
    let opened = opened.count();
    assert!(opened >= 190, "{opened} of 200");
}
