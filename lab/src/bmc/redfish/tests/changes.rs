//! What is changed, by the specification: power, boot override, light, media, log, firmware.

use serde_json::{Value, json};

use super::super::super::board::{Action, Boot, Light, Mode, Persistence, Power, Target};
use super::super::state::Effect;
use super::super::vendor::Vendor;
use super::{Desk, header, json_of, request, word};

const SYSTEM: &str = "/redfish/v1/Systems/1";

#[test]
fn a_reset_does_what_it_is_called() {
    let cases = [
        (Power::Off, "On", Some(Action::On)),
        (Power::On, "On", None),
        (Power::On, "ForceOff", Some(Action::Off)),
        (Power::Off, "ForceOff", None),
        (Power::On, "GracefulShutdown", Some(Action::Shutdown)),
        (Power::On, "PushPowerButton", Some(Action::Shutdown)),
        (Power::Off, "PushPowerButton", Some(Action::On)),
        (Power::On, "ForceRestart", Some(Action::Reset)),
        (Power::Off, "ForceRestart", Some(Action::On)),
        (Power::On, "PowerCycle", Some(Action::Cycle)),
        (Power::On, "Nmi", Some(Action::Nmi)),
        (Power::Off, "Nmi", None),
    ];
    for (power, kind, action) in cases {
        let mut desk = Desk::plain();
        desk.view.board.power = Some(power);
        assert_eq!(desk.reset(kind).status, 204, "{power:?} {kind}");
        assert_eq!(desk.done, action.map(Effect::Act).into_iter().collect::<Vec<_>>(), "{power:?} {kind}");
    }
}

#[test]
fn a_reset_that_is_none_says_why() {
    let mut desk = Desk::plain();
    let path = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset";
    let cases = [
        (json!({"ResetType": "Explode"}), "ActionParameterValueNotInList"),
        (json!({"ResetType": 3}), "ActionParameterValueTypeError"),
        (json!({}), "ActionParameterMissing"),
        (Value::Null, "ActionParameterMissing"),
        (json!({"ResetType": "On", "Why": 1}), "ActionParameterUnknown"),
        (json!([1]), "UnrecognizedRequestBody"),
    ];
    for (body, said) in cases {
        let reply = desk.post(path, body.clone());
        assert_eq!((reply.status, word(&reply).as_str()), (400, said), "{body}");
    }
    let mut broken = request("POST", path, &Value::Null, &[]);
    broken.body = b"{\"ResetType\": ".to_vec();
    assert_eq!(word(&desk.send(&broken)), "MalformedJSON");
    broken.headers[1].1 = "text/plain".into();
    assert_eq!(desk.send(&broken).status, 415);
    assert!(desk.done.is_empty());
}

#[test]
fn an_override_is_read_back_as_it_was_written() {
    let mut desk = Desk::plain();
    let wish = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "Legacy"}});
    assert_eq!(desk.patch(SYSTEM, wish).status, 204);
    let set = Boot { target: Target::Network, persistence: Persistence::Once, mode: Some(Mode::Bios) };
    assert_eq!(desk.done, [Effect::Boot(set)]);
    let read = desk.get(SYSTEM)["Boot"].clone();
    assert_eq!(read["BootSourceOverrideEnabled"], "Once");
    assert_eq!(read["BootSourceOverrideTarget"], "Pxe");
    assert_eq!(read["BootSourceOverrideMode"], "Legacy");
    let keep =
        json!({"Boot": {"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "Hdd"}});
    assert_eq!(desk.patch(SYSTEM, keep).status, 204);
    let set = Boot { target: Target::Disk, persistence: Persistence::Always, mode: Some(Mode::Bios) };
    assert_eq!(desk.view.board.boot, set);
    assert_eq!(desk.patch(SYSTEM, json!({"Boot": {"BootSourceOverrideEnabled": "Disabled"}})).status, 204);
    assert_eq!(desk.get(SYSTEM)["Boot"]["BootSourceOverrideTarget"], "None");
}

#[test]
fn what_was_refused_is_told_beside_what_was_done() {
    let mut desk = Desk::plain();
    let mixed = json!({"LocationIndicatorActive": true, "PowerState": "On"});
    let reply = desk.patch(SYSTEM, mixed);
    let body = json_of(&reply);
    assert_eq!((reply.status, &body["LocationIndicatorActive"]), (200, &json!(true)));
    let told = &body["PowerState@Message.ExtendedInfo"][0]["MessageId"];
    assert_eq!(told, "Base.1.18.PropertyNotWritable");
    assert_eq!(desk.done, [Effect::Light(Light::Lit)]);
    let nothing = desk.patch(SYSTEM, json!({"@odata.id": SYSTEM}));
    assert_eq!((nothing.status, word(&nothing).as_str()), (400, "NoOperation"));
}

#[test]
fn a_change_that_is_none_says_why() {
    let mut desk = Desk::plain();
    let cases = [
        (json!({"Boot": {"BootSourceOverrideTarget": "Moon"}}), "PropertyValueNotInList"),
        (json!({"Boot": {"BootSourceOverrideTarget": 1}}), "PropertyValueTypeError"),
        (json!({"Boot": {"Speed": 1}}), "PropertyUnknown"),
        (json!({"Boot": 1}), "PropertyValueTypeError"),
        (json!({"PowerState": "On"}), "PropertyNotWritable"),
        (json!({"Colour": "red"}), "PropertyUnknown"),
        (json!({}), "NoOperation"),
    ];
    for (body, said) in cases {
        let reply = desk.patch(SYSTEM, body.clone());
        assert_eq!((reply.status, word(&reply).as_str()), (400, said), "{body}");
    }
    assert!(desk.done.is_empty());
}

#[test]
fn a_change_is_for_a_version() {
    let mut desk = Desk::plain();
    let version = header(&desk.ask("GET", SYSTEM, Value::Null), "etag").expect("a version").to_string();
    let light = json!({"LocationIndicatorActive": true});
    let of = |version: &str| request("PATCH", SYSTEM, &light, &[("if-match", version)]);
    let old = desk.send(&of("\"other\""));
    assert_eq!((old.status, word(&old).as_str()), (412, "PreconditionFailed"));
    assert_eq!(desk.send(&of(&version)).status, 204);
    assert_eq!(desk.view.board.light, Light::Lit);
    // It is another version now.
    assert_eq!(desk.send(&of(&version)).status, 412);
    assert_eq!(desk.ask("PATCH", SYSTEM, json!({"LocationIndicatorActive": false})).status, 204);
}

#[test]
fn media_lies_in_the_drive_until_it_is_taken_out() {
    let mut desk = Desk::plain();
    let drive = format!("{SYSTEM}/VirtualMedia/Cd");
    let insert = format!("{drive}/Actions/VirtualMedia.InsertMedia");
    let image = "http://10.0.0.1/rescue.iso";
    assert_eq!(desk.post(&insert, json!({"Image": image})).status, 204);
    let read = desk.get(&drive);
    assert_eq!(
        (&read["Image"], &read["Inserted"], &read["ImageName"]),
        (&json!(image), &json!(true), &json!("rescue.iso"))
    );
    let wrong = desk.post(&insert, json!({"Image": "rescue"}));
    assert_eq!((wrong.status, word(&wrong).as_str()), (400, "ActionParameterValueTypeError"));
    assert_eq!(desk.post(&format!("{drive}/Actions/VirtualMedia.EjectMedia"), Value::Null).status, 204);
    let read = desk.get(&drive);
    assert_eq!((&read["Image"], &read["Inserted"]), (&Value::Null, &json!(false)));
}

#[test]
fn a_log_is_read_and_cleared() {
    for vendor in [Vendor::Plain, Vendor::Ami] {
        let mut desk = Desk::of(vendor);
        let manners = vendor.manners();
        let owner = if vendor == Vendor::Ami { "Managers/Self" } else { "Systems/1" };
        let log = format!("/redfish/v1/{owner}/LogServices/{}", manners.log.1);
        let entries = desk.get(&format!("{log}/Entries"));
        assert_eq!(entries["Members@odata.count"], json!(2));
        assert_eq!(entries["Members"][1]["Message"].is_string(), manners.whole_entries);
        let second = desk.get(&format!("{log}/Entries/2"));
        assert_eq!(
            (&second["Severity"], &second["Created"]),
            (&json!("Critical"), &json!("2026-09-21T14:13:20Z"))
        );
        assert_eq!(desk.post(&format!("{log}/Actions/LogService.ClearLog"), json!({})).status, 204);
        assert_eq!(desk.get(&format!("{log}/Entries"))["Members@odata.count"], json!(0));
    }
}

#[test]
fn an_update_is_a_task_and_its_end_is_in_the_inventory() {
    let mut desk = Desk::plain();
    let update = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate";
    let begun =
        desk.post(update, json!({"ImageURI": "http://10.0.0.1/bmc-2.17.bin", "TransferProtocol": "HTTP"}));
    assert_eq!(begun.status, 202);
    let monitor = header(&begun, "location").expect("a monitor").to_string();
    let statuses: Vec<u16> = (0..4).map(|_| desk.ask("GET", &monitor, Value::Null).status).collect();
    assert_eq!(statuses, [202, 202, 200, 404]);
    assert_eq!(desk.get("/redfish/v1/UpdateService/FirmwareInventory/BMC")["Version"], "2.17");
    assert_eq!(desk.get("/redfish/v1/Managers/1")["FirmwareVersion"], "2.17");

    let begun = desk.post(update, json!({"ImageURI": "http://10.0.0.1/notes.txt"}));
    let task = json_of(&begun)["@odata.id"].as_str().expect("a task").to_string();
    let states: Vec<Value> = (0..4).map(|_| desk.get(&task)["TaskState"].clone()).collect();
    assert_eq!(states, ["Running", "Running", "Exception", "Exception"]);
    assert_eq!(desk.get(&task)["Messages"][0]["MessageId"], "Update.1.1.VerificationFailed");
    assert_eq!(desk.get("/redfish/v1/Managers/1")["FirmwareVersion"], "2.17");
    let tape = desk.post(update, json!({"ImageURI": "http://10.0.0.1/a.bin", "TransferProtocol": "TAPE"}));
    assert_eq!((tape.status, word(&tape).as_str()), (400, "ActionParameterValueNotInList"));
}
