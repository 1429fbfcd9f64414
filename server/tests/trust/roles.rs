//! Each route of operators and browsers has a least role in one table, and every role is held to it on every route.

use std::collections::BTreeSet;

use api::user::{Issued, Role};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use server::http::roles::{LEAST, Least, least};
use server::http::secure;
use web::Verb;

use crate::bench::Bench;
use crate::routes::{self, Route, filled};

/// Routes in which a verb may have a row of its own.
const VERBS: [&str; 3] =
    ["/api/v1/machines/{reference}/{verb}", "/machines/{reference}/{verb}", "/actions/{verb}"];

/// Not of people: agents show certificates, and these two are for load balancers.
fn of_people(route: &Route) -> bool {
    !route.1.starts_with("/agent/") && route.1 != api::routes::HEALTH && route.1 != api::routes::READY
}

#[tokio::test]
async fn the_table_has_every_route() {
    let bench = Bench::new("enroll").await;
    let there: BTreeSet<Route> =
        routes::of(&secure(bench.app.clone())).into_iter().filter(of_people).collect();
    let verb = |path: &str| {
        let get = ["erasure", "logs", "why"];
        let named = VERBS.iter().find(|verbs| {
            let named = path.strip_prefix(verbs.trim_end_matches("{verb}"));
            named.is_some_and(|named| !named.contains('/') && !get.contains(&named))
        });
        named.unwrap_or(&path).to_string()
    };
    let listed: BTreeSet<Route> = LEAST
        .iter()
        .flat_map(|(method, path, _)| {
            let own = (method.to_string(), path.to_string());
            [if there.contains(&own) { own } else { (method.to_string(), verb(path)) }]
        })
        .collect();
    let missing: Vec<&Route> = there.difference(&listed).collect();
    assert!(missing.is_empty(), "write these routes down in server/src/http/roles.rs: {missing:?}");
    let gone: Vec<&Route> = listed.difference(&there).collect();
    assert!(gone.is_empty(), "server/src/http/roles.rs lists what is no route: {gone:?}");
}

/// What a page offers is what the server does, by whichever way it is asked.
#[test]
fn a_verb_has_one_role_on_all_of_its_routes() {
    for verb in Verb::ALL {
        for path in VERBS {
            let found = least("POST", path, Some(verb.as_str()));
            let common = verb.is_common() || !path.starts_with("/actions/");
            assert!(!common || found == Least::With(verb.role()), "{} on {path}: {found:?}", verb.as_str());
        }
    }
}

#[tokio::test]
async fn every_role_is_held_to_every_route() {
    let bench = Bench::new("enroll").await;
    let machine = bench.machine().await;
    let values = [
        ("reference", machine.0.as_str()),
        ("verb", "hold"),
        ("name", "nobody"),
        ("file", "nothing"),
        ("mac", "52:54:00:77:00:99"),
        ("image", "nothing"),
        ("profile", "nothing"),
        ("id", "nothing"),
    ];
    for role in [None].into_iter().chain(Role::ALL.map(Some)) {
        let (token, cookie) = match role {
            Some(role) => (bench.token(role).await, bench.session(role).await.0),
            None => Default::default(),
        };
        for (method, path, least) in LEAST {
            let program = path.starts_with("/api/") || *path == api::routes::METRICS;
            let mut request = Request::builder().method(*method).uri(filled(path, &values));
            if role.is_some() {
                request = match program {
                    true => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
                    false => request.header(header::COOKIE, &cookie),
                };
            }
            let status = bench.head(request.body(Body::empty()).unwrap()).await.status();
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
            let who = format!("{method} {path} as {role:?}");
            match (least, role) {
                (Least::Anyone, _) => assert!(!refused, "{who}: {status}"),
                (Least::With(_), None) if program => assert_eq!(status, StatusCode::UNAUTHORIZED, "{who}"),
                (Least::With(_), None) => assert_eq!(status, StatusCode::SEE_OTHER, "{who}"),
                (Least::With(least), Some(role)) if role < *least => {
                    assert_eq!(status, StatusCode::FORBIDDEN, "{who}");
                }
                // A form without its mark is another refusal; it has its own test.
                (Least::With(_), Some(_)) => assert!(!refused, "{who}: {status}"),
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_is_no_token_and_a_token_no_cookie() {
    let bench = Bench::new("enroll").await;
    let (token, (cookie, _)) = (bench.token(Role::Admin).await, bench.session(Role::Admin).await);
    let secret = cookie.split_once('=').unwrap().1.to_string();
    let get = |path: &str, name: header::HeaderName, value: String| {
        Request::get(path).header(name, value).body(Body::empty()).unwrap()
    };
    let status = async |request| bench.head(request).await.status();
    let api = "/api/v1/machines";
    assert_eq!(status(get(api, header::COOKIE, cookie.clone())).await, StatusCode::UNAUTHORIZED);
    let bearer = |secret: &str| format!("Bearer {secret}");
    assert_eq!(status(get(api, header::AUTHORIZATION, bearer(&secret))).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(get("/", header::AUTHORIZATION, bearer(&token))).await, StatusCode::SEE_OTHER);
    let as_cookie = format!("__Host-metald={token}");
    assert_eq!(status(get("/", header::COOKIE, as_cookie)).await, StatusCode::SEE_OTHER);
    assert_eq!(status(get(api, header::AUTHORIZATION, bearer(&token))).await, StatusCode::OK);
    assert_eq!(status(get("/", header::COOKIE, cookie)).await, StatusCode::OK);
}

#[tokio::test]
async fn a_user_comes_and_goes() {
    let bench = Bench::new("enroll").await;
    let admin = bench.token(Role::Admin).await;
    let call = async |token: &str, method: &str, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        bench.secure(None, request.body(Body::from(body.to_string())).unwrap()).await
    };
    let add = |name: &str| format!(r#"{{"name":"{name}","role":"viewer","days":30}}"#);
    let (status, body) = call(&admin, "POST", "/api/v1/users", &add("anna")).await;
    assert_eq!(status, StatusCode::OK);
    let anna: Issued = serde_json::from_slice(&body).unwrap();
    let days = (anna.user.expires.unwrap() - server::clock::now()) as f64 / 86_400e6;
    assert!((29.9..30.1).contains(&days), "{days} days");
    assert_eq!(call(&anna.token, "GET", "/api/v1/machines", "").await.0, StatusCode::OK);
    assert_eq!(call(&anna.token, "GET", "/api/v1/users", "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(call(&admin, "POST", "/api/v1/users", &add("anna")).await.0, StatusCode::CONFLICT);
    for name in ["", "server", "agent", "a b", "<b>", "../x", &"a".repeat(64)] {
        let (status, _) = call(&admin, "POST", "/api/v1/users", &add(name)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    let (_, list) = call(&admin, "GET", "/api/v1/users", "").await;
    assert!(!String::from_utf8(list).unwrap().contains(&anna.token), "a token is told once");
    assert_eq!(call(&admin, "DELETE", "/api/v1/users/anna", "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(call(&anna.token, "GET", "/api/v1/machines", "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(call(&admin, "DELETE", "/api/v1/users/anna", "").await.0, StatusCode::NOT_FOUND);
}
