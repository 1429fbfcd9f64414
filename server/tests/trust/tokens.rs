//! Programs that show wrong tokens are slowed down by the address they come from, and whoever was let in there goes on.

use std::net::{Ipv4Addr, SocketAddr};

use api::user::Role;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use server::http::secure;
use server::http::tls::Peer;

use crate::bench::{Bench, HIS, NOT_HIS, answer};

#[tokio::test]
async fn who_guesses_tokens_is_made_to_wait() {
    let bench = Bench::new("enroll").await;
    let (known, other) = (bench.token(Role::Viewer).await, bench.token(Role::Operator).await);
    let router = secure(bench.app.clone());
    let call = async |from: Ipv4Addr, token: &str, path: &str| {
        let peer = Peer { address: SocketAddr::from((from, 4000)), agent: None };
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let router = router.clone().layer(axum::Extension(peer));
        answer(router, request.body(Body::empty()).unwrap()).await
    };
    let status = async |from: Ipv4Addr, token: &str| call(from, token, "/api/v1/profiles").await.0;
    assert_eq!(status(HIS, &known).await, StatusCode::OK);
    for number in 0..10 {
        assert_eq!(status(HIS, &format!("guess {number}")).await, StatusCode::UNAUTHORIZED);
    }
    let (refused, body) = call(HIS, "guess", "/api/v1/profiles").await;
    assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
    assert!(String::from_utf8(body).unwrap().contains("the next one is looked at in 6 s"));
    assert_eq!(status(HIS, &other).await, StatusCode::TOO_MANY_REQUESTS, "it may be the guess that hit");
    assert_eq!(status(HIS, &known).await, StatusCode::OK, "a neighbour locks nobody out");
    assert_eq!(status(NOT_HIS, &other).await, StatusCode::OK, "another address is nobody's fault");
    // Without any token nobody guesses.
    let bare = Request::get("/api/v1/profiles").body(Body::empty()).unwrap();
    let peer = Peer { address: SocketAddr::from((HIS, 4000)), agent: None };
    let bare = answer(router.clone().layer(axum::Extension(peer)), bare).await.0;
    assert_eq!(bare, StatusCode::UNAUTHORIZED);
    // What is right no longer is looked at once more, and is a guess from then on.
    assert!(bench.app.store.user_revoke("viewer").await.unwrap());
    assert_eq!(status(HIS, &known).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(HIS, &known).await, StatusCode::TOO_MANY_REQUESTS);
    let metrics = String::from_utf8(call(NOT_HIS, &other, "/metrics").await.1).unwrap();
    for line in [
        r#"metald_guesses_total{door="token",outcome="wrong"} 11"#,
        r#"metald_guesses_total{door="token",outcome="refused"} 3"#,
        r#"metald_guesses_total{door="login",outcome="wrong"} 0"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
}
