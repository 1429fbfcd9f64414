//! HTTP in its two shapes: plain for machines that boot, HTTPS for agents, operators and browsers.
//! One file an audience.

pub mod agent;
pub mod boot;
pub mod error;
pub mod files;
pub mod metrics;
pub mod operator;
pub mod pages;
mod range;
pub mod tls;

use axum::Router;
use axum::routing::get;

use crate::app::App;

/// What machines reach before they can verify anyone: public, or verified by digest.
pub fn plain(app: App) -> Router {
    Router::new().merge(boot::routes()).merge(health()).with_state(app)
}

/// Agents, operators and browsers.
pub fn secure(app: App) -> Router {
    let audiences = agent::routes().merge(operator::routes()).merge(pages::routes()).merge(metrics::routes());
    audiences.merge(health()).with_state(app)
}

fn health() -> Router<App> {
    Router::new().route(api::routes::HEALTH, get(async || "ok\n")).route(api::routes::READY, get(ready))
}

/// Ready means that the store answers.
async fn ready(axum::extract::State(app): axum::extract::State<App>) -> Result<&'static str, error::Failure> {
    app.store.machines("", 1).await?;
    Ok("ready\n")
}
