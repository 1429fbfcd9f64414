//! Serial-over-LAN inside a session (IPMI 2.0, chapter 15): what the machine's serial port says,
//! and what is typed to it, each packet acknowledged and sent again until it is. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// Of a packet to the BMC, and of one from it.
const BREAK: u8 = 0x10;
const NACK: u8 = 0x40;
const ENDED: u8 = 0x10;
/// Before the letters of a packet.
pub const HEADER: usize = 4;
/// Typed and not yet sent. Nobody types more; what is pasted beyond has to wait.
pub const TYPED: usize = 4096;
const AGAIN: Duration = Duration::from_millis(500);
const TRIES: u32 = 10;

pub struct Sol {
    longest: usize,
    /// Of our last packet, 1 to 15.
    sequence: u8,
    pending: Option<Pending>,
    typed: VecDeque<Key>,
    /// Number of the BMC's last packet, and how many letters of it were taken.
    heard: (u8, usize),
    out: VecDeque<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Byte(u8),
    /// The line held low for a moment: what reaches the kernel's SysRq, or a boot loader.
    Break,
}

struct Pending {
    packet: Vec<u8>,
    tries: u32,
    due: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    Output(Vec<u8>),
    /// The BMC ended the console: another took it, or it restarts.
    Ended,
}

impl Sol {
    pub fn new(longest: usize) -> Sol {
        Sol {
            longest,
            sequence: 0,
            pending: None,
            typed: VecDeque::new(),
            heard: (0, 0),
            out: VecDeque::new(),
        }
    }

    /// How many bytes were taken.
    pub fn type_bytes(&mut self, bytes: &[u8], now: Duration) -> usize {
        let room = TYPED.saturating_sub(self.typed.len()).min(bytes.len());
        self.typed.extend(bytes[..room].iter().map(|byte| Key::Byte(*byte)));
        self.send_next(now);
        room
    }

    pub fn type_break(&mut self, now: Duration) {
        if self.typed.len() < TYPED {
            self.typed.push_back(Key::Break);
            self.send_next(now);
        }
    }

    /// Without room for output its packets count as lost: the BMC keeps them and sends them again.
    pub fn handle_packet(&mut self, payload: &[u8], room: bool, now: Duration) -> Heard {
        let [sequence, acknowledged, accepted, status, letters @ ..] = payload else { return Heard::Nothing };
        if status & ENDED != 0 {
            return Heard::Ended;
        }
        self.acknowledged(*acknowledged & 0x0f, usize::from(*accepted), now);
        match sequence & 0x0f {
            0 => Heard::Nothing,
            sequence if room && !letters.is_empty() => self.output(sequence, letters),
            sequence => {
                self.acknowledge(sequence, if room { letters.len() } else { 0 }, !room);
                Heard::Nothing
            }
        }
    }

    /// False when the BMC has not acknowledged what was typed for so long that the console is dead.
    #[must_use]
    pub fn handle_timeout(&mut self, now: Duration) -> bool {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.due <= now) else { return true };
        pending.tries += 1;
        pending.due = now + AGAIN;
        self.out.push_back(pending.packet.clone());
        pending.tries < TRIES
    }

    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub fn deadline(&self) -> Option<Duration> {
        self.pending.as_ref().map(|pending| pending.due)
    }

    /// A packet that is sent again may have grown: what was taken before is not told twice (15.11).
    fn output(&mut self, sequence: u8, letters: &[u8]) -> Heard {
        let known = if self.heard.0 == sequence { self.heard.1.min(letters.len()) } else { 0 };
        self.heard = (sequence, letters.len());
        self.acknowledge(sequence, letters.len(), false);
        match &letters[known..] {
            [] => Heard::Nothing,
            new => Heard::Output(new.to_vec()),
        }
    }

    fn acknowledge(&mut self, sequence: u8, accepted: usize, refused: bool) {
        self.out.push_back(vec![0, sequence, accepted.min(255) as u8, if refused { NACK } else { 0 }]);
    }

    fn acknowledged(&mut self, sequence: u8, accepted: usize, now: Duration) {
        let Some(pending) = self.pending.take_if(|pending| pending.packet[0] == sequence) else { return };
        let letters = &pending.packet[HEADER..];
        if accepted < letters.len() {
            // The rest is typed again, under a number of its own, when the BMC has had time.
            self.typed =
                letters[accepted..].iter().map(|b| Key::Byte(*b)).chain(self.typed.drain(..)).collect();
            let next = self.packet();
            self.pending = next.map(|packet| Pending { packet, tries: 0, due: now + AGAIN });
            return;
        }
        self.send_next(now);
    }

    fn send_next(&mut self, now: Duration) {
        if self.pending.is_some() {
            return;
        }
        if let Some(packet) = self.packet() {
            self.out.push_back(packet.clone());
            self.pending = Some(Pending { packet, tries: 0, due: now + AGAIN });
        }
    }

    /// What was typed up to the next break, which goes alone.
    fn packet(&mut self) -> Option<Vec<u8>> {
        let first = *self.typed.front()?;
        self.sequence = self.sequence % 15 + 1;
        let mut packet = vec![self.sequence, 0, 0, 0];
        if first == Key::Break {
            self.typed.pop_front();
            packet[3] = BREAK;
            return Some(packet);
        }
        while packet.len() < self.longest
            && let Some(Key::Byte(byte)) = self.typed.front()
        {
            packet.push(*byte);
            self.typed.pop_front();
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Duration = Duration::ZERO;

    fn sent(sol: &mut Sol) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| sol.poll_transmit()).collect()
    }

    #[test]
    fn typing_waits_for_its_acknowledgement_and_a_break_goes_alone() {
        let mut sol = Sol::new(7);
        assert_eq!(sol.type_bytes(b"reboot", START), 6);
        sol.type_break(START);
        sol.type_bytes(b"b", START);
        assert_eq!(sent(&mut sol), [b"\x01\0\0\0reb".to_vec()]);
        assert!(sol.handle_timeout(AGAIN / 2), "not yet");
        assert!(sent(&mut sol).is_empty());
        assert!(sol.handle_timeout(AGAIN));
        assert_eq!(sent(&mut sol), [b"\x01\0\0\0reb".to_vec()], "the same number");
        assert_eq!(sol.handle_packet(&[0, 1, 3, 0], true, AGAIN), Heard::Nothing);
        assert_eq!(sent(&mut sol), [b"\x02\0\0\0oot".to_vec()]);
        sol.handle_packet(&[0, 1, 3, 0], true, AGAIN);
        assert!(sent(&mut sol).is_empty(), "an old acknowledgement");
        sol.handle_packet(&[0, 2, 3, 0], true, AGAIN);
        assert_eq!(sent(&mut sol), [vec![3, 0, 0, BREAK]]);
        sol.handle_packet(&[0, 3, 0, 0], true, AGAIN);
        assert_eq!(sent(&mut sol), [b"\x04\0\0\0b".to_vec()]);
    }

    #[test]
    fn what_a_full_bmc_refuses_is_typed_again() {
        let mut sol = Sol::new(100);
        sol.type_bytes(b"abc", START);
        sent(&mut sol);
        sol.handle_packet(&[0, 1, 1, NACK], true, START);
        assert!(sent(&mut sol).is_empty(), "it needs time");
        assert!(sol.handle_timeout(AGAIN));
        assert_eq!(sent(&mut sol), [b"\x02\0\0\0bc".to_vec()]);
    }

    #[test]
    fn output_counts_once_and_only_where_there_is_room() {
        let mut sol = Sol::new(100);
        let mut hear = |payload: &[u8], room| (sol.handle_packet(payload, room, START), sent(&mut sol));
        let out = |text: &str| Heard::Output(text.into());
        assert_eq!(hear(b"\x05\0\0\0log", true), (out("log"), vec![vec![0, 5, 3, 0]]));
        assert_eq!(hear(b"\x05\0\0\0log", true), (Heard::Nothing, vec![vec![0, 5, 3, 0]]), "sent again");
        assert_eq!(hear(b"\x05\0\0\0login", true), (out("in"), vec![vec![0, 5, 5, 0]]), "and grown");
        assert_eq!(hear(b"\x06\0\0\0: ", false), (Heard::Nothing, vec![vec![0, 6, 0, NACK]]), "no room");
        assert_eq!(hear(b"\x06\0\0\0: ", true), (out(": "), vec![vec![0, 6, 2, 0]]));
        assert_eq!(hear(&[0, 0, 0, ENDED], true).0, Heard::Ended);
        assert_eq!(hear(&[1, 2], true).0, Heard::Nothing);
    }

    #[test]
    fn a_bmc_that_takes_nothing_is_dead_after_some_seconds() {
        let mut sol = Sol::new(100);
        sol.type_bytes(b"x", START);
        let mut now = START;
        while sol.handle_timeout(now) {
            now += AGAIN;
            assert!(now < Duration::from_secs(60));
        }
        assert!(now >= Duration::from_secs(4));
    }

    proptest! {
        #[test]
        fn any_packets_leave_a_console_that_works(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..60)
        ) {
            let mut sol = Sol::new(20);
            sol.type_bytes(b"some words that are typed", START);
            for packet in packets {
                let _ = sol.handle_packet(&packet, true, START);
                prop_assert!(sent(&mut sol).len() <= 3, "an answer and the next packet at most");
                prop_assert!(sol.typed.len() <= TYPED);
            }
        }
    }
}
