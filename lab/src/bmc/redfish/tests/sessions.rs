//! Who gets in: by token, by Basic authentication, for how long, and how many.

use serde_json::{Value, json};

use super::super::request::{Reply, Request};
use super::super::vendor::Vendor;
use super::{Desk, PASSWORD, header, json_of, request, word};

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

fn anonymous(method: &str, path: &str, body: &Value) -> Request {
    let mut request = request(method, path, body, &[]);
    request.headers.retain(|(name, _)| name != "authorization");
    request
}

fn by_token(path: &str, token: &str) -> Request {
    let mut request = anonymous("GET", path, &Value::Null);
    request.headers.push(("x-auth-token".into(), token.into()));
    request
}

fn log_in(desk: &mut Desk, number: u8) -> Reply {
    desk.view.dice = [number; 24];
    desk.send(&anonymous("POST", SESSIONS, &json!({"UserName": "admin", "Password": PASSWORD})))
}

#[test]
fn everybody_reads_the_root_and_nothing_else() {
    let mut desk = Desk::plain();
    for path in ["/redfish", "/redfish/v1", "/redfish/v1/", "/redfish/v1/odata", "/redfish/v1/$metadata"] {
        assert_eq!(desk.send(&anonymous("GET", path, &Value::Null)).status, 200, "{path}");
    }
    for path in ["/redfish/v1/Systems", SESSIONS, "/redfish/v1/Nothing"] {
        let reply = desk.send(&anonymous("GET", path, &Value::Null));
        assert_eq!((reply.status, word(&reply).as_str()), (401, "NoValidSession"), "{path}");
        assert!(header(&reply, "www-authenticate").is_some_and(|how| how.starts_with("Basic")));
    }
}

#[test]
fn a_session_is_opened_used_and_ended() {
    let mut desk = Desk::plain();
    let opened = log_in(&mut desk, 1);
    assert_eq!(opened.status, 201);
    let token = header(&opened, "x-auth-token").expect("a token").to_string();
    let path = header(&opened, "location").expect("its place").to_string();
    assert_eq!(json_of(&opened)["@odata.id"], json!(path));
    assert!(!json_of(&opened).to_string().contains(PASSWORD));
    assert_eq!(desk.send(&by_token(&path, &token)).status, 200);
    assert_eq!(desk.send(&by_token(&path, "guessed")).status, 401);
    assert_eq!(desk.ask("DELETE", &path, Value::Null).status, 204);
    assert_eq!(desk.send(&by_token("/redfish/v1/Systems", &token)).status, 401);
}

#[test]
fn a_session_is_opened_at_the_members_of_the_collection_too() {
    let mut desk = Desk::plain();
    let login = json!({"UserName": "admin", "Password": PASSWORD});
    let opened = desk.send(&anonymous("POST", &format!("{SESSIONS}/Members"), &login));
    assert_eq!(opened.status, 201);
}

#[test]
fn a_wrong_password_is_refused_in_either_way() {
    let mut desk = Desk::plain();
    let wrong = json!({"UserName": "admin", "Password": "wrong"});
    let reply = desk.send(&anonymous("POST", SESSIONS, &wrong));
    assert_eq!((reply.status, word(&reply).as_str()), (401, "ResourceAtUriUnauthorized"));
    let mut basic = request("GET", "/redfish/v1/Systems", &Value::Null, &[]);
    basic.headers[0].1 = "Basic YWRtaW46d3Jvbmc=".into();
    assert_eq!(desk.send(&basic).status, 401);
    let half = desk.send(&anonymous("POST", SESSIONS, &json!({"UserName": "admin"})));
    assert_eq!((half.status, word(&half).as_str()), (400, "PropertyMissing"));
}

#[test]
fn a_session_ends_when_nobody_uses_it() {
    let mut desk = Desk::plain();
    assert_eq!(desk.patch("/redfish/v1/SessionService", json!({"SessionTimeout": 60})).status, 204);
    let token = header(&log_in(&mut desk, 1), "x-auth-token").expect("a token").to_string();
    for _ in 0..3 {
        desk.view.now += 60;
        assert_eq!(desk.send(&by_token("/redfish/v1/Systems", &token)).status, 200);
    }
    desk.view.now += 61;
    assert_eq!(desk.send(&by_token("/redfish/v1/Systems", &token)).status, 401);
    let short = desk.patch("/redfish/v1/SessionService", json!({"SessionTimeout": 5}));
    assert_eq!((short.status, word(&short).as_str()), (400, "PropertyValueOutOfRange"));
}

#[test]
fn sessions_are_few_and_basic_needs_none() {
    for (vendor, most, said) in [(Vendor::Plain, 16, "SessionLimitExceeded"), (Vendor::Dell, 8, "RAC0218")] {
        let mut desk = Desk::of(vendor);
        for number in 0..most {
            assert_eq!(log_in(&mut desk, number).status, 201, "{vendor:?} {number}");
        }
        let full = log_in(&mut desk, 99);
        assert_eq!((full.status, word(&full).as_str()), (503, said));
        assert_eq!(desk.get("/redfish/v1/Systems")["Members@odata.count"], json!(1));
        desk.view.now += 1_801;
        assert_eq!(log_in(&mut desk, 100).status, 201);
    }
}

#[test]
fn a_bmc_that_restarts_forgets_who_was_in() {
    let mut desk = Desk::plain();
    let token = header(&log_in(&mut desk, 1), "x-auth-token").expect("a token").to_string();
    let path = "/redfish/v1/Managers/1/Actions/Manager.Reset";
    assert_eq!(desk.post(path, json!({"ResetType": "GracefulRestart"})).status, 204);
    assert_eq!(desk.send(&by_token("/redfish/v1/Systems", &token)).status, 401);
}
