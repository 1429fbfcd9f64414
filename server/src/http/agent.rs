//! What agents say and ask. Every call but `enroll` is made with the certificate of one machine and one home,
//! and reaches that machine's row only.

use std::time::Duration;

use api::agent::{Certificate, CertificateRequest, Enroll, Enrolled, Hello, HelloAnswer, LogBatch};
use api::event::Event;
use api::facts::Facts;
use api::id::MachineId;
use api::routes::agent as routes;
use api::state::{Home, Life, State as LifeState};
use api::task::{Outcome, Progress, RebootTo, Setup, Task, TaskKind, Work};
use api::trace::{Hop, HopName};
use axum::extract::{Extension, FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use uuid::Uuid;

use super::boot::hash;
use super::error::Failure;
use super::tls::Peer;
use crate::app::App;
use crate::ca::AgentName;
use crate::clock;
use crate::lifecycle::next::Step;
use crate::lifecycle::offer::{Offer, Session, Stored, offer};
use crate::lifecycle::patience::deadline;
use crate::store::NewTask;
use crate::store::machine::{Birth, Row};

pub fn routes() -> Router<App> {
    Router::new()
        .route(routes::ENROLL, post(enroll))
        .route(routes::HELLO, post(hello))
        .route(routes::FACTS, put(facts))
        .route(routes::TASK, get(task))
        .route(&format!("{}/{{id}}/progress", routes::TASK), post(progress))
        .route(&format!("{}/{{id}}/outcome", routes::TASK), post(outcome))
        .route(routes::CERTIFICATE, post(certificate))
        .route(routes::LOG, post(log))
}

/// The agent at the other end, as its certificate names it.
struct Agent(AgentName);

impl Agent {
    fn machine(&self) -> MachineId {
        MachineId(self.0.machine.clone())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Agent {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Agent, Failure> {
        let peer = parts.extensions.get::<Peer>();
        let agent = peer.and_then(|peer| peer.agent.clone());
        agent
            .map(Agent)
            .ok_or_else(|| Failure::new(StatusCode::UNAUTHORIZED, "a machine's certificate is needed here"))
    }
}

async fn enroll(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Json(ask): Json<Enroll>,
) -> Result<Json<Enrolled>, Failure> {
    let now = clock::now();
    let machine = app.store.boot_key_use(hash(&ask.boot_key), now).await?.ok_or_else(|| {
        tracing::warn!(peer = %peer.address, "a boot key was refused");
        Failure::with_hint(
            StatusCode::UNAUTHORIZED,
            "the boot key is unknown, used or too old",
            "a new boot brings a new key",
        )
    })?;
    let name = AgentName {
        machine: machine.0.clone(),
        home: Home::Ram,
        generation: 0,
        boot_id: ask.boot_id.clone(),
    };
    let certificate_pem = sign(&app, &ask.csr_pem, &name, now)?;
    Ok(Json(Enrolled { machine, certificate_pem, server_time: now }))
}

async fn hello(
    State(app): State<App>,
    agent: Agent,
    Json(hello): Json<Hello>,
) -> Result<Json<HelloAnswer>, Failure> {
    let now = clock::now();
    let machine = agent.machine();
    if hello.home != agent.0.home || (hello.home == Home::Ram && hello.boot_id != agent.0.boot_id) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "the certificate is another home's"));
    }
    // What the certificate says counts: an identity file can be copied to another disk.
    let generation = agent.0.generation;
    let row = app.store.machine(&machine).await?;
    if row.boot_id != hello.boot_id {
        let detail = format!(
            "the agent from {}, generation {generation}, version {}",
            hello.home, hello.agent_version
        );
        app.store.hop(&machine, Hop { name: HopName::Hello, at: now, detail }, false).await?;
    }
    let event = Event::Hello { home: hello.home, boot_id: hello.boot_id, generation };
    let applied = app.store.submit(&machine, event, "agent", now).await?;
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
    app.store.facts_put(&machine, &facts, now).await?;
    let macs: Vec<_> = facts.interfaces.iter().map(|interface| interface.mac).collect();
    app.store.interfaces_add(&machine, &macs).await?;
    let serial = [&facts.system.serial, &facts.chassis.serial, &facts.board.serial];
    let serial = serial.into_iter().find(|serial| !serial.is_empty()).cloned().unwrap_or_default();
    app.store.machine_describe(&machine, Birth { serial, ..Birth::default() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Patience {
    /// Seconds.
    #[serde(default)]
    wait: u64,
}

/// Long poll: answers as soon as there is work, or with 204 when the caller's patience ends.
async fn task(
    State(app): State<App>,
    agent: Agent,
    Query(patience): Query<Patience>,
) -> Result<(StatusCode, Json<Option<Task>>), Failure> {
    let mut changes = app.store.changes();
    let machine = agent.machine();
    let end = tokio::time::Instant::now() + Duration::from_secs(patience.wait.min(50));
    app.store.machine_seen_at(&machine, clock::now()).await?;
    loop {
        if let Some(task) = next_task(&app, &agent).await? {
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

async fn next_task(app: &App, agent: &Agent) -> Result<Option<Task>, Failure> {
    let machine = agent.machine();
    let row = app.store.machine(&machine).await?;
    let life = row.life()?;
    let plan = app.store.plan(&machine, life.generation).await?;
    let facts_of = app.store.facts_boot(&machine).await?;
    // A certificate of the disk names no boot; the hello before this call does.
    let boot_id = if agent.0.home == Home::Ram { &agent.0.boot_id } else { &row.boot_id };
    let session = Session { home: agent.0.home, boot_id, generation: agent.0.generation };
    let stored = Stored { planned: plan.is_some(), facts_of: facts_of.as_deref() };
    let work = match offer(&life, session, stored) {
        Offer::Nothing => return Ok(None),
        Offer::Reboot(to) => Work::Reboot { to },
        Offer::Work(kind) => match work(app, &row, &life, kind, plan).await? {
            Some(work) => work,
            None => return Ok(None),
        },
    };
    let now = clock::now();
    let kind = work.kind();
    let id = Uuid::now_v7().to_string();
    let task = Task { id, generation: life.generation, work };
    let key = format!("{machine}/{}/{}/{}/{boot_id}", life.generation, kind.as_str(), row.since);
    let patience = app.profile(&row).and_then(|profile| profile.deadlines.get(&life.state)).copied();
    let deadline = deadline(life.state, row.since, patience).unwrap_or(i64::MAX);
    Ok(app.store.task_offer(NewTask { machine, key, task, deadline }, now).await?)
}

async fn work(
    app: &App,
    row: &Row,
    life: &Life,
    kind: TaskKind,
    plan: Option<api::plan::Plan>,
) -> Result<Option<Work>, Failure> {
    let planned = plan.map(|plan| (plan.hash(), Box::new(plan)));
    match (kind, planned) {
        (TaskKind::Inspect, _) => Ok(Some(Work::Inspect)),
        (TaskKind::Partition, Some((hash, plan))) if life.state == LifeState::Partitioning => {
            Ok(Some(Work::Partition { plan, hash }))
        }
        (TaskKind::Install, Some((hash, plan))) if life.state == LifeState::Installing => {
            let setup = Box::new(setup(app, row, &plan).await?);
            Ok(Some(Work::Install { plan, hash, setup }))
        }
        (TaskKind::Reboot, _) => Ok(Some(Work::Reboot { to: RebootTo::Disk })),
        _ => Ok(None),
    }
}

/// What the installed system is told about itself.
async fn setup(app: &App, row: &Row, plan: &api::plan::Plan) -> Result<Setup, Failure> {
    let conflict = |what: &str| Failure::new(StatusCode::CONFLICT, what.to_string());
    let profile =
        app.profile(row).ok_or_else(|| conflict("the machine's profile is no longer in the site file"))?;
    let images = app.images.current();
    let image =
        images.os(&plan.image.name).ok_or_else(|| conflict("the planned image is no longer there"))?;
    let boot = image.boot.clone().ok_or_else(|| conflict("the image's manifest has no [boot]"))?;
    let hostname = row.hostname.as_deref().unwrap_or_default();
    let address = app.view(&row.id()).await?.address;
    let network = address.and_then(|address| app.site.network_of(address));
    Ok(Setup {
        site: app.site.name.clone(),
        hostname: hostname.parse().map_err(|_| conflict("the machine has no hostname"))?,
        authorized_keys: profile.authorized_keys.clone(),
        consoles: profile.consoles.clone(),
        interfaces: app.store.macs_of(&row.id()).await?,
        ntp: network.map(|network| network.ntp.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        boot,
        image_path: api::routes::boot::image(&plan.image.name, &plan.image.file),
    })
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
    match app.store.task_finish(&agent.machine(), &id, outcome, clock::now()).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(no_longer_wanted()),
    }
}

fn no_longer_wanted() -> Failure {
    Failure::new(StatusCode::CONFLICT, "this task is no longer wanted")
}

/// The certificate of an installed OS: asked for by the RAM agent that installs it, renewed by itself.
async fn certificate(
    State(app): State<App>,
    agent: Agent,
    Json(ask): Json<CertificateRequest>,
) -> Result<Json<Certificate>, Failure> {
    let now = clock::now();
    let life = app.store.machine(&agent.machine()).await?.life()?;
    let installs = agent.0.home == Home::Ram && life.state == LifeState::Installing;
    let renews = agent.0.home == Home::Disk && agent.0.generation == life.generation;
    if ask.generation != life.generation || !(installs || renews) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "no certificate of that generation is due"));
    }
    let name = AgentName {
        machine: agent.0.machine.clone(),
        home: Home::Disk,
        generation: life.generation,
        boot_id: String::new(),
    };
    Ok(Json(Certificate { certificate_pem: sign(&app, &ask.csr_pem, &name, now)? }))
}

fn sign(app: &App, csr_pem: &str, name: &AgentName, now: i64) -> Result<String, Failure> {
    app.authority.agent_certificate(csr_pem, name, now / 1_000_000).map_err(|error| {
        Failure::with_hint(
            StatusCode::BAD_REQUEST,
            format!("the certificate request is not usable: {error:#}"),
            "send PKCS #10 as PEM",
        )
    })
}

async fn log(
    State(app): State<App>,
    agent: Agent,
    Json(batch): Json<LogBatch>,
) -> Result<StatusCode, Failure> {
    app.store.log_add(&agent.machine(), batch.lines).await?;
    Ok(StatusCode::NO_CONTENT)
}
