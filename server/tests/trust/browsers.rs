//! What protects a person's browser: forms count only from their own session and our own pages, guesses are slowed
//! down, and every answer says what may be made of it.

use std::net::{Ipv4Addr, SocketAddr};

use api::user::Role;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use server::http::headers::FIELDS;
use server::http::roles::LEAST;
use server::http::secure;
use server::http::tls::Peer;
use tower::ServiceExt;

use crate::bench::{Bench, HIS, NOT_HIS};
use crate::routes::{self, filled};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_form_without_the_sessions_mark_changes_nothing() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let (cookie, _) = bench.session(Role::Admin).await;
    let (_, others) = bench.session(Role::Viewer).await;
    let pages = LEAST.iter().filter(|(method, path, _)| *method == "POST" && !path.starts_with("/api/"));
    for (_, path, _) in pages.filter(|(_, path, _)| *path != "/login") {
        let path = filled(
            path,
            &[("reference", machine.0.as_str()), ("verb", "hold"), ("name", "prod"), ("file", "x")],
        );
        for body in [String::new(), "csrf=".into(), "csrf=wrong".into(), format!("csrf={others}")] {
            let request = Request::post(&path).header("content-type", FORM).header(header::COOKIE, &cookie);
            let (status, _) = bench.secure(None, request.body(Body::from(body.clone())).unwrap()).await;
            assert!(status.is_client_error(), "{path} with `{body}`: {status}");
        }
    }
    assert!(!bench.app.store.machine(&machine).await.unwrap().hold);
    let request = Request::get("/").header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
    assert_eq!(bench.secure(None, request).await.0, StatusCode::OK, "and nobody was logged out");
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing_even_with_the_mark() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let (cookie, csrf) = bench.session(Role::Admin).await;
    let hold = async |origin: &str| {
        let request = Request::post(format!("/machines/{machine}/hold")).header("content-type", FORM);
        let request = request.header(header::COOKIE, &cookie).header(header::HOST, "10.77.0.1:8443");
        let request =
            request.header(header::ORIGIN, origin).body(Body::from(format!("csrf={csrf}"))).unwrap();
        bench.secure(None, request).await.0
    };
    for origin in ["https://evil.example", "null", "http://10.77.0.1:8443", "https://10.77.0.1"] {
        assert_eq!(hold(origin).await, StatusCode::FORBIDDEN, "{origin}");
    }
    assert!(!bench.app.store.machine(&machine).await.unwrap().hold);
    assert_eq!(hold("https://10.77.0.1:8443").await, StatusCode::SEE_OTHER);
    assert!(bench.app.store.machine(&machine).await.unwrap().hold);
    let token = bench.token(Role::Admin).await;
    let request = Request::post("/login").header("content-type", FORM).header("sec-fetch-site", "cross-site");
    let request = request.body(Body::from(format!("token={token}"))).unwrap();
    assert_eq!(
        bench.secure(None, request).await.0,
        StatusCode::FORBIDDEN,
        "nobody is logged in by another site"
    );
}

#[tokio::test]
async fn a_cookie_is_out_of_reach_and_ends_with_its_token() {
    let bench = Bench::new("enroll").await;
    let token = bench.token(Role::Viewer).await;
    let request = Request::post("/login").header("content-type", FORM);
    let answer = bench.head(request.body(Body::from(format!("token={token}"))).unwrap()).await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_string();
    for attribute in ["__Host-metald=", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains(&token));
    let cookie = cookie.split(';').next().unwrap().to_string();
    let rack = async || {
        let request = Request::get("/").header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
        bench.secure(None, request).await.0
    };
    assert_eq!(rack().await, StatusCode::OK);
    assert!(bench.app.store.user_revoke("viewer").await.unwrap());
    assert_eq!(rack().await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_guesses_is_made_to_wait() {
    let bench = Bench::new("enroll").await;
    let token = bench.token(Role::Viewer).await;
    let router = secure(bench.app.clone());
    let ask = async |from: Ipv4Addr, path: &str, kind: &str, body: String| {
        let peer = Peer { address: SocketAddr::from((from, 4000)), agent: None };
        let request = Request::post(path).header("content-type", kind).body(Body::from(body)).unwrap();
        router.clone().layer(axum::Extension(peer)).oneshot(request).await.unwrap().status()
    };
    let login = async |from: Ipv4Addr, token: &str| ask(from, "/login", FORM, format!("token={token}")).await;
    let enroll = async |from: Ipv4Addr| {
        let body = r#"{"boot_key":"guess","boot_id":"b1","csr_pem":"","macs":[]}"#.to_string();
        ask(from, "/agent/v1/enroll", "application/json", body).await
    };
    for _ in 0..10 {
        assert_eq!(login(HIS, "guess").await, StatusCode::UNAUTHORIZED);
        assert_eq!(enroll(HIS).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(login(HIS, "guess").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(login(HIS, &token).await, StatusCode::TOO_MANY_REQUESTS, "even the right one now");
    assert_eq!(enroll(HIS).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(login(NOT_HIS, &token).await, StatusCode::SEE_OTHER, "another address");
    for _ in 0..20 {
        assert_eq!(login(NOT_HIS, &token).await, StatusCode::SEE_OTHER, "the right token is no guess");
    }
}

#[tokio::test]
async fn every_answer_says_what_may_be_made_of_it() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let values = [
        ("reference", machine.0.as_str()),
        ("verb", "hold"),
        ("name", "prod"),
        ("file", "nothing"),
        ("id", "1"),
        ("mac", "52:54:00:77:00:99"),
        ("image", "nothing"),
        ("profile", "nothing"),
    ];
    let (token, (cookie, _)) = (bench.token(Role::Admin).await, bench.session(Role::Admin).await);
    let mut paths: Vec<_> = routes::of(&secure(bench.app.clone())).into_iter().collect();
    paths.push(("GET".into(), "/nowhere".into()));
    for (method, path) in paths {
        for login in [true, false] {
            let mut request = Request::builder().method(method.as_str()).uri(filled(&path, &values));
            if login {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
                request = request.header(header::COOKIE, &cookie);
            }
            let answer = bench.head(request.body(Body::empty()).unwrap()).await;
            for (name, _) in FIELDS {
                assert!(answer.headers().contains_key(&name), "{method} {path} has no {name}");
            }
            let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("frame-ancestors 'none'"), "{method} {path}: {policy}");
            assert!(!policy.contains("unsafe"), "{method} {path}: {policy}");
        }
    }
}
