//! The audit log has every action: who, what, from where, before and after. What only looks is not in it, and
//! neither is a secret.

use api::user::{AuditEntry, Role, changes};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use crate::bench::{Bench, HIS};

async fn call(bench: &Bench, token: &str, method: &str, path: &str, body: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    bench.secure(None, request.body(Body::from(body.to_string())).unwrap()).await.0
}

async fn log(bench: &Bench, query: &str) -> Vec<AuditEntry> {
    let token = bench.token(Role::Admin).await;
    let request = Request::get(format!("/api/v1/audit{query}"));
    let request =
        request.header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap();
    let (status, body) = bench.secure(None, request).await;
    assert_eq!(status, StatusCode::OK);
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn an_action_is_kept_with_what_it_changed() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let token = bench.token(Role::Operator).await;
    let path = format!("/api/v1/machines/{machine}");
    assert_eq!(call(&bench, &token, "GET", &path, "").await, StatusCode::OK);
    assert_eq!(call(&bench, &token, "POST", &format!("{path}/hold"), "null").await, StatusCode::OK);
    assert_eq!(
        call(&bench, &token, "POST", &format!("{path}/retry?force=true"), "null").await,
        StatusCode::CONFLICT
    );
    let entries = log(&bench, &format!("?subject={machine}")).await;
    assert_eq!(entries.len(), 2, "who looks changes nothing: {entries:?}");
    let (refused, held) = (&entries[0], &entries[1]);
    assert_eq!((held.who.as_str(), held.role), ("operator", Role::Operator));
    assert_eq!((held.address.as_str(), held.status), (HIS.to_string().as_str(), Some(200)));
    assert_eq!(held.call, format!("POST {path}/hold"));
    assert_eq!(held.subject, machine.0);
    assert_eq!(changes(held), ["hold: false → true"]);
    assert_eq!(refused.call, format!("POST {path}/retry?force=true"));
    assert_eq!((refused.status, changes(refused).len()), (Some(409), 0));
}

#[tokio::test]
async fn what_a_role_may_not_do_is_on_record_too() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let token = bench.token(Role::Viewer).await;
    let path = format!("/api/v1/machines/{machine}/hold");
    assert_eq!(call(&bench, &token, "POST", &path, "").await, StatusCode::FORBIDDEN);
    let entries = log(&bench, "?who=viewer").await;
    assert_eq!((entries.len(), entries[0].status, changes(&entries[0]).len()), (1, Some(403), 0));
    assert!(!bench.app.store.machine(&machine).await.unwrap().hold);
    assert_eq!(call(&bench, "nobody's", "POST", &path, "").await, StatusCode::UNAUTHORIZED);
    assert_eq!(log(&bench, "").await.len(), 1, "a stranger does not fill the log");
}

#[tokio::test]
async fn a_new_user_is_in_the_log_and_the_token_is_not() {
    let bench = Bench::new("enroll").await;
    let admin = bench.token(Role::Admin).await;
    let request = Request::post("/api/v1/users").header("content-type", "application/json");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {admin}"));
    let request = request.body(Body::from(r#"{"name":"anna","role":"admin","days":null}"#)).unwrap();
    let (_, body) = bench.secure(None, request).await;
    let issued: api::user::Issued = serde_json::from_slice(&body).unwrap();
    assert_eq!(call(&bench, &admin, "DELETE", "/api/v1/users/anna", "").await, StatusCode::NO_CONTENT);
    let entries = log(&bench, "").await;
    let text = serde_json::to_string(&entries).unwrap();
    assert!(!text.contains(&issued.token) && !text.contains(&admin));
    assert_eq!(entries[1].after, Some(json!({"name": "anna", "role": "admin", "expires": null})));
    assert_eq!(entries[0].subject, "anna");
    assert_eq!(entries[0].before, Some(json!({"role": "admin", "expires": null})));
    assert_eq!(entries[0].after, None);
}

#[tokio::test]
async fn a_form_of_the_dashboard_and_a_login_are_actions() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let (token, (cookie, csrf)) = (bench.token(Role::Operator).await, bench.session(Role::Operator).await);
    let form = |path: &str, body: String| {
        Request::post(path).header("content-type", "application/x-www-form-urlencoded").body(Body::from(body))
    };
    let mut hold = form(&format!("/machines/{machine}/hold"), format!("csrf={csrf}")).unwrap();
    hold.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    assert_eq!(bench.secure(None, hold).await.0, StatusCode::SEE_OTHER);
    let login = form("/login", format!("token={token}")).unwrap();
    assert_eq!(bench.secure(None, login).await.0, StatusCode::SEE_OTHER);
    let entries = log(&bench, "?who=operator").await;
    assert_eq!(entries[0].call, "POST /login");
    assert_eq!(entries[1].call, format!("POST /machines/{machine}/hold"));
    assert_eq!(changes(&entries[1]), ["hold: false → true"]);
}

#[tokio::test]
async fn what_is_said_of_a_machine_and_what_is_kept_for_a_card_are_in_the_log() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let token = bench.token(Role::Admin).await;
    let label = format!("/api/v1/machines/{machine}/labels");
    let set = r#"{"set":{"zone":"a"},"remove":[]}"#;
    assert_eq!(call(&bench, &token, "POST", &label, set).await, StatusCode::OK);
    let moved = r#"{"set":{"zone":"b"},"remove":[]}"#;
    assert_eq!(call(&bench, &token, "POST", &label, moved).await, StatusCode::OK);
    let entries = log(&bench, &format!("?subject={machine}")).await;
    assert_eq!(changes(&entries[0]), ["labels: zone=a → zone=b"]);
    let kept = r#"{"mac":"52:54:00:00:00:09","address":"10.77.0.99"}"#;
    assert_eq!(call(&bench, &token, "POST", "/api/v1/reservations", kept).await, StatusCode::OK);
    let entries = log(&bench, "").await;
    assert_eq!(entries[0].after, Some(serde_json::from_str(kept).unwrap()));
}

/// That a secret was changed is told, and nothing of the secret.
#[tokio::test]
async fn a_bmcs_new_password_is_in_the_log_as_a_change() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let token = bench.token(Role::Admin).await;
    let path = format!("/api/v1/machines/{machine}/bmc");
    let body = |password: &str| {
        format!(r#"{{"driver":"redfish","address":"192.0.2.9","user":"u","password":"{password}"}}"#)
    };
    for (password, told) in [("first-secret", ": sealed "), ("other-secret", "→ sealed ")] {
        let answered = call(&bench, &token, "PUT", &path, &body(password)).await;
        assert!(answered.is_success(), "{answered}");
        let entries = log(&bench, &format!("?subject={machine}")).await;
        let changed = changes(&entries[0]);
        let is_told = |change: &String| change.starts_with("bmc_password") && change.contains(told);
        assert!(changed.iter().any(is_told), "{changed:?}");
        assert!(!serde_json::to_string(&entries).unwrap().contains("-secret"));
    }
}
