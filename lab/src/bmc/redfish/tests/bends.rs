//! What vendors do otherwise, one by one.

use serde_json::{Value, json};

use super::super::super::board::{Mode, Persistence, Power};
use super::super::vendor::Vendor;
use super::{Desk, header, json_of, word};

fn once(mode: Option<&str>) -> Value {
    let mut boot = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"});
    if let Some(mode) = mode {
        boot["BootSourceOverrideMode"] = json!(mode);
    }
    json!({"Boot": boot})
}

#[test]
fn an_order_for_the_state_that_is_there_is_answered_by_each_in_its_way() {
    for (vendor, status, said) in [
        (Vendor::Dell, 409, "PSU502"),
        (Vendor::Hpe, 400, "InvalidOperationForSystemState"),
        (Vendor::Ami, 500, "InternalError"),
    ] {
        let mut desk = Desk::of(vendor);
        let reply = desk.reset("ForceOff");
        assert_eq!((reply.status, word(&reply).as_str()), (status, said), "{vendor:?}");
        assert!(desk.done.is_empty());
        desk.view.board.power = Some(Power::On);
        assert_eq!(desk.reset("On").status, status, "{vendor:?}");
    }
    assert_eq!(Desk::of(Vendor::Supermicro).reset("ForceOff").status, 204);
}

#[test]
fn a_path_without_its_slash_is_sent_to_the_one_with_it() {
    let mut desk = Desk::of(Vendor::Hpe);
    let reply = desk.ask("GET", "/redfish/v1/Systems/1", Value::Null);
    assert_eq!((reply.status, header(&reply, "location")), (308, Some("/redfish/v1/Systems/1/")));
    let system = desk.get("/redfish/v1/Systems/1/");
    assert_eq!(system["Processors"]["@odata.id"], "/redfish/v1/Systems/1/Processors/");
    let entries = desk.get("/redfish/v1/Systems/1/LogServices/IML/Entries/");
    assert_eq!(
        entries["Members"][0],
        json!({"@odata.id": "/redfish/v1/Systems/1/LogServices/IML/Entries/1/"})
    );
    // Without a graceful shutdown, and with a button.
    let refused = desk.reset("GracefulShutdown");
    assert_eq!((refused.status, word(&refused).as_str()), (400, "ActionParameterValueNotInList"));
    assert_eq!(word(&desk.reset("PushPowerButton")), "Success");
}

#[test]
fn a_mode_that_is_read_only_spoils_the_request_and_a_target_is_kept() {
    let mut desk = Desk::of(Vendor::Hpe);
    let system = desk.system();
    let refused = desk.patch(&system, once(Some("UEFI")));
    assert_eq!((refused.status, word(&refused).as_str()), (400, "PropertyNotWritable"));
    let mut mixed = once(Some("UEFI"));
    mixed["IndicatorLED"] = json!("Lit");
    assert_eq!(desk.patch(&system, mixed).status, 400);
    assert!(desk.done.is_empty());
    assert_eq!(desk.patch(&system, once(None)).status, 200);
    let none = json!({"Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}});
    assert_eq!(desk.patch(&system, none).status, 400);
    let kept = json!({"Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "Pxe"}});
    assert_eq!(desk.patch(&system, kept).status, 200);
    assert_eq!(desk.get(&system)["Boot"]["BootSourceOverrideEnabled"], "Disabled");
}

#[test]
fn a_mode_that_is_not_named_falls_back() {
    let mut desk = Desk::of(Vendor::Supermicro);
    let system = desk.system();
    assert_eq!(desk.patch(&system, once(Some("UEFI"))).status, 204);
    assert_eq!(desk.view.board.boot.mode, Some(Mode::Uefi));
    assert_eq!(desk.patch(&system, once(None)).status, 204);
    assert_eq!(desk.view.board.boot.mode, Some(Mode::Bios));
}

#[test]
fn a_change_without_a_version_is_refused_by_some() {
    for vendor in [Vendor::Lenovo, Vendor::Ami] {
        let mut desk = Desk::of(vendor);
        let system = desk.system();
        let reply = desk.ask("PATCH", &system, json!({"LocationIndicatorActive": true}));
        assert_eq!((reply.status, word(&reply).as_str()), (428, "PreconditionRequired"), "{vendor:?}");
        assert_eq!(desk.patch(&system, json!({"LocationIndicatorActive": true})).status, 204);
    }
}

#[test]
fn an_override_lies_elsewhere() {
    let mut desk = Desk::of(Vendor::Ami);
    let moved = desk.patch("/redfish/v1/Systems/Self", once(None));
    assert_eq!((moved.status, word(&moved).as_str()), (400, "OperationSupportedInFutureStateURI"));
    assert_eq!(desk.patch("/redfish/v1/Systems/Self/SD", once(None)).status, 204);
    assert_eq!(desk.get("/redfish/v1/Systems/Self/SD")["Boot"]["BootSourceOverrideTarget"], "Pxe");
}

#[test]
fn a_reset_is_a_task() {
    let mut desk = Desk::of(Vendor::Ami);
    let begun = desk.reset("On");
    assert_eq!((begun.status, desk.view.board.power), (202, Some(Power::On)));
    let monitor = header(&begun, "location").expect("a monitor").to_string();
    assert_eq!(desk.ask("GET", &monitor, Value::Null).status, 202);
    let mut desk = Desk::of(Vendor::Lenovo);
    let begun =
        desk.post("/redfish/v1/Managers/1/Actions/Manager.Reset", json!({"ResetType": "GracefulRestart"}));
    assert_eq!(begun.status, 202);
}

#[test]
fn once_stays() {
    let mut desk = Desk::of(Vendor::Sushy);
    let system = desk.system();
    assert_eq!(desk.patch(&system, once(None)).status, 204);
    assert_eq!(desk.view.board.boot.persistence, Persistence::Always);
    assert_eq!(desk.get(&system)["Boot"]["BootSourceOverrideEnabled"], "Continuous");
}

#[test]
fn values_lie_in_a_document_of_their_own_or_nowhere() {
    let mut desk = Desk::of(Vendor::Supermicro);
    let system = desk.get("/redfish/v1/Systems/1");
    let info =
        system["Actions"]["#ComputerSystem.Reset"]["@Redfish.ActionInfo"].as_str().expect("a document");
    let info = desk.get(info);
    assert!(
        info["Parameters"][0]["AllowableValues"].as_array().is_some_and(|all| all.contains(&json!("On")))
    );
    let manager = desk.get("/redfish/v1/Managers/1");
    let reset = manager["Actions"]["#Manager.Reset"].as_object().expect("an action");
    assert_eq!(reset.keys().collect::<Vec<_>>(), ["target"]);
    assert_eq!(desk.post("/redfish/v1/Managers/1/Actions/Manager.Reset", Value::Null).status, 204);
}

#[test]
fn media_is_written_where_there_is_no_action() {
    let mut desk = Desk::of(Vendor::Lenovo);
    let drive = "/redfish/v1/Managers/1/VirtualMedia/EXT1";
    assert!(desk.get(drive).get("Actions").is_none());
    let image = "https://10.0.0.1/a.iso";
    assert_eq!(desk.patch(drive, json!({"Image": image, "Inserted": true})).status, 204);
    assert_eq!(desk.get(drive)["Image"], json!(image));
    assert_eq!(desk.patch(drive, json!({"Image": null})).status, 204);
    assert_eq!(desk.get(drive)["Inserted"], json!(false));
    let refused = desk.patch(drive, json!({"Image": 7}));
    assert_eq!(json_of(&refused)["error"]["code"], "Base.1.18.PropertyValueTypeError");
}

#[test]
fn a_light_has_the_vendors_words() {
    let mut desk = Desk::of(Vendor::Supermicro);
    let system = desk.system();
    assert_eq!(desk.patch(&system, json!({"IndicatorLED": "Lit"})).status, 400);
    assert_eq!(desk.patch(&system, json!({"IndicatorLED": "Blinking"})).status, 204);
    assert_eq!(desk.get(&system)["IndicatorLED"], "Blinking");
    assert_eq!(desk.patch(&system, json!({"LocationIndicatorActive": true})).status, 400);
    let mut desk = Desk::of(Vendor::Dell);
    assert_eq!(
        desk.patch("/redfish/v1/Chassis/System.Embedded.1", json!({"LocationIndicatorActive": true})).status,
        204
    );
    assert_eq!(desk.get("/redfish/v1/Systems/System.Embedded.1")["IndicatorLED"], "Lit");
}
