//! What browsers see: the rack, a machine, and the forms that act on it. HTML comes from the crate `web`;
//! here are the routes, the session and the checks of what a form sends.

mod actions;
mod asked;
mod catalogue;
mod live;
mod rack;
mod records;
pub(super) mod session;
mod subject;

use api::id::MachineId;
use api::user::Role;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use web::{MachineView, Offer};

use self::session::Session;
use super::error::Failure;
use super::operator::{self, detail};
use crate::app::App;
use crate::clock;
use crate::why;

/// On one machine's page.
const LOG_LINES: i64 = 500;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(rack::rack))
        .route("/login", get(session::form).post(session::log_in))
        .route("/logout", post(session::log_out))
        .route("/clusters/{name}", get(cluster))
        .route("/machines/{reference}", get(machine))
        .route("/machines/{reference}/{verb}", get(actions::ask_one).post(actions::act_on_one))
        .route("/actions/{verb}", get(actions::ask_several).post(actions::act_on_several))
        .route("/audit", get(records::audit))
        .route("/events", get(records::events))
        .route("/leases", get(records::leases))
        .route("/leases/reserve", post(records::reserve))
        .route("/leases/unreserve", post(records::unreserve))
        .route("/tombstones", get(records::tombstones))
        .route("/images", get(catalogue::images))
        .route("/images/{name}/verify", post(catalogue::verify))
        .route("/profiles", get(catalogue::profiles))
        .route("/profiles/{name}", get(catalogue::profile))
        .route("/live", get(live::live))
        .layer(map_response(async |response: Response| guarded(response)))
        .route("/static/{file}", get(asset))
}

/// An error as a page. Everything that goes wrong here is told to a person.
pub(super) struct Trouble(Failure);

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble(error.into())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, error, hint) = self.0.describe();
        if status.is_server_error() {
            tracing::error!(%error, "a page failed");
        }
        let page = web::error_page(status.as_u16(), &error, hint.as_deref(), None, clock::now());
        (status, Html(page.unwrap_or(error))).into_response()
    }
}

impl From<web::Error> for Failure {
    fn from(error: web::Error) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot render this page: {error}"))
    }
}

async fn cluster(
    State(app): State<App>,
    session: Session,
    Path(name): Path<String>,
) -> Result<Html<String>, Trouble> {
    let detail = operator::cluster::detail(&app, &name).await?;
    Ok(Html(web::cluster_page(&detail, &session.visitor, clock::now())?))
}

async fn machine(
    State(app): State<App>,
    session: Session,
    Path(reference): Path<String>,
) -> Result<Html<String>, Trouble> {
    let detail = detail(&app, &reference).await?;
    let logs = app.store.log(&detail.machine.id, LOG_LINES).await?;
    let now = clock::now();
    let why = why::why(&detail.machine, detail.attempts.first(), now);
    let offers = offers(&app, &detail.machine.id, session.visitor.role).await?;
    let view = MachineView { detail: &detail, why: &why, logs: &logs, offers: &offers };
    Ok(Html(web::machine_page(view, &session.visitor, now)?))
}

/// What can be done to a machine by who has this role.
async fn offers(app: &App, id: &MachineId, role: Role) -> Result<Vec<Offer>, Failure> {
    subject::offers(app, &app.store.machine(id).await?, role).await
}

/// The name carries a hash of the content, so what a browser has of it is right for ever.
async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = web::asset(&file) else { return StatusCode::NOT_FOUND.into_response() };
    let etag = format!("\"{}\"", asset.file);
    let fields = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ETAG, &etag),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    (fields, asset.body).into_response()
}

/// Nothing from elsewhere, nothing inline, in nobody's frame, in no cache.
pub(super) fn guarded(mut response: Response) -> Response {
    let policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    let fields = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
