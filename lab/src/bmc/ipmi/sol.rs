//! Serial over LAN (IPMI 2.0 rev. 1.1, chapters 15 and 26): characters in packets that are numbered and acknowledged,
//! one in flight each way.

use std::collections::VecDeque;
use std::time::Duration;

/// Characters in a packet. With the header and encryption it stays below an Ethernet frame.
pub const LONGEST: u16 = 200;
const HEADER: usize = 4;
/// Retries and their distance (26.3, parameter 7).
pub const RETRIES: u8 = 7;
pub const RETRY: Duration = Duration::from_millis(500);
/// What waits on either side before the other is told to.
const WAITING: usize = 4096;
/// Of the operation byte from a console (15.9): it did not take all; hold the line low.
const NACK: u8 = 0x40;
const BREAK: u8 = 0x10;
const FLUSH_TYPED: u8 = 0x02;
const FLUSH_OUTPUT: u8 = 0x01;
/// Of the status byte to it: the console ends.
const DEACTIVATING: u8 = 0x10;
/// Nobody types so many.
const BREAKS: usize = 16;

pub struct Sol {
    /// That has the console.
    pub session: u32,
    /// Of the last packet sent, 1 to 15.
    sequence: u8,
    pending: Option<Pending>,
    /// What the machine said and nobody has acknowledged.
    output: VecDeque<u8>,
    typed: VecDeque<u8>,
    /// Breaks between what is typed, each with how much of it goes before.
    breaks: VecDeque<usize>,
    /// The console's last packet and how much of it was taken.
    heard: (u8, u8),
    out: VecDeque<Vec<u8>>,
}

struct Pending {
    packet: Vec<u8>,
    tries: u8,
    due: Duration,
}

impl Sol {
    pub fn new(session: u32) -> Sol {
        Sol {
            session,
            sequence: 0,
            pending: None,
            output: VecDeque::new(),
            typed: VecDeque::new(),
            breaks: VecDeque::new(),
            heard: (0, 0),
            out: VecDeque::new(),
        }
    }

    /// How many characters of the machine there is room for.
    pub fn room(&self) -> usize {
        WAITING.saturating_sub(self.output.len())
    }

    pub fn say(&mut self, bytes: &[u8], now: Duration) {
        self.output.extend(bytes);
        self.send_next(now);
    }

    pub fn hear(&mut self, payload: &[u8], now: Duration) {
        let &[sequence, acknowledged, accepted, operation, ref letters @ ..] = payload else { return };
        if operation & FLUSH_OUTPUT != 0 {
            self.output.clear();
        }
        if operation & FLUSH_TYPED != 0 {
            self.typed.clear();
            self.breaks.clear();
        }
        self.acknowledge(acknowledged & 0x0f, usize::from(accepted), now);
        let sequence = sequence & 0x0f;
        if sequence == 0 {
            return;
        }
        // One that comes again was taken, as far as there was room, and its acknowledgement was lost.
        if self.heard.0 != sequence {
            self.heard = (sequence, 0);
            if operation & BREAK != 0 && self.breaks.len() < BREAKS {
                self.breaks.push_back(self.typed.len());
            }
        }
        let rest = letters.get(usize::from(self.heard.1)..).unwrap_or_default();
        let taken = rest.len().min(WAITING.saturating_sub(self.typed.len())).min(usize::from(LONGEST));
        self.typed.extend(&rest[..taken]);
        self.heard.1 = self.heard.1.saturating_add(taken as u8);
        let status = if usize::from(self.heard.1) < letters.len() { NACK } else { 0 };
        self.out.push_back(vec![0, sequence, self.heard.1, status]);
    }

    /// What was typed and the machine has not got, up to the next break.
    pub fn typed(&mut self) -> &[u8] {
        let end = self.breaks.front().copied().unwrap_or(self.typed.len());
        &self.typed.make_contiguous()[..end]
    }

    /// So much of it the machine has got.
    pub fn took(&mut self, letters: usize) {
        self.typed.drain(..letters);
        self.breaks.iter_mut().for_each(|before| *before -= letters);
    }

    /// Whether a break comes next, which then is the caller's to send.
    pub fn take_break(&mut self) -> bool {
        self.breaks.pop_front_if(|before| *before == 0).is_some()
    }

    pub fn tick(&mut self, now: Duration) {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.due <= now) else { return };
        if pending.tries < RETRIES {
            pending.tries += 1;
            pending.due = now + RETRY;
            self.out.push_back(pending.packet.clone());
            return;
        }
        // Nobody listens: the machine does not wait for them.
        self.pending = None;
        self.output.clear();
    }

    pub fn due(&self) -> Option<Duration> {
        self.pending.as_ref().map(|pending| pending.due)
    }

    pub fn poll(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// The last packet of a console that somebody else ends.
    pub fn farewell() -> Vec<u8> {
        vec![0, 0, 0, DEACTIVATING]
    }

    fn acknowledge(&mut self, sequence: u8, accepted: usize, now: Duration) {
        let Some(pending) = self.pending.take_if(|pending| pending.packet[0] == sequence) else { return };
        let letters = &pending.packet[HEADER..];
        if let Some(rest) = letters.get(accepted..).filter(|rest| !rest.is_empty()) {
            // It has no room: the rest goes later, under a number of its own (15.11).
            for letter in rest.iter().rev() {
                self.output.push_front(*letter);
            }
            self.pending = self.packet().map(|packet| Pending { packet, tries: 0, due: now + RETRY });
            return;
        }
        self.send_next(now);
    }

    fn send_next(&mut self, now: Duration) {
        if self.pending.is_none()
            && let Some(packet) = self.packet()
        {
            self.out.push_back(packet.clone());
            self.pending = Some(Pending { packet, tries: 0, due: now + RETRY });
        }
    }

    fn packet(&mut self) -> Option<Vec<u8>> {
        let length = self.output.len().min(usize::from(LONGEST));
        if length == 0 {
            return None;
        }
        self.sequence = self.sequence % 15 + 1;
        let mut packet = vec![self.sequence, 0, 0, 0];
        packet.extend(self.output.drain(..length));
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::ZERO;

    fn sent(sol: &mut Sol) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| sol.poll()).collect()
    }

    fn typed(sol: &mut Sol) -> Vec<u8> {
        let typed = sol.typed().to_vec();
        sol.took(typed.len());
        typed
    }

    #[test]
    fn one_packet_is_in_flight_and_comes_again_until_it_is_acknowledged() {
        let mut sol = Sol::new(1);
        sol.say(b"log", START);
        sol.say(b"in: ", START);
        assert_eq!(sent(&mut sol), [b"\x01\0\0\0log"]);
        sol.tick(RETRY / 2);
        assert!(sent(&mut sol).is_empty());
        sol.tick(RETRY);
        assert_eq!(sent(&mut sol), [b"\x01\0\0\0log"]);
        sol.hear(&[0, 1, 3, 0], RETRY);
        assert_eq!(sent(&mut sol), [b"\x02\0\0\0in: "]);
        sol.hear(&[0, 1, 3, 0], RETRY);
        assert!(sent(&mut sol).is_empty(), "an old acknowledgement");
        sol.hear(&[0, 2, 4, 0], RETRY);
        assert_eq!((sent(&mut sol).len(), sol.due()), (0, None));
    }

    #[test]
    fn what_a_full_console_leaves_is_sent_later() {
        let mut sol = Sol::new(1);
        sol.say(b"login: ", START);
        sent(&mut sol);
        sol.say(b"_", START);
        sol.hear(&[0, 1, 3, NACK], START);
        assert!(sent(&mut sol).is_empty(), "it needs time");
        sol.tick(RETRY);
        assert_eq!(sent(&mut sol), [b"\x02\0\0\0in: _"]);
    }

    #[test]
    fn a_console_that_is_gone_holds_up_nobody() {
        let mut sol = Sol::new(1);
        sol.say(&[b'x'; WAITING], START);
        assert_eq!(sol.room(), usize::from(LONGEST));
        for n in 1..=u32::from(RETRIES) + 1 {
            sol.tick(RETRY * n);
        }
        assert_eq!(sent(&mut sol).len(), 1 + usize::from(RETRIES));
        assert_eq!((sol.room(), sol.due()), (WAITING, None));
    }

    #[test]
    fn what_is_typed_counts_once() {
        let mut sol = Sol::new(1);
        sol.hear(b"\x01\0\0\0root", START);
        sol.hear(b"\x01\0\0\0root", START);
        assert_eq!(sent(&mut sol), [[0, 1, 4, 0], [0, 1, 4, 0]]);
        assert_eq!(typed(&mut sol), b"root");
        sol.hear(&[1, 2, 3], START);
        assert!(sent(&mut sol).is_empty(), "half a header is nothing");
    }

    #[test]
    fn a_break_keeps_its_place_in_what_is_typed() {
        let mut sol = Sol::new(1);
        sol.hear(b"\x01\0\0\0ls", START);
        sol.hear(&[2, 0, 0, BREAK], START);
        sol.hear(&[2, 0, 0, BREAK], START);
        sol.hear(b"\x03\0\0\0b", START);
        assert_eq!((sol.take_break(), sol.typed()), (false, &b"ls"[..]));
        sol.took(1);
        assert_eq!((sol.take_break(), sol.typed()), (false, &b"s"[..]));
        sol.took(1);
        assert_eq!(sol.typed(), b"", "the break comes first");
        assert!(sol.take_break() && !sol.take_break(), "sent twice, it counts once");
        assert_eq!(typed(&mut sol), b"b");
        sol.hear(&[4, 0, 0, BREAK], START);
        sol.hear(&[0, 0, 0, FLUSH_TYPED], START);
        assert!(!sol.take_break(), "what was typed is flushed");
    }

    #[test]
    fn a_machine_that_does_not_read_makes_the_console_wait() {
        let mut sol = Sol::new(1);
        let text = [&[0, 0, 0, 0], &[b'x'; 200][..]].concat();
        for sequence in (1..=15).chain(1..=15) {
            sol.hear(&[&[sequence], &text[1..]].concat(), START);
        }
        let last = sent(&mut sol).pop();
        assert_eq!(last, Some(vec![0, 15, 0, NACK]));
        assert_eq!(typed(&mut sol).len(), WAITING);
        sol.hear(&[&[15], &text[1..]].concat(), START);
        assert_eq!((sent(&mut sol).pop(), typed(&mut sol).len()), (Some(vec![0, 15, 200, 0]), 200));
    }
}
