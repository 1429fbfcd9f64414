//! Whatever a datagram is, it harms nothing: no panic, no end of a session, no memory that grows.

use std::time::Duration;

use proptest::prelude::*;

use super::super::chassis::get_status;
use super::super::dice::Dice;
use super::super::fru;
use super::super::fuzz::{Fed, read_all};
use super::super::patience::Patience;
use super::super::session::{Event, Session};
use super::super::suite::Suite;
use super::driver::equipped;
use super::login;
use super::model::{Model, Otherwise};

const NOW: Duration = Duration::ZERO;

fn exchange(session: &mut Session, bmc: &mut Model) -> Vec<Event> {
    while let Some(bytes) = session.poll_transmit() {
        for answer in bmc.handle(&bytes) {
            session.handle_packet(&answer, NOW);
        }
    }
    std::iter::from_fn(|| session.poll_event()).collect()
}

/// Bytes that look like RMCP+ of some kind for some session.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let payload = proptest::collection::vec(any::<u8>(), 0..80);
    let kind = prop_oneof![Just(0u8), Just(1), 0x10u8..0x16, any::<u8>()];
    (payload, kind, any::<u8>(), any::<u32>(), prop_oneof![Just(6u8), Just(7)]).prop_map(
        |(payload, kind, flags, session, class)| {
            let mut bytes = vec![6, 0, 0xff, class, 6, kind | flags & 0xc0];
            bytes.extend(session.to_le_bytes());
            bytes.extend(1u32.to_le_bytes());
            bytes.extend((payload.len() as u16).to_le_bytes());
            bytes.extend(payload);
            bytes
        },
    )
}

proptest! {
    #[test]
    fn a_session_works_through_a_storm_of_datagrams(
        storm in proptest::collection::vec(
            prop_oneof![datagram(), proptest::collection::vec(any::<u8>(), 0..100)], 0..40
        ),
        stage in 0usize..5,
    ) {
        let mut bmc = Model::new(&[Suite::Seventeen], 9);
        let mut session =
            Session::start(login(), &[Suite::Seventeen], Dice::new([1; 32]), Patience::NORMAL, NOW);
        for _ in 0..stage {
            let Some(bytes) = session.poll_transmit() else { break };
            for answer in bmc.handle(&bytes) {
                session.handle_packet(&answer, NOW);
            }
        }
        let before = (session.poll_event(), session.deadline());
        for bytes in storm {
            session.handle_packet(&bytes, NOW);
            prop_assert_eq!(session.poll_event(), None);
        }
        prop_assert_eq!(session.deadline(), before.1, "nothing was taken for an answer");
        if before.0.is_none() {
            prop_assert_eq!(exchange(&mut session, &mut bmc), [Event::Ready(Suite::Seventeen)]);
        }
        prop_assert!(session.ask(get_status(), "Get Chassis Status", NOW));
        let events = exchange(&mut session, &mut bmc);
        prop_assert!(matches!(&events[..], [Event::Answer(_)]), "{:?}", events);
    }

    #[test]
    fn a_real_answer_with_a_bent_byte_is_no_answer(at in 4usize..200, bit in 0u8..8) {
        let mut bmc = Model::new(&[Suite::Three], 9);
        let mut session = Session::start(login(), &[Suite::Three], Dice::new([2; 32]), Patience::NORMAL, NOW);
        exchange(&mut session, &mut bmc);
        session.ask(get_status(), "Get Chassis Status", NOW);
        let request = session.poll_transmit().unwrap();
        let answer = bmc.handle(&request).remove(0);
        let mut bent = answer.clone();
        let at = 4 + at % (answer.len() - 4);
        bent[at] ^= 1 << bit;
        session.handle_packet(&bent, NOW);
        prop_assert_eq!(session.poll_event(), None);
        session.handle_packet(&answer, NOW);
        prop_assert!(matches!(session.poll_event(), Some(Event::Answer(_))));
        session.handle_packet(&answer, NOW);
        prop_assert_eq!(session.poll_event(), None, "replayed");
    }
}

/// What a BMC says to the session of the fuzz target, whose dice are known: its seed is right to the last packet.
fn talk(mut bmc: Model) -> (Vec<Vec<u8>>, Vec<Event>) {
    let (mut fed, mut pieces, mut events) = (Fed::new(), Vec::new(), Vec::new());
    // Silence first: what it begins with was not yet sent.
    let mut answers = vec![Vec::new()];
    while !answers.is_empty() {
        let piece = answers.remove(0);
        let (said, event) = fed.feed(&piece);
        pieces.push(piece);
        events.extend(event);
        // Its second try of the first request is not heard.
        let said = if pieces.len() == 1 { &said[..1] } else { &said[..] };
        answers.extend(said.iter().flat_map(|said| bmc.handle(said)));
    }
    (pieces, events)
}

fn sessions() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let both = [Suite::Seventeen, Suite::Three];
    let wrong = Model { password: b"another".to_vec(), ..Model::new(&both, 9) };
    let operator = Model { level: 3, ..Model::new(&both, 9) };
    let own = Model { otherwise: Otherwise::NamesItsOwn, ..Model::new(&[Suite::Three], 9) };
    let bmcs = [("suite-17", Model::new(&both, 9)), ("suite-3", Model::new(&[Suite::Three], 9))];
    let all = bmcs.into_iter().chain([("wrong-password", wrong), ("operator", operator), ("own-suite", own)]);
    all.map(|(name, bmc)| {
        let (pieces, events) = talk(bmc);
        let asked = matches!(&events[..], [Event::Ready(_), Event::Answer(_)]);
        let refused = matches!(&events[..], [Event::Failed(_)]);
        assert!(if name == "wrong-password" { refused } else { asked }, "{name}: {events:?}");
        (name, pieces)
    })
    .collect()
}

fn answers() -> Vec<Vec<u8>> {
    let mut bmc = equipped();
    let mut pieces = Vec::new();
    read_all(&mut |request| {
        let (completion, data) = bmc.chassis.answer(request.function as u8, request.command, &request.data);
        pieces.push([&[completion], &data[..]].concat());
        (completion, data)
    });
    pieces
}

fn typing() -> Vec<Vec<u8>> {
    let pieces: [&[u8]; 8] = [
        b"\0reboot\r",
        b"\x01",
        b"\x03\x01\x01\x07\0login: ",
        b"\x02",
        b"\x03\0\x02\0\0",
        b"\x04\x02\0\0\0no room",
        b"\x03\x02\x03\x02\x40no room",
        b"\x03\0\0\0\x10",
    ];
    pieces.map(<[u8]>::to_vec).to_vec()
}

#[test]
fn seeds_of_the_fuzz_targets_are_what_a_bmc_says() {
    let joined = |pieces: &[Vec<u8>]| -> Vec<u8> {
        pieces.iter().flat_map(|piece| [&[piece.len() as u8], &piece[..]].concat()).collect()
    };
    let mut seeds: Vec<(String, Vec<u8>)> = vec![
        ("ipmi_console/typing".into(), joined(&typing())),
        ("ipmi_fru/supermicro".into(), fru::tests::sample()),
        ("ipmi_records/equipped".into(), joined(&answers())),
    ];
    seeds.extend(sessions().iter().map(|(name, pieces)| (format!("ipmi_session/{name}"), joined(pieces))));
    for (name, bytes) in seeds {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let kept = std::fs::read(&path).unwrap_or_default();
        assert!(kept == bytes, "{} differs: UPDATE_GOLDEN=1 makes it anew", path.display());
    }
}
