//! What operators ask of a machine's power, and of whatever switches it.

use api::bmc::hardware::Hardware;
use api::bmc::{Fault, LogEntry, Power, PowerAction, Sensor};
use api::event::Event;
use api::machine::Machine;
use api::power::{GroupView, Identify, MachinePower, PowerOrder};
use api::routes::operator as routes;
use api::state::{Life, State as LifeState};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Operator;
use crate::app::App;
use crate::bmc::drive::pass;
use crate::bmc::lane::{Answer, Asker, Request};
use crate::bmc::switch::restart;
use crate::bmc::turn;
use crate::clock;
use crate::cluster::interrupt::{self, may_pause};
use crate::http::error::Failure;
use crate::lifecycle::next::{Step, next};
use crate::lifecycle::want::hands_off;
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;

pub fn routes() -> Router<App> {
    let machine = format!("{}/{{reference}}", routes::MACHINES);
    Router::new()
        .route(&format!("{machine}/power"), get(status).post(order))
        .route(&format!("{machine}/identify"), post(identify))
        .route(&format!("{machine}/sensors"), get(sensors))
        .route(&format!("{machine}/bmc-log"), get(log))
        .route(&format!("{machine}/bmc-hardware"), get(hardware))
        .route(&format!("{machine}/bmc-reset"), post(reset))
        .route(routes::POWER_GROUPS, get(groups))
}

/// A machine and what switches it; one without is said so, with what to do.
pub async fn reach(app: &App, reference: &str) -> Result<(Row, BmcRow), Failure> {
    let row = app.store.machine_find(reference).await?;
    match app.store.bmc(&row.id()).await? {
        Some(bmc) => Ok((row, bmc)),
        None => Err(without(&row)),
    }
}

pub fn without(row: &Row) -> Failure {
    let hint = format!(
        "`metalctl bmc adopt {0}` takes the one that its agent found, `metalctl bmc set {0} --address ADDRESS` names \
         one; for a machine without, `metalctl bmc set {0} --driver wake-on-lan`",
        row.name()
    );
    Failure::with_hint(
        StatusCode::CONFLICT,
        format!("nothing here can switch {}: needs a hand", row.name()),
        hint,
    )
}

/// A driver's fault, with what its BMC's condition asks of a person.
pub async fn faulty(app: &App, row: &Row, fault: &Fault) -> Failure {
    let judgement = app.bmcs.lane(&row.id).judge(row.name());
    let status = match fault {
        Fault::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
        Fault::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        Fault::Hung(_) | Fault::Silent(_) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    let error = format!("the BMC of {}: {fault}", row.name());
    match judgement.todo.is_empty() {
        true => Failure::new(status, error),
        false => Failure::with_hint(status, error, judgement.todo),
    }
}

pub async fn ask(app: &App, reference: &str, request: Request) -> Result<Answer, Failure> {
    let (row, bmc) = reach(app, reference).await?;
    match app.bmcs.ask(app, &bmc, request, Asker::Person).await {
        Ok(answer) => Ok(answer),
        Err(fault) => Err(faulty(app, &row, &fault).await),
    }
}

/// Read now.
async fn status(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<MachinePower>, Failure> {
    ask(&app, &reference, Request::Power).await?;
    let (row, _) = reach(&app, &reference).await?;
    let power = app.view(&row.id()).await?.power;
    power.map(Json).ok_or_else(|| without(&row))
}

async fn order(
    State(app): State<App>,
    Operator(who): Operator,
    Path(reference): Path<String>,
    Json(order): Json<PowerOrder>,
) -> Result<Json<Machine>, Failure> {
    Ok(Json(carry_out(&app, &who, &reference, order).await?))
}

/// What an operator wants of a machine's power: it is wanted from now on, and done now where nothing is before it.
pub async fn carry_out(app: &App, who: &str, reference: &str, order: PowerOrder) -> Result<Machine, Failure> {
    let (row, _) = reach(app, reference).await?;
    let (id, life) = (row.id(), row.life()?);
    let stops = !matches!(order.action, PowerAction::On);
    if hands_off(&life) {
        let error = format!("{} is on hold: hands may be in its chassis", row.name());
        let hint = format!("`metalctl machine release {}` ends that", row.name());
        return Err(Failure::with_hint(StatusCode::CONFLICT, error, hint));
    }
    let _turn = if stops { interrupt::turn(app, &row).await? } else { None };
    if stops && !order.force {
        not_updating(app, &row)?;
        may_pause(app, &row).await?;
    }
    let event = match order.action {
        PowerAction::On | PowerAction::Cycle => Event::PowerOn,
        PowerAction::Off | PowerAction::Shutdown => Event::PowerOff,
    };
    let said = if order.force { format!("{who} --force") } else { who.to_string() };
    let applied = app.store.submit(&id, event, &said, clock::now()).await?;
    if let Step::Refuse(why) = applied.step {
        return Err(Failure::new(StatusCode::CONFLICT, format!("cannot switch {}: {why}", row.name())));
    }
    if order.in_order {
        pass(app, &app.bmcs, &id).await?;
    } else if let Err(fault) = restart(app, &app.bmcs, &id, (order.action, Asker::Person)).await? {
        return Err(faulty(app, &row, &fault).await);
    }
    Ok(app.view(&id).await?)
}

/// What loses its power, or its BMC, while firmware is written may be lost itself.
fn not_updating(app: &App, row: &Row) -> Result<(), Failure> {
    let lane = app.bmcs.known(&row.id);
    let Some(update) = lane.filter(|lane| lane.is_updating()).and_then(|lane| lane.update()) else {
        return Ok(());
    };
    let error = format!("the BMC of {} writes firmware: {}", row.name(), update.image);
    let hint = format!(
        "`metalctl bmc show {}` says how far it is; `machine power --force` takes its power all the same, as where the \
         BMC waits for a restart of its machine",
        row.name()
    );
    Err(Failure::with_hint(StatusCode::CONFLICT, error, hint))
}

async fn identify(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
    Json(identify): Json<Identify>,
) -> Result<StatusCode, Failure> {
    ask(&app, &reference, Request::Identify(identify.lit)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sensors(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<Vec<Sensor>>, Failure> {
    match ask(&app, &reference, Request::Sensors).await? {
        Answer::Sensors(sensors) => Ok(Json(sensors)),
        _ => Ok(Json(Vec::new())),
    }
}

async fn log(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<Vec<LogEntry>>, Failure> {
    match ask(&app, &reference, Request::Log).await? {
        Answer::Log(log) => Ok(Json(log)),
        _ => Ok(Json(Vec::new())),
    }
}

async fn hardware(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<Json<Hardware>, Failure> {
    match ask(&app, &reference, Request::Hardware).await? {
        Answer::Hardware(hardware) => Ok(Json(*hardware)),
        _ => Ok(Json(Hardware::default())),
    }
}

/// The BMC itself, never the machine.
async fn reset(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
) -> Result<StatusCode, Failure> {
    let (row, _) = reach(&app, &reference).await?;
    not_updating(&app, &row)?;
    ask(&app, &reference, Request::Reset).await?;
    app.store.bmc_was_reset(&row.id(), clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn groups(State(app): State<App>, _: Operator) -> Result<Json<Vec<GroupView>>, Failure> {
    let groups = turn::groups(&app, &app.bmcs, clock::now()).await?;
    Ok(Json(groups.into_iter().map(|group| group.view).collect()))
}

/// Whether this takes a machine out of its cluster, or is said again while it leaves.
pub fn leaves(life: &Life, event: &Event) -> bool {
    use Event::{Delete, Inspect, Reprovision, Rescue, Retire, Wipe};
    let again =
        matches!(event, Reprovision { .. } | Inspect | Wipe { .. } | Rescue { .. } | Retire { .. } | Delete);
    match next(life, event) {
        Step::Go(state) => state == LifeState::Draining,
        Step::Stay => again && life.state == LifeState::Draining,
        Step::Refuse(_) | Step::Gone => false,
    }
}

/// Whether somebody may vouch for it, or its BMC does: that it is without power. A BMC that reads it as on has the last
/// word, because a node that is given up while it runs is two nodes.
pub async fn vouched(app: &App, row: &Row, said: bool) -> Result<bool, Failure> {
    match crate::bmc::drive::verified(app, &app.bmcs, &row.id()).await? {
        Some(Power::On) if said => {
            let error = format!("{} is not off: its BMC reads it as on", row.name());
            let hint =
                format!("`metalctl machine power off {}` switches it off; then say it again", row.name());
            Err(Failure::with_hint(StatusCode::CONFLICT, error, hint))
        }
        Some(Power::Off) => Ok(true),
        _ => Ok(said),
    }
}
