//! What is known of an update after each look.

use super::*;

const MINUTE: i64 = 60_000_000;

fn running() -> FirmwareUpdate {
    FirmwareUpdate {
        image: "http://10.0.0.1/bmc.bin".into(),
        who: "ops".into(),
        begun_at: 0,
        heard_at: 0,
        state: UpdateState::Running,
        percent: None,
        says: String::new(),
    }
}

fn at(percent: u64) -> Result<Progress, Fault> {
    Ok(Progress::Running { percent: Some(percent), state: "Running".into(), message: "Writing".into() })
}

#[test]
fn its_end_is_the_bmc_s_word() {
    let update = after(running(), at(40), MINUTE);
    assert_eq!(
        (update.percent, update.says.as_str(), update.heard_at),
        (Some(40), "Running: Writing", MINUTE)
    );
    let done = after(update.clone(), Ok(Progress::Done), 2 * MINUTE);
    assert_eq!((done.state, done.percent, done.says.as_str()), (UpdateState::Done, Some(100), ""));
    let failed = after(update, Ok(Progress::Failed("wrong image".into())), 2 * MINUTE);
    assert_eq!(
        (failed.state, failed.percent, failed.says.as_str()),
        (UpdateState::Failed, Some(40), "wrong image")
    );
}

#[test]
fn a_bmc_that_restarts_is_waited_for_and_not_for_ever() {
    let gone = || Err(Fault::Unreachable("connection refused".into()));
    let update = after(running(), at(90), MINUTE);
    let restarting = after(update, gone(), 10 * MINUTE);
    assert_eq!((restarting.state, restarting.percent), (UpdateState::Running, Some(90)));
    assert!(restarting.says.contains("unreachable: connection refused"), "{}", restarting.says);
    assert_eq!(restarting.heard_at, MINUTE, "nothing was heard");
    assert_eq!(after(restarting.clone(), at(95), 20 * MINUTE).percent, Some(95));
    let lost = after(restarting, gone(), 62 * MINUTE);
    assert_eq!(lost.state, UpdateState::Unknown);
    assert!(lost.says.contains("metalctl bmc hardware"), "{}", lost.says);
}

#[test]
fn what_nobody_knows_is_not_called_done() {
    let forgotten = after(running(), Err(Fault::Unsupported("it no longer knows /t/1".into())), MINUTE);
    assert_eq!(forgotten.state, UpdateState::Unknown);
    assert!(forgotten.says.contains("no longer knows /t/1"), "{}", forgotten.says);
    assert_eq!(after(running(), at(10), 361 * MINUTE).state, UpdateState::Unknown, "it waits for ever");
}
