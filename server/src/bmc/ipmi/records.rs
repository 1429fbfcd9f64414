//! Reading the repository of sensor data records (IPMI 2.0, 33.9 to 33.12, 35.2 to 35.4): in pieces that the BMC
//! can carry, under a reservation that it may cancel. Pure.

use api::bmc::Fault;

use super::dialogue::{Dialogue, Step, done, word};
use super::failure::refusal;
use super::message::{Function, Response, request};

const LAST: u16 = 0xffff;
const HEADER: usize = 5;
/// What most BMCs carry in one answer; it is halved where one carries less.
const PIECE: u8 = 32;
const SMALLEST: u8 = 4;
/// No machine has more sensors; a BMC whose records go in a circle ends here.
const RECORDS: usize = 2048;
/// Others may cancel our reservation by theirs, and will not do so for ever.
const RESERVATIONS: u32 = 16;
const CANCELLED: u8 = 0xc5;

/// The commands of a repository, or of the records that a small BMC keeps beside its sensors instead.
#[derive(Clone, Copy)]
struct Place {
    function: Function,
    get: u8,
    reserve: u8,
}

const REPOSITORY: Place = Place { function: Function::Storage, get: 0x23, reserve: 0x22 };
const BESIDE_SENSORS: Place = Place { function: Function::Sensor, get: 0x21, reserve: 0x22 };

/// Comes to all records as they are, their headers included.
pub struct Records {
    place: Place,
    reservation: Option<u16>,
    reservations: u32,
    piece: u8,
    /// The record that is read, what is there of it, and the one after it.
    id: u16,
    record: Vec<u8>,
    next: u16,
    records: Vec<Vec<u8>>,
}

impl Records {
    pub fn new() -> Records {
        Records {
            place: REPOSITORY,
            reservation: None,
            reservations: 0,
            piece: PIECE,
            id: 0,
            record: Vec::new(),
            next: 0,
            records: Vec::new(),
        }
    }

    fn ask(&self) -> Step<Vec<Vec<u8>>> {
        let Place { function, get, reserve } = self.place;
        let Some(reservation) = self.reservation else {
            return Step::Ask(request(function, reserve, &[]), "Reserve SDR Repository");
        };
        let count = match self.missing() {
            None => HEADER as u8,
            Some(missing) => missing.min(usize::from(self.piece)) as u8,
        };
        let [r0, r1] = reservation.to_le_bytes();
        let [i0, i1] = self.id.to_le_bytes();
        let data = [r0, r1, i0, i1, self.record.len() as u8, count];
        Step::Ask(request(function, get, &data), "Get SDR")
    }

    /// None before the header is there, which says how long the record is.
    fn missing(&self) -> Option<usize> {
        let length = *self.record.get(HEADER - 1)?;
        // The offset of a read is a byte: what lies beyond cannot be read.
        Some((HEADER + usize::from(length)).min(255).saturating_sub(self.record.len()))
    }

    fn reserved(&mut self, response: &Response) -> Result<(), Fault> {
        match response.completion {
            0xc1 | 0xc2 if matches!(self.place.function, Function::Storage) => {
                self.place = BESIDE_SENSORS;
                Ok(())
            }
            _ => {
                let data = done("Reserve SDR Repository", response, 2)?;
                self.reservation = Some(word(data, 0));
                Ok(())
            }
        }
    }

    /// Whether that was the last of all records.
    fn read(&mut self, response: &Response) -> Result<bool, Fault> {
        match response.completion {
            0 => {}
            CANCELLED if self.reservations < RESERVATIONS => {
                self.reservations += 1;
                self.reservation = None;
                self.record.clear();
                return Ok(false);
            }
            // More at once than it carries: told in one of three ways.
            0xc8 | 0xca | 0xff if self.piece > SMALLEST && !self.record.is_empty() => {
                self.piece /= 2;
                return Ok(false);
            }
            // An empty repository.
            0xcb if self.records.is_empty() && self.record.is_empty() => return Ok(true),
            code => return Err(refusal("Get SDR", code)),
        }
        let data = done("Get SDR", response, 3)?;
        self.next = word(data, 0);
        let wanted = self.missing().unwrap_or(HEADER);
        self.record.extend(data[2..].iter().take(wanted));
        if self.missing() != Some(0) {
            return Ok(false);
        }
        self.records.push(std::mem::take(&mut self.record));
        self.id = self.next;
        Ok(self.next == LAST || self.next == 0 || self.records.len() >= RECORDS)
    }
}

impl Dialogue for Records {
    type Outcome = Vec<Vec<u8>>;

    fn step(&mut self, last: Option<Response>) -> Result<Step<Vec<Vec<u8>>>, Fault> {
        if let Some(response) = last {
            let over = match self.reservation {
                None => self.reserved(&response).map(|()| false)?,
                Some(_) => self.read(&response)?,
            };
            if over {
                return Ok(Step::Done(std::mem::take(&mut self.records)));
            }
        }
        Ok(self.ask())
    }
}

/// How old a repository is (33.9): as long as it says the same, its records are the same. None where it has none.
#[derive(Default)]
pub struct Edition;

impl Dialogue for Edition {
    type Outcome = Option<[u8; 10]>;

    fn step(&mut self, last: Option<Response>) -> Result<Step<Self::Outcome>, Fault> {
        const NAME: &str = "Get SDR Repository Info";
        let Some(response) = last else {
            return Ok(Step::Ask(request(Function::Storage, 0x20, &[]), NAME));
        };
        Ok(Step::Done(done(NAME, &response, 13).ok().map(|data| {
            let mut edition = [0; 10];
            // Number of records, then the times of the newest addition and the newest erasure.
            edition[..2].copy_from_slice(&data[1..3]);
            edition[2..].copy_from_slice(&data[5..13]);
            edition
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::script::run;
    use super::super::message::Request;
    use super::*;

    fn record(id: u16, length: u8) -> Vec<u8> {
        let mut record = id.to_le_bytes().to_vec();
        record.extend([0x51, 0x01, length]);
        record.extend((0..length).map(|byte| byte ^ id as u8));
        record
    }

    /// A repository that carries so many bytes at once, and cancels the reservation at these reads.
    fn repository(
        records: Vec<Vec<u8>>,
        carries: u8,
        cancels: &'static [u32],
    ) -> impl FnMut(&Request) -> (u8, Vec<u8>) {
        let (mut reservation, mut reads) = (0u16, 0);
        move |asked| {
            if asked.command == 0x22 {
                reservation += 1;
                return (0, reservation.to_le_bytes().to_vec());
            }
            reads += 1;
            let id = word(&asked.data, 2);
            let (offset, count) = (usize::from(asked.data[4]), asked.data[5]);
            if cancels.contains(&reads) {
                reservation += 1;
            }
            if word(&asked.data, 0) != reservation {
                return (CANCELLED, vec![]);
            }
            if count > carries {
                return (0xca, vec![]);
            }
            let at = records.iter().position(|r| id == 0 || word(r, 0) == id);
            let Some(at) = at else { return (0xcb, vec![]) };
            let next = records.get(at + 1).map_or(LAST, |r| word(r, 0));
            let piece = records[at].iter().skip(offset).take(usize::from(count));
            (0, next.to_le_bytes().into_iter().chain(piece.copied()).collect())
        }
    }

    #[test]
    fn records_come_whole_in_pieces_of_any_size() {
        let all: Vec<Vec<u8>> = [(1, 43), (7, 0), (0x0102, 59), (9, 250)].map(|(id, n)| record(id, n)).into();
        for carries in [5, 8, 16, 32, 255] {
            let (outcome, _) = run(Records::new(), repository(all.clone(), carries, &[2, 5, 6]));
            assert_eq!(outcome.unwrap(), all, "{carries} bytes at once");
        }
        assert_eq!(run(Records::new(), repository(vec![], 32, &[])).0, Ok(vec![]));
    }

    #[test]
    fn a_reservation_that_is_always_cancelled_and_a_circle_end() {
        let mut count = 0u16;
        let (outcome, asked) = run(Records::new(), |asked| {
            count += 1;
            if asked.command == 0x22 { (0, count.to_le_bytes().to_vec()) } else { (CANCELLED, vec![]) }
        });
        assert!(matches!(outcome, Err(Fault::Busy(_))), "{outcome:?}");
        assert!(asked.len() < 50);
        let (outcome, _) = run(Records::new(), |asked| match asked.command {
            0x22 => (0, vec![1, 0]),
            _ => (0, vec![5, 0, 5, 0, 0x51, 1, 0]),
        });
        assert_eq!(outcome.unwrap().len(), RECORDS);
    }

    #[test]
    fn a_small_bmc_keeps_them_beside_its_sensors() {
        let mut inner = repository(vec![record(3, 20)], 32, &[]);
        let (outcome, asked) = run(Records::new(), |asked| match asked.function {
            Function::Storage => (0xc1, vec![]),
            _ => inner(asked),
        });
        assert_eq!(outcome.unwrap(), [record(3, 20)]);
        assert_eq!((asked[1].function, asked[2].command), (Function::Sensor, 0x21));
    }

    proptest::proptest! {
        #[test]
        fn no_answers_panic_or_go_on_for_ever(answers: Vec<(bool, u8, Vec<u8>)>) {
            let mut answers = answers.into_iter();
            let _ = run(Records::new(), |_| match answers.next() {
                Some((well, code, data)) => (if well { 0 } else { code }, data),
                None => (0xc1, vec![]),
            });
        }
    }
}
