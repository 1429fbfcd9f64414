//! One read transfer as a state machine without a socket or a clock: packets and times go in,
//! datagrams, the next deadline and the outcome come out. Times count from any one origin.

use std::time::Duration;

use bytes::Bytes;

use super::packet::{self, ReadRequest, Word};

/// What a server grants at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fragments are what PXE ROMs drop first: a block plus 32 bytes of headers fits one frame.
    pub mtu: u16,
    pub window: u16,
}

/// Below this a slow flash or an emulated machine looks like loss.
const RTO_MIN: Duration = Duration::from_millis(200);
const RTO_START: Duration = Duration::from_secs(1);
const RTO_MAX: Duration = Duration::from_secs(5);
/// Without a sign of progress for so long the client is gone.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The last block was acknowledged.
    Complete,
    /// UEFI asks for the size, reads it from the OACK and hangs up with ERROR 8: not a failure.
    SizeProbe,
    Aborted {
        code: u16,
        text: String,
    },
    Silence,
}

#[derive(Debug)]
pub struct Transfer {
    content: Bytes,
    block_size: usize,
    window: u64,
    rto_max: Duration,
    /// Sent until ACK 0 arrives; empty when no option was granted.
    option_ack: Vec<u8>,
    asked_size: bool,
    phase: Phase,
    /// Blocks count from 1 and do not wrap here; on the wire they wrap to 0.
    base: u64,
    next: u64,
    last: u64,
    /// When the datagrams that are now waited for left for the first time.
    sent_at: Duration,
    /// Karn: what was sent twice measures no round trip.
    resent: bool,
    round_trip: Option<RoundTrip>,
    rto: Duration,
    progress_at: Duration,
    deadline: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    OptionAckDue,
    OptionAckSent,
    Data,
    Over(Outcome),
}

#[derive(Debug, Clone, Copy)]
struct RoundTrip {
    smooth: Duration,
    variation: Duration,
    shortest: Duration,
}

impl Transfer {
    pub fn start(request: &ReadRequest, content: Bytes, limits: &Limits, now: Duration) -> Transfer {
        let options = request.options;
        let block_size = options.block_size.map(|n| n.min(limits.mtu.saturating_sub(32).max(8)));
        let window = options.window.map(|n| n.min(limits.window.max(1)));
        let mut granted = Vec::new();
        granted.extend(block_size.map(|n| ("blksize", u64::from(n))));
        granted.extend(options.size.then_some(("tsize", content.len() as u64)));
        granted.extend(options.timeout_s.map(|s| ("timeout", u64::from(s))));
        granted.extend(window.map(|n| ("windowsize", u64::from(n))));
        let mut option_ack = Vec::new();
        if !granted.is_empty() {
            packet::option_ack(&granted, &mut option_ack);
        }
        let block_size = usize::from(block_size.unwrap_or(512));
        let rto_max = options.timeout_s.map_or(RTO_MAX, |s| Duration::from_secs(s.into()));
        Transfer {
            block_size,
            window: u64::from(window.unwrap_or(1)),
            rto_max,
            phase: if option_ack.is_empty() { Phase::Data } else { Phase::OptionAckDue },
            option_ack,
            asked_size: options.size,
            base: 1,
            next: 1,
            // A last block shorter than the others ends the transfer, so there always is one.
            last: (content.len() / block_size) as u64 + 1,
            content,
            sent_at: now,
            resent: false,
            round_trip: None,
            rto: RTO_START.min(rto_max),
            progress_at: now,
            deadline: now,
        }
    }

    pub fn handle_packet(&mut self, bytes: &[u8], now: Duration) {
        // What is no word of this protocol is noise, not a reason to fail a boot.
        match packet::word(bytes) {
            Ok(Word::Ack(block)) => self.acknowledged(block, now),
            Ok(Word::Error { code, text }) => self.client_error(code, text),
            Err(_) => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Duration) {
        if self.outcome().is_some() || now < self.deadline {
            return;
        }
        if now >= self.progress_at + PATIENCE {
            self.phase = Phase::Over(Outcome::Silence);
            return;
        }
        self.rto = (self.rto * 2).min(self.rto_max);
        self.send_again();
    }

    /// Appends the next datagram to `out`; false when there is nothing to send now.
    pub fn poll_transmit(&mut self, now: Duration, out: &mut Vec<u8>) -> bool {
        match self.phase {
            Phase::OptionAckDue => {
                out.extend_from_slice(&self.option_ack);
                self.phase = Phase::OptionAckSent;
                self.sent(now);
                true
            }
            Phase::Data if self.next <= self.last && self.next < self.base + self.window => {
                let payload = self.payload(self.next);
                packet::data(self.next as u16, &payload, out);
                if self.next == self.base {
                    self.sent_at = now;
                }
                self.next += 1;
                self.deadline = now + self.rto;
                true
            }
            _ => false,
        }
    }

    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The client has taken the first window: it lives, and a repeated request is an echo.
    pub fn established(&self) -> bool {
        self.base > self.window
    }

    pub fn progress_at(&self) -> Duration {
        self.progress_at
    }

    /// Bytes the client has confirmed.
    pub fn confirmed(&self) -> u64 {
        ((self.base - 1) * self.block_size as u64).min(self.content.len() as u64)
    }

    /// The last block has left, whether or not it arrived.
    pub fn all_sent(&self) -> bool {
        self.next > self.last
    }

    fn acknowledged(&mut self, block: u16, now: Duration) {
        match self.phase {
            Phase::OptionAckSent if block == 0 => {
                self.measure(now);
                self.phase = Phase::Data;
                self.progressed(now);
            }
            Phase::Data => match self.sent_block(block) {
                Some(block) if block == self.last => {
                    self.base = self.last + 1;
                    self.phase = Phase::Over(Outcome::Complete);
                }
                Some(block) if block >= self.base => self.advance(block, now),
                Some(_) => self.first_block_lost(now),
                None => {}
            },
            _ => {}
        }
    }

    /// The block that `wire` stands for, if it is among those in flight or the one before them.
    fn sent_block(&self, wire: u16) -> Option<u64> {
        let before = self.base - 1;
        let block = before + u64::from(wire.wrapping_sub(before as u16));
        (block < self.next).then_some(block)
    }

    /// All of the window, or what came before a gap: RFC 7440 goes on after the acknowledged block,
    /// sending anew what was beyond it.
    fn advance(&mut self, block: u64, now: Duration) {
        self.base = block + 1;
        if self.base == self.next {
            self.measure(now);
        } else {
            self.go_back(now);
        }
        self.progressed(now);
    }

    /// The client says it still waits for the first block. In lockstep that is only ever an echo of
    /// an acknowledgement we acted on, and answering echoes doubles every packet for the rest of the
    /// transfer (the sorcerer's apprentice). With a window it is how loss of the first block is told.
    fn first_block_lost(&mut self, now: Duration) {
        if self.window > 1 {
            self.go_back(now);
        }
    }

    /// EDK2 complains of every block behind a gap and of every one it has already; what comes sooner
    /// than a round trip after we last sent from `base` cannot be about that, so one complaint is heard.
    fn go_back(&mut self, now: Duration) {
        self.resent = true;
        let soonest = self.round_trip.map_or(RTO_MIN, |trip| trip.shortest);
        if now >= self.sent_at + soonest {
            self.next = self.base;
        }
    }

    fn client_error(&mut self, code: u16, text: String) {
        let outcome = match self.phase {
            Phase::Over(_) => return,
            Phase::OptionAckDue | Phase::OptionAckSent if self.asked_size => Outcome::SizeProbe,
            _ => Outcome::Aborted { code, text },
        };
        self.phase = Phase::Over(outcome);
    }

    fn send_again(&mut self) {
        self.resent = true;
        match self.phase {
            Phase::OptionAckSent => self.phase = Phase::OptionAckDue,
            _ => self.next = self.base,
        }
    }

    fn sent(&mut self, now: Duration) {
        self.sent_at = now;
        self.deadline = now + self.rto;
    }

    fn progressed(&mut self, now: Duration) {
        self.progress_at = now;
        let rto = self.round_trip.map_or(RTO_START, |trip| trip.smooth + trip.variation * 4);
        self.rto = rto.max(RTO_MIN).min(self.rto_max);
    }

    /// RFC 6298's estimator.
    fn measure(&mut self, now: Duration) {
        let sample = now.saturating_sub(self.sent_at);
        if std::mem::take(&mut self.resent) {
            return;
        }
        self.round_trip = Some(match self.round_trip {
            None => RoundTrip { smooth: sample, variation: sample / 2, shortest: sample },
            Some(trip) => RoundTrip {
                variation: (trip.variation * 3 + trip.smooth.abs_diff(sample)) / 4,
                smooth: (trip.smooth * 7 + sample) / 8,
                shortest: trip.shortest.min(sample),
            },
        });
    }

    fn payload(&self, block: u64) -> Bytes {
        let start = ((block - 1) as usize * self.block_size).min(self.content.len());
        let end = (start + self.block_size).min(self.content.len());
        self.content.slice(start..end)
    }
}
