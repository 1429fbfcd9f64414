//! The policy in simulated time.

use super::*;

const SECOND: i64 = 1_000_000;

fn hung() -> Fault {
    Fault::Hung("no answer in 10 s".into())
}

fn asked(at_s: i64, outcome: Result<(), Fault>) -> Asked {
    Asked { at: at_s * SECOND, took: Duration::from_millis(200), outcome }
}

fn after(outcomes: &[Result<(), Fault>]) -> History {
    let mut history = History::default();
    for (i, outcome) in outcomes.iter().enumerate() {
        history.note(asked(i as i64 * 60, outcome.clone()), 0.5);
    }
    history
}

#[test]
fn one_lost_answer_opens_nothing_and_two_do() {
    assert_eq!(after(&[Ok(())]).gate(0), Gate::Go);
    assert_eq!(after(&[Ok(()), Err(hung())]).gate(60 * SECOND), Gate::Go);
    let open = after(&[Err(hung()), Err(hung())]);
    assert_eq!(open.gate(61 * SECOND), Gate::Wait { until: 90 * SECOND });
    assert_eq!(open.gate(90 * SECOND), Gate::Probe);
}

#[test]
fn an_answer_closes_the_circuit() {
    let mut history = after(&[Err(hung()), Err(hung()), Err(hung())]);
    assert!(history.is_in_doubt());
    history.note(asked(500, Ok(())), 0.5);
    assert_eq!((history.gate(500 * SECOND), history.is_in_doubt()), (Gate::Go, false));
    assert_eq!(judge(&history, "node07").health, Health::Healthy);
}

#[test]
fn pauses_double_up_to_ten_minutes_give_or_take_a_fifth() {
    let mut history = History::default();
    let mut pauses = Vec::new();
    for i in 0..9 {
        history.note(asked(i * 1000, Err(hung())), 0.5);
        if let Gate::Wait { until } = history.gate(i * 1000 * SECOND) {
            pauses.push(until / SECOND - i * 1000);
        }
    }
    assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600, 600]);
    let span = |jitter| pause(&hung(), 2, jitter).as_secs();
    assert_eq!((span(0.0), span(1.0), span(7.0)), (24, 36, 36));
}

#[test]
fn a_wrong_password_is_not_tried_again_soon() {
    let history = after(&[Err(Fault::Refused("401".into()))]);
    assert_eq!(history.gate(0), Gate::Wait { until: 900 * SECOND });
    let judgement = judge(&history, "node07");
    assert_eq!(judgement.health, Health::Refused);
    assert!(judgement.todo.contains("metalctl bmc set node07"), "{}", judgement.todo);
}

/// A login that fails for want of room harms no account: it is tried again as after any other fault.
#[test]
fn a_bmc_without_a_session_left_needs_no_other_password() {
    let full = Err(Fault::NoSessions("no room".into()));
    let once = after(&[Ok(()), full.clone()]);
    assert_eq!(once.gate(60 * SECOND), Gate::Go);
    assert_eq!(after(&[full.clone(), full]).gate(61 * SECOND), Gate::Wait { until: 90 * SECOND });
    let Judgement { health, todo, .. } = judge(&once, "node07");
    assert_eq!(health, Health::NoSessions);
    assert!(!health.answers() && !todo.contains("--password-file") && !todo.contains("bmc set"), "{todo}");
    for part in ["the BMC's own page", "`metalctl bmc reset node07`", "half an hour"] {
        assert!(todo.contains(part), "{todo}");
    }
}

#[test]
fn what_cannot_be_done_says_nothing_about_the_bmc() {
    for fault in [Fault::Unsupported("no light".into()), Fault::NotObeyed("still off".into())] {
        let history = after(&[Ok(()), Err(fault.clone()), Err(fault)]);
        assert_eq!(history.gate(200 * SECOND), Gate::Go);
        assert_eq!(judge(&history, "node07").health, Health::Healthy);
    }
}

#[test]
fn each_fault_has_its_name_and_something_to_do() {
    let changed = Fault::CertificateChanged { pinned: "aa".into(), presented: "bb".into() };
    for (fault, health) in [
        (hung(), Health::Hung),
        (Fault::Unreachable("no route".into()), Health::Unreachable),
        (Fault::Refused("401".into()), Health::Refused),
        (Fault::NoSessions("0x01".into()), Health::NoSessions),
        (changed, Health::CertificateChanged),
        (Fault::Garbled("no JSON".into()), Health::Faulty),
        (Fault::Busy("503".into()), Health::Faulty),
    ] {
        let judgement = judge(&after(&[Err(fault.clone()), Err(fault.clone())]), "node07");
        assert_eq!(judgement.health, health);
        assert!(judgement.sentence.contains(&fault.to_string()), "{}", judgement.sentence);
        assert!(judgement.todo.contains("metalctl bmc"), "{}", judgement.todo);
    }
    assert_eq!(judge(&History::default(), "node07").health, Health::Unproven);
}

/// What is silent hangs as long as it was heard at one of the last eight requests; then, and where it never was, nobody is
/// there.
#[test]
fn silence_is_hung_after_an_answer_and_unreachable_without_one() {
    let silent = || Err(Fault::Silent("neither IPMI nor a ping".into()));
    let unread = Err(Fault::Refused("cannot read its password".into()));
    let (hung, gone) = (Err(hung()), Err(Fault::Unreachable("nothing listens".into())));
    let then = |first: &Result<(), Fault>, silences: usize| {
        let mut outcomes = vec![first.clone()];
        outcomes.resize_with(silences + 1, silent);
        judge(&after(&outcomes), "node07")
    };
    for (first, silences, health) in [
        (Ok(()), 1, Health::Hung),
        (Ok(()), 7, Health::Hung),
        (Ok(()), 8, Health::Unreachable),
        (Err(Fault::Unsupported("no light".into())), 1, Health::Hung),
        (silent(), 0, Health::Unreachable),
        (silent(), 3, Health::Unreachable),
        (hung, 1, Health::Hung),
        (gone.clone(), 1, Health::Unreachable),
        (unread, 1, Health::Unreachable),
    ] {
        assert_eq!(then(&first, silences).health, health, "{first:?}, then {silences} silences");
    }
    assert_eq!(judge(&after(&[Ok(()), gone]), "node07").health, Health::Unreachable, "its host says so");
    let todo = then(&Ok(()), 2).todo;
    assert!(todo.contains("`metalctl bmc reset node07`") && todo.contains("its cable"), "{todo}");
    assert!(!may_reset(&after(&[Ok(()), silent(), silent(), silent()]), true, 0, 0), "it would not hear it");
}

#[test]
fn slow_is_what_most_answers_are() {
    let mut history = History::default();
    for (i, seconds) in [1, 6, 7, 1, 8].into_iter().enumerate() {
        let at = i as i64 * 60 * SECOND;
        history.note(Asked { at, took: Duration::from_secs(seconds), outcome: Ok(()) }, 0.5);
    }
    let judgement = judge(&history, "node07");
    assert_eq!(
        (judgement.health, judgement.sentence.as_str()),
        (Health::Slow, "its BMC takes 6 s for an answer")
    );
    for i in 0..8 {
        history.note(asked(1000 + i, Ok(())), 0.5);
    }
    assert_eq!(judge(&history, "node07").health, Health::Healthy, "what is long ago counts no more");
}

#[test]
fn a_hung_bmc_is_restarted_once_an_hour_where_the_site_allows_it() {
    let twice = after(&[Err(hung()), Err(hung())]);
    let thrice = after(&[Err(hung()), Err(hung()), Err(hung())]);
    let now = 10_000 * SECOND;
    assert!(!may_reset(&twice, true, 0, now));
    assert!(may_reset(&thrice, true, 0, now));
    assert!(!may_reset(&thrice, false, 0, now));
    assert!(!may_reset(&thrice, true, now - 3599 * SECOND, now));
    assert!(may_reset(&thrice, true, now - 3600 * SECOND, now));
    let gone = Fault::Unreachable("no route".into());
    assert!(
        !may_reset(&after(&[Err(gone.clone()), Err(gone.clone()), Err(gone)]), true, 0, now),
        "nobody is there to hear it"
    );
}
