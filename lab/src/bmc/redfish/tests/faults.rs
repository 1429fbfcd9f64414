//! The faults that are a matter of words.

use serde_json::{Value, json};

use super::super::super::board::{Boot, Persistence, Power, Target};
use super::super::vendor::Vendor;
use super::{Desk, PASSWORD, word};

#[test]
fn one_that_lies_says_what_was_ordered_and_does_nothing() {
    let mut desk = Desk::plain();
    desk.view.lying = true;
    assert_eq!(desk.get("/redfish/v1/Systems/1")["PowerState"], "Off");
    assert_eq!(desk.reset("On").status, 204);
    assert_eq!(desk.get("/redfish/v1/Systems/1")["PowerState"], "On");
    assert_eq!(desk.get("/redfish/v1/Chassis/1")["PowerState"], "On");
    let wish = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}});
    assert_eq!(desk.patch("/redfish/v1/Systems/1", wish).status, 204);
    assert_eq!(desk.get("/redfish/v1/Systems/1")["Boot"]["BootSourceOverrideTarget"], "Pxe");
    assert!(desk.done.is_empty());
    assert_eq!((desk.view.board.power, desk.view.board.boot), (Some(Power::Off), Boot::NONE));
    // The truth comes out.
    desk.view.lying = false;
    let system = desk.get("/redfish/v1/Systems/1");
    assert_eq!(
        (&system["PowerState"], &system["Boot"]["BootSourceOverrideTarget"]),
        (&json!("Off"), &json!("None"))
    );
}

#[test]
fn one_that_forgets_has_no_override_a_moment_later() {
    let mut desk = Desk::plain();
    desk.view.board.boot = Boot { target: Target::Disk, persistence: Persistence::Once, mode: None };
    desk.view.forgetful = true;
    let wish = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}});
    assert_eq!(desk.patch("/redfish/v1/Systems/1", wish).status, 204);
    assert_eq!(desk.get("/redfish/v1/Systems/1")["Boot"]["BootSourceOverrideEnabled"], "Disabled");
    assert_eq!(desk.reset("On").status, 204);
    assert_eq!(desk.view.board.power, Some(Power::On));
}

#[test]
fn one_that_opens_no_sessions_lets_nobody_in_and_knows_a_wrong_password() {
    for (vendor, said) in [(Vendor::Plain, "SessionLimitExceeded"), (Vendor::Dell, "RAC0218")] {
        let mut desk = Desk::of(vendor);
        desk.view.no_sessions = true;
        let path = "/redfish/v1/SessionService/Sessions";
        let full = desk.post(path, json!({"UserName": "admin", "Password": PASSWORD}));
        assert_eq!((full.status, word(&full).as_str()), (503, said));
        let basic = desk.ask("GET", "/redfish/v1/Systems", Value::Null);
        assert_eq!((basic.status, word(&basic).as_str()), (503, said));
        let wrong = desk.post(path, json!({"UserName": "admin", "Password": "wrong"}));
        assert_eq!(wrong.status, 401);
    }
}

#[test]
fn a_board_that_cannot_be_read_has_no_power_state() {
    let mut desk = Desk::plain();
    desk.view.board.power = None;
    let system = desk.get("/redfish/v1/Systems/1");
    assert_eq!(
        (&system["PowerState"], &system["Status"]["State"]),
        (&Value::Null, &json!("UnavailableOffline"))
    );
}
