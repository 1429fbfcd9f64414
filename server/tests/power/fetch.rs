//! Images and firmware that BMCs are told to fetch: who may, what else waits meanwhile, and what is known at the end.

use std::time::Duration;

use api::bmc::update::{FirmwareUpdate, UpdateState};
use api::bmc::{Fault, Power};
use api::id::MachineId;
use api::user::Role;
use axum::http::StatusCode;
use serde_json::{Value, json};
use server::bmc::lane::Asker;
use server::bmc::update::{Progress, begin, resume};
use server::store::bmc::BmcRow;

use crate::operator::Desk;
use crate::rack::{Rack, Way, bmc};

#[tokio::test]
async fn only_an_admin_has_something_fetched_and_what_cannot_be_done_says_so() {
    let desk = Desk::new().await;
    desk.adopt().await;
    let order = json!({"image": "http://10.0.0.1/image"});
    for (role, method, what, body, expected) in [
        (Role::Viewer, "GET", "bmc-media", Value::Null, StatusCode::NOT_IMPLEMENTED),
        (Role::Operator, "POST", "bmc-media", order.clone(), StatusCode::FORBIDDEN),
        (Role::Admin, "POST", "bmc-media", order.clone(), StatusCode::NOT_IMPLEMENTED),
        (Role::Operator, "DELETE", "bmc-media", Value::Null, StatusCode::FORBIDDEN),
        (Role::Admin, "DELETE", "bmc-media", Value::Null, StatusCode::NOT_IMPLEMENTED),
        (Role::Operator, "POST", "bmc-update", order.clone(), StatusCode::FORBIDDEN),
        (Role::Admin, "POST", "bmc-update", order.clone(), StatusCode::NOT_IMPLEMENTED),
    ] {
        let (status, body) = desk.call(role, method, &format!("machines/node07/{what}"), body).await;
        assert_eq!(status, expected, "{method} {what} by {role}: {body}");
        let said = body["error"].as_str().unwrap();
        assert!(status == StatusCode::FORBIDDEN || said.contains("not supported: only Redfish"), "{body}");
    }
    assert_eq!(desk.asked(), "", "the command was not bothered");
    let secret = json!({"image": "https://root:hunter2@10.0.0.1/image?key=dud"});
    desk.call(Role::Admin, "POST", "machines/node07/bmc-update", secret).await;
    let history = format!("{:?}", desk.app.store.history(&desk.id, 50).await.unwrap());
    assert!(history.contains("write https://(masked)@10.0.0.1/image"), "{history}");
    assert!(!history.contains("hunter2") && !history.contains("dud"), "{history}");
    desk.call(Role::Operator, "POST", "machines/node07/hold", Value::Null).await;
    for what in ["bmc-media", "bmc-update"] {
        let path = format!("machines/node07/{what}");
        let (status, body) = desk.call(Role::Admin, "POST", &path, order.clone()).await;
        assert_eq!(status, StatusCode::CONFLICT, "{body}");
        assert!(body["hint"].as_str().unwrap().contains("machine release node07"), "{body}");
    }
}

async fn update(rack: &Rack, id: &MachineId, look: Duration) -> Result<FirmwareUpdate, Fault> {
    let row = bmc(id, "bmc-1");
    let image = ("http://10.0.0.1/bmc.bin?key=1".into(), "http://10.0.0.1/bmc.bin".to_string());
    begin(&rack.app, &rack.bmcs, &row, image, ("ops".into(), look)).await
}

/// Its end is told in the machine's history, which is news.
async fn ended(rack: &Rack, id: &MachineId, begin: impl Future<Output = FirmwareUpdate>) -> FirmwareUpdate {
    let mut changes = rack.app.store.changes();
    begin.await;
    loop {
        let update = rack.bmcs.lane(&id.0).update().unwrap();
        if update.state != UpdateState::Running {
            return update;
        }
        changes.recv().await.unwrap();
    }
}

fn at(percent: u64) -> Result<Progress, Fault> {
    Ok(Progress::Running { percent: Some(percent), state: "Running".into(), message: String::new() })
}

#[tokio::test]
async fn a_machine_whose_firmware_is_written_is_left_alone() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::Off, Way::Obeys).await;
    rack.fakes.change("bmc-1", |fake| fake.task = [at(40)].into());
    let begun = update(&rack, &id, Duration::from_secs(3600)).await.unwrap();
    assert_eq!((begun.state, begun.image.as_str()), (UpdateState::Running, "http://10.0.0.1/bmc.bin"));
    let again = update(&rack, &id, Duration::ZERO).await.unwrap_err();
    assert!(matches!(&again, Fault::Busy(what) if what.contains("writes firmware already")), "{again}");
    rack.poll(&id).await;
    assert_eq!(
        rack.fakes.moves("bmc-1"),
        ["update http://10.0.0.1/bmc.bin?key=1"],
        "it is wanted on, and waits"
    );
    assert_eq!(
        rack.view(&id).await.wait.unwrap().evidence,
        "its power stays as it is: its BMC writes firmware"
    );
    // Another BMC now: nothing is known of that one.
    rack.bmcs.forget(&id.0);
    rack.poll(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1").last().unwrap(), "on");
}

#[tokio::test]
async fn an_update_is_followed_through_a_restart_of_its_bmc() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    let restarts = Err(Fault::Unreachable("connection refused".into()));
    rack.fakes.change("bmc-1", |fake| fake.task = [at(40), restarts, at(90), Ok(Progress::Done)].into());
    let begin = async { update(&rack, &id, Duration::ZERO).await.unwrap() };
    let done = ended(&rack, &id, begin).await;
    assert_eq!((done.state, done.percent), (UpdateState::Done, Some(100)), "{done:?}");
    let notes = rack.notes(&id).await;
    assert!(notes.contains(&"ops had its BMC write http://10.0.0.1/bmc.bin".to_string()), "{notes:?}");
    // One that the BMC forgets ended in one way or the other.
    let forgets = Err(Fault::Unsupported("it no longer knows /task/1".into()));
    rack.fakes.change("bmc-1", |fake| fake.task = [at(10), forgets].into());
    let lost = ended(&rack, &id, async { update(&rack, &id, Duration::ZERO).await.unwrap() }).await;
    assert_eq!(lost.state, UpdateState::Unknown, "{lost:?}");
    assert!(lost.says.contains("no longer knows /task/1"), "{lost:?}");
}

/// Nothing takes the power from under it because a server was restarted.
#[tokio::test]
async fn an_update_is_followed_through_a_restart_of_the_server() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::Off, Way::Obeys).await;
    rack.fakes.change("bmc-1", |fake| fake.task = [at(40)].into());
    update(&rack, &id, Duration::from_secs(3600)).await.unwrap();
    // What the server before knew is gone but for what it kept.
    rack.bmcs.forget(&id.0);
    resume(&rack.app, &rack.bmcs, Duration::from_secs(3600)).await.unwrap();
    let known = rack.bmcs.lane(&id.0).update().unwrap();
    assert_eq!((known.state, known.who.as_str()), (UpdateState::Running, "ops"));
    rack.poll(&id).await;
    assert_eq!(
        rack.fakes.moves("bmc-1"),
        ["update http://10.0.0.1/bmc.bin?key=1"],
        "it is wanted on, and waits"
    );
    rack.bmcs.forget(&id.0);
    rack.fakes.change("bmc-1", |fake| fake.task = [at(90), Ok(Progress::Done)].into());
    let resumed = async {
        resume(&rack.app, &rack.bmcs, Duration::ZERO).await.unwrap();
        rack.bmcs.lane(&id.0).update().unwrap()
    };
    assert_eq!(ended(&rack, &id, resumed).await.state, UpdateState::Done);
    // Of another BMC nothing is known, and what ended is not followed.
    rack.bmcs.forget(&id.0);
    resume(&rack.app, &rack.bmcs, Duration::ZERO).await.unwrap();
    assert_eq!(rack.bmcs.lane(&id.0).update().unwrap().state, UpdateState::Done);
    let moved = BmcRow { address: "bmc-2".into(), ..rack.app.store.bmc(&id).await.unwrap().unwrap() };
    rack.app.store.bmc_put(moved).await.unwrap();
    rack.bmcs.forget(&id.0);
    resume(&rack.app, &rack.bmcs, Duration::ZERO).await.unwrap();
    assert_eq!(rack.bmcs.lane(&id.0).update(), None);
}

#[tokio::test]
async fn an_order_that_nobody_heard_the_answer_of_is_not_forgotten_either() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    let row = rack.app.store.bmc(&id).await.unwrap().unwrap();
    rack.fakes.change("bmc-1", |fake| fake.task = [at(40)].into());
    let begun = update(&rack, &id, Duration::from_secs(3600)).await.unwrap();
    rack.app.store.firmware_put(&row, None, Some(&begun)).await.unwrap();
    rack.bmcs.forget(&id.0);
    resume(&rack.app, &rack.bmcs, Duration::ZERO).await.unwrap();
    let lost = rack.bmcs.lane(&id.0).update().unwrap();
    assert_eq!(lost.state, UpdateState::Unknown);
    assert!(lost.says.contains("restarted before the BMC had answered"), "{lost:?}");
}

#[tokio::test]
async fn an_order_without_an_answer_may_have_begun() {
    let mut rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Fails(Fault::Hung("no answer".into()))).await;
    let unsure = update(&rack, &id, Duration::ZERO).await.unwrap();
    assert_eq!(unsure.state, UpdateState::Unknown, "{unsure:?}");
    rack.fakes.change("bmc-1", |fake| fake.way = Way::Fails(Fault::Refused("wrong password".into())));
    assert!(matches!(update(&rack, &id, Duration::ZERO).await, Err(Fault::Refused(_))));
    assert_eq!(rack.bmcs.lane(&id.0).update(), Some(unsure), "what was before");
    rack.restart().await;
    assert_eq!(rack.bmcs.lane(&id.0).update(), None, "a server that was killed does not know");
}

#[tokio::test]
async fn a_bmc_that_hangs_since_it_was_told_to_write_is_not_restarted_for_an_hour() {
    let set = "[bmc.any]\ndefault = true\nuser = \"u\"\npassword_file = \"/dev/null\"\ncold_reset = true\n";
    let rack = Rack::new(set).await;
    let id = rack.machine(1, Power::On, Way::Fails(Fault::Hung("no answer".into()))).await;
    let row = rack.app.store.bmc(&id).await.unwrap().unwrap();
    let unsure = update(&rack, &id, Duration::ZERO).await.unwrap();
    assert_eq!(unsure.state, UpdateState::Unknown, "{unsure:?}");
    for _ in 0..5 {
        let _ = rack.bmcs.read(&rack.app, &row, Asker::Person).await;
        assert!(!rack.bmcs.reset_hung(&rack.app, &row).await.unwrap());
    }
    let long_ago = unsure.heard_at - 3_600_000_000;
    rack.bmcs.lane(&id.0).has_updated(Some(FirmwareUpdate { heard_at: long_ago, ..unsure }));
    assert!(rack.bmcs.reset_hung(&rack.app, &row).await.unwrap());
}
