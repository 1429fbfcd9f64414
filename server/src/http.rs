//! HTTP in its two shapes: plain for machines that boot, HTTPS for agents, operators and browsers.
//! One file an audience.

pub mod agent;
pub mod audit;
pub mod boot;
pub mod error;
pub mod files;
pub mod guard;
pub mod headers;
pub mod limits;
pub mod metrics;
pub mod operator;
pub mod pages;
mod range;
pub mod roles;
pub mod tls;
mod tries;

use std::sync::Arc;

use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::get;
use axum::{Extension, Router};

use self::limits::Limits;
use crate::app::App;

/// What machines reach before they can verify anyone: public, or verified by digest.
pub fn plain(app: App) -> Router {
    Router::new().merge(boot::routes()).merge(health()).with_state(app)
}

/// Agents, operators and browsers. Made once and cloned: who guesses is known at every address of the server.
pub fn secure(app: App) -> Router {
    let people = operator::routes().merge(audit::routes()).merge(metrics::routes()).merge(pages::routes());
    let guarded = people.route_layer(from_fn_with_state(app.clone(), guard::guard));
    let all = agent::routes().merge(guarded).merge(health()).with_state(app);
    all.layer(Extension(Arc::<Limits>::default())).layer(map_response(headers::harden))
}

fn health() -> Router<App> {
    Router::new().route(api::routes::HEALTH, get(async || "ok\n")).route(api::routes::READY, get(ready))
}

/// Ready means that the store answers.
async fn ready(axum::extract::State(app): axum::extract::State<App>) -> Result<&'static str, error::Failure> {
    app.store.machines("", 1).await?;
    Ok("ready\n")
}
