//! What the description says of a type is what serde reads and writes: no field more, none less, none of another name.

use serde_json::Value;

use crate::document::document;
use crate::formal::{strict, validator};
use crate::operation::{Answer, Body, Type};
use crate::operations::operations;
use crate::sample::Sample;

/// More than any type has variants.
const TURNS: usize = 16;

#[test]
fn every_type_travels_as_it_is_described() {
    let operations = operations();
    let described = document(&operations);
    for operation in &operations {
        let place = format!("{} {}", operation.method, operation.path);
        let spot = &described["paths"][&operation.path][operation.method.to_lowercase()];
        if let Answer::Json(answer) = operation.answer {
            let schema = &spot["responses"]["200"]["content"]["application/json"]["schema"];
            travels(&described, schema, answer, &format!("the answer of {place}"));
        }
        if let Body::Json(body) | Body::Optional(body) = operation.body {
            let schema = &spot["requestBody"]["content"]["application/json"]["schema"];
            travels(&described, schema, body, &format!("the body of {place}"));
        }
        if let Some(query) = operation.query {
            travels_as_query(&described, &spot["parameters"], query, &place);
        }
    }
}

fn travels(document: &Value, schema: &Value, of: Type, what: &str) {
    let check = validator(&strict(document.clone()), schema);
    for turn in 0..TURNS {
        let full = Sample { document, turn, full: true }.of(schema);
        let again = (of.again)(full.clone()).unwrap_or_else(|error| panic!("{what}: {error}\n{full:#}"));
        assert_eq!(again, full, "{what}: serde writes something else than what it is described as");
        let wrong: Vec<String> = check.iter_errors(&again).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
    }
    let small = Sample { document, turn: 0, full: false }.of(schema);
    let again = (of.again)(small.clone()).unwrap_or_else(|error| panic!("{what}: {error}\n{small:#}"));
    let wrong: Vec<String> = check.iter_errors(&again).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{what}, the smallest: {wrong:?}");
}

fn travels_as_query(document: &Value, parameters: &Value, of: Type, what: &str) {
    let parameters = parameters.as_array().unwrap().iter().filter(|parameter| parameter["in"] == "query");
    let full: serde_json::Map<String, Value> = parameters
        .map(|parameter| {
            let value = Sample { document, turn: 1, full: true }.of(&parameter["schema"]);
            (parameter["name"].as_str().unwrap().to_string(), value)
        })
        .collect();
    let full = Value::from(full);
    let again =
        (of.again)(full.clone()).unwrap_or_else(|error| panic!("the query of {what}: {error}\n{full:#}"));
    assert_eq!(again, full, "the query of {what}");
    assert!((of.again)(serde_json::json!({})).is_ok(), "the query of {what} has to be there");
}
