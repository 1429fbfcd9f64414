//! What operators ask over HTTP, with a command of the site's own in the place of a BMC: the same routes, policy and
//! store as with any other driver.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use api::id::{Mac, MachineId};
use api::user::Role;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use server::app::App;
use server::config::Site;
use server::http::boot::hash;
use server::http::secure;
use server::http::tls::Peer;
use server::store::NewToken;
use server::store::bmc::BmcRow;
use server::store::machine::Birth;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::metald;
use crate::rack::bmc;

/// A PDU whose outlets are files; it writes down what it was asked.
const PDU: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo "$METAL_ACTION" >> asked
[ -e broken ] && { echo "the PDU is broken" >&2; exit 69; }
case $METAL_ACTION in
    status) cat power ;;
    on|off) echo "$METAL_ACTION" > power ;;
    identify-*) : ;;
    *) echo "a PDU cannot do $METAL_ACTION" >&2; exit 2 ;;
esac
"#;

pub struct Desk {
    pub app: App,
    folder: TempDir,
    pub id: MachineId,
}

impl Desk {
    pub async fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let pdu = folder.path().join("pdu");
        fs::write(&pdu, PDU).unwrap();
        fs::set_permissions(&pdu, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("power"), "off\n").unwrap();
        let text = format!(
            "name = \"test\"\n[bmc.pdu]\ndriver = \"command\"\ncommand = [\"{}\"]\n[bmc.dell]\nuser = \"root\"\n\
             password_file = \"/etc/metald/absent\"\n",
            pdu.display()
        );
        let app = metald::app(&folder, Site::parse(&text).unwrap()).await;
        let id = MachineId("m1".into());
        let birth = Birth {
            macs: vec![Mac([0x52, 0x54, 0, 0x77, 0, 1])],
            hostname: Some("node07".parse().unwrap()),
            enrolled: true,
            ..Birth::default()
        };
        app.store.machine_born(birth, id.clone(), 1).await.unwrap();
        for role in Role::ALL {
            let row = NewToken {
                hash: hash(&role.to_string()),
                name: role.to_string(),
                role,
                kind: "token",
                expires: None,
            };
            app.store.token_add(row, 1).await.unwrap();
        }
        Desk { app, folder, id }
    }

    pub async fn call(&self, role: Role, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {role}"));
        let (request, body) = match body.is_null() {
            true => (request, Body::empty()),
            false => (request.header(header::CONTENT_TYPE, "application/json"), Body::from(body.to_string())),
        };
        let peer = Peer { address: SocketAddr::from(([10, 77, 0, 5], 4000)), agent: None };
        let router = secure(self.app.clone()).layer(axum::Extension(peer));
        let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub async fn adopt(&self) {
        let (status, body) =
            self.call(Role::Admin, "PUT", "machines/node07/bmc", json!({ "credentials": "pdu" })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn asked(&self) -> String {
        let text = fs::read_to_string(self.file("asked")).unwrap_or_default();
        text.lines().filter(|line| *line != "status").collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn a_machine_is_switched_read_and_lit() {
    let desk = Desk::new().await;
    let (status, body) =
        desk.call(Role::Operator, "POST", "machines/node07/power", json!({"action": "on"})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body["error"].as_str().unwrap().contains("needs a hand"), "{body}");
    desk.adopt().await;
    let (status, body) =
        desk.call(Role::Operator, "POST", "machines/node07/power", json!({"action": "on"})).await;
    assert_eq!((status, body["power"]["doing"].as_str()), (StatusCode::OK, Some("on")), "{body}");
    let (status, body) = desk.call(Role::Viewer, "GET", "machines/node07/power", Value::Null).await;
    assert_eq!(
        (status, body["power"].as_str(), body["health"].as_str()),
        (StatusCode::OK, Some("on"), Some("healthy"))
    );
    let (status, _) =
        desk.call(Role::Operator, "POST", "machines/node07/identify", json!({"lit": true})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, body) =
        desk.call(Role::Operator, "POST", "machines/node07/power", json!({"action": "off"})).await;
    assert_eq!((status, body["power_off"].as_bool()), (StatusCode::OK, Some(true)), "{body}");
    assert_eq!(fs::read_to_string(desk.file("power")).unwrap(), "off\n");
    assert_eq!(desk.asked(), "boot-network on identify-on off");
    let history = desk.app.store.history(&desk.id, 20).await.unwrap();
    let events: Vec<&str> = history.iter().map(|entry| entry.event.as_str()).collect();
    assert!(events.contains(&"power_on") && events.contains(&"power_off"), "{events:?}");
    let (_, audit) = desk.call(Role::Admin, "GET", "audit", Value::Null).await;
    assert!(audit.to_string().contains("POST /api/v1/machines/node07/power"), "{audit}");
}

#[tokio::test]
async fn what_cannot_be_done_says_so_with_what_to_do() {
    let desk = Desk::new().await;
    desk.adopt().await;
    let (status, body) = desk.call(Role::Viewer, "GET", "machines/node07/sensors", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body}");
    let (status, body) = desk.call(Role::Viewer, "GET", "machines/node07/bmc-hardware", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body}");
    assert!(body["error"].as_str().unwrap().contains("not supported: a command of the site"), "{body}");
    fs::write(desk.file("broken"), "").unwrap();
    let (status, body) = desk.call(Role::Viewer, "GET", "machines/node07/power", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
    assert!(body["error"].as_str().unwrap().contains("the PDU is broken"), "{body}");
    assert!(body["hint"].as_str().unwrap().contains("metalctl bmc"), "{body}");
    let (_, why) = desk.call(Role::Viewer, "GET", "machines/node07/why", Value::Null).await;
    assert_eq!(why["entry"], "bmc-unreachable", "{why}");
}

#[tokio::test]
async fn a_held_machine_is_not_switched() {
    let desk = Desk::new().await;
    desk.adopt().await;
    desk.call(Role::Operator, "POST", "machines/node07/hold", Value::Null).await;
    let (status, body) =
        desk.call(Role::Operator, "POST", "machines/node07/power", json!({"action": "on"})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body["hint"].as_str().unwrap().contains("machine release node07"), "{body}");
    assert_eq!(desk.asked(), "");
}

#[tokio::test]
async fn roles_end_at_the_switch_and_at_the_login() {
    let desk = Desk::new().await;
    desk.adopt().await;
    let (status, _) =
        desk.call(Role::Viewer, "POST", "machines/node07/power", json!({"action": "off"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) =
        desk.call(Role::Operator, "PUT", "machines/node07/bmc", json!({"address": "10.0.0.66"})).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "a password would go there");
}

fn keys(view: &Value) -> [bool; 2] {
    let of = |key: &str| view["in_use"][key].as_bool().unwrap_or_else(|| panic!("{key} of {view}"));
    [of("bmc_key"), of("secure_on")]
}

/// Also by its vendor, where nobody names a set.
#[tokio::test]
async fn a_key_of_a_set_is_shown_as_set() {
    let desk = Desk::new().await;
    let site = "name = \"test\"\n[bmc.rack]\ndriver = \"ipmi\"\nuser = \"root\"\npassword_file = \"/absent\"\n\
                bmc_key_file = \"/absent/kg\"\ndefault = true\n";
    let app = App {
        site: Arc::new(Site::parse(site).unwrap_or_else(|finding| panic!("{}", finding.message))),
        ..desk.app.clone()
    };
    for (credentials, password, expected) in
        [(Some("rack"), None, true), (None, None, true), (None, Some("sealed"), false)]
    {
        let (credentials, password) = (credentials.map(String::from), password.map(String::from));
        let plain = bmc(&desk.id, "10.0.0.7");
        let row = BmcRow { driver: "ipmi".into(), username: String::new(), credentials, password, ..plain };
        app.store.bmc_put(row).await.unwrap();
        let power = app.view(&desk.id).await.unwrap().power.unwrap();
        assert_eq!(
            (power.bmc_key, power.secure_on, power.key()),
            (expected, false, Some(("BMC key", expected)))
        );
    }
}

#[tokio::test]
async fn a_found_bmc_is_spoken_to_as_its_set_says() {
    let mut desk = Desk::new().await;
    let site = "name = \"test\"\n[bmc.rack]\ndriver = \"ipmi\"\nuser = \"root\"\npassword_file = \"/absent\"\n\
                default = true\n";
    desk.app.site = Arc::new(Site::parse(site).unwrap());
    let found = api::power::FoundBmc { address: "10.0.0.7".into(), mac: None, at: 1 };
    desk.app.store.bmc_saw(&desk.id, found).await.unwrap();
    for (body, driver) in [
        (json!({"address": "10.0.0.7", "user": "root", "password": "calvin"}), "redfish"),
        (json!({"adopt": true}), "ipmi"),
        (json!({"adopt": true, "driver": "redfish"}), "redfish"),
    ] {
        desk.call(Role::Admin, "DELETE", "machines/node07/bmc", Value::Null).await;
        let (status, answer) = desk.call(Role::Admin, "PUT", "machines/node07/bmc", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["in_use"]["driver"], driver, "{answer}");
    }
}

#[tokio::test]
async fn a_bmc_is_named_shown_and_forgotten_and_its_password_never_told() {
    let desk = Desk::new().await;
    let put = async |body: Value| desk.call(Role::Admin, "PUT", "machines/node07/bmc", body).await;
    for (body, part) in [
        (json!({"adopt": true}), "no agent has found a BMC of node07"),
        (json!({"credentials": "hpe"}), "there is no `[bmc.hpe]`"),
        (json!({"credentials": "dell"}), "nobody knows where the BMC"),
        (json!({"address": "10.0.0.7"}), "nobody knows how to log in"),
    ] {
        let (status, answer) = put(body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    let found = api::power::FoundBmc { address: "10.0.0.7".into(), mac: None, at: 1 };
    desk.app.store.bmc_saw(&desk.id, found).await.unwrap();
    let (_, list) = desk.call(Role::Viewer, "GET", "bmcs", Value::Null).await;
    assert_eq!(list["items"][0]["found"]["address"], "10.0.0.7", "{list}");
    assert_eq!(list["items"][0]["in_use"], Value::Null);
    let (status, answer) = put(json!({"adopt": true, "user": "root", "password": "calvin"})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(
        (&answer["in_use"]["address"], &answer["in_use"]["origin"]),
        (&json!("10.0.0.7"), &json!("found"))
    );
    for (body, part) in [
        (json!({"bmc_key": "kg"}), "a BMC key (Kg) is IPMI's"),
        (json!({"secure_on": "00:11:22:aa:bb:cc"}), "SecureOn is Wake-on-LAN's"),
        (json!({"driver": "ipmi", "bmc_key": "0xdud"}), "1 to 20 bytes"),
        (json!({"driver": "wake-on-lan", "secure_on": "dud"}), "six bytes"),
    ] {
        let (status, answer) = put(body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(part) && !error.contains("dud"), "{answer}");
    }
    assert_eq!(keys(&put(json!({"driver": "ipmi"})).await.1), [false, false]);
    assert_eq!(
        keys(&put(json!({"bmc_key": "dud-key"})).await.1),
        [true, false],
        "that it is set is no secret"
    );
    let row = desk.app.store.bmc(&desk.id).await.unwrap().unwrap();
    assert!(!row.password.clone().unwrap().contains("calvin"), "it is sealed");
    let (_, list) = desk.call(Role::Viewer, "GET", "bmcs", Value::Null).await;
    let (_, audit) = desk.call(Role::Admin, "GET", "audit", Value::Null).await;
    for told in [answer.to_string(), list.to_string(), audit.to_string()] {
        assert!(
            !told.contains("calvin")
                && !told.contains("dud-key")
                && !told.contains(row.password.as_deref().unwrap()),
            "{told}"
        );
    }
    // A new address is another BMC: what the old one presented is pinned no more.
    desk.app.store.bmc_pin(&desk.id, Some("aa".into())).await.unwrap();
    let (_, answer) = put(json!({"port": 8443})).await;
    assert_eq!((&answer["in_use"]["certificate"], &answer["in_use"]["port"]), (&json!("aa"), &json!(8443)));
    let (_, answer) = put(json!({"address": "10.0.0.8"})).await;
    assert_eq!(answer["in_use"]["certificate"], Value::Null);
    let (status, _) = desk.call(Role::Admin, "DELETE", "machines/node07/bmc", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, list) = desk.call(Role::Viewer, "GET", "bmcs", Value::Null).await;
    assert_eq!(
        (list["items"][0]["in_use"].clone(), list["items"].as_array().unwrap().len()),
        (Value::Null, 1)
    );
}
