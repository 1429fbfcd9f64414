//! Lists of machines, their labels, and the addresses that DHCP gives and keeps.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use api::id::{Mac, MachineId};
use api::import::{ImportQuery, ImportRow, Imported, Problem};
use api::label::{LabelChange, is_key, is_value};
use api::lease::LeaseView;
use api::machine::{EventQuery, Machine, MachineEvent, Page, Paging, Reservation};
use api::routes::operator as routes;
use api::user::Role;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use serde_json::json;
use uuid::Uuid;

use super::super::audit::After;
use super::super::error::Failure;
use super::super::guard::Caller;
use super::{Operator, PAGE};
use crate::app::App;
use crate::clock;
use crate::import::not_for;
use crate::store::import::Import;
use crate::store::lease::Lease;
use crate::store::machine::Row;
use crate::store::reservation::Keep;

/// Some 250 bytes a machine, and room for 10,000 of them.
const LIST: usize = 8 << 20;

pub fn routes() -> Router<App> {
    Router::new()
        .route(routes::IMPORT, post(import).layer(DefaultBodyLimit::max(LIST)))
        .route(&routes::labels("{reference}"), post(label))
        .route(routes::LEASES, get(leases))
        .route(routes::RESERVATIONS, get(reservations).post(reserve))
        .route(&format!("{}/{{mac}}", routes::RESERVATIONS), delete(unreserve))
        .route(routes::HISTORY, get(history))
}

async fn import(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<ImportQuery>,
    Json(rows): Json<Vec<ImportRow>>,
) -> Result<(Extension<After>, Json<Imported>), Failure> {
    let wrong = rows.iter().filter_map(|row| {
        let labels = row.labels.as_ref()?;
        let bad = labels.iter().find(|(key, value)| !is_key(key) || !is_value(value))?;
        Some(Problem::new(row.line, format!("`{}={}` is no label", bad.0, bad.1)))
    });
    let wrong: Vec<Problem> = wrong.collect();
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    let new_id = || MachineId(Uuid::now_v7().to_string());
    let import = Import {
        rows,
        site: app.site.clone(),
        admin: caller.role >= Role::Admin,
        who: caller.name,
        now: clock::now(),
        new_id,
        dry_run: asked.dry_run,
    };
    let (imported, changed) = app.store.import(import).await?.map_err(|problems| refused(&problems))?;
    // What is known of a BMC may be another's now.
    for machine in changed {
        app.bmcs.forget(&machine.0);
    }
    Ok((Extension(After(json!(imported))), Json(imported)))
}

fn refused(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let hint = "nothing was imported: correct the file and import it again";
    Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, lines.join("\n"), hint)
}

async fn label(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
    Json(change): Json<LabelChange>,
) -> Result<Json<Machine>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    Ok(Json(label_as(&app, &row, change).await?))
}

pub async fn label_as(app: &App, row: &Row, change: LabelChange) -> Result<Machine, Failure> {
    if let Some((key, value)) = change.set.iter().find(|(key, value)| !is_key(key) || !is_value(value)) {
        let hint = "a label is key=value, of letters, digits and . _ - /";
        return Err(Failure::with_hint(
            StatusCode::BAD_REQUEST,
            format!("`{key}={value}` is no label"),
            hint,
        ));
    }
    app.store.machine_label(&row.id(), change.set, change.remove).await?;
    Ok(app.view(&row.id()).await?)
}

async fn leases(
    State(app): State<App>,
    _: Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<LeaseView>>, Failure> {
    let limit = paging.limit.unwrap_or(PAGE).clamp(1, 1000);
    Ok(Json(lease_page(&app, paging.after.parse().ok(), limit).await?))
}

/// Addresses behind this one, and for whom they are kept.
pub async fn lease_page(app: &App, after: Option<Ipv4Addr>, limit: i64) -> Result<Page<LeaseView>, Failure> {
    let leases = app.store.lease_list(after, limit).await?;
    let full = i64::try_from(leases.len()).unwrap_or(0) == limit;
    let next = leases.last().filter(|_| full).map(|lease| lease.address.to_string());
    let kept = kept(app).await?;
    let mut items = Vec::new();
    for lease in leases {
        let holder = match lease.mac {
            Some(mac) => app.store.machine_by_mac(mac).await?,
            None => None,
        };
        items.push(view(lease, holder.map(|row| row.name().to_string()), &kept));
    }
    Ok(Page { items, next })
}

type Kept = HashMap<Ipv4Addr, (Option<Mac>, String)>;

/// For whom addresses are kept, and who said so.
async fn kept(app: &App) -> Result<Kept, Failure> {
    let mut kept: Kept = HashMap::new();
    for (reservation, who) in app.store.reservations().await? {
        kept.insert(reservation.address, (Some(reservation.mac), who));
    }
    let site = &app.site;
    for reservation in &site.reservations {
        kept.insert(reservation.address, (Some(reservation.mac), "site file".into()));
    }
    for machine in &site.machines {
        if let Some(address) = machine.address {
            kept.insert(address, (machine.macs.first().copied(), "site file".into()));
        }
    }
    Ok(kept)
}

fn view(lease: Lease, machine: Option<String>, kept: &Kept) -> LeaseView {
    let Lease { address, network, mac, state, until, .. } = lease;
    let kept = kept.get(&address);
    LeaseView {
        address,
        network,
        mac,
        machine,
        state,
        until,
        kept_for: kept.and_then(|(mac, _)| *mac),
        kept_by: kept.map(|(_, who)| who.clone()),
    }
}

async fn reservations(State(app): State<App>, _: Operator) -> Result<Json<Vec<Reservation>>, Failure> {
    let all = app.store.reservations().await?;
    Ok(Json(all.into_iter().map(|(reservation, _)| reservation).collect()))
}

async fn reserve(
    State(app): State<App>,
    Operator(who): Operator,
    Json(reservation): Json<Reservation>,
) -> Result<(Extension<After>, Json<Reservation>), Failure> {
    let kept = reserve_as(&app, &who, reservation).await?;
    Ok((Extension(After(json!(kept))), Json(kept)))
}

pub async fn reserve_as(app: &App, who: &str, reservation: Reservation) -> Result<Reservation, Failure> {
    let (Reservation { mac, address }, who) = (reservation, who.to_string());
    if let Some(why) = not_for(&app.site, mac, address) {
        return Err(Failure::new(StatusCode::CONFLICT, why));
    }
    let network = app.site.network_of(address).map(|network| network.name.clone()).unwrap_or_default();
    if !app.store.reserve(Keep { reservation, network, who, now: clock::now() }).await? {
        let hint = "`metalctl lease list` shows for whom";
        return Err(Failure::with_hint(
            StatusCode::CONFLICT,
            format!("{address} is kept for another card"),
            hint,
        ));
    }
    tell(app, mac).await?;
    Ok(reservation)
}

async fn unreserve(State(app): State<App>, _: Operator, Path(mac): Path<Mac>) -> Result<StatusCode, Failure> {
    unreserve_of(&app, mac).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unreserve_of(app: &App, mac: Mac) -> Result<(), Failure> {
    let address = app.store.reservation_of(mac).await?.ok_or_else(|| {
        let hint = "`metalctl lease list` shows what is kept; what the site file keeps is taken back there";
        Failure::with_hint(StatusCode::NOT_FOUND, format!("nothing is kept for {mac}"), hint)
    })?;
    let in_pool = |pool: &crate::config::Range| (pool.first..=pool.last).contains(&address);
    let pooled = app.site.network_of(address).is_some_and(|network| network.pools.iter().any(in_pool));
    app.store.unreserve(Reservation { mac, address }, pooled).await?;
    tell(app, mac).await
}

/// Who watches the machine sees its new address.
async fn tell(app: &App, mac: Mac) -> Result<(), Failure> {
    if let Some(row) = app.store.machine_by_mac(mac).await? {
        app.store.changed(&row.id());
    }
    Ok(())
}

async fn history(
    State(app): State<App>,
    _: Operator,
    Query(query): Query<EventQuery>,
) -> Result<Json<Vec<MachineEvent>>, Failure> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, 10_000);
    let mut events = match (&query.machine, query.since) {
        (None, Some(since)) => return Ok(Json(app.store.events_since(since, limit).await?)),
        (None, None) => app.store.events_newest(limit).await?,
        (Some(reference), since) => {
            let row = app.store.machine_find(reference).await?;
            let mut events = app.store.events_of(&row, limit).await?;
            events.retain(|event| since.is_none_or(|since| event.entry.at >= since));
            events
        }
    };
    events.reverse();
    Ok(Json(events))
}
