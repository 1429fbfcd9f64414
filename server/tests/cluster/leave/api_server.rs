//! An API server as far as a drain asks one: one Node, its pods, their evictions and budgets, over TLS.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use server::ca::Authority;
use server::http::tls;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The cluster as it stands.
#[derive(Default)]
pub struct Cluster {
    pub node: Option<Value>,
    /// By name.
    pub pods: BTreeMap<String, Value>,
    /// While true, the budget `web` lets nobody evict pods labelled `app=web`.
    pub budget_is_spent: bool,
    /// Calls that change something, in their order.
    pub calls: Vec<String>,
}

pub struct ApiServer {
    pub cluster: Arc<Mutex<Cluster>>,
    pub port: u16,
    pub ca_pem: String,
    _folder: TempDir,
}

impl ApiServer {
    pub async fn start() -> ApiServer {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), "kubernetes").unwrap();
        let now = server::clock::now() / 1_000_000;
        let names = ["localhost".to_string()];
        let (certificate, key) =
            authority.server_certificate(&[Ipv4Addr::LOCALHOST.into()], &names, now).unwrap();
        let acceptor = tls::acceptor(&authority.pem, &certificate, &key).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cluster = Arc::new(Mutex::new(Cluster::default()));
        tokio::spawn(tls::serve(listener, acceptor, router(cluster.clone())));
        ApiServer { cluster, port, ca_pem: authority.pem.clone(), _folder: folder }
    }

    pub fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap()
    }
}

type Shared = State<Arc<Mutex<Cluster>>>;

fn router(cluster: Arc<Mutex<Cluster>>) -> Router {
    let pod = "/api/v1/namespaces/{namespace}/pods/{name}/eviction";
    let budgets = "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets";
    Router::new()
        .route("/api/v1/nodes", get(nodes))
        .route("/api/v1/nodes/{name}", get(node).patch(patch).delete(delete))
        .route("/api/v1/pods", get(pods))
        .route(pod, post(evict))
        .route(budgets, get(list_budgets))
        .fallback(|| async { status(404, "no such thing here") })
        .with_state(cluster)
}

fn list(items: Vec<Value>) -> Response {
    let metadata = json!({ "resourceVersion": "1" });
    Json(json!({ "apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items })).into_response()
}

async fn nodes(State(cluster): Shared) -> Response {
    list(cluster.lock().unwrap().node.clone().into_iter().collect())
}

async fn node(State(cluster): Shared, Path(_): Path<String>) -> Response {
    match &cluster.lock().unwrap().node {
        Some(node) => Json(node.clone()).into_response(),
        None => status(404, "not found"),
    }
}

async fn patch(State(cluster): Shared, Path(_): Path<String>, Json(patch): Json<Value>) -> Response {
    let mut cluster = cluster.lock().unwrap();
    cluster.calls.push(if patch["spec"]["taints"].is_array() { "taint".into() } else { "cordon".into() });
    let Some(node) = &mut cluster.node else { return status(404, "not found") };
    for (key, value) in patch["spec"].as_object().unwrap() {
        node["spec"][key] = value.clone();
    }
    let node = node.clone();
    // As the cluster does with a node that is out of service.
    if patch["spec"]["taints"].is_array() {
        cluster.pods.retain(|_, pod| pod["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet");
    }
    Json(node).into_response()
}

async fn delete(State(cluster): Shared, Path(_): Path<String>, Json(options): Json<Value>) -> Response {
    let mut cluster = cluster.lock().unwrap();
    cluster.calls.push("delete".into());
    let Some(node) = &cluster.node else { return status(404, "not found") };
    if options["preconditions"]["uid"] != node["metadata"]["uid"] {
        return status(409, "the precondition failed");
    }
    cluster.node = None;
    Json(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" })).into_response()
}

async fn pods(State(cluster): Shared) -> Response {
    list(cluster.lock().unwrap().pods.values().cloned().collect())
}

/// The kubelet is quick: what may end has ended.
async fn evict(
    State(cluster): Shared,
    Path((_, name)): Path<(String, String)>,
    Json(eviction): Json<Value>,
) -> Response {
    let mut cluster = cluster.lock().unwrap();
    let Some(pod) = cluster.pods.get(&name) else { return status(404, "not found") };
    if eviction["deleteOptions"]["preconditions"]["uid"] != pod["metadata"]["uid"] {
        return status(409, "the precondition failed");
    }
    if cluster.budget_is_spent && pod["metadata"]["labels"]["app"] == "web" {
        return status(429, "Cannot evict pod as it would violate the pod's disruption budget.");
    }
    cluster.calls.push(format!("evict {name}"));
    cluster.pods.remove(&name);
    let body = json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" });
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn list_budgets(State(cluster): Shared, Path(namespace): Path<String>) -> Response {
    let allowed = i32::from(!cluster.lock().unwrap().budget_is_spent);
    list(vec![json!({
        "metadata": { "namespace": namespace, "name": "web" },
        "spec": { "selector": { "matchLabels": { "app": "web" } } },
        "status": {
            "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 2,
            "conditions": [{
                "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
                "lastTransitionTime": "2026-11-24T08:00:00Z"
            }]
        }
    })])
}

fn status(code: u16, message: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": ""
    });
    (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
}
