//! What operators ask and want of clusters: `/api/v1/clusters`.

use api::cluster::{
    Cluster, ClusterAccess, ClusterDetail, ClusterTaskView, Grant, Identity, KubeconfigAnswer,
    KubeconfigRequest, Retyped,
};
use api::routes::operator as routes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;

use super::Operator;
use crate::app::App;
use crate::cluster;
use crate::http::audit::After;
use crate::http::error::Failure;
use crate::http::guard::Caller;

pub fn routes() -> Router<App> {
    let of = |what: &str| format!("{}/{{name}}{what}", routes::CLUSTERS);
    Router::new()
        .route(routes::IDENTITY, get(identity))
        .route(routes::CLUSTERS, get(list))
        .route(&of(""), get(show))
        .route(&of("/kubeconfig"), post(kubeconfig))
        .route(&of("/reset"), post(reset))
        .route(&of("/adopt"), get(grant).post(adopt))
        .route(&of("/snapshot"), post(snapshot))
}

/// A cluster with all that is known of it.
pub async fn detail(app: &App, name: &str) -> Result<ClusterDetail, Failure> {
    let detail = cluster::detail(app, name).await?;
    detail.ok_or_else(|| cluster::Refusal::NoCluster(name.into()).into())
}

async fn identity(Operator(who): Operator) -> Json<Identity> {
    Json(Identity { user: user(&who), operator: who })
}

/// The prefix keeps an operator from being called like a part of Kubernetes.
fn user(operator: &str) -> String {
    format!("metal:{operator}")
}

async fn list(State(app): State<App>, _: Operator) -> Result<Json<Vec<Cluster>>, Failure> {
    Ok(Json(cluster::list(&app).await?))
}

async fn show(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<ClusterDetail>, Failure> {
    Ok(Json(detail(&app, &name).await?))
}

async fn kubeconfig(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Json(request): Json<KubeconfigRequest>,
) -> Result<(Extension<After>, Json<KubeconfigAnswer>), Failure> {
    let KubeconfigRequest { access, hours, .. } = request;
    let who = caller.name;
    if caller.role < access.role() {
        let error = format!("{who} has the role {}: that is not enough for {}", caller.role, access.group());
        let hint = format!("--access {} mints what that role may have", caller.role);
        return Err(Failure::with_hint(StatusCode::FORBIDDEN, error, hint));
    }
    tracing::info!(operator = who, cluster = name, group = access.group(), hours, "a kubeconfig is minted");
    let minted = cluster::kubeconfig(&app, &name, &user(&who), request).await?;
    Ok((Extension(After(json!({"group": access.group(), "hours": hours}))), Json(minted)))
}

async fn reset(
    State(app): State<App>,
    Operator(who): Operator,
    Path(name): Path<String>,
    Json(retyped): Json<Retyped>,
) -> Result<Json<Cluster>, Failure> {
    if retyped.name != name {
        let error = format!("`{}` is not `{name}`: nothing was done", retyped.name);
        let hint = "a reset takes the cluster's name typed again";
        return Err(Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, error, hint));
    }
    tracing::warn!(operator = who, cluster = name, "the cluster is reset");
    Ok(Json(cluster::reset(&app, &name).await?))
}

async fn grant(
    State(app): State<App>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<Grant>, Failure> {
    Ok(Json(Grant { manifest: cluster::grant_of(&app, &name)? }))
}

async fn adopt(
    State(app): State<App>,
    Operator(who): Operator,
    Path(name): Path<String>,
    Json(access): Json<ClusterAccess>,
) -> Result<Json<Cluster>, Failure> {
    tracing::info!(operator = who, cluster = name, "the cluster is adopted");
    Ok(Json(cluster::adopt(&app, &name, access).await?))
}

async fn snapshot(
    State(app): State<App>,
    Operator(who): Operator,
    Path(name): Path<String>,
) -> Result<Json<ClusterTaskView>, Failure> {
    tracing::info!(operator = who, cluster = name, "a snapshot of etcd is taken");
    Ok(Json(cluster::snapshot(&app, &name).await?))
}
