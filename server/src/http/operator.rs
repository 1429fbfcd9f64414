//! What operators ask and want: `/api/v1`, with a bearer token.

mod bmc;
pub mod catalogue;
pub mod cluster;
mod console;
mod fetch;
pub mod identity;
pub mod inventory;
mod order;
pub mod power;
mod users;

use std::convert::Infallible;
use std::time::Duration;

use api::event::Event;
use api::image::Manifest;
use api::machine::{Allowed, Erasure, LogEntry, Machine, MachineDetail, Page, Paging, ProfileView, Why};
use api::order::Order;
use api::routes::operator as routes;
use api::state::State as LifeState;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event as Sse, KeepAlive, Sse as SseStream};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use self::order::Yes;
use super::error::Failure;
use super::guard::Caller;
use super::roles::least_of;
use crate::app::App;
use crate::clock;
use crate::cluster::interrupt::may_leave;
use crate::freeze::shown::Erased;
use crate::freeze::{Authorisation, install};
use crate::lifecycle::next::Step;
use crate::store;
use crate::store::machine::Row;
use crate::why;

pub fn routes() -> Router<App> {
    let machine = format!("{}/{{reference}}", routes::MACHINES);
    Router::new()
        .route(routes::MACHINES, get(list))
        .route(&machine, get(show))
        .route(&format!("{machine}/erasure"), get(erasure))
        .route(&format!("{machine}/wipe-preview"), get(order::preview))
        .route(&format!("{machine}/logs"), get(logs))
        .route(&format!("{machine}/why"), get(explain))
        .route(&format!("{machine}/{{verb}}"), post(verb))
        .route(routes::TOMBSTONES, get(order::tombstones))
        .route(routes::PROFILES, get(profiles))
        .route(routes::IMAGES, get(images))
        .route(routes::EVENTS, get(events))
        .route(routes::OPENAPI, get(openapi))
        .merge(cluster::routes())
        .merge(inventory::routes())
        .merge(identity::routes())
        .merge(catalogue::routes())
        .merge(users::routes())
        .merge(power::routes())
        .merge(bmc::routes())
        .merge(console::routes())
        .merge(fetch::routes())
}

/// Whoever holds the token.
pub struct Operator(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Operator, Failure> {
        Ok(Operator(Caller::from_request_parts(parts, state).await?.name))
    }
}

const PAGE: i64 = 200;

async fn list(
    State(app): State<App>,
    _: Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Machine>>, Failure> {
    let limit = paging.limit.unwrap_or(PAGE).clamp(1, 1000);
    let rows = app.store.machines(&paging.after, limit).await?;
    let full = i64::try_from(rows.len()).unwrap_or(0) == limit;
    let next = rows.last().filter(|_| full).map(|row| row.id.clone());
    Ok(Json(Page { items: app.views(&rows).await?, next }))
}

async fn show(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<MachineDetail>, Failure> {
    Ok(Json(detail(&app, &reference).await?))
}

/// A machine with all that is known of it.
pub async fn detail(app: &App, reference: &str) -> Result<MachineDetail, Failure> {
    let id = app.store.machine_find(reference).await?.id();
    let machine = app.view(&id).await?;
    Ok(MachineDetail {
        facts: app.store.facts(&id).await?,
        plan: app.store.plan(&id, machine.generation).await?,
        wipe: app.store.wipe(&id).await?,
        attempts: app.store.attempts(&id).await?,
        history: app.store.history(&id, 200).await?,
        machine,
    })
}

async fn erasure(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
    Query(allowed): Query<Allowed>,
) -> Result<Json<Erasure>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    Ok(Json(app.erasure(&row, authorisation(allowed.erase_foreign)).await?))
}

async fn logs(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<Vec<LogEntry>>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    Ok(Json(app.store.log(&row.id(), 2000).await?))
}

async fn explain(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<Why>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    let machine = app.view(&row.id()).await?;
    let attempts = app.store.attempts(&row.id()).await?;
    Ok(Json(why::why(&machine, attempts.first(), clock::now())))
}

async fn verb(
    State(app): State<App>,
    caller: Caller,
    Path((reference, verb)): Path<(String, String)>,
    Query(allowed): Query<Allowed>,
    order: Option<Json<Option<Order>>>,
) -> Result<Json<Machine>, Failure> {
    let order = order.and_then(|Json(order)| order).unwrap_or_default();
    Ok(Json(submit(&app, &caller, &reference, (&verb, allowed, order)).await?))
}

/// Whoever shows the disks to a person and asks acts for that person.
fn authorisation(erase_foreign: bool) -> Authorisation {
    if erase_foreign { Authorisation::EraseForeign } else { Authorisation::Person }
}

/// Carries out a person's verb, whichever route it came by. What it takes is looked at once, on the event that it means.
pub async fn submit(
    app: &App,
    caller: &Caller,
    reference: &str,
    (verb, allowed, order): (&str, Allowed, Order),
) -> Result<Machine, Failure> {
    let Allowed { powered_off, force, unseen, .. } = allowed;
    let yes = Yes { shown: order.shown.clone(), unseen };
    let (who, row) = (caller.name.as_str(), app.store.machine_find(reference).await?);
    let life = row.life()?;
    let event = order::event(app, &row, &life, (verb, allowed, order))?;
    caller.may(least_of(&event))?;
    let event = order::with_disks(app, (&row, &life), event, &yes).await?;
    show_disks(app, who, &row, (&event, &yes)).await?;
    if event == Event::Release {
        identity::may_release(app, &row).await?;
    }
    let powered_off = match power::leaves(&life, &event) {
        true => power::vouched(app, &row, powered_off).await?,
        false => powered_off,
    };
    may_leave(app, &row, &life, &event, powered_off).await?;
    let before = app.view(&row.id()).await?;
    let applied = app.store.submit(&row.id(), event, &said_by(who, allowed), clock::now()).await?;
    if let Step::Refuse(why) = applied.step {
        let hint = format!("it is `{}`; `metalctl machine why {}` says more", life.state, row.name());
        return Err(Failure::with_hint(
            StatusCode::CONFLICT,
            format!("cannot {verb} {}: {why}", row.name()),
            hint,
        ));
    }
    if applied.step == Step::Gone {
        return Ok(before);
    }
    if powered_off || force {
        app.store.node_wish(&row.id(), powered_off, force).await?;
    }
    Ok(app.view(&row.id()).await?)
}

/// A yes to an erasure is a yes to the disks as they are known now, and kept with them. A machine must not be
/// interrupted either for an install that would be refused.
async fn show_disks(app: &App, who: &str, row: &Row, (event, yes): (&Event, &Yes)) -> Result<(), Failure> {
    let erase_foreign = match event {
        Event::Reprovision { erase_foreign } if row.profile.is_some() => *erase_foreign,
        Event::Approved { erase_foreign } if row.state == LifeState::Available.as_str() => *erase_foreign,
        _ => return Ok(()),
    };
    let erasure = app.erasure(row, authorisation(erase_foreign)).await?;
    if let Some(refusal) = erasure.refusal {
        return Err(Failure::new(StatusCode::CONFLICT, refusal));
    }
    let what = app.profile(row).map(install).unwrap_or_default();
    yes.is_to(&Erased { machine: &erasure.machine, what: &what, disks: &erasure.disks })?;
    Ok(app.store.approval_put(&row.id(), who, &erasure.disks, clock::now()).await?)
}

/// Who it was, and what they vouched for: the history keeps both.
fn said_by(who: &str, allowed: Allowed) -> String {
    let Allowed { powered_off, force, unseen, erase_foreign: _ } = allowed;
    let flags = [(powered_off, " --powered-off"), (force, " --force"), (unseen, " unseen")];
    flags.iter().filter(|(set, _)| *set).fold(who.into(), |said, (_, flag)| said + flag)
}

async fn profiles(State(app): State<App>, _: Operator) -> Result<Json<Vec<ProfileView>>, Failure> {
    Ok(Json(profile_views(&app).await?))
}

pub async fn profile_views(app: &App) -> store::Result<Vec<ProfileView>> {
    let mut views = Vec::new();
    for profile in app.site.profiles.values() {
        views.push(ProfileView {
            name: profile.name.clone(),
            image: profile.image.clone(),
            layout: profile.layout.clone(),
            hostname: profile.hostname.to_string(),
            consoles: profile.consoles.clone(),
            machines: app.store.machine_count(&profile.name).await?,
        });
    }
    Ok(views)
}

async fn images(State(app): State<App>, _: Operator) -> Json<Vec<Manifest>> {
    Json(app.images.current().all().cloned().collect())
}

/// The description of all of this for programs, as `docs/openapi.json` has it.
async fn openapi(_: Operator) -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], include_str!("../../../docs/openapi.json"))
}

/// A stream ends now and then, and whose token was revoked does not get another one.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// A `machine` event for every change; `resync` when this listener must read the list anew: it was too slow, or a
/// machine was deleted.
async fn events(
    State(app): State<App>,
    _: Operator,
) -> SseStream<impl Stream<Item = Result<Sse, Infallible>>> {
    let changes = app.store.changes();
    let end = Instant::now() + LIFE;
    let stream = unfold((app, changes, end), async |(app, mut changes, end)| {
        let event = loop {
            let Ok(change) = timeout_at(end, changes.recv()).await else { return None };
            match change {
                Ok(id) => match app.view(&id).await {
                    Ok(machine) => match Sse::default().event("machine").json_data(machine) {
                        Ok(event) => break event,
                        Err(_) => continue,
                    },
                    // It was deleted.
                    Err(store::Error::NoMachine(_)) => break Sse::default().event("resync").data("deleted"),
                    Err(_) => continue,
                },
                Err(RecvError::Lagged(_)) => break Sse::default().event("resync").data("lagged"),
                Err(RecvError::Closed) => return None,
            }
        };
        Some((Ok(event), (app, changes, end)))
    });
    SseStream::new(stream).keep_alive(KeepAlive::default())
}
