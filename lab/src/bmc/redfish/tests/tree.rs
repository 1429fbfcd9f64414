//! What is read: each link leads somewhere, each document says where it lies and what it is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::metadata;
use super::super::vendor::Vendor;
use super::{Desk, header, json_of, request, word};

/// All that is reached from the root by links.
fn walk(desk: &mut Desk) -> Vec<(String, Value)> {
    let mut seen = BTreeSet::new();
    let mut left = vec!["/redfish/v1/".to_string()];
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let body = desk.get(&path);
        links(&body, &mut left);
        found.push((path, body));
    }
    found
}

fn links(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = value.as_str().filter(|path| path.starts_with('/') && !path.contains('#'));
                let leads = ["@odata.id", "@Redfish.ActionInfo", "DataSourceUri"].contains(&name.as_str());
                into.extend(path.filter(|_| leads).map(str::to_string));
                links(value, into);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| links(value, into)),
        _ => {}
    }
}

#[test]
fn every_link_leads_to_a_document_that_lies_there() {
    for vendor in Vendor::ALL {
        let mut desk = Desk::of(vendor);
        let found = walk(&mut desk);
        assert!(found.len() > 35, "{vendor:?}: {} documents", found.len());
        for (path, body) in found {
            assert_eq!(body["@odata.id"], json!(path), "{vendor:?}");
            let kind = body["@odata.type"].as_str().expect("a type");
            assert!(metadata::tells_of(kind), "{vendor:?} {path}: $metadata does not tell of {kind}");
            assert!(body["Name"].is_string(), "{vendor:?} {path}: no name");
        }
    }
}

#[test]
fn a_document_says_what_may_be_done_there() {
    let mut desk = Desk::plain();
    let reply = desk.ask("GET", "/redfish/v1/Systems/1", Value::Null);
    assert_eq!(header(&reply, "allow"), Some("GET, HEAD, OPTIONS, PATCH"));
    assert_eq!(json_of(&reply)["@odata.etag"].as_str(), header(&reply, "etag"));
    let schema = "<http://redfish.dmtf.org/schemas/v1/ComputerSystem.v1_20_0.json>; rel=describedby";
    assert_eq!(header(&reply, "link"), Some(schema));
    let options = desk.ask("OPTIONS", "/redfish/v1/SessionService/Sessions", Value::Null);
    assert_eq!((options.status, header(&options, "allow")), (204, Some("GET, HEAD, OPTIONS, POST")));
    let refused = desk.ask("DELETE", "/redfish/v1/Systems/1", Value::Null);
    assert_eq!((refused.status, header(&refused, "allow")), (405, Some("GET, HEAD, OPTIONS, PATCH")));
    assert_eq!(word(&refused), "OperationNotAllowed");
    let action = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset";
    let refused = desk.ask("GET", action, Value::Null);
    assert_eq!((refused.status, header(&refused, "allow")), (405, Some("POST, OPTIONS")));
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut desk = Desk::plain();
    for path in [
        "Systems/2",
        "Systems/1/Processors/3",
        "Systems/1/Storage/1/Drives/0",
        "Chassis/1/Power",
        "Nothing",
        "Systems/1/Processors/01",
    ] {
        let reply = desk.ask("GET", &format!("/redfish/v1/{path}"), Value::Null);
        assert_eq!((reply.status, word(&reply).as_str()), (404, "ResourceMissingAtURI"), "{path}");
    }
    for path in ["/other", "/redfish/v2", "/redfish/v1x"] {
        assert_eq!(desk.ask("GET", path, Value::Null).status, 404, "{path}");
    }
}

#[test]
fn a_document_that_did_not_change_is_not_sent_again() {
    let mut desk = Desk::plain();
    let path = "/redfish/v1/Systems/1";
    let version = header(&desk.ask("GET", path, Value::Null), "etag").expect("a version").to_string();
    let again = request("GET", path, &Value::Null, &[("if-none-match", &version)]);
    assert_eq!(desk.send(&again).status, 304);
    desk.reset("On");
    assert_eq!(desk.send(&again).status, 200);
}

#[test]
fn what_cannot_be_answered_by_the_letter_is_refused() {
    let mut desk = Desk::plain();
    let expand = desk.ask("GET", "/redfish/v1/Systems?$expand=.", Value::Null);
    assert_eq!(expand.status, 501);
    assert_eq!(desk.ask("GET", "/redfish/v1/Systems?x=1", Value::Null).status, 200);
    let old = request("GET", "/redfish/v1/Systems", &Value::Null, &[("odata-version", "3.0")]);
    assert_eq!(desk.send(&old).status, 412);
}

#[test]
fn readings_are_there_in_either_shape() {
    let old = Desk::of(Vendor::Supermicro).get("/redfish/v1/Chassis/1/Thermal");
    assert_eq!(old["Temperatures"][0]["ReadingCelsius"], json!(41.5));
    assert_eq!(old["Fans"][0]["Reading"], json!(4200));
    let old = Desk::of(Vendor::Dell).get("/redfish/v1/Chassis/System.Embedded.1/Power");
    assert_eq!(old["PowerControl"][0]["PowerConsumedWatts"], json!(87.0));
    let mut desk = Desk::plain();
    assert_eq!(desk.get("/redfish/v1/Chassis/1/Sensors/CPU_Temp")["Reading"], json!(41.5));
    assert_eq!(desk.get("/redfish/v1/Chassis/1/EnvironmentMetrics")["PowerWatts"]["Reading"], json!(87.0));
    desk.view.board.sensors[0].value = None;
    desk.view.board.sensors[3].value = Some(14.0);
    let dark = desk.get("/redfish/v1/Chassis/1/Sensors/CPU_Temp");
    assert_eq!((&dark["Reading"], &dark["Status"]["State"]), (&Value::Null, &json!("UnavailableOffline")));
    assert_eq!(desk.get("/redfish/v1/Chassis/1/Sensors/12V")["Status"]["Health"], json!("Critical"));
}
