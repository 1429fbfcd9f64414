//! Bent, cut and glued packets: none stops the BMC, and none but the right one is obeyed.

use super::super::message::checksum;
use super::super::rmcp::{Kind, encode_plain};
use super::super::settings::{Level, Settings};
use super::super::suite::Suite;
use super::console::{Bench, Console};

/// Numbers that look random and are the same in each run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() % end.max(1)
    }

    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bent = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bent.len());
            match self.below(5) {
                0 => bent.truncate(at),
                1 => bent.insert(at, self.next() as u8),
                2 => bent.extend((0..self.below(40)).map(|n| n as u8)),
                3 if at < bent.len() => bent[at] ^= 1 << self.below(8),
                _ if at < bent.len() => bent[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                _ => {}
            }
        }
        bent
    }
}

/// A session's life, and everything in it that can be asked.
fn recorded() -> Vec<Vec<u8>> {
    let mut bench = Bench::new(Settings::default());
    let mut console = bench.admin();
    for (function, command, data) in REQUESTS {
        let message = console.message((*function, *command), data);
        bench.send(&encode_plain(&message));
        bench.send(&console.seal(Kind::Message, &message));
    }
    bench.sent
}

const REQUESTS: &[(u8, u8, &[u8])] = &[
    (0, 1, &[]),
    (0, 2, &[3]),
    (0, 4, &[5, 0]),
    (0, 8, &[5, 0xa0, 4, 0, 0, 0]),
    (0, 9, &[5, 0, 0]),
    (4, 0x2d, &[1]),
    (4, 0x27, &[1]),
    (6, 0x01, &[]),
    (6, 0x38, &[0x8e, 4]),
    (6, 0x3b, &[4]),
    (6, 0x3d, &[0]),
    (6, 0x44, &[1, 2]),
    (6, 0x46, &[2]),
    (6, 0x48, &[1, 1, 0xc0, 0, 0, 0]),
    (6, 0x4a, &[1]),
    (6, 0x54, &[0x0e, 0, 0x80]),
    (0x0a, 0x10, &[0]),
    (0x0a, 0x11, &[0, 8, 0, 32]),
    (0x0a, 0x20, &[]),
    (0x0a, 0x22, &[]),
    (0x0a, 0x23, &[0, 0, 1, 0, 0, 5]),
    (0x0a, 0x40, &[]),
    (0x0a, 0x42, &[]),
    (0x0a, 0x43, &[0, 0, 0, 0, 0, 0xff]),
    (0x0a, 0x47, &[1, 0, b'C', b'L', b'R', 0xaa]),
    (0x0a, 0x48, &[]),
    (0x0a, 0x49, &[1, 2, 3, 4]),
    (0x0c, 0x02, &[1, 5, 0, 0]),
    (0x0c, 0x22, &[1, 2, 0, 0]),
    (0x2c, 0x02, &[0xdc, 1, 0, 0]),
];

#[test]
fn damaged_datagrams_do_no_harm() {
    let (packets, mut numbers) = (recorded(), Numbers(1));
    let mut bench = Bench::new(Settings::default());
    for _ in 0..20_000 {
        let packet = &packets[numbers.below(packets.len())];
        let bent = numbers.damage(packet);
        bench.send(&bent);
        // Packets of nobody may open no session, and order nothing.
        assert_eq!(bench.orders, []);
        bench.pass(std::time::Duration::from_millis(20));
    }
    assert_eq!(bench.controller.sessions.active().count(), 0);
    bench.pass(std::time::Duration::from_secs(60));
    assert_works(&mut bench);
}

/// From one who has the keys, so that what is damaged arrives.
#[test]
fn damaged_requests_do_no_harm() {
    let mut numbers = Numbers(2);
    let mut bench = Bench::new(Settings::default());
    let mut console = bench.login(Suite::Three, Level::Administrator).unwrap();
    bench.raise(&mut console, Level::Administrator);
    for _ in 0..20_000 {
        let (function, command, data) = REQUESTS[numbers.below(REQUESTS.len())];
        let kind = if numbers.below(8) == 0 { Kind::Serial } else { Kind::Message };
        let message = damaged_message(&mut numbers, &mut console, (function, command), data);
        bench.send(&console.seal(kind, &message));
        while bench.controller.poll().is_some() {}
        bench.pass(std::time::Duration::from_millis(20));
        if bench.try_ask(&mut console, (0, 1), &[]).is_none() {
            // One of them was an order to restart, or to close the session.
            bench.pass(std::time::Duration::from_secs(60));
            console = bench.admin();
        }
    }
    drop(console);
    bench.pass(std::time::Duration::from_secs(60));
    assert_works(&mut bench);
}

/// Half of them with checksums that are right again.
fn damaged_message(numbers: &mut Numbers, console: &mut Console, command: (u8, u8), data: &[u8]) -> Vec<u8> {
    if numbers.below(2) == 0 {
        let message = console.message(command, data);
        return numbers.damage(&message);
    }
    let data = numbers.damage(data);
    let mut message = console.message(command, &data);
    if numbers.below(4) == 0 {
        message[5] = numbers.next() as u8;
        message[1] = (numbers.below(32) as u8) << 3;
        message[2] = checksum(&message[..2]);
        let end = message.len() - 1;
        message[end] = checksum(&message[3..end]);
    }
    message
}

fn assert_works(bench: &mut Bench) {
    bench.orders.clear();
    let mut console = bench.admin();
    assert!(bench.ask(&mut console, (0, 1), &[]).is_ok());
    let records = bench.ask(&mut console, (0x0a, 0x20), &[]).unwrap();
    assert_eq!(records[1..3], [5, 0]);
}
