//! A BMC that misbehaves: each fault has its name, and nothing waits for ever.

use std::sync::Arc;
use std::time::Duration;

use api::bmc::{Fault, Power};
use server::bmc::Driver;
use server::bmc::redfish::{Identity, Pace, Redfish};
use tokio::net::TcpListener;

use crate::bench::{Bmc, Manners, Trouble, login, pace};
use crate::trees::documents;

const SYSTEM: &str = "/redfish/v1/Systems/System.Embedded.1";
const SESSIONS: &str = "POST /redfish/v1/SessionService/Sessions";

fn get(path: &str) -> String {
    format!("GET {path}")
}

fn short() -> Pace {
    let short = Duration::from_millis(300);
    Pace { connect: short, answer: short, ..pace() }
}

#[tokio::test]
async fn one_that_never_answers_is_hung() {
    let bmc = Bmc::of("dell").await;
    bmc.trouble(&get("/redfish/v1/"), 9, Trouble::Silence);
    let driver =
        Redfish::new(bmc.url.clone(), login(crate::bench::PASSWORD), Identity::default(), None, short());
    let fault = driver.unwrap().power().await.unwrap_err();
    assert!(matches!(&fault, Fault::Hung(what) if what.contains("no answer to /redfish/v1/")), "{fault}");
}

#[tokio::test]
async fn one_that_takes_the_connection_and_no_more_is_hung() {
    // Connections wait in its queue, and nobody takes them out.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let driver = Redfish::new(url, login("x"), Identity::default(), None, short()).unwrap();
    let fault = driver.power().await.unwrap_err();
    assert!(matches!(fault, Fault::Hung(_)), "{fault}");
}

#[tokio::test]
async fn one_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let driver = Redfish::new(url, login("x"), Identity::default(), None, pace()).unwrap();
    let fault = driver.power().await.unwrap_err();
    assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
}

#[tokio::test]
async fn a_session_that_ended_is_renewed_once() {
    let bmc = Bmc::of("dell").await;
    let driver = bmc.driver();
    assert_eq!(driver.power().await, Ok(Power::On));
    bmc.lock().tokens.clear();
    assert_eq!(driver.power().await, Ok(Power::On));
    assert_eq!(bmc.lock().logins, 2);
    // It refuses whatever token it gave: two refusals are enough.
    bmc.trouble(&get(SYSTEM), usize::MAX, Trouble::Status(401, ""));
    let fault = driver.power().await.unwrap_err();
    assert!(matches!(fault, Fault::Refused(_)), "{fault}");
    assert_eq!(bmc.lock().logins, 3);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let bmc = Bmc::of("dell").await;
    let driver = bmc.driver_of("wrong-one");
    let fault = driver.power().await.unwrap_err();
    assert!(matches!(fault, Fault::Refused(_)), "{fault}");
    assert!(!fault.to_string().contains("wrong-one"), "{fault}");
    // The account is locked by many: neither is it tried as basic authentication.
    assert_eq!(bmc.lock().logins, 1);
    assert_eq!(bmc.lock().asked.len(), 2, "{:?}", bmc.lock().asked);
}

#[tokio::test]
async fn where_there_are_no_sessions_each_request_says_who_asks() {
    let none = Manners { no_sessions: true, ..Manners::default() };
    let full = Manners { sessions_full: true, ..Manners::default() };
    for manners in [none, full] {
        let bmc = Bmc::with(documents("dell"), manners).await;
        assert_eq!(bmc.driver().power().await, Ok(Power::On), "{manners:?}");
        assert!(bmc.lock().tokens.is_empty());
        let wrong = bmc.driver_of("wrong-one").power().await.unwrap_err();
        assert!(matches!(wrong, Fault::Refused(_)), "{wrong}");
    }
}

#[tokio::test]
async fn a_short_wait_is_waited_for_and_a_long_one_told() {
    let bmc = Bmc::of("dell").await;
    let driver = bmc.driver();
    bmc.trouble(&get(SYSTEM), 1, Trouble::Header(503, "retry-after", "0".into()));
    assert_eq!(driver.power().await, Ok(Power::On));
    bmc.trouble(&get(SYSTEM), 1, Trouble::Header(503, "retry-after", "120".into()));
    let fault = driver.power().await.unwrap_err();
    assert_eq!(fault, Fault::Busy(format!("{SYSTEM} answered 503 (asks for 120 s)")));
    assert_eq!(driver.power().await, Ok(Power::On));
}

#[tokio::test]
async fn what_is_no_json_is_garbled_and_says_where() {
    let bmc = Bmc::of("dell").await;
    let driver = bmc.driver();
    // Its places are known: each question below is one request.
    driver.power().await.unwrap();
    let half = br#"{"PowerState": "On", "Boot": {"BootSource"#.to_vec();
    let page = b"<html>It works!</html>".to_vec();
    let deep = "[".repeat(100_000).into_bytes();
    let huge = [b"\"".to_vec(), vec![b'x'; 9 << 20], b"\"".to_vec()].concat();
    for (body, word) in [(half, "EOF"), (page, "no JSON"), (deep, "recursion"), (huge, "longer than 8 MiB")] {
        bmc.trouble(&get(SYSTEM), 1, Trouble::Body(Arc::new(body)));
        let fault = driver.power().await.unwrap_err();
        let Fault::Garbled(what) = &fault else { panic!("{fault}") };
        assert!(what.starts_with(SYSTEM) && what.contains(word), "{what}");
    }
    bmc.trouble(&get(SYSTEM), 1, Trouble::Body(Arc::new(b"[1, 2]".to_vec())));
    assert_eq!(driver.power().await, Ok(Power::Unknown));
}

#[tokio::test]
async fn a_part_that_cannot_be_read_is_told_and_the_rest_is_there() {
    let bmc = Bmc::of("dell").await;
    let driver = bmc.driver();
    let dimm = format!("{SYSTEM}/Memory/DIMM.Socket.A2");
    bmc.trouble(&get(&dimm), 1, Trouble::Status(500, ""));
    let hardware = driver.hardware().await.unwrap();
    assert_eq!(hardware.modules.len(), 3);
    assert_eq!(hardware.unread, [format!("{dimm}: busy: {dimm} answered 500")]);
    assert_eq!(driver.hardware().await.unwrap().modules.len(), 4);
}

#[tokio::test]
async fn redirects_are_followed_here_and_nowhere_else() {
    let bmc = Bmc::of("dell").await;
    let driver = bmc.driver();
    let to = |path: &str| Trouble::Header(308, "location", path.into());
    bmc.trouble(SESSIONS, 1, to("/redfish/v1/SessionService/Sessions/"));
    assert_eq!(driver.power().await, Ok(Power::On));
    bmc.trouble(&get(SYSTEM), usize::MAX, to(SYSTEM));
    let fault = driver.power().await.unwrap_err();
    assert_eq!(fault, Fault::Garbled(format!("{SYSTEM}: it redirects without end")));
    // A token would go along.
    let other = Bmc::of("dell").await;
    bmc.trouble(&get(SYSTEM), usize::MAX, to(&format!("{}{}", other.url, &SYSTEM[1..])));
    let fault = driver.power().await.unwrap_err();
    assert!(matches!(fault, Fault::Garbled(_)), "{fault}");
    assert!(other.lock().asked.is_empty());
}

#[tokio::test]
async fn a_password_is_sent_to_log_in_and_never_shown() {
    let bmc = Bmc::of("hpe").await;
    let driver = bmc.driver();
    driver.power().await.unwrap();
    let with: Vec<_> =
        bmc.asked("").into_iter().filter(|each| each.contains(crate::bench::PASSWORD)).collect();
    assert_eq!(with.len(), 1);
    assert!(with[0].starts_with(SESSIONS), "{with:?}");
    assert!(!format!("{:?}", login(crate::bench::PASSWORD)).contains(crate::bench::PASSWORD));
    driver.close().await.unwrap();
    assert_eq!(bmc.asked("DELETE"), [format!("DELETE {}/1 ", &SESSIONS[5..])]);
    assert!(bmc.lock().tokens.is_empty());
}
