//! What an agent that asks for work is given: the lifecycle's offer with its payload, as a task with a key.

use api::event::Event;
use api::plan::Plan;
use api::state::{Home, Life, State};
use api::task::{RebootTo, Setup, Task, TaskKind, Work};
use axum::http::StatusCode;
use uuid::Uuid;

use super::Agent;
use crate::app::App;
use crate::clock;
use crate::http::error::Failure;
use crate::lifecycle::offer::{Offer, Session, Stored, offer};
use crate::lifecycle::patience::deadline;
use crate::store::NewTask;
use crate::store::machine::Row;

/// The work for an agent that asks; None when there is nothing to do.
pub async fn next_task(app: &App, agent: &Agent) -> Result<Option<Task>, Failure> {
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
        Offer::Work(kind) => match work(app, &row, &life, kind, plan).await {
            Ok(Some(work)) => work,
            Ok(None) => return Ok(None),
            // What the work needs is gone: said beside the machine, not only to its agent.
            Err(Failure::Refused { error, .. }) => {
                let event = Event::StepFailed { reason: error };
                app.store.submit(&machine, event, "server", clock::now()).await?;
                return Ok(None);
            }
            Err(failure) => return Err(failure),
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
    plan: Option<Plan>,
) -> Result<Option<Work>, Failure> {
    let planned = plan.map(|plan| (plan.hash(), Box::new(plan)));
    match (kind, planned) {
        (TaskKind::Inspect, _) => Ok(Some(Work::Inspect)),
        (TaskKind::Partition, Some((hash, plan))) if life.state == State::Partitioning => {
            Ok(Some(Work::Partition { plan, hash }))
        }
        (TaskKind::Install, Some((hash, plan))) if life.state == State::Installing => {
            let setup = Box::new(setup(app, row, &plan).await?);
            Ok(Some(Work::Install { plan, hash, setup }))
        }
        (TaskKind::Reboot, _) => Ok(Some(Work::Reboot { to: RebootTo::Disk })),
        _ => Ok(None),
    }
}

/// What the installed system is told about itself.
async fn setup(app: &App, row: &Row, plan: &Plan) -> Result<Setup, Failure> {
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
