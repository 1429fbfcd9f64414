//! Whatever a datagram is, it harms nothing: no panic, no end of a session, no memory that grows.

use std::time::Duration;

use proptest::prelude::*;

use super::super::chassis::get_status;
use super::super::dice::Dice;
use super::super::patience::Patience;
use super::super::session::{Event, Session};
use super::super::suite::Suite;
use super::login;
use super::model::Model;

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
