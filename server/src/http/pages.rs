//! What browsers see: the rack, a machine, and the forms that act on it. HTML comes from the crate `web`;
//! here are the routes, the session and the checks of what a form sends.

mod live;
pub(super) mod session;

use api::bmc::PowerAction;
use api::machine::Allowed;
use api::order::Order;
use api::power::PowerOrder;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use web::{MachineView, Verb};

use self::session::Session;
use super::error::Failure;
use super::guard::Caller;
use super::operator::{self, detail, submit};
use crate::app::App;
use crate::clock;
use crate::cluster as clusters;
use crate::freeze::Authorisation;
use crate::why;

/// Machines on one page of the rack, and log lines on one machine's page.
const ROWS: i64 = 500;
const LOG_LINES: i64 = 500;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(rack))
        .route("/login", get(session::form).post(session::log_in))
        .route("/logout", post(session::log_out))
        .route("/clusters/{name}", get(cluster))
        .route("/machines/{reference}", get(machine))
        .route("/machines/{reference}/{verb}", get(confirm).post(act))
        .route("/machines/{reference}/power/{verb}", post(switch))
        .route("/live", get(live::live))
        .layer(map_response(guarded))
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

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    after: String,
}

async fn rack(
    State(app): State<App>,
    session: Session,
    Query(paging): Query<Paging>,
) -> Result<Html<String>, Trouble> {
    let rows = app.store.machines(&paging.after, ROWS).await?;
    let full = i64::try_from(rows.len()).unwrap_or(0) == ROWS;
    let next = rows.last().filter(|_| full).map(|row| row.id.clone());
    let machines = app.views(&rows).await?;
    let paging = web::Paging { after: paging.after, next };
    let clusters = clusters::list(&app).await?;
    Ok(Html(web::rack_page((&machines, &clusters), &paging, &session.visitor, clock::now())?))
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
    let view = MachineView { detail: &detail, why: &why, logs: &logs };
    Ok(Html(web::machine_page(view, &session.visitor, now)?))
}

async fn confirm(
    State(app): State<App>,
    session: Session,
    Path((reference, verb)): Path<(String, String)>,
) -> Result<Html<String>, Trouble> {
    ask(&app, &session, &reference, known(&verb)?, None).await
}

/// The question before an erasure; `message` says what was wrong with the last answer.
async fn ask(
    app: &App,
    session: &Session,
    reference: &str,
    verb: Verb,
    message: Option<&str>,
) -> Result<Html<String>, Trouble> {
    let row = app.store.machine_find(reference).await?;
    let (machine, erasure) = (app.view(&row.id()).await?, app.erasure(&row, Authorisation::Person).await?);
    Ok(Html(web::confirm_page(&machine, &erasure, verb, message, &session.visitor, clock::now())?))
}

#[derive(Deserialize)]
struct Act {
    csrf: String,
    /// The machine's name as a person typed it; only where disks would be erased.
    #[serde(default)]
    name: String,
    /// The digest of what the page showed.
    #[serde(default)]
    shown: String,
}

async fn act(
    State(app): State<App>,
    (session, caller): (Session, Caller),
    Path((reference, verb)): Path<(String, String)>,
    Form(form): Form<Act>,
) -> Result<Response, Trouble> {
    session.sent(&form.csrf)?;
    let verb = known(&verb)?;
    let row = app.store.machine_find(&reference).await?;
    let name = app.view(&row.id()).await?.name();
    if verb.erases() && form.name.trim() != name {
        let message = format!("`{}` is not `{name}`: nothing was done", form.name.trim());
        let page = ask(&app, &session, &row.id, verb, Some(&message)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let said = (verb.as_str(), Allowed::default(), Order::yes_to(&form.shown));
    match submit(&app, &caller, &row.id, said).await {
        Ok(_) => Ok(Redirect::to(&format!("/machines/{}", row.id)).into_response()),
        // What is there now, beside what is wrong with it.
        Err(failure) if verb.erases() && failure.describe().0 == StatusCode::CONFLICT => {
            let page = ask(&app, &session, &row.id, verb, Some(&failure.describe().1)).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Power: what ends what runs there wants the machine's name.
async fn switch(
    State(app): State<App>,
    session: Session,
    Path((reference, verb)): Path<(String, String)>,
    Form(form): Form<Act>,
) -> Result<Response, Trouble> {
    session.sent(&form.csrf)?;
    let unknown = |error: api::id::ParseError| Failure::new(StatusCode::NOT_FOUND, error.to_string());
    let action: PowerAction = verb.parse().map_err(unknown)?;
    let row = app.store.machine_find(&reference).await?;
    let name = app.view(&row.id()).await?.name();
    if action != PowerAction::On && form.name.trim() != name {
        let error = format!("`{}` is not `{name}`: nothing was done", form.name.trim());
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error).into());
    }
    let order = PowerOrder { action, in_order: false, force: false };
    operator::power::carry_out(&app, &session.visitor.operator, &row.id, order).await?;
    Ok(Redirect::to(&format!("/machines/{}", row.id)).into_response())
}

fn known(verb: &str) -> Result<Verb, Failure> {
    verb.parse().map_err(|error: api::id::ParseError| Failure::new(StatusCode::NOT_FOUND, error.to_string()))
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
async fn guarded(mut response: Response) -> Response {
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
