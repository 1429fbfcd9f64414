//! `/metrics` for Prometheus, which sends an operator's token as its bearer token. One pass over few queries.

mod text;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use self::text::{Seen, render};
use super::error::Failure;
use super::operator::Operator;
use crate::app::App;
use crate::clock;
use crate::cluster;

pub fn routes() -> Router<App> {
    Router::new().route(api::routes::METRICS, get(metrics))
}

async fn metrics(State(app): State<App>, _: Operator) -> Result<impl IntoResponse, Failure> {
    let mut clusters = Vec::new();
    for name in app.site.clusters.keys() {
        clusters.extend(cluster::detail(&app, name).await?);
    }
    let counts = app.store.counts(clock::now()).await?;
    let text = render(&Seen { version: env!("CARGO_PKG_VERSION"), counts, clusters });
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
