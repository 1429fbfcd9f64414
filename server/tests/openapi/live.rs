//! What a real server answers to each operation is what the description says: status, kind of content, every field.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::id::MachineId;
use api::user::Role;
use axum::body::{Body as Bytes, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use futures::StreamExt;
use serde_json::{Value, json};
use server::config::Site;

use crate::bench::{Bench, MAC};
use crate::document::document;
use crate::formal::{strict, validator};
use crate::operation::{Answer, Body, Operation};
use crate::operations::operations;
use crate::routes::filled;
use crate::sample::Sample;

const SITE: &str = r#"
name = "test"

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]

[layout.plain]
root = { size = "4G", grow = true }

[cluster.prod]
kubernetes = "1.36"
endpoint = "10.77.0.10:8443"

[profile.worker]
image = "debian-12-kubernetes-1.36"
hostname = "node{:02}"
layout = "plain"
authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Fz1T6dVqZ0yq3Vq8kq0o7mC2yqk0n3mJwq7p6Zc1d ops@example.org"]
cluster = "prod"
"#;

/// What is done on this rack, whatever else is refused: its machine has only asked to boot once.
const DONE: [&str; 24] = [
    "listMachines",
    "showMachine",
    "showErasure",
    "listLogs",
    "explainMachine",
    "listTombstones",
    "listHistory",
    "followEvents",
    "listLeases",
    "listReservations",
    "listImages",
    "showImage",
    "verifyImage",
    "listProfiles",
    "showProfile",
    "showSite",
    "showIdentity",
    "listUsers",
    "addUser",
    "listAudit",
    "showOpenapi",
    "listClusters",
    "showCluster",
    "labelMachine",
];

struct Rack {
    bench: Bench,
    machine: MachineId,
    described: Value,
}

#[tokio::test]
async fn a_real_server_answers_as_it_is_described() {
    let mut done = BTreeSet::new();
    for operation in operations() {
        let rack = Rack::new().await;
        let token = rack.bench.token(Role::Admin).await;
        let response = rack.call(&operation, Some(&token)).await;
        let status = response.status();
        if !matches!(operation.answer, Answer::Events) {
            rack.fits(&operation, response).await;
        }
        if status.is_success() {
            done.insert(operation.id);
        }
    }
    let refused: Vec<&str> = DONE.into_iter().filter(|id| !done.contains(id)).collect();
    assert!(refused.is_empty(), "{refused:?} should be done on any rack");
}

#[tokio::test]
async fn whoever_may_not_is_told_so_as_it_is_described() {
    let rack = Rack::new().await;
    let viewer = rack.bench.token(Role::Viewer).await;
    for operation in operations() {
        let stranger = rack.call(&operation, None).await;
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED, "{}", operation.id);
        rack.fits(&operation, stranger).await;
        if operation.role > Role::Viewer {
            let refused = rack.call(&operation, Some(&viewer)).await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{}", operation.id);
            rack.fits(&operation, refused).await;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_in_plain_text() {
    let rack = Rack::new().await;
    let token = rack.bench.token(Role::Admin).await;
    for operation in operations().into_iter().filter(|operation| matches!(operation.body, Body::Json(_))) {
        let request = rack.request(&operation, Some(&token)).header(header::CONTENT_TYPE, "application/json");
        let response = rack.bench.head(request.body(Bytes::from("x")).unwrap()).await;
        assert!(response.status().is_client_error(), "{}: {}", operation.id, response.status());
        assert!(content_type(&response).starts_with("text/plain"), "{}", operation.id);
        rack.fits(&operation, response).await;
    }
}

#[tokio::test]
async fn an_event_is_as_it_is_described() {
    let rack = Rack::new().await;
    let token = rack.bench.token(Role::Viewer).await;
    let follow =
        operations().into_iter().find(|operation| matches!(operation.answer, Answer::Events)).unwrap();
    let response = rack.call(&follow, Some(&token)).await;
    let spot = &rack.described["paths"][&follow.path]["get"]["responses"]["200"];
    assert!(spot["content"][content_type(&response)].is_object(), "{}", content_type(&response));
    let told = spot["description"].as_str().unwrap();
    rack.bench.app.store.changed(&rack.machine);
    let first = response.into_body().into_data_stream().next().await.unwrap().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    let fields: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    let [("event", name), ("data", data)] = fields[..] else { panic!("{text}") };
    assert!(told.contains(&format!("`event: {name}`")) && told.contains("`Machine`"), "{told}");
    rack.is(
        "its data",
        &json!({"$ref": "#/components/schemas/Machine"}),
        &serde_json::from_str(data).unwrap(),
    );
}

impl Rack {
    async fn new() -> Rack {
        let mut bench = Bench::new("enroll").await;
        let machine = bench.machine().await;
        bench.app.site = Arc::new(Site::parse(SITE).unwrap_or_else(|finding| panic!("{}", finding.message)));
        bench.app.store.cluster_declare(vec!["prod".into()], 1).await.unwrap();
        Rack { bench, machine, described: document(&operations()) }
    }

    fn request(&self, operation: &Operation, token: Option<&str>) -> axum::http::request::Builder {
        let name = match operation.path.split('/').nth(3) {
            Some("images") => "ram",
            Some("profiles") => "worker",
            _ => "prod",
        };
        let values = [
            ("reference", self.machine.0.as_str()),
            ("name", name),
            ("file", "vmlinuz"),
            ("mac", &MAC.to_string()),
        ];
        let request = Request::builder().method(operation.method).uri(filled(&operation.path, &values));
        token
            .iter()
            .fold(request, |request, token| request.header(header::AUTHORIZATION, format!("Bearer {token}")))
    }

    /// With a full body, as it is described.
    async fn call(&self, operation: &Operation, token: Option<&str>) -> Response {
        let spot = &self.described["paths"][&operation.path][operation.method.to_lowercase()];
        let request = self.request(operation, token);
        let request = match operation.body {
            Body::None => request.body(Bytes::empty()),
            Body::Text | Body::Bytes => request.body(Bytes::from(SITE)),
            Body::Json(_) | Body::Optional(_) => {
                let schema = &spot["requestBody"]["content"]["application/json"]["schema"];
                let body = Sample { document: &self.described, turn: 0, full: true }.of(schema);
                request.header(header::CONTENT_TYPE, "application/json").body(Bytes::from(body.to_string()))
            }
        };
        self.bench.head(request.unwrap()).await
    }

    /// The answer is one of those that the description has for the operation.
    async fn fits(&self, operation: &Operation, response: Response) {
        let (status, content_type) = (response.status(), content_type(&response));
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let what =
            format!("{} {} {status}: {}", operation.method, operation.path, String::from_utf8_lossy(&body));
        let responses =
            &self.described["paths"][&operation.path][operation.method.to_lowercase()]["responses"];
        let class = format!("{}XX", status.as_u16() / 100);
        let told =
            responses.get(status.as_str()).or(responses.get(&class)).unwrap_or_else(|| panic!("{what}"));
        let told = match told["$ref"].as_str() {
            Some(reference) => self.described.pointer(&reference[1..]).unwrap(),
            None => told,
        };
        let Some(content) = told["content"].as_object() else { return assert!(body.is_empty(), "{what}") };
        let kind = content_type.split(';').next().unwrap();
        let schema =
            &content.get(kind).unwrap_or_else(|| panic!("{kind} is not described: {what}"))["schema"];
        if kind == "application/json" {
            self.is(&what, schema, &serde_json::from_slice(&body).unwrap());
        }
    }

    fn is(&self, what: &str, schema: &Value, value: &Value) {
        let check = validator(&strict(self.described.clone()), schema);
        let wrong: Vec<String> = check.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
    }
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_string()
}
