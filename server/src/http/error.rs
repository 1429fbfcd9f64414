//! The one border where errors become status codes and sentences for callers.

use api::machine::ErrorBody;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::{cluster, store};

/// Why a call is not answered as it was meant.
#[derive(Debug)]
pub enum Failure {
    Store(store::Error),
    /// The caller must change something first.
    Refused {
        status: StatusCode,
        error: String,
        hint: Option<String>,
    },
}

impl Failure {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Failure {
        Failure::Refused { status, error: error.into(), hint: None }
    }

    pub fn with_hint(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Refused { status, error: error.into(), hint: Some(hint.into()) }
    }

    /// Status, sentence and hint, for whichever form the audience reads.
    pub fn describe(&self) -> (StatusCode, String, Option<String>) {
        match self {
            Failure::Refused { status, error, hint } => (*status, error.clone(), hint.clone()),
            Failure::Store(error) => {
                let (status, hint) = status_of(error);
                (status, error.to_string(), hint.map(String::from))
            }
        }
    }
}

fn status_of(error: &store::Error) -> (StatusCode, Option<&'static str>) {
    match error {
        store::Error::NoMachine(_) => {
            (StatusCode::NOT_FOUND, Some("`metalctl machine list` shows all there are"))
        }
        store::Error::Ambiguous { .. } => (StatusCode::MULTIPLE_CHOICES, Some("type more of it")),
        store::Error::Conflict => (StatusCode::CONFLICT, None),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, Some("the server's log says more")),
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        Failure::Store(error)
    }
}

impl From<cluster::Error> for Failure {
    fn from(error: cluster::Error) -> Failure {
        cluster::Refusal::Failed(error).into()
    }
}

impl From<cluster::Refusal> for Failure {
    fn from(refusal: cluster::Refusal) -> Failure {
        let error = refusal.to_string();
        let show = "`metalctl cluster show` has its state, tasks and problems";
        match refusal {
            cluster::Refusal::NoCluster(_) => Failure::with_hint(
                StatusCode::NOT_FOUND,
                error,
                "`metalctl cluster list` shows all there are",
            ),
            cluster::Refusal::NotNow(_) | cluster::Refusal::Failed(cluster::Error::NotUp(_)) => {
                Failure::with_hint(StatusCode::CONFLICT, error, show)
            }
            cluster::Refusal::Failed(cluster::Error::Store(error)) => Failure::Store(error),
            cluster::Refusal::Failed(cluster::Error::Silent(_)) => {
                let hint = "the endpoint of the cluster must be reachable from this server";
                Failure::with_hint(StatusCode::BAD_GATEWAY, error, hint)
            }
            cluster::Refusal::Failed(cluster::Error::Kube(_)) => {
                Failure::with_hint(StatusCode::BAD_GATEWAY, error, show)
            }
            cluster::Refusal::Failed(cluster::Error::Sealed(_)) => {
                let hint = "secret.key must be the one that this database was written with";
                Failure::with_hint(StatusCode::INTERNAL_SERVER_ERROR, error, hint)
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error, hint) = self.describe();
        if status.is_server_error() {
            tracing::error!(%error, "a call failed");
        }
        (status, Json(ErrorBody { error, hint })).into_response()
    }
}
