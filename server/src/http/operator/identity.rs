//! What a person says about who a machine is: merge, split, rename.

use api::id::{Hostname, Mac, MachineId};
use api::machine::Machine;
use api::routes::operator as routes;
use api::who::{MergeInto, Rename, Split};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use uuid::Uuid;

use super::Operator;
use crate::app::App;
use crate::clock;
use crate::config::Unknown;
use crate::http::error::Failure;
use crate::store::machine::Row;

pub fn routes() -> Router<App> {
    let machine = format!("{}/{{reference}}", routes::MACHINES);
    Router::new()
        .route(&format!("{machine}/merge"), post(merge))
        .route(&format!("{machine}/split"), post(split))
        .route(&format!("{machine}/rename"), post(rename))
}

/// Nobody lets a machine go on whose row is in doubt: who it is has to be said first.
pub async fn may_release(app: &App, row: &Row) -> Result<(), Failure> {
    match app.store.quarantine_of(&row.id()).await? {
        Some(quarantine) => Err(conflict(format!("{} is quarantined: {}", row.name(), quarantine.why))),
        None => Ok(()),
    }
}

/// Answers with the machine that is left.
async fn merge(
    State(app): State<App>,
    Operator(who): Operator,
    Path(reference): Path<String>,
    Json(merge): Json<MergeInto>,
) -> Result<Json<Machine>, Failure> {
    let from = app.store.machine_find(&reference).await?;
    Ok(Json(merge_into(&app, &who, &from, &merge.into).await?))
}

pub async fn merge_into(app: &App, who: &str, from: &Row, into: &str) -> Result<Machine, Failure> {
    let into = app.store.machine_find(into).await?;
    if !app.store.machine_merge(&from.id(), &into.id(), who, clock::now()).await? {
        let error = format!(
            "{} has an install, or one under way (it is `{}`), and would lose its row",
            from.name(),
            from.state
        );
        let hint = format!("wipe or retire it first, or merge {} into it", into.name());
        return Err(Failure::with_hint(StatusCode::CONFLICT, error, hint));
    }
    Ok(app.view(&into.id()).await?)
}

/// Answers with the new machine.
async fn split(
    State(app): State<App>,
    Operator(who): Operator,
    Path(reference): Path<String>,
    Json(split): Json<Split>,
) -> Result<Json<Machine>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    Ok(Json(split_off(&app, &who, &row, split.macs).await?))
}

/// Without ports, those that are in question.
pub async fn split_off(app: &App, who: &str, row: &Row, macs: Vec<Mac>) -> Result<Machine, Failure> {
    let macs = if macs.is_empty() { in_question(app, row).await? } else { macs };
    let own = app.store.macs_of(&row.id()).await?;
    if let Some(mac) = macs.iter().find(|mac| !own.contains(mac)) {
        return Err(conflict(format!("{mac} is no port of {}", row.name())));
    }
    let id = MachineId(Uuid::now_v7().to_string());
    let enrolled = app.site.unknown == Unknown::Enroll;
    app.store.machine_split(&row.id(), (id.clone(), macs, enrolled), who, clock::now()).await?;
    Ok(app.view(&id).await?)
}

async fn in_question(app: &App, row: &Row) -> Result<Vec<Mac>, Failure> {
    let quarantine = app.store.quarantine_of(&row.id()).await?;
    let macs = quarantine.map(|quarantine| quarantine.interfaces).unwrap_or_default();
    if macs.is_empty() {
        let error =
            format!("nobody knows which of {}'s ports would be another machine's: say it", row.name());
        return Err(Failure::with_hint(StatusCode::BAD_REQUEST, error, "`--mac MAC`, once for each"));
    }
    Ok(macs)
}

async fn rename(
    State(app): State<App>,
    Operator(who): Operator,
    Path(reference): Path<String>,
    Json(rename): Json<Rename>,
) -> Result<Json<Machine>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    Ok(Json(rename_to(&app, &who, &row, &rename.hostname).await?))
}

pub async fn rename_to(app: &App, who: &str, row: &Row, hostname: &Hostname) -> Result<Machine, Failure> {
    if let Some(node) = app.store.node(&row.id()).await? {
        let error =
            format!("it is the node {} of the cluster {}, and a node's name stays", node.name, node.cluster);
        let hint = format!("`metalctl machine wipe {}` takes it out of the cluster", row.name());
        return Err(Failure::with_hint(StatusCode::CONFLICT, error, hint));
    }
    let hostname = hostname.as_str();
    if !app.store.machine_rename(&row.id(), hostname, who, clock::now()).await? {
        return Err(conflict(format!("another machine is named {hostname}")));
    }
    Ok(app.view(&row.id()).await?)
}

fn conflict(error: String) -> Failure {
    Failure::new(StatusCode::CONFLICT, error)
}
