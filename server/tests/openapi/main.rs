//! docs/openapi.json describes `/api/v1`: all of its routes and no others, with the roles that they need and the types
//! that really travel. It is written from `operations.rs` and the types of `api`: `UPDATE_GOLDEN=1` writes it anew.

#[path = "../trust/bench.rs"]
#[allow(dead_code, reason = "another program of tests uses the rest of it")]
mod bench;
mod document;
mod formal;
mod live;
#[path = "../metald/mod.rs"]
mod metald;
mod operation;
mod operations;
#[path = "../trust/routes.rs"]
mod routes;
mod sample;
mod wire;

use std::collections::BTreeSet;
use std::fs;

use api::order::Verb;
use server::http::secure;

use crate::bench::Bench;
use crate::operations::operations;
use crate::routes::Route;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

#[test]
fn the_page_is_the_one_that_the_types_give() {
    let text = serde_json::to_string_pretty(&document::document(&operations())).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(PATH, &text).unwrap();
    }
    let page = fs::read_to_string(PATH).unwrap();
    assert!(
        page == text,
        "docs/openapi.json is stale: UPDATE_GOLDEN=1 writes it anew, then read what changed"
    );
}

#[tokio::test]
async fn every_route_is_in_it_and_nothing_else() {
    let bench = Bench::new("enroll").await;
    let all = routes::of(&secure(bench.app.clone()));
    let there: BTreeSet<Route> = all.into_iter().filter(|(_, path)| path.starts_with("/api/v1/")).collect();
    let one_for_all =
        ("POST".to_string(), format!("{}/{{reference}}/{{verb}}", api::routes::operator::MACHINES));
    let (mut told, mut verbs) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations() {
        let own = (operation.method.to_string(), operation.path.clone());
        if there.contains(&own) {
            assert!(told.insert(own.clone()), "{own:?} is described twice");
            continue;
        }
        let (path, verb) = operation.path.rsplit_once('/').unwrap();
        assert_eq!((own.0, format!("{path}/{{verb}}")), one_for_all, "no such route: {}", operation.path);
        verbs.insert(verb.to_string());
        told.insert(one_for_all.clone());
    }
    let missing: Vec<&Route> = there.difference(&told).collect();
    assert!(missing.is_empty(), "describe these in server/tests/openapi/operations.rs: {missing:?}");
    assert_eq!(
        verbs,
        BTreeSet::from(Verb::ALL.map(|verb| verb.as_str().to_string())),
        "the verbs of machines"
    );
}
