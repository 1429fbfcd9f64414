//! Others read the description, too: a parser of OpenAPI 3.1 and a validator of JSON Schema, neither of them ours.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::document::document;
use crate::operations::operations;

/// A validator of a schema of the document.
pub fn validator(document: &Value, schema: &Value) -> Validator {
    let mut root = schema.clone();
    // References are from the root of the document: it comes along.
    root["components"] = document["components"].clone();
    jsonschema::draft202012::new(&root).unwrap_or_else(|error| panic!("{error}: {schema:#}"))
}

/// With every object closed: fields that are not described are found out.
pub fn strict(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| *field = strict(field.take()));
            let object =
                fields.get("type").is_some_and(|kind| kind == "object" || kind == &json!(["object", "null"]));
            if object && fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = strict(item.take())),
        _ => {}
    }
    value
}

#[test]
fn a_parser_of_openapi_reads_all_of_it() {
    let described = document(&operations());
    let read = oas3::from_json(described.to_string()).unwrap();
    let names: BTreeSet<String> =
        read.operations().filter_map(|(_, _, operation)| operation.operation_id.clone()).collect();
    assert_eq!(names.len(), operations().len(), "each operation has a name of its own");
    for (path, method, operation) in read.operations() {
        let parameters =
            operation.parameters(&read).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let told = parameters.iter().filter(|parameter| path.contains(&format!("{{{}}}", parameter.name)));
        assert_eq!(told.count(), path.matches('{').count(), "{method} {path}: a parameter for each name");
        let role = operation
            .security
            .first()
            .and_then(|needed| needed.0.get("token"))
            .and_then(|roles| roles.first());
        assert!(
            role.is_some_and(|role| role.parse::<api::user::Role>().is_ok()),
            "{method} {path}: its role"
        );
    }
}

#[test]
fn every_schema_is_one_and_every_reference_leads_somewhere() {
    let described = document(&operations());
    let schemas = described["components"]["schemas"].as_object().unwrap();
    assert!(schemas.len() > 60, "{}", schemas.len());
    for (name, schema) in schemas {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name} is no schema: {schema:#}");
        validator(&described, schema);
    }
    let mut used = BTreeSet::new();
    references(&described, &mut used);
    for reference in &used {
        assert!(described.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    let idle: Vec<&String> =
        schemas.keys().filter(|name| !used.contains(&format!("#/components/schemas/{name}"))).collect();
    assert!(idle.is_empty(), "nothing travels as {idle:?}");
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(String::from));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
