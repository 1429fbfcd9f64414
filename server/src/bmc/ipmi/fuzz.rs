//! Whatever a datagram or an answer is, it harms nothing: what the fuzz targets of IPMI do with bytes. Pure.

use std::sync::Arc;
use std::time::Duration;

use api::bmc::{BootOnce, FirmwareMode};

use super::activation::activated;
use super::boot::{self, Boot};
use super::chassis;
use super::dialogue::{Dialogue, Step};
use super::dice::Dice;
use super::fru;
use super::keys::Keys;
use super::log::Log;
use super::login::Login;
use super::message::{Request, Response};
use super::packet::{Datagram, decode};
use super::patience::Patience;
use super::records::{Edition, Records};
use super::sdr::{self, SensorRecord};
use super::sensors::Readings;
use super::session::{Event, Session};
use super::sol::{Heard, Sol, TYPED};
use super::suite::Suite;
use crate::fuzz::pieces;

const SUITES: [Suite; 2] = [Suite::Seventeen, Suite::Three];
/// Between two tries of a console's packet, and more.
const WHILE: Duration = Duration::from_secs(1);
const UNKNOWN_COMMAND: u8 = 0xc1;
/// More requests than any dialogue makes to a BMC that knows none of them.
const STEPS: usize = 10_000;

/// One datagram, out of nowhere: nobody who lacks the keys has it opened.
pub fn packet(bytes: &[u8]) {
    match decode(bytes) {
        Ok(Datagram::Plus(plus)) => {
            for suite in SUITES {
                assert!(Keys::new(suite, b"nobody knows").open(&plus).is_err(), "a forged packet is opened");
            }
            message(plus.payload);
        }
        Ok(Datagram::Plain(bytes)) => message(bytes),
        Ok(Datagram::Pong { .. }) | Err(_) => message(bytes),
    }
}

/// Datagrams to a session with known dice; an empty piece is silence until the next deadline.
pub fn session(bytes: &[u8]) {
    let mut fed = Fed::new();
    for piece in pieces(bytes) {
        fed.feed(piece);
    }
}

/// A session that draws the same numbers each time, so that what a BMC said to it once is right again.
pub(super) struct Fed {
    session: Session,
    now: Duration,
    over: bool,
}

impl Fed {
    pub(super) fn new() -> Fed {
        let login = Login::new("ADMIN", "a-password", None).expect("within the limits");
        let (dice, now) = (Dice::new([1; 32]), Duration::ZERO);
        Fed { session: Session::start(login.into(), &SUITES, dice, Patience::NORMAL, now), now, over: false }
    }

    /// What it says to that, and whether it is ready. One datagram is answered by few.
    pub(super) fn feed(&mut self, datagram: &[u8]) -> (Vec<Vec<u8>>, Option<Event>) {
        if datagram.is_empty() {
            self.now = self.session.deadline().unwrap_or_default().max(self.now);
            self.session.handle_timeout(self.now);
        } else {
            self.session.handle_packet(datagram, self.now);
        }
        let event = self.session.poll_event();
        assert!(self.session.poll_event().is_none(), "two events of one datagram");
        assert!(!self.over || event.is_none(), "{event:?} after the end");
        match &event {
            Some(Event::Failed(_) | Event::Closed) => self.over = true,
            Some(Event::Ready(_)) => {
                self.session.ask(chassis::get_status(), "Get Chassis Status", self.now);
            }
            _ => {}
        }
        let said: Vec<Vec<u8>> = std::iter::from_fn(|| self.session.poll_transmit()).collect();
        assert!(said.len() <= 6, "{} datagrams for one", said.len());
        (said, event)
    }
}

/// A console in use. A piece begins with what happens: 0 typing, 1 a break, 2 time goes by, else a packet of the BMC's,
/// for which there is room where it is odd.
pub fn console(bytes: &[u8]) {
    let (mut sol, mut now) = (Sol::new(20), Duration::ZERO);
    for piece in pieces(bytes) {
        let Some((what, rest)) = piece.split_first() else { continue };
        match what {
            0 => assert!(sol.type_bytes(rest, now) <= rest.len()),
            1 => sol.type_break(now),
            2 => {
                now += WHILE;
                if !sol.handle_timeout(now) {
                    return;
                }
            }
            room => match sol.handle_packet(rest, room & 1 == 1, now) {
                Heard::Output(letters) => assert!(letters.len() + 4 <= rest.len(), "more than was sent"),
                Heard::Nothing | Heard::Ended => {}
            },
        }
        let sent = std::iter::from_fn(|| sol.poll_transmit()).inspect(|packet| assert!(packet.len() <= 20));
        assert!(sent.count() <= 3, "an answer and the next packet at most");
    }
    assert!(sol.type_bytes(&[b'x'; TYPED], now) <= TYPED);
}

/// The answers of one BMC, each a completion code with its data: its records, and with them its sensors, its log and
/// the rest. What it does not answer any more, it does not know.
pub fn records(bytes: &[u8]) {
    let mut answers = pieces(bytes);
    read_all(&mut scripted(&mut answers));
    let _ = sdr::sensor(bytes);
}

/// Everything that takes several requests, from whatever answers them.
pub(super) fn read_all(bmc: &mut dyn FnMut(&Request) -> (u8, Vec<u8>)) {
    let raw = run(Records::new(), bmc).unwrap_or_default();
    let known: Arc<[SensorRecord]> = raw.iter().filter_map(|record| sdr::sensor(record)).collect();
    for factors in known.iter().filter_map(|record| record.factors) {
        for raw in [0, 1, 0x7f, 0x80, 0xff] {
            assert!(factors.value(raw).is_none_or(f64::is_finite), "{factors:?} of {raw}");
        }
    }
    if let Some(sensors) = run(Readings::new(known.clone()), bmc) {
        assert_eq!(sensors.iter().filter(|sensor| sensor.name.contains(char::is_control)).count(), 0);
    }
    let _ = run(Log::new(known.clone(), None), bmc);
    let _ = run(Log::new(known, Some(7)), bmc);
    let _ = run(Edition, bmc);
    let _ = run(Boot::new(Some((BootOnce::Network, FirmwareMode::Uefi))), bmc);
    let _ = run(fru::Read::new(), bmc);
}

/// What is stored in a FRU device, read in pieces and parsed as a whole.
pub fn fru(bytes: &[u8]) {
    let _ = fru::parse(bytes);
    // Its size, and then 16 bytes at a time behind their number.
    let size = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes();
    let info = vec![0, size[0], size[1], 0];
    let read = bytes.chunks(16).map(|piece| [&[0, piece.len() as u8], piece].concat());
    let answers: Vec<Vec<u8>> = std::iter::once(info).chain(read).collect();
    let mut answers = answers.iter().map(Vec::as_slice);
    let _ = run(fru::Read::new(), &mut scripted(&mut answers));
}

fn message(bytes: &[u8]) {
    if let Ok(response) = Response::decode(bytes) {
        let _ = activated(&response, super::PORT);
        let _ = (chassis::power(&response.data), chassis::device(&response.data));
        let _ = (chassis::mac(&response.data), boot::is_set(&response.data));
    }
}

fn scripted<'a>(answers: &mut dyn Iterator<Item = &'a [u8]>) -> impl FnMut(&Request) -> (u8, Vec<u8>) {
    move |_| match answers.next().and_then(<[u8]>::split_first) {
        Some((completion, data)) => (*completion, data.to_vec()),
        None => (UNKNOWN_COMMAND, Vec::new()),
    }
}

/// None where it comes to a fault.
fn run<D: Dialogue>(mut dialogue: D, bmc: &mut dyn FnMut(&Request) -> (u8, Vec<u8>)) -> Option<D::Outcome> {
    let (mut last, mut unanswered) = (None, 0);
    loop {
        let request = match dialogue.step(last.take()).ok()? {
            Step::Done(outcome) => return Some(outcome),
            Step::Ask(request, _) => request,
        };
        let (completion, data) = bmc(&request);
        unanswered += usize::from(completion == UNKNOWN_COMMAND);
        assert!(unanswered <= STEPS, "{request:?} goes on for ever");
        let (function, command) = (request.function as u8, request.command);
        last = Some(Response { function, command, sequence: 0, completion, data });
    }
}
