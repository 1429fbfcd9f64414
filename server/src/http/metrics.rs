//! `/metrics`: machines, nodes, clusters, networks and the process, for Prometheus. It scrapes with an
//! operator's token as its bearer token. One pass over few queries.

mod process;
pub mod running;
mod text;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};

use self::running::Running;
use self::text::{Seen, render};
use super::error::Failure;
use super::limits::Limits;
use super::operator::Operator;
use crate::app::App;
use crate::backup::STAMP;
use crate::live::Live;
use crate::{ca, clock, cluster};

/// An agent that missed so many signs of life is silent.
const HEARTBEATS: u32 = 10;

pub fn routes() -> Router<App> {
    Router::new().route(api::routes::METRICS, get(metrics))
}

async fn metrics(
    State(app): State<App>,
    live: Option<Extension<Arc<Live>>>,
    Extension(limits): Extension<Arc<Limits>>,
    _: Operator,
) -> Result<impl IntoResponse, Failure> {
    let mut clusters = Vec::new();
    for name in app.site.clusters.keys() {
        clusters.extend(cluster::detail(&app, name).await?);
    }
    let now = clock::now();
    let silence = (app.site.server.heartbeat * HEARTBEATS).as_micros();
    let counts =
        app.store.counts(now, now.saturating_sub(i64::try_from(silence).unwrap_or(i64::MAX))).await?;
    let live = live.map(|Extension(live)| live).unwrap_or_default();
    let running = running(&app, &live, &limits);
    let seen = Seen { version: env!("CARGO_PKG_VERSION"), counts, clusters, running };
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render(&seen)))
}

fn running(app: &App, live: &Live, limits: &Limits) -> Running {
    let (state, catalogue) = (&app.site.server.state, app.images.current());
    Running {
        started: live.started / 1_000_000,
        certificate_ends: live.certificate_ends,
        authority_ends: ca::ends(&app.authority.pem).unwrap_or_default(),
        backup: modified(&state.join(STAMP)).unwrap_or_default(),
        images: i64::try_from(catalogue.all().count()).unwrap_or(i64::MAX),
        images_broken: i64::try_from(catalogue.broken.len()).unwrap_or(i64::MAX),
        wires: live.wires.iter().map(|(network, wire)| wire.seen(network)).collect(),
        responses: live.responses.seen(),
        guesses: limits.seen(),
        webhooks: live.webhooks.iter().map(|(name, count)| (name.clone(), count.load(Relaxed))).collect(),
        bmc_late: app.bmcs.take_late() / 1_000_000,
        host: process::look(state),
    }
}

/// Seconds since 1970.
fn modified(path: &Path) -> Option<i64> {
    let at = path.metadata().ok()?.modified().ok()?;
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
