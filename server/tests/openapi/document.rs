//! The description as a JSON document, OpenAPI 3.1, from operations and their types.

use std::collections::BTreeSet;

use api::machine::{ErrorBody, Machine};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::operation::{Answer, Body, Operation, Type};

const SCHEMAS: &str = "#/components/schemas/";

const ABOUT: &str = "\
What `metalctl` and the dashboard do, for programs: the server's HTTPS port, with the server's own CA (`GET /ca.pem` on \
its plain port, to be compared by its fingerprint), HTTP/1.1 and JSON.

**Who calls.** `Authorization: Bearer TOKEN`, a token of `metalctl user add`; a dashboard's cookie counts for nothing here. \
Each operation needs a role, named in its `security`; an admin may do all that an operator may, an operator all that a viewer \
may. Only an admin may set `erase_foreign=true` in a call that changes something. Every call that is meant to change \
something is in the audit log, those that were refused too.

**Refusals** are an `ErrorBody`: a sentence, and mostly a hint what to do about it. 401: no valid token; 403: the role is not \
enough; 404: nothing of that name; 300: several machines of that name; 409: not in this state, or not now; 422: understood, and \
not usable; 502: a cluster does not answer. What is no HTTP, JSON or query as described here is answered in plain text, with \
400, 405, 413, 415 or 422.

**A machine** is named in paths by its hostname, or by the beginning of its MAC, serial or id, if it is one machine's only. \
**Times** are microseconds since 1970 (UTC), **sizes** bytes. Fields may be added to answers at any time: ignore what you do \
not know.

**Not here**: `/metrics` for Prometheus with the same tokens, `/healthz` and `/readyz` for anyone, and what machines and their \
agents call (`/boot`, `/images`, `/agent/v1`), which is between programs of one version.";

/// The frames are those of `api/src/console.rs`.
const UPGRADE: &str = "With `Upgrade: metal-console/1`. In both directions follow frames: a byte for their kind (0 bytes, 1 a break, \
                       2 the end, with a reason), the length of what follows in two bytes, the higher one first, and that.";
const EVENTS: &str = "\
Server-sent events (`text/event-stream`). `event: machine` comes with each change of a machine, and its `data` is a `Machine`. \
`event: resync` says that the list has to be read again: this reader was too slow, or a machine was deleted. Lines that begin \
with a colon keep the connection alive. The server ends a stream after 15 minutes: open another one, then read the list, since \
what happened in between is not repeated.";

pub fn document(operations: &[Operation]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations {
        let item = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        item[operation.method.to_lowercase()] = described(operation, &mut schemas);
    }
    let error = schemas.answer(Type::of::<ErrorBody>());
    schemas.answer(Type::of::<Machine>());
    let refusal = |description: &str| json!({"description": description, "content": {"application/json": {"schema": error}}});
    let mut unusual = refusal("Refused, with what is wrong and what to do");
    unusual["content"]["text/plain"] = json!({"schema": {"type": "string"}});
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "metald",
            "version": "1",
            "summary": "A bare-metal provisioner",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{
            "url": "https://{server}:8443",
            "variables": {"server": {"default": "127.0.0.1", "description": "The server's address in one of its networks"}},
        }],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Ambiguous": refusal("Several machines begin like that: type more of it"),
                "Unauthorized": refusal("No token, or not a valid one"),
                "Forbidden": refusal("The caller's role is not enough"),
                "Refused": unusual,
                "Failed": refusal("The server, or a cluster, failed; its log says more"),
            },
            "schemas": {},
        },
    });
    schemas.finish(&mut document);
    document
}

fn described(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag(&operation.path)],
        "security": [{"token": [operation.role.as_str()]}],
        "responses": responses(operation, schemas),
    });
    let query = operation.query.map(|query| schemas.query(query)).unwrap_or_default();
    let parameters: Vec<Value> = named(&operation.path).chain(query).collect();
    if !parameters.is_empty() {
        value["parameters"] = parameters.into();
    }
    let content = match operation.body {
        Body::None => return value,
        Body::Json(body) | Body::Optional(body) => {
            json!({"application/json": {"schema": schemas.request(body)}})
        }
        Body::Text => json!({"text/plain": {"schema": {"type": "string"}}}),
        Body::Bytes => json!({"application/octet-stream": {}}),
    };
    let required = !matches!(operation.body, Body::Optional(_));
    value["requestBody"] = json!({"required": required, "content": content});
    value
}

fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let shared = |name: &str| json!({"$ref": format!("#/components/responses/{name}")});
    let mut responses = json!({
        "401": shared("Unauthorized"),
        "403": shared("Forbidden"),
        "4XX": shared("Refused"),
        "5XX": shared("Failed"),
    });
    if operation.path.contains("{reference}") {
        responses["300"] = shared("Ambiguous");
    }
    let (status, answer) = match operation.answer {
        Answer::Json(answer) => {
            let content = json!({"application/json": {"schema": schemas.answer(answer)}});
            ("200", json!({"description": "Done", "content": content}))
        }
        Answer::Nothing => ("204", json!({"description": "Done"})),
        Answer::Events => {
            let content = json!({"text/event-stream": {"schema": {"type": "string"}}});
            ("200", json!({"description": EVENTS, "content": content}))
        }
        Answer::Upgrade => ("101", json!({"description": UPGRADE})),
        Answer::Description => {
            let content = json!({"application/json": {"schema": {"type": "object"}}});
            ("200", json!({"description": "OpenAPI 3.1", "content": content}))
        }
    };
    responses[status] = answer;
    responses
}

/// The noun of a path.
fn tag(path: &str) -> &str {
    path.split('/').nth(3).unwrap_or_default().trim_end_matches(".json")
}

/// A parameter for each name in a path.
fn named(path: &str) -> impl Iterator<Item = Value> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let description = match name {
            "reference" => "A machine: its hostname, or the beginning of its MAC, serial or id",
            "mac" => "A network card's address",
            "file" => "A file's name in the image; `manifest.toml` is one",
            _ => "Its name",
        };
        let schema = json!({"type": "string"});
        json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
    })
}

/// What is sent need not have every field; what is answered has. So a type can have two schemas.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    /// Names of types whose fields are parameters.
    queries: BTreeSet<String>,
}

impl Schemas {
    fn new() -> Schemas {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings
        };
        Schemas {
            requests: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
            queries: BTreeSet::new(),
        }
    }

    fn answer(&mut self, of: Type) -> Value {
        (of.schema)(&mut self.answers).to_value()
    }

    /// Marked, because only at the end is known which names have two meanings.
    fn request(&mut self, of: Type) -> Value {
        marked((of.schema)(&mut self.requests).to_value(), &|_| true)
    }

    fn query(&mut self, of: Type) -> Vec<Value> {
        let reference = (of.schema)(&mut self.requests).to_value();
        let name =
            reference["$ref"].as_str().and_then(|text| text.strip_prefix(SCHEMAS)).unwrap().to_string();
        let schema = self.requests.definitions()[&name].clone();
        self.queries.insert(name);
        let required =
            |name: &String| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
        let parameters = schema["properties"].as_object().unwrap().iter().map(|(name, schema)| {
            let mut schema = marked(schema.clone(), &|_| true);
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            let mut parameter =
                json!({"name": name, "in": "query", "required": required(name), "schema": schema});
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameter
        });
        parameters.collect()
    }

    /// Puts all schemas in: a request's own, where it differs from the answers' of that name, is named `…Input`.
    fn finish(mut self, document: &mut Value) {
        let answers = self.answers.take_definitions(true);
        let mut requests = self.requests.take_definitions(true);
        requests.retain(|name, _| !self.queries.contains(name));
        let mut own: BTreeSet<String> = BTreeSet::new();
        loop {
            let differs = |(name, schema): &(&String, &Value)| {
                let refers =
                    |text: &String| own.iter().any(|name| text.contains(&format!("{SCHEMAS}{name}\"")));
                answers.get(*name).is_some_and(|other| other != *schema || refers(&schema.to_string()))
            };
            let found: BTreeSet<String> =
                requests.iter().filter(differs).map(|(name, _)| name.clone()).collect();
            if found == own {
                break;
            }
            own = found;
        }
        let mut all = answers;
        for (name, schema) in requests {
            let schema = marked(schema, &|name| own.contains(name));
            all.insert(if own.contains(&name) { format!("{name}Input") } else { name }, schema);
        }
        document["paths"] = settled(document["paths"].take(), &own);
        document["components"]["schemas"] = all.into();
    }
}

/// With `Input` behind the name of each schema that is referred to and that `which` means.
fn marked(value: Value, which: &dyn Fn(&str) -> bool) -> Value {
    renamed(value, &|name| if which(name) { format!("{name}Input") } else { name.into() })
}

/// Without the mark where a request's schema is the answers' as well.
fn settled(value: Value, own: &BTreeSet<String>) -> Value {
    renamed(value, &|name| match name.strip_suffix("Input") {
        Some(plain) if !own.contains(plain) => plain.into(),
        _ => name.into(),
    })
}

fn renamed(value: Value, name: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            let field =
                |(key, value): (String, Value)| match value.as_str().and_then(|t| t.strip_prefix(SCHEMAS)) {
                    Some(old) if key == "$ref" => (key, json!(format!("{SCHEMAS}{}", name(old)))),
                    _ => (key, renamed(value, name)),
                };
            Value::Object(fields.into_iter().map(field).collect())
        }
        Value::Array(items) => items.into_iter().map(|item| renamed(item, name)).collect(),
        other => other,
    }
}
