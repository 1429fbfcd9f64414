//! Certificates of agents: one for a RAM boot, against its boot key, and one for an installed OS.

use std::sync::Arc;

use api::agent::{Certificate, CertificateRequest, Enroll, Enrolled};
use api::routes::agent as routes;
use api::state::{Home, State as LifeState};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};

use super::{Agent, no_longer_wanted};
use crate::app::App;
use crate::ca::AgentName;
use crate::clock;
use crate::http::boot::hash;
use crate::http::error::Failure;
use crate::http::limits::{Door, Limits};
use crate::http::tls::Peer;
use crate::lifecycle::want::rests;

pub fn routes() -> Router<App> {
    Router::new().route(routes::ENROLL, post(enroll)).route(routes::CERTIFICATE, post(certificate))
}

async fn enroll(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Extension(limits): Extension<Arc<Limits>>,
    Json(ask): Json<Enroll>,
) -> Result<Json<Enrolled>, Failure> {
    let now = clock::now();
    limits.open(Door::Enroll, peer.address.ip(), now)?;
    let machine = app.store.boot_key_use(hash(&ask.boot_key), now).await?.ok_or_else(|| {
        limits.wrong(Door::Enroll, peer.address.ip(), now);
        tracing::warn!(peer = %peer.address, "a boot key was refused");
        Failure::with_hint(
            StatusCode::UNAUTHORIZED,
            "the boot key is unknown, used or too old",
            "a new boot brings a new key",
        )
    })?;
    let name = AgentName {
        machine: machine.0.clone(),
        home: Home::Ram,
        generation: 0,
        boot_id: ask.boot_id.clone(),
    };
    let certificate_pem = sign(&app, &ask.csr_pem, &name, now)?;
    Ok(Json(Enrolled { machine, certificate_pem, server_time: now }))
}

/// The certificate of an installed OS: asked for by the RAM agent that installs it, renewed by itself.
async fn certificate(
    State(app): State<App>,
    agent: Agent,
    Json(ask): Json<CertificateRequest>,
) -> Result<Json<Certificate>, Failure> {
    let now = clock::now();
    let life = app.store.machine(&agent.machine()).await?.life()?;
    if rests(&life) {
        return Err(no_longer_wanted());
    }
    let installs = agent.0.home == Home::Ram && life.state == LifeState::Installing;
    let renews = agent.0.home == Home::Disk && agent.0.generation == life.generation;
    if ask.generation != life.generation || !(installs || renews) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "no certificate of that generation is due"));
    }
    let name = AgentName {
        machine: agent.0.machine.clone(),
        home: Home::Disk,
        generation: life.generation,
        boot_id: String::new(),
    };
    Ok(Json(Certificate { certificate_pem: sign(&app, &ask.csr_pem, &name, now)? }))
}

fn sign(app: &App, csr_pem: &str, name: &AgentName, now: i64) -> Result<String, Failure> {
    app.authority.agent_certificate(csr_pem, name, now / 1_000_000).map_err(|error| {
        Failure::with_hint(
            StatusCode::BAD_REQUEST,
            format!("the certificate request is not usable: {error:#}"),
            "send PKCS #10 as PEM",
        )
    })
}
