//! Conversations of others, packet by packet: what `ipmitool` and a server said to each other opens with our keys.

use std::path::{Path, PathBuf};

use super::super::keys::Keys;
use super::super::message::{Response, checksum};
use super::super::packet::{Datagram, Kind, Plus, decode};
use super::super::rakp::{Challenge, Level, Opened, Proposal, Reply};
use super::super::suite::Suite;
use super::super::window::Window;
use super::driver::Bench;
use super::independent::ipmitool;
use super::model::Model;

const PASSWORD: &[u8] = b"a-password";

/// From and to the server, as `> hex` and `< hex`.
struct Capture {
    packets: Vec<(bool, Vec<u8>)>,
}

impl Capture {
    fn read(name: &str) -> Capture {
        let path = path(name);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let packets = lines.map(|line| (line.starts_with('>'), hex::decode(&line[2..]).unwrap())).collect();
        Capture { packets }
    }

    fn plus(&self, from_console: bool) -> impl Iterator<Item = Plus<'_>> {
        self.packets.iter().filter(move |(console, _)| *console == from_console).filter_map(|(_, bytes)| {
            match decode(bytes).unwrap() {
                Datagram::Plus(plus) => Some(plus),
                _ => None,
            }
        })
    }

    fn payload(&self, kind: Kind) -> &[u8] {
        let all = [true, false].into_iter().flat_map(|side| self.plus(side));
        all.into_iter().find(|plus| plus.kind == kind).unwrap_or_else(|| panic!("no {kind:?}")).payload
    }
}

/// Everything of a session that others led, verified and decrypted.
fn follow(name: &str, suite: Suite) -> (Vec<Vec<u8>>, Vec<Response>) {
    let capture = Capture::read(name);
    let (open, rakp1) = (capture.payload(Kind::OpenRequest), capture.payload(Kind::Rakp1));
    let proposal = Proposal {
        suite,
        level: Level::Administrator,
        tag: open[0],
        console: u32::from_le_bytes(open[4..8].try_into().unwrap()),
        random: rakp1[8..24].try_into().unwrap(),
        name: b"ADMIN".to_vec(),
    };
    assert_eq!(proposal.open_request(), open);
    let opened: Opened = given(proposal.opened(capture.payload(Kind::OpenResponse)));
    assert_eq!(Suite::of(opened.algorithms), Some(suite));
    assert_eq!(proposal.rakp1(&opened), rakp1);
    let (challenge, proved): (Challenge, bool) =
        given(proposal.challenged(&opened, PASSWORD, capture.payload(Kind::Rakp2)));
    assert!(proved);
    assert_eq!(proposal.rakp3(&opened, &challenge, PASSWORD), capture.payload(Kind::Rakp3));
    let secret = proposal.integrity_key(&challenge, PASSWORD);
    assert!(given(proposal.confirmed(&opened, &challenge, &secret, capture.payload(Kind::Rakp4))));
    let keys = Keys::new(suite, &secret);
    let open = |from_console: bool, session: u32| {
        let mut window = Window::default();
        let messages: Vec<Vec<u8>> = capture
            .plus(from_console)
            .filter(|plus| plus.kind == Kind::Message && plus.session == session)
            .map(|plus| {
                assert!(window.admit(plus.sequence), "{}", plus.sequence);
                keys.open(&plus).expect("opens")
            })
            .collect();
        messages
    };
    let requests = open(true, opened.bmc);
    let answers = open(false, proposal.console);
    (requests, answers.iter().map(|answer| Response::decode(answer).unwrap()).collect())
}

fn given<T: Copy>(reply: Result<Option<Reply<T>>, super::super::packet::Malformed>) -> T {
    match reply {
        Ok(Some(Reply::Given(given))) => given,
        Ok(Some(Reply::Refused(status))) => panic!("refused: {status:#04x}"),
        Ok(None) => panic!("for another session"),
        Err(error) => panic!("{error}"),
    }
}

fn check(name: &str, suite: Suite) {
    let (requests, answers) = follow(name, suite);
    assert!(requests.iter().all(|message| checksum(&message[..3]) == 0 && checksum(&message[3..]) == 0));
    let asked = |function: u8, command: u8| {
        requests.iter().any(|message| (message[1] >> 2, message[5]) == (function, command))
    };
    // Raise the privilege, ask for the power, close.
    assert!(asked(6, 0x3b) && asked(0, 0x01) && asked(6, 0x3c));
    let power = answers.iter().find(|answer| (answer.function, answer.command) == (0, 1)).unwrap();
    assert_eq!((power.completion, power.data[0] & 1), (0, 1), "the machine was on");
    assert_eq!(requests.len(), answers.len());
}

#[test]
fn ipmitool_and_ipmi_sim_with_suite_3() {
    check("ipmitool-ipmi_sim-suite-3.txt", Suite::Three);
}

/// No server that others wrote does suite 17, so ipmitool's side of it is what this holds.
#[tokio::test]
async fn ipmitool_with_suite_17() {
    const NAME: &str = "ipmitool-suite-17.txt";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let mut model = Model::new(&[Suite::Seventeen], 17);
        model.chassis.on = true;
        let bench = Bench::start(model).await;
        ipmitool(&bench, Suite::Seventeen, "power status").await;
        let said = bench.said.lock().unwrap().join("\n");
        let head = "# ipmitool 1.8.19 (`-C 17 power status`, user ADMIN, password a-password) at the model of these tests.";
        std::fs::write(path(NAME), format!("{head}\n{said}\n")).unwrap();
    }
    check(NAME, Suite::Seventeen);
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ipmi").join(name)
}
