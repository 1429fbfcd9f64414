//! What is on record: the audit log, the machines' events, addresses, and machines that were deleted.

use std::net::Ipv4Addr;

use api::id::{Mac, ParseError};
use api::machine::Reservation;
use api::user::AuditQuery;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use web::{EventsAsked, ReservationForm};

use super::Trouble;
use super::session::Session;
use crate::app::App;
use crate::clock;
use crate::http::audit::{self, After};
use crate::http::error::Failure;
use crate::http::operator::inventory;
use crate::store::history::Before;

/// Entries on a page.
const ROWS: i64 = 100;
/// Addresses on a page.
const ADDRESSES: i64 = 200;

#[derive(Deserialize)]
pub struct AuditAsked {
    #[serde(default)]
    who: String,
    #[serde(default)]
    subject: String,
    before: Option<String>,
}

pub async fn audit(
    State(app): State<App>,
    session: Session,
    Query(asked): Query<AuditAsked>,
) -> Result<Html<String>, Trouble> {
    let typed = |text: &str| Some(text.trim().to_string()).filter(|text| !text.is_empty());
    let mut query = AuditQuery {
        who: typed(&asked.who),
        subject: typed(&asked.subject),
        before: asked.before,
        limit: Some(ROWS + 1),
    };
    let shown = query.clone();
    audit::resolve(&app, &mut query).await?;
    let mut entries = app.store.audit(&query).await?;
    let more = entries.len() > ROWS as usize;
    entries.truncate(ROWS as usize);
    Ok(Html(web::audit_page(&shown, (&entries, more), &session.visitor, clock::now())?))
}

#[derive(Deserialize)]
pub struct EventsQuery {
    #[serde(default)]
    machine: String,
    #[serde(default)]
    refused: String,
    before: Option<String>,
}

pub async fn events(
    State(app): State<App>,
    session: Session,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Trouble> {
    let asked = EventsAsked { machine: query.machine.trim().into(), refused: !query.refused.is_empty() };
    let before = query.before.as_deref().map_or(Some(Before::default()), Before::read).unwrap_or_default();
    let page = |events: &[_], before, problem: Option<&str>| {
        web::events_page(&asked, events, (before, problem), &session.visitor, clock::now())
    };
    let machine = match asked.machine.as_str() {
        "" => None,
        reference => match app.store.machine_find(reference).await {
            Ok(row) => Some(row.id()),
            // What was typed stays, with what is wrong about it.
            Err(error) => {
                let (status, message, _) = Failure::from(error).describe();
                return Ok((status, Html(page(&[], None, Some(&message))?)).into_response());
            }
        },
    };
    let mut events = app.store.events_before(&before, machine.as_ref(), asked.refused, ROWS + 1).await?;
    let more = events.len() > ROWS as usize;
    events.truncate(ROWS as usize);
    let next = events.last().filter(|_| more).map(|last| Before::of(last).to_string());
    Ok(Html(page(&events, next, None)?).into_response())
}

#[derive(Deserialize)]
pub struct LeasesQuery {
    #[serde(default)]
    after: String,
}

pub async fn leases(
    State(app): State<App>,
    session: Session,
    Query(query): Query<LeasesQuery>,
) -> Result<Html<String>, Trouble> {
    leases_page(&app, &session, query.after.parse().ok(), &ReservationForm::default()).await
}

async fn leases_page(
    app: &App,
    session: &Session,
    after: Option<Ipv4Addr>,
    form: &ReservationForm,
) -> Result<Html<String>, Trouble> {
    let page = inventory::lease_page(app, after, ADDRESSES).await?;
    Ok(Html(web::leases_page(&page.items, page.next, form, &session.visitor, clock::now())?))
}

#[derive(Deserialize)]
pub struct Reserve {
    csrf: String,
    #[serde(default)]
    mac: String,
    #[serde(default)]
    address: String,
}

pub async fn reserve(
    State(app): State<App>,
    session: Session,
    Form(form): Form<Reserve>,
) -> Result<Response, Trouble> {
    session.sent(&form.csrf)?;
    let done = match reservation(&form) {
        Ok(reservation) => inventory::reserve_as(&app, &session.visitor.operator, reservation).await,
        Err(message) => Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, message)),
    };
    let failure = match done {
        Ok(kept) => return Ok((Extension(After(json!(kept))), Redirect::to("/leases")).into_response()),
        Err(failure) => failure,
    };
    let (status, error, hint) = failure.describe();
    let message = Some(hint.map_or(error.clone(), |hint| format!("{error}; {hint}")));
    let form = ReservationForm { mac: form.mac, address: form.address, message };
    Ok((status, leases_page(&app, &session, None, &form).await?).into_response())
}

fn reservation(form: &Reserve) -> Result<Reservation, String> {
    let mac: Mac = form.mac.trim().parse().map_err(|error: ParseError| error.to_string())?;
    let address = form.address.trim();
    let unfit = |_| format!("`{address}` is no IPv4 address such as 10.77.0.20");
    Ok(Reservation { mac, address: address.parse().map_err(unfit)? })
}

pub async fn unreserve(
    State(app): State<App>,
    session: Session,
    Form(form): Form<Reserve>,
) -> Result<(Extension<After>, Redirect), Trouble> {
    session.sent(&form.csrf)?;
    let unfit = |error: ParseError| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
    let mac: Mac = form.mac.trim().parse().map_err(unfit)?;
    inventory::unreserve_of(&app, mac).await?;
    Ok((Extension(After(json!({"mac": mac, "address": null}))), Redirect::to("/leases")))
}

pub async fn tombstones(State(app): State<App>, session: Session) -> Result<Html<String>, Trouble> {
    let tombstones = app.store.tombstones().await?;
    Ok(Html(web::tombstones_page(&tombstones, &session.visitor, clock::now())?))
}
