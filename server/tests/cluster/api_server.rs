//! An API server as far as this server asks one: Nodes, certificate requests and Secrets in memory, over TLS.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router, middleware};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use server::ca::Authority;
use server::http::tls;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const TOKEN: &str = "the-token-of-metald";

/// By kind (`nodes`, `certificatesigningrequests`, `secrets`) and name.
type Objects = BTreeMap<&'static str, BTreeMap<String, Value>>;

#[derive(Clone, Default)]
pub struct Store {
    objects: Arc<Mutex<Objects>>,
    silent: Arc<AtomicBool>,
}

pub struct ApiServer {
    pub store: Store,
    pub port: u16,
    pub ca_pem: String,
    _folder: TempDir,
}

impl ApiServer {
    pub async fn start() -> ApiServer {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), "kubernetes").unwrap();
        let now = server::clock::now() / 1_000_000;
        let (certificate, key) =
            authority.server_certificate(&[Ipv4Addr::LOCALHOST.into()], &["localhost".into()], now).unwrap();
        let acceptor = tls::acceptor(&authority.pem, &certificate, &key).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let store = Store::default();
        tokio::spawn(tls::serve(listener, acceptor, router(store.clone())));
        ApiServer { store, port, ca_pem: authority.pem.clone(), _folder: folder }
    }
}

impl Store {
    pub fn put(&self, kind: &'static str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_string();
        self.lock().entry(kind).or_default().insert(name, object);
    }

    pub fn get(&self, kind: &'static str, name: &str) -> Option<Value> {
        self.lock().get(kind)?.get(name).cloned()
    }

    pub fn names(&self, kind: &'static str) -> Vec<String> {
        self.lock().get(kind).map(|objects| objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// It gives no answer, and ends the watches that run.
    pub fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap()
    }
}

fn router(store: Store) -> Router {
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    let requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    Router::new()
        .route("/api/v1/nodes", get(|store, query| list(store, query, "nodes")))
        .route(requests, get(|store, query| list(store, query, "certificatesigningrequests")))
        .route("/api/v1/nodes/{name}", patch(|store, name, body| merge(store, name, body, "nodes")))
        .route(
            &format!("{requests}/{{name}}/approval"),
            patch(|store, name, body| merge(store, name, body, "certificatesigningrequests")),
        )
        .route(secrets, post(create))
        .route(&format!("{secrets}/{{name}}"), delete(remove))
        .fallback(|| async { status(404, "no such thing here") })
        .layer(middleware::from_fn_with_state(store.clone(), answering))
        .with_state(store)
}

async fn answering(
    State(store): State<Store>,
    headers: HeaderMap,
    request: Request,
    next: middleware::Next,
) -> Response {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    if store.silent.load(Ordering::Relaxed) {
        return status(503, "it restarts");
    }
    match token == Some(&format!("Bearer {TOKEN}")) {
        true => next.run(request).await,
        false => status(401, "Unauthorized"),
    }
}

/// A watch is answered with all there is, every second.
async fn list(
    State(store): State<Store>,
    Query(query): Query<BTreeMap<String, String>>,
    kind: &'static str,
) -> Response {
    let objects = move |store: &Store| -> Vec<Value> {
        store.lock().get(kind).map(|objects| objects.values().cloned().collect()).unwrap_or_default()
    };
    if !query.contains_key("watch") {
        return Json(json!({
            "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "1" }, "items": objects(&store)
        }))
        .into_response();
    }
    let events = stream::unfold(store, move |store| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let line = |object: Value| format!("{}\n", json!({ "type": "MODIFIED", "object": object }));
        let lines: String = objects(&store).into_iter().map(line).collect();
        (!store.silent.load(Ordering::Relaxed)).then_some((lines, store))
    });
    Response::new(Body::from_stream(events.map(Ok::<_, std::convert::Infallible>)))
}

async fn merge(
    State(store): State<Store>,
    Path(name): Path<String>,
    // A patch that is applied calls itself YAML.
    patch: Bytes,
    kind: &'static str,
) -> Response {
    let patch = serde_json::from_slice(&patch).unwrap();
    let mut objects = store.lock();
    let Some(object) = objects.get_mut(kind).and_then(|objects| objects.get_mut(&name)) else {
        return status(404, "not found");
    };
    overlay(object, &patch);
    Json(object.clone()).into_response()
}

fn overlay(object: &mut Value, patch: &Value) {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, value) in patch {
                overlay(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (object, patch) => *object = patch.clone(),
    }
}

async fn create(State(store): State<Store>, Json(secret): Json<Value>) -> Response {
    store.put("secrets", secret.clone());
    (StatusCode::CREATED, Json(secret)).into_response()
}

async fn remove(State(store): State<Store>, Path(name): Path<String>) -> Response {
    match store.lock().get_mut("secrets").and_then(|secrets| secrets.remove(&name)) {
        Some(_) => Json(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" })).into_response(),
        None => status(404, "not found"),
    }
}

fn status(code: u16, message: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": ""
    });
    (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
}
