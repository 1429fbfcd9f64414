//! What a receiver is told, how that is signed, and how long is waited after a failure. Pure.

use std::time::Duration;

use api::state::State;
use ring::hmac;
use serde::Serialize;

use crate::store::Told;

/// What travels to a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change<'a> {
    /// Names this change for ever: one that is seen again is no second change.
    pub id: String,
    pub site: &'a str,
    pub machine: &'a str,
    pub hostname: Option<&'a str>,
    /// Microseconds since 1970.
    pub at: i64,
    pub event: &'a str,
    pub from: State,
    pub to: State,
    pub who: &'a str,
    pub note: &'a str,
}

impl Change<'_> {
    pub fn of<'a>(site: &'a str, told: &'a Told) -> Change<'a> {
        let (mark, entry) = (&told.mark, &told.entry);
        Change {
            id: format!("{}/{}", mark.machine, mark.number),
            site,
            machine: &mark.machine,
            hostname: told.hostname.as_deref(),
            at: entry.at,
            event: &entry.event,
            from: entry.from,
            to: entry.to,
            who: &entry.who,
            note: &entry.note,
        }
    }
}

/// A receiver is told of changes of state into those that it names, or into any.
pub fn wants(states: &[State], told: &Told) -> bool {
    let moved = !told.entry.refused && told.entry.from != told.entry.to;
    moved && (states.is_empty() || states.contains(&told.entry.to))
}

/// Over the second in which it was signed, too: a receiver can refuse what is old.
pub fn signature(secret: &[u8], second: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{second}.").as_bytes());
    context.update(body);
    format!("t={second},v1={}", hex::encode(context.sign()))
}

/// Twice as long after each failure, up to `most`.
pub fn backoff(first: Duration, most: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most)
}

#[cfg(test)]
mod tests {
    use api::machine::HistoryEntry;

    use super::*;
    use crate::store::Mark;

    fn told(from: State, to: State, refused: bool) -> Told {
        let entry = HistoryEntry {
            at: 5,
            event: "step_failed".into(),
            from,
            to,
            who: "agent".into(),
            refused,
            note: "a \"disk\"".into(),
        };
        Told { mark: Mark { at: 5, machine: "m1".into(), number: 7 }, hostname: Some("node07".into()), entry }
    }

    #[test]
    fn only_changes_into_a_state_that_is_asked_for_are_told() {
        let failed = told(State::Installing, State::Failed, false);
        assert!(wants(&[], &failed) && wants(&[State::Failed], &failed) && !wants(&[State::Active], &failed));
        assert!(!wants(&[], &told(State::Active, State::Active, false)));
        assert!(!wants(&[], &told(State::Installing, State::Failed, true)));
    }

    #[test]
    fn a_change_says_which_machine_and_what() {
        let told = told(State::Installing, State::Failed, false);
        let json = serde_json::to_value(Change::of("lab", &told)).unwrap();
        assert_eq!(
            (&json["id"], &json["hostname"], &json["to"]),
            (&"m1/7".into(), &"node07".into(), &"failed".into())
        );
        assert_eq!(json["note"], "a \"disk\"");
    }

    #[test]
    fn a_signature_is_hmac_sha256_of_second_and_body() {
        // printf '1790000000.{}' | openssl dgst -sha256 -hmac key
        let wanted = "t=1790000000,v1=099d33989336226b12c85da813adf6100e1bbab1e91bede9a41ddeb7882d66b8";
        assert_eq!(signature(b"key", 1_790_000_000, b"{}"), wanted);
    }

    #[test]
    fn patience_doubles_up_to_its_end() {
        let after = |failures| backoff(Duration::from_secs(1), Duration::from_secs(300), failures).as_secs();
        assert_eq!(
            [after(0), after(1), after(2), after(3), after(9), after(10), after(u32::MAX)],
            [1, 1, 2, 4, 256, 300, 300]
        );
    }
}
