//! A machine's serial console for one operator: the request is upgraded, and what is typed and said then goes through this
//! server, which keeps who had it and for how long.

mod talk;
#[cfg(test)]
mod tests;

use api::bmc::Fault;
use api::console::{ConsoleQuery, PROTOCOL};
use api::routes::operator as routes;
use api::user::AuditEntry;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::json;
use uuid::Uuid;

use self::talk::{Ended, Pace, talk};
use super::power::{faulty, reach};
use crate::app::App;
use crate::bmc::console::Console;
use crate::bmc::console::desk::{Occupied, Sitting};
use crate::clock;
use crate::http::error::Failure;
use crate::http::guard::Caller;
use crate::store::machine::Row;

pub fn routes() -> Router<App> {
    Router::new().route(&format!("{}/{{reference}}/console", routes::MACHINES), post(open))
}

async fn open(
    State(app): State<App>,
    caller: Caller,
    Path(reference): Path<String>,
    Query(query): Query<ConsoleQuery>,
    mut request: Request,
) -> Result<Response, Failure> {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().filter(|_| asks_for_it(request.headers()));
    let Some(upgrade) = upgrade else {
        let error = format!("a console needs `Connection: upgrade` and `Upgrade: {PROTOCOL}`");
        return Err(Failure::with_hint(
            StatusCode::UPGRADE_REQUIRED,
            error,
            "`metalctl machine console NAME` speaks it",
        ));
    };
    let (row, bmc) = reach(&app, &reference).await?;
    let sitting = app.bmcs.desk().sit(&row.id, &caller.name, query.take, clock::now()).await;
    let sitting = sitting.map_err(|occupied| refuse(&row, &occupied))?;
    let console = match app.bmcs.console(&app, &bmc, query.take).await {
        Ok(console) => console,
        Err(fault @ Fault::Unsupported(_)) => {
            let error = format!("the console of {}: {fault}", row.name());
            return Err(Failure::new(StatusCode::NOT_IMPLEMENTED, error.replace("NAME", row.name())));
        }
        Err(fault) => return Err(faulty(&app, &row, &fault).await),
    };
    tokio::spawn(serve(app, (caller, row), upgrade, (console, sitting)));
    let switching = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, PROTOCOL);
    switching.body(Body::empty()).map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the console was not upgraded: {error}"))
    })
}

fn asks_for_it(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    asked.is_some_and(|protocol| protocol.eq_ignore_ascii_case(PROTOCOL))
}

fn refuse(row: &Row, Occupied { who, since }: &Occupied) -> Failure {
    let error = format!("{who} has the console of {} since {}", row.name(), api::words::iso(*since));
    let hint = format!("`metalctl machine console {} --take` ends that", row.name());
    Failure::with_hint(StatusCode::CONFLICT, error, hint)
}

/// The place is free again only when the BMC's console has ended.
async fn serve(
    app: App,
    (caller, row): (Caller, Row),
    upgrade: OnUpgrade,
    (mut console, sitting): (Console, Sitting),
) {
    let began = clock::now();
    let ended = match upgrade.await {
        Ok(upgraded) => talk(TokioIo::new(upgraded), &mut console, sitting.ends(), Pace::default()).await,
        Err(error) => Ended { why: format!("the connection was not upgraded: {error}"), said: 0, typed: 0 },
    };
    leave(console).await;
    tracing::info!(machine = row.name(), who = caller.name, "console: {}", ended.why);
    if let Err(error) = app.store.audit_begin(entry(&caller, &row, &ended, (began, clock::now()))).await {
        tracing::error!(%error, "the end of a console is not in the audit log");
    }
    drop(sitting);
}

/// Until the BMC has ended it, too.
async fn leave(console: Console) {
    let Console { mut output, input } = console;
    drop(input);
    while output.recv().await.is_some() {}
}

/// Its beginning has an entry as every call has.
fn entry(caller: &Caller, row: &Row, ended: &Ended, (began, now): (i64, i64)) -> AuditEntry {
    let seconds = u64::try_from((now - began) / 1_000_000).unwrap_or(0);
    AuditEntry {
        id: Uuid::now_v7().to_string(),
        at: now,
        who: caller.name.clone(),
        role: caller.role,
        address: caller.address.to_string(),
        call: format!("END {}", routes::console(row.name())),
        subject: row.id.clone(),
        status: Some(StatusCode::OK.as_u16()),
        before: None,
        after: Some(json!({
            "why": ended.why, "seconds": seconds, "bytes_said": ended.said, "bytes_typed": ended.typed
        })),
    }
}
