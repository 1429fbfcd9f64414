//! The routes that a router really has, read from what it says of itself, so that no test can forget one.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;

pub type Route = (String, String);

const METHODS: [&str; 7] = ["get", "delete", "options", "patch", "post", "put", "trace"];

/// (method, path) of all of them.
pub fn of(router: &Router) -> BTreeSet<Route> {
    let text = format!("{router:?}");
    let own = text.split("fallback_router:").next().unwrap();
    let (endpoints, paths) = own.split_once("node: Node").unwrap();
    let paths: BTreeMap<&str, &str> = paths.split("RouteId(").skip(1).map(id_and_path).collect();
    let mut routes = BTreeSet::new();
    for endpoint in endpoints.split("RouteId(").skip(1) {
        let (id, fields) = endpoint.split_once(")").unwrap();
        let Some((_, fields)) = fields.split_once("MethodRouter { ") else { continue };
        let fields = fields.split(", fallback:").next().unwrap();
        for field in fields.split(", ") {
            let (method, handler) = field.split_once(": ").unwrap();
            if METHODS.contains(&method) && handler != "None" {
                routes.insert((method.to_uppercase(), paths[id].to_string()));
            }
        }
    }
    assert!(routes.len() > 5, "the router describes itself otherwise than expected: {text}");
    routes
}

fn id_and_path(text: &str) -> (&str, &str) {
    let (id, rest) = text.split_once("): \"").unwrap();
    (id, rest.split('"').next().unwrap())
}

/// With a value for each name in it.
pub fn filled(path: &str, values: &[(&str, &str)]) -> String {
    let path = values
        .iter()
        .fold(path.to_string(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
    assert!(!path.contains('{'), "give a value for what is in {path}");
    path
}
