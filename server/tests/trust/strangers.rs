//! A stranger on the rack's network, with no certificate, token or cookie, plays every route there is, in every state
//! of a machine: no secret comes out, and nothing changes.

use std::net::SocketAddr;

use api::agent::{LogLine, LogSource};
use api::id::MachineId;
use api::state::State;
use api::user::Role;
use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{Request, StatusCode, header};
use server::http::roles::{LEAST, Least};
use server::http::{plain, secure};

use crate::bench::{Bench, HIS, MAC, NOT_HIS, answer, key_in};
use crate::routes::{self, Route, filled};

const LOGGED: &str = "a line of its log";

#[tokio::test]
async fn a_stranger_gets_nothing_over_https() {
    let (bench, machine) = rack().await;
    let secrets = secrets(&bench).await;
    let routes = routes::of(&secure(bench.app.clone()));
    for state in State::ALL {
        bench.put(&machine, state, 1).await;
        let before = life(&bench, &machine).await;
        for route in &routes {
            let (method, path) = (&route.0, at(&route.1, &machine));
            let request = Request::builder().method(method.as_str()).uri(&path);
            let request = request.header("content-type", "application/json").body(Body::from("{}")).unwrap();
            let (status, body) = bench.secure(None, request).await;
            let what = format!("{method} {path} while {state}");
            nothing_in(&body, &secrets, &what);
            if !is_for_anyone(route) {
                let refused = [StatusCode::UNAUTHORIZED, StatusCode::SEE_OTHER].contains(&status);
                assert!(refused, "{what}: {status}");
            }
        }
        assert_eq!(life(&bench, &machine).await, before, "while {state}");
    }
    assert!(bench.app.store.audit(&Default::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stranger_gets_no_secret_over_plain_http() {
    let (bench, machine) = rack().await;
    let peer = |address| MockConnectInfo(SocketAddr::from((address, 4000)));
    let routes = routes::of(&plain(bench.app.clone()));
    for state in State::ALL {
        bench.put(&machine, state, 1).await;
        let before = life(&bench, &machine).await;
        let mut secrets = secrets(&bench).await;
        let (_, archive) = bench.get(&format!("/boot/{MAC}/key"), HIS).await;
        if archive.starts_with(b"0707") {
            secrets.push(key_in(&archive));
        }
        for (method, path) in &routes {
            let path = at(path, &machine);
            let request = Request::builder().method(method.as_str()).uri(&path).body(Body::empty()).unwrap();
            let (status, body) = answer(plain(bench.app.clone()).layer(peer(NOT_HIS)), request).await;
            let what = format!("{method} {path} while {state}");
            nothing_in(&body, &secrets, &what);
            assert!(!path.ends_with("/key") || status.is_client_error(), "{what}: {status}");
        }
        assert_eq!(life(&bench, &machine).await, before, "while {state}");
    }
}

/// Two rules of the plain side: what is for others is not there, and what is there is for reading.
#[tokio::test]
async fn the_plain_side_only_answers() {
    let bench = Bench::new("enroll").await;
    let own = routes::of(&plain(bench.app.clone()));
    assert!(own.iter().all(|(method, _)| method == "GET"), "{own:?}");
    assert!(
        own.iter().all(|(_, path)| !path.starts_with("/api/") && !path.starts_with("/agent/")),
        "{own:?}"
    );
}

async fn rack() -> (Bench, MachineId) {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    bench.lease().await;
    let line = LogLine { at: 1, source: LogSource::Agent, text: LOGGED.into() };
    bench.app.store.log_add(&machine, vec![line]).await.unwrap();
    (bench, machine)
}

fn at(path: &str, machine: &MachineId) -> String {
    let mac = MAC.to_string();
    let values = [
        ("reference", machine.0.as_str()),
        ("verb", "approve"),
        ("name", "prod"),
        ("id", "1"),
        ("mac", &mac),
        ("image", "ram"),
        ("file", "vmlinuz"),
        ("profile", "worker"),
    ];
    filled(path, &values)
}

fn is_for_anyone((method, path): &Route) -> bool {
    let listed = LEAST.iter().any(|(m, p, least)| m == method && p == path && *least == Least::Anyone);
    listed || [api::routes::HEALTH, api::routes::READY, api::routes::agent::ENROLL].contains(&path.as_str())
}

async fn secrets(bench: &Bench) -> Vec<String> {
    let file = |name: &str| std::fs::read_to_string(bench.folder.path().join(name)).unwrap();
    let key = file("ca.key");
    let of_key = key.lines().filter(|line| !line.starts_with("-----")).map(String::from);
    let (token, (cookie, csrf)) = (bench.token(Role::Admin).await, bench.session(Role::Admin).await);
    let cookie = cookie.split_once('=').unwrap().1.to_string();
    of_key.chain([file("secret.key").trim().into(), token, cookie, csrf, LOGGED.into()]).collect()
}

fn nothing_in(body: &[u8], secrets: &[String], what: &str) {
    let text = String::from_utf8_lossy(body);
    let told = secrets.iter().find(|secret| text.contains(secret.as_str()));
    assert_eq!(told, None, "{what} tells a secret");
}

/// All of a machine that anybody decides.
async fn life(bench: &Bench, machine: &MachineId) -> (api::state::Life, Option<String>, Option<String>, i64) {
    let row = bench.app.store.machine(machine).await.unwrap();
    (row.life().unwrap(), row.profile, row.hostname, row.version)
}

#[tokio::test]
async fn no_login_leads_anywhere_but_to_the_login() {
    let bench = Bench::new("enroll").await;
    let request = Request::get("/machines/x").body(Body::empty()).unwrap();
    let answer = bench.head(request).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[header::LOCATION], "/login");
}
