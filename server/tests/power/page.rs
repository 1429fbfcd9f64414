//! Power as a browser asks for it, of one machine and of several: a question that names each, its answer, and what
//! became of it.

use std::net::SocketAddr;

use api::user::{AuditQuery, Role};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use server::http::boot::hash;
use server::http::secure;
use server::http::tls::Peer;
use server::store::NewToken;
use tower::ServiceExt;

use crate::operator::Desk;

const SECRET: &str = "s3cret";

async fn logged_in(desk: &Desk, role: Role) {
    let session = NewToken { hash: hash(SECRET), name: "anna".into(), role, kind: "session", expires: None };
    desk.app.store.token_add(session, 1).await.unwrap();
}

async fn browse(desk: &Desk, path: &str, form: Option<String>) -> (StatusCode, String) {
    let request = Request::builder()
        .method(if form.is_some() { "POST" } else { "GET" })
        .uri(path)
        .header(header::COOKIE, format!("__Host-metald={SECRET}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let peer = Peer { address: SocketAddr::from(([10, 77, 0, 5], 4000)), agent: None };
    let router = secure(desk.app.clone()).layer(axum::Extension(peer));
    let request = request.body(Body::from(form.unwrap_or_default())).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn answer(desk: &Desk, typed: &str) -> Option<String> {
    Some(format!("csrf={}&machine={}&typed={typed}", hash(&format!("form {SECRET}")), desk.id))
}

#[tokio::test]
async fn several_are_switched_by_one_answer() {
    let desk = Desk::new().await;
    logged_in(&desk, Role::Operator).await;
    let ask = format!("/actions/power-off?machine={}", desk.id);
    let (status, page) = browse(&desk, &ask, None).await;
    assert!(status == StatusCode::OK && page.contains("nothing here can switch node07"), "{page}");
    desk.adopt().await;
    let (_, page) = browse(&desk, &ask, None).await;
    assert!(page.contains("Cut its power; it stays off.") && page.contains("Type <b>1</b>"), "{page}");
    desk.call(Role::Operator, "POST", "machines/node07/power", json!({"action": "on"})).await;
    let (status, _) = browse(&desk, "/actions/power-off", answer(&desk, "2")).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && desk.asked().ends_with("on"), "{}", desk.asked());
    let (status, page) = browse(&desk, "/actions/power-off", answer(&desk, "1")).await;
    assert!(status == StatusCode::OK && desk.asked().ends_with("on off"), "{} {page}", desk.asked());
    let (status, page) = browse(&desk, "/actions/power-on", answer(&desk, "")).await;
    let wanted = desk.app.store.machine(&desk.id).await.unwrap();
    assert!(status == StatusCode::OK && !wanted.power_off, "it is wanted on, in its turn: {page}");
}

#[tokio::test]
async fn one_is_switched_from_its_own_page() {
    let desk = Desk::new().await;
    desk.adopt().await;
    logged_in(&desk, Role::Operator).await;
    let path = |verb: &str| format!("/machines/{}/{verb}", desk.id);
    let (_, page) = browse(&desk, &path("power-off"), None).await;
    assert!(page.contains("Cut its power; it stays off.") && page.contains("Type <b>node07</b>"), "{page}");
    // On is done at once; what ends what runs there wants the machine's name.
    let (status, _) = browse(&desk, &path("power-on"), answer(&desk, "")).await;
    assert!(status == StatusCode::SEE_OTHER && desk.asked().ends_with("on"), "{status} {}", desk.asked());
    for typed in ["", "1", "node08"] {
        let (status, page) = browse(&desk, &path("power-off"), answer(&desk, typed)).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("nothing was done"), "{page}");
    }
    let forged = Some("csrf=another&typed=node07".into());
    assert_eq!(browse(&desk, &path("power-off"), forged).await.0, StatusCode::FORBIDDEN);
    assert!(desk.asked().ends_with("on"), "{}", desk.asked());
    let (status, _) = browse(&desk, &path("power-off"), answer(&desk, "node07")).await;
    assert!(status == StatusCode::SEE_OTHER && desk.asked().ends_with("on off"), "{}", desk.asked());
    let query = AuditQuery { subject: Some(desk.id.0.clone()), ..AuditQuery::default() };
    let entry = desk.app.store.audit(&query).await.unwrap().remove(0);
    assert_eq!((entry.who.as_str(), entry.status), ("anna", Some(303)), "{entry:?}");
    assert!(entry.call.ends_with("/power-off"), "{entry:?}");
}

#[tokio::test]
async fn a_viewer_switches_nothing() {
    let desk = Desk::new().await;
    desk.adopt().await;
    logged_in(&desk, Role::Viewer).await;
    let its_page = format!("/machines/{}/power-off", desk.id);
    for (path, typed) in [("/actions/power-off", "1"), (its_page.as_str(), "node07")] {
        let (status, _) = browse(&desk, path, answer(&desk, typed)).await;
        assert_eq!((status, desk.asked().as_str()), (StatusCode::FORBIDDEN, ""), "{path}");
    }
}
