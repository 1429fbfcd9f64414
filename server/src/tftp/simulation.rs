//! A transfer over a wire that loses, doubles and reorders, against a model of a client, on a clock that
//! jumps: every option combination arrives whole, and echoes never multiply.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::packet::{Options, ReadRequest};
use super::transfer::{Limits, Outcome, Transfer};

const LIMITS: Limits = Limits { mtu: 1500, window: 64 };

#[derive(Debug, Clone, Copy)]
struct Wire {
    loss: f64,
    double: f64,
    /// Every datagram takes between 1 ms and this.
    slowest_ms: u64,
}

const PERFECT: Wire = Wire { loss: 0.0, double: 0.0, slowest_ms: 1 };

/// A client like EDK2's: acknowledges each full window, says where it stands at every block that is
/// not the one it waits for, and again when nothing comes.
struct ClientModel {
    block_size: usize,
    window: u64,
    received: Vec<u8>,
    /// Blocks in order so far, and how many of them since the last acknowledgement.
    block: u64,
    since_ack: u64,
    started: bool,
    done: bool,
}

struct Simulation {
    transfer: Transfer,
    client: ClientModel,
    wire: Wire,
    random: u64,
    now: Duration,
    /// Datagrams in flight by arrival; the counter keeps two of one instant apart.
    flight: BTreeMap<(Duration, u64), (To, Vec<u8>)>,
    counter: u64,
    client_deadline: Duration,
    data_sent: u64,
}

enum To {
    Server,
    Client,
}

impl Simulation {
    fn new(options: Options, content: &Bytes, wire: Wire, seed: u64) -> Simulation {
        let request = ReadRequest { file: "f".into(), options };
        let negotiated = options != Options::default();
        Simulation {
            transfer: Transfer::start(&request, content.clone(), &LIMITS, Duration::ZERO),
            client: ClientModel {
                block_size: usize::from(options.block_size.unwrap_or(512).min(1468)),
                window: u64::from(options.window.unwrap_or(1).min(64)),
                received: Vec::new(),
                block: 0,
                since_ack: 0,
                started: !negotiated,
                done: false,
            },
            wire,
            random: seed | 1,
            now: Duration::ZERO,
            flight: BTreeMap::new(),
            counter: 0,
            client_deadline: Duration::from_secs(2),
            data_sent: 0,
        }
    }

    fn run(&mut self) -> Outcome {
        loop {
            self.transmit();
            if let Some(outcome) = self.transfer.outcome() {
                return outcome.clone();
            }
            let arrival = self.flight.keys().next().map(|(at, _)| *at);
            let timer = self.transfer.deadline().min(self.client_deadline);
            self.now = arrival.map_or(timer, |at| at.min(timer)).max(self.now);
            assert!(self.now < Duration::from_secs(3600), "no end in an hour");
            self.arrive();
            if self.now >= self.client_deadline {
                let again = if self.client.started { vec![self.client.ack()] } else { vec![] };
                self.client_says(again);
            }
            self.transfer.handle_timeout(self.now);
        }
    }

    fn transmit(&mut self) {
        let mut out = Vec::new();
        while self.transfer.poll_transmit(self.now, &mut out) {
            self.data_sent += u64::from(out[1] == 3);
            self.send(To::Client, std::mem::take(&mut out));
        }
    }

    fn arrive(&mut self) {
        while let Some(entry) = self.flight.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                (To::Server, bytes) => self.transfer.handle_packet(&bytes, self.now),
                (To::Client, bytes) => {
                    let answers = self.client.receive(&bytes);
                    self.client_says(answers);
                }
            }
        }
    }

    fn client_says(&mut self, packets: Vec<Vec<u8>>) {
        self.client_deadline = self.now + Duration::from_secs(2);
        for packet in packets {
            self.send(To::Server, packet);
        }
    }

    fn send(&mut self, to: To, bytes: Vec<u8>) {
        if self.chance(self.wire.double) {
            let to = if matches!(to, To::Server) { To::Server } else { To::Client };
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

impl ClientModel {
    fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        match bytes[1] {
            6 => {
                self.started = true;
                if self.block == 0 { vec![self.ack()] } else { vec![] }
            }
            3 if self.started => self.data(u16::from_be_bytes([bytes[2], bytes[3]]), &bytes[4..]),
            _ => vec![],
        }
    }

    fn data(&mut self, wire: u16, payload: &[u8]) -> Vec<Vec<u8>> {
        if wire != (self.block + 1) as u16 || self.done {
            return vec![self.ack()];
        }
        self.received.extend_from_slice(payload);
        self.block += 1;
        self.since_ack += 1;
        self.done = payload.len() < self.block_size;
        if self.done || self.since_ack >= self.window { vec![self.ack()] } else { vec![] }
    }

    fn ack(&mut self) -> Vec<u8> {
        self.since_ack = 0;
        [&[0, 4], &(self.block as u16).to_be_bytes()[..]].concat()
    }
}

fn content(length: usize) -> Bytes {
    (0..length).map(|n| (n * 7 + n / 256) as u8).collect()
}

fn asked(block_size: Option<u16>, window: Option<u16>) -> Options {
    Options { block_size, window, size: block_size.is_some(), timeout_s: None }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arrives_whole_over_a_bad_wire(
        seed in any::<u64>(),
        length in prop_oneof![0usize..3000, 60_000usize..90_000],
        block_size in prop_oneof![Just(None), Just(Some(512)), Just(Some(1468)), Just(Some(9000)), (8u16..1500).prop_map(Some)],
        window in prop_oneof![Just(None), Just(Some(4)), Just(Some(64)), Just(Some(500)), (1u16..70).prop_map(Some)],
        loss in 0.0..0.1,
        double in 0.0..0.3,
        slowest_ms in 1u64..30,
    ) {
        let content = content(length);
        let wire = Wire { loss, double, slowest_ms };
        let mut simulation = Simulation::new(asked(block_size, window), &content, wire, seed);
        prop_assert_eq!(simulation.run(), Outcome::Complete);
        prop_assert_eq!(&simulation.client.received[..], &content[..]);
    }

    #[test]
    fn echoes_do_not_multiply(seed in any::<u64>(), window in 1u16..65) {
        let content = content(512 * 1000);
        let wire = Wire { loss: 0.0, double: 1.0, slowest_ms: 1 };
        let mut simulation = Simulation::new(asked(Some(512), Some(window)), &content, wire, seed);
        prop_assert_eq!(simulation.run(), Outcome::Complete);
        let most = if window == 1 { 1001 } else { 3 * 1001 };
        prop_assert!(simulation.data_sent <= most, "{} of {most}", simulation.data_sent);
    }
}

#[test]
fn shim_reads_grub_in_small_windows() {
    let content = content(512 * 1000);
    let mut simulation = Simulation::new(asked(Some(512), Some(4)), &content, PERFECT, 1);
    assert_eq!(simulation.run(), Outcome::Complete);
    assert_eq!(simulation.client.received, content);
    assert_eq!(simulation.data_sent, 1001, "the empty block that ends it is sent too");
    assert_eq!(simulation.now, Duration::from_millis(504), "a round trip per window and no timeout");
}

#[test]
fn block_numbers_wrap_to_zero() {
    let content = content(8 * 70_000 + 3);
    let mut simulation = Simulation::new(asked(Some(8), Some(16)), &content, PERFECT, 1);
    assert_eq!(simulation.run(), Outcome::Complete);
    assert_eq!(simulation.client.received, content);
}

#[test]
fn a_lost_first_block_costs_no_timeout() {
    let mut transfer = start(asked(Some(512), Some(4)), 512 * 20);
    let at = Duration::from_millis;
    assert_eq!(sent(&mut transfer, at(0)), [6]);
    transfer.handle_packet(&[0, 4, 0, 0], at(2));
    assert_eq!(sent(&mut transfer, at(2)), [1, 2, 3, 4]);
    transfer.handle_packet(&[0, 4, 0, 0], at(3));
    assert_eq!(sent(&mut transfer, at(3)), [0u16; 0], "sooner than a round trip: an echo");
    transfer.handle_packet(&[0, 4, 0, 0], at(5));
    assert_eq!(sent(&mut transfer, at(5)), [1, 2, 3, 4]);
    transfer.handle_packet(&[0, 4, 0, 2], at(8));
    assert_eq!(sent(&mut transfer, at(8)), [3, 4, 5, 6], "on from the gap");
}

#[test]
fn a_lost_option_acknowledgement_is_sent_again() {
    let mut transfer = start(asked(Some(1468), None), 100);
    assert_eq!(sent(&mut transfer, Duration::ZERO), [6]);
    assert_eq!(transfer.deadline(), Duration::from_secs(1));
    transfer.handle_timeout(Duration::from_secs(1));
    assert_eq!(sent(&mut transfer, Duration::from_secs(1)), [6]);
    assert_eq!(transfer.deadline(), Duration::from_secs(3), "and the next waits longer");
}

#[test]
fn a_size_probe_ends_quietly() {
    let mut transfer = start(asked(Some(1468), Some(4)), 100);
    sent(&mut transfer, Duration::ZERO);
    transfer.handle_packet(b"\0\x05\0\x08User aborted the transfer\0", Duration::ZERO);
    assert_eq!(transfer.outcome(), Some(&Outcome::SizeProbe));
}

#[test]
fn a_client_that_hangs_up_or_vanishes_ends_it() {
    let mut transfer = start(Options::default(), 5000);
    assert_eq!(sent(&mut transfer, Duration::ZERO), [1]);
    transfer.handle_packet(b"\0\x05\0\x03disk full\0", Duration::ZERO);
    assert_eq!(transfer.outcome(), Some(&Outcome::Aborted { code: 3, text: "disk full".into() }));

    let mut transfer = start(Options::default(), 5000);
    let mut sends = sent(&mut transfer, Duration::ZERO).len();
    while transfer.outcome().is_none() {
        let now = transfer.deadline();
        transfer.handle_timeout(now);
        sends += sent(&mut transfer, now).len();
    }
    assert_eq!(transfer.outcome(), Some(&Outcome::Silence));
    assert!(sends < 12, "{sends} datagrams into the void");
}

#[test]
fn what_is_granted_is_capped() {
    let options = Options { block_size: Some(65464), size: true, timeout_s: Some(3), window: Some(65535) };
    let mut transfer = start(options, 300);
    let mut out = Vec::new();
    assert!(transfer.poll_transmit(Duration::ZERO, &mut out));
    assert_eq!(out, b"\0\x06blksize\x001468\0tsize\x00300\0timeout\x003\0windowsize\x0064\0");
}

fn start(options: Options, length: usize) -> Transfer {
    let request = ReadRequest { file: "f".into(), options };
    Transfer::start(&request, content(length), &LIMITS, Duration::ZERO)
}

/// The block numbers of what is sent now, or 6 for an OACK.
fn sent(transfer: &mut Transfer, now: Duration) -> Vec<u16> {
    let mut numbers = Vec::new();
    let mut out = Vec::new();
    while transfer.poll_transmit(now, &mut out) {
        numbers.push(if out[1] == 6 { 6 } else { u16::from_be_bytes([out[2], out[3]]) });
        out.clear();
    }
    numbers
}
