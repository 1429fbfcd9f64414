//! What agents say and ask. Every call but `enroll` is made with the certificate of one machine and one home,
//! and reaches that machine's row only.

mod back;
mod certificate;
mod cluster;
mod live;
mod work;

use std::time::Duration;

use api::agent::{Hello, HelloAnswer, LogBatch, LogLine};
use api::event::Event;
use api::facts::Facts;
use api::id::MachineId;
use api::mask::mask;
use api::routes::agent as routes;
use api::state::Home;
use api::task::{Outcome, Progress, RebootTo, Task, Work};
use api::trace::{Hop, HopName};
use api::wipe::WipedDisk;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;

use super::error::Failure;
use super::tls::Peer;
use crate::app::App;
use crate::bmc::declared as bmc;
use crate::ca::AgentName;
use crate::clock;
use crate::lifecycle::boots;
use crate::lifecycle::next::Step;
use crate::store::machine::Birth;
use crate::who::Verdict;
use crate::who::changes::changes;

pub fn routes() -> Router<App> {
    Router::new()
        .route(routes::HELLO, post(hello))
        .route(routes::FACTS, put(facts))
        .route(routes::TASK, get(task))
        .route(&format!("{}/{{id}}/progress", routes::TASK), post(progress))
        .route(&format!("{}/{{id}}/outcome", routes::TASK), post(outcome))
        .route(&format!("{}/{{id}}/wiped", routes::TASK), put(wiped))
        .route(routes::LOG, post(log))
        .merge(certificate::routes())
        .merge(cluster::routes())
}

/// The agent at the other end, as its certificate names it.
pub struct Agent(AgentName);

impl Agent {
    pub fn machine(&self) -> MachineId {
        MachineId(self.0.machine.clone())
    }
}

impl FromRequestParts<App> for Agent {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Agent, Failure> {
        let peer = parts.extensions.get::<Peer>();
        let agent = peer.and_then(|peer| peer.agent.clone());
        let agent = agent.map(Agent).ok_or_else(|| {
            Failure::new(StatusCode::UNAUTHORIZED, "a machine's certificate is needed here")
        })?;
        // A certificate of the disk names no boot: its agent says it itself.
        if agent.0.home == Home::Ram {
            live::speaks(app, &agent.machine(), &agent.0.boot_id).await?;
        }
        Ok(agent)
    }
}

async fn hello(
    State(app): State<App>,
    agent: Agent,
    Json(hello): Json<Hello>,
) -> Result<Json<HelloAnswer>, Failure> {
    let now = clock::now();
    if boots_again(&app, &agent).await? {
        return Ok(Json(HelloAnswer { server_time: now, heartbeat: app.site.server.heartbeat.as_secs() }));
    }
    let machine = agent.machine();
    if hello.home != agent.0.home || (hello.home == Home::Ram && hello.boot_id != agent.0.boot_id) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "the certificate is another home's"));
    }
    live::begins(&app, &machine, &hello.boot_id).await?;
    // What the certificate says counts: an identity file can be copied to another disk.
    let generation = agent.0.generation;
    let row = app.store.machine(&machine).await?;
    if row.boot_id != hello.boot_id {
        let detail = boots::hello(hello.home, generation, &hello.agent_version);
        app.store.hop(&machine, Hop { name: HopName::Hello, at: now, detail }, false).await?;
    }
    let boot_id = hello.boot_id.clone();
    let event = Event::Hello { home: hello.home, boot_id: hello.boot_id, generation };
    let applied = app.store.submit(&machine, event, "agent", now).await?;
    if hello.home == Home::Disk {
        crate::cluster::dead::spoke(&app, &row, &boot_id).await?;
    }
    if let Step::Refuse(why) = applied.step {
        tracing::warn!(machine = row.name(), why, "an unexpected hello");
    }
    Ok(Json(HelloAnswer { server_time: now, heartbeat: app.site.server.heartbeat.as_secs() }))
}

async fn facts(
    State(app): State<App>,
    agent: Agent,
    Json(facts): Json<Facts>,
) -> Result<StatusCode, Failure> {
    let now = clock::now();
    let machine = agent.machine();
    if facts.home != agent.0.home || (facts.home == Home::Ram && facts.boot_id != agent.0.boot_id) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "the facts are another boot's"));
    }
    let before = app.store.facts(&machine).await?;
    match app.store.identify(&machine, &facts, now).await? {
        Verdict::Itself { .. } => {}
        verdict => {
            tracing::warn!(%machine, ?verdict, "the hardware is not this row's");
            return Ok(StatusCode::NO_CONTENT);
        }
    }
    app.store.facts_put(&machine, &facts, now).await?;
    if let Some(found) = bmc::offered(&facts, now) {
        app.store.bmc_saw(&machine, found).await?;
    }
    let changes = before.map(|before| changes(&before, &facts)).unwrap_or_default();
    if !changes.is_empty() {
        app.store.remark(&machine, "hardware", changes.join("; "), now).await?;
    }
    let serial = [&facts.system.serial, &facts.chassis.serial, &facts.board.serial];
    let serial = serial.into_iter().find(|serial| !serial.is_empty()).cloned().unwrap_or_default();
    app.store.machine_describe(&machine, Birth { serial, ..Birth::default() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Its boot was let in under a row that is not its machine's; the next one comes under the right one.
async fn boots_again(app: &App, agent: &Agent) -> Result<bool, Failure> {
    Ok(agent.0.home == Home::Ram && app.store.merged_into(&agent.0.boot_id).await?.is_some())
}

fn boot_again() -> Task {
    Task { id: "boot-again".into(), generation: 0, work: Work::Reboot { to: RebootTo::Network, way: None } }
}

#[derive(Deserialize)]
struct Patience {
    /// Seconds.
    #[serde(default)]
    wait: u64,
    /// Of the system that asks.
    #[serde(default)]
    boot_id: String,
}

/// Long poll: answers as soon as there is work, or with 204 when the caller's patience ends.
async fn task(
    State(app): State<App>,
    agent: Agent,
    Query(patience): Query<Patience>,
) -> Result<(StatusCode, Json<Option<Task>>), Failure> {
    if boots_again(&app, &agent).await? {
        return Ok((StatusCode::OK, Json(Some(boot_again()))));
    }
    let mut changes = app.store.changes();
    let machine = agent.machine();
    let end = tokio::time::Instant::now() + Duration::from_secs(patience.wait.min(50));
    live::speaks(&app, &machine, &patience.boot_id).await?;
    app.store.agent_seen(&machine, clock::now()).await?;
    loop {
        if let Some(task) = work::next_task(&app, &agent).await? {
            return Ok((StatusCode::OK, Json(Some(task))));
        }
        loop {
            match tokio::time::timeout_at(end, changes.recv()).await {
                Err(_) => return Ok((StatusCode::NO_CONTENT, Json(None))),
                Ok(Ok(changed)) if changed != machine => continue,
                Ok(_) => break,
            }
        }
    }
}

async fn progress(
    State(app): State<App>,
    agent: Agent,
    Path(id): Path<String>,
    Json(progress): Json<Progress>,
) -> Result<StatusCode, Failure> {
    match app.store.task_progress(&agent.machine(), &id, progress, clock::now()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_longer_wanted()),
    }
}

async fn outcome(
    State(app): State<App>,
    agent: Agent,
    Path(id): Path<String>,
    Json(outcome): Json<Outcome>,
) -> Result<StatusCode, Failure> {
    if boots_again(&app, &agent).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let outcome = match outcome {
        Outcome::Done => Outcome::Done,
        Outcome::Failed { reason } => Outcome::Failed { reason: mask(&reason) },
    };
    match app.store.task_finish(&agent.machine(), &id, outcome, clock::now()).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(no_longer_wanted()),
    }
}

/// What became of a disk. Told before its first write, too: who is refused then does not write.
async fn wiped(
    State(app): State<App>,
    agent: Agent,
    Path(id): Path<String>,
    Json(disk): Json<WipedDisk>,
) -> Result<StatusCode, Failure> {
    match app.store.wipe_record(&agent.machine(), &id, disk).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_longer_wanted()),
    }
}

fn no_longer_wanted() -> Failure {
    Failure::new(StatusCode::CONFLICT, "this task is no longer wanted")
}

async fn log(
    State(app): State<App>,
    agent: Agent,
    Json(batch): Json<LogBatch>,
) -> Result<StatusCode, Failure> {
    if boots_again(&app, &agent).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    // The agent has done so too, unless it is an older one.
    let masked = batch.lines.into_iter().map(|line| LogLine { text: mask(&line.text), ..line });
    app.store.log_add(&agent.machine(), masked.collect()).await?;
    Ok(StatusCode::NO_CONTENT)
}
