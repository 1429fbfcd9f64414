//! What an agent that asks for work is given: the lifecycle's offer with its payload, as a task with a key.

use api::cluster::{ClusterState, Role};
use api::event::Event;
use api::plan::Plan;
use api::state::{Home, Life, State};
use api::task::{RebootTo, Setup, Task, TaskKind, Work};
use api::wipe::Wipe;
use axum::http::StatusCode;
use uuid::Uuid;

use super::{Agent, back};
use crate::app::App;
use crate::bmc::wake::ByAgent;
use crate::bmc::wake::goodbye::{FRESH, is_due};
use crate::clock;
use crate::cluster::steps;
use crate::cluster::turn::{Turn, turn};
use crate::freeze::{Owner, overtaken};
use crate::http::error::Failure;
use crate::lifecycle::offer::{Offer, Session, Stored, offer};
use crate::lifecycle::patience::deadline;
use crate::lifecycle::want::{Boot, rests, want};
use crate::store::NewTask;
use crate::store::machine::Row;
use crate::wipe;

/// The work for an agent that asks; None when there is nothing to do.
pub async fn next_task(app: &App, agent: &Agent) -> Result<Option<Task>, Failure> {
    let machine = agent.machine();
    let row = app.store.machine(&machine).await?;
    let life = row.life()?;
    let plan = app.store.plan(&machine, life.generation).await?;
    let facts_of = app.store.facts_boot(&machine).await?;
    // A certificate of the disk names no boot; the hello before this call does.
    let boot_id = if agent.0.home == Home::Ram { &agent.0.boot_id } else { &row.boot_id };
    if let Some(task) = power_task(app, &row, &life, boot_id).await? {
        return Ok(Some(task));
    }
    let session = Session { home: agent.0.home, boot_id, generation: agent.0.generation };
    let wiping = match life.state {
        State::Wiping => app.store.wipe(&machine).await?,
        _ => None,
    };
    let planned = match life.state {
        State::Wiping => wiping.as_ref().is_some_and(|wipe| wipe.plan.is_some()),
        _ => plan.is_some(),
    };
    let stored = Stored { planned, facts_of: facts_of.as_deref() };
    let mut rung = None;
    let work = match offer(&life, session, stored) {
        Offer::Nothing => return cluster_task(app, agent, &row, &life).await,
        Offer::Reboot(RebootTo::Network) if session.home == Home::Disk => {
            match back::way(app, &row, &life, boot_id).await? {
                Some((open, way)) => {
                    rung = Some(open);
                    Work::Reboot { to: RebootTo::Network, way: Some(Box::new(way)) }
                }
                None => return Ok(None),
            }
        }
        Offer::Reboot(to) => Work::Reboot { to, way: None },
        Offer::Work(TaskKind::Wipe) => {
            let Some(wipe) = &wiping else { return Ok(None) };
            if let Some(reason) = wipe_overtaken(app, &row, wipe).await? {
                let event = Event::StepFailed { reason };
                app.store.submit(&machine, event, "server", clock::now()).await?;
                return Ok(None);
            }
            let Some(work) = erasure(wipe) else { return Ok(None) };
            work
        }
        Offer::Work(kind) => match work(app, &row, &life, kind, plan).await {
            Ok(Some(work)) => work,
            Ok(None) => return cluster_task(app, agent, &row, &life).await,
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
    // An agent that begins a wipe again in the same boot is told what it has put on record in between.
    let told = match rung {
        Some(rung) => format!("/{rung}"),
        None => wiping.map_or(String::new(), |wipe| format!("/{}.{}", wipe.number, wipe.record.len())),
    };
    let key = format!("{machine}/{}/{}/{}/{boot_id}{told}", life.generation, kind.as_str(), row.since);
    let patience = app.profile(&row).and_then(|profile| profile.deadlines.get(&life.state)).copied();
    // Its turn to join may have come long after it was ready to.
    let from = if kind == TaskKind::Join { now } else { row.since };
    let deadline = deadline(life.state, from, patience).unwrap_or(i64::MAX);
    match app.store.task_offer(NewTask { machine, key, task, deadline }, now).await? {
        Some(task) => Ok(Some(task)),
        // It has ended, and what comes of it is still awaited.
        None => cluster_task(app, agent, &row, &life).await,
    }
}

/// What the agent does with its machine's power in the place of a BMC, once for each time that it was asked.
async fn power_task(app: &App, row: &Row, life: &Life, boot_id: &str) -> Result<Option<Task>, Failure> {
    let (machine, now) = (row.id(), clock::now());
    let asked = app.store.agent_power(&machine).await?;
    let Some(asked) = asked.filter(|asked| is_due(asked, boot_id, now)) else { return Ok(None) };
    let work = match (asked.what, want(life).boot) {
        (ByAgent::PowerOff, _) => Work::PowerOff,
        (ByAgent::Reboot, Boot::Agent) => Work::Reboot { to: RebootTo::Network, way: None },
        (ByAgent::Reboot, Boot::OwnDisk) => Work::Reboot { to: RebootTo::Disk, way: None },
    };
    let key = format!("{machine}/power/{}/{boot_id}/{}", asked.what, asked.asked_at);
    let task = Task { id: Uuid::now_v7().to_string(), generation: life.generation, work };
    let new = NewTask { machine, key, task, deadline: asked.asked_at + FRESH };
    Ok(app.store.task_offer(new, now).await?)
}

/// A step for its cluster, of a control plane that serves, or of the first one while its own node is not Ready yet.
async fn cluster_task(app: &App, agent: &Agent, row: &Row, life: &Life) -> Result<Option<Task>, Failure> {
    if agent.0.home != Home::Disk || agent.0.generation != life.generation || rests(life) {
        return Ok(None);
    }
    let Some(node) = app.store.node(&row.id()).await? else { return Ok(None) };
    let Some(cluster) = app.store.cluster(&node.cluster).await? else { return Ok(None) };
    let first = cluster.machine.as_deref() == Some(&row.id) && cluster.generation == life.generation;
    let serves = life.state == State::Active || (life.state == State::Joining && first);
    // One that leaves has a last thing to do by itself: to give up the virtual address.
    let serves = serves || (life.state == State::Draining && app.store.cluster_task_calls(&row.id()).await?);
    if node.role()? != Role::ControlPlane || cluster.state()? != ClusterState::Up || !serves {
        return Ok(None);
    }
    let offered = app.store.cluster_task_offer(&cluster.name, &row.id(), clock::now()).await?;
    let Some((id, _)) = offered else { return Ok(None) };
    let Some(task) = app.store.cluster_task(&id).await? else { return Ok(None) };
    let step = Box::new(steps::open(app, &task)?);
    Ok(Some(Task { id, generation: life.generation, work: Work::Cluster { step } }))
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
            let facts = app.store.facts(&row.id()).await?;
            let disks = facts.map(|facts| facts.disks).unwrap_or_default();
            if let Some(refusal) = overtaken(&app.site.name, row.name(), &plan, &disks) {
                return Err(Failure::new(StatusCode::CONFLICT, refusal.to_string()));
            }
            Ok(Some(Work::Partition { plan, hash }))
        }
        (TaskKind::Install, Some((hash, plan))) if life.state == State::Installing => {
            let setup = Box::new(setup(app, row, &plan).await?);
            Ok(Some(Work::Install { plan, hash, setup }))
        }
        (TaskKind::Rescue, _) if life.state == State::Rescue => rescue(app, row).await,
        (TaskKind::Reboot, _) => Ok(Some(Work::Reboot { to: RebootTo::Disk, way: None })),
        (TaskKind::Join, _) if life.state == State::Joining => join(app, row, life).await,
        (TaskKind::Leave, _) if life.state == State::Draining => {
            let node = app.store.node(&row.id()).await?;
            Ok(node.is_some_and(|node| node.leave_ready).then_some(Work::Leave))
        }
        _ => Ok(None),
    }
}

/// The order to join when it is the machine's turn; else it is said beside the machine for whom it waits.
async fn join(app: &App, row: &Row, life: &Life) -> Result<Option<Work>, Failure> {
    let now = clock::now();
    match turn(app, row, life, now).await? {
        Turn::Go(order) => Ok(Some(Work::Join { order })),
        Turn::Wait(why) => {
            if row.evidence != why {
                app.store.machine_noted(&row.id(), why).await?;
            }
            Ok(None)
        }
    }
}

/// Why a wipe that was frozen earlier must not be carried out on what is in the machine now.
async fn wipe_overtaken(app: &App, row: &Row, wipe: &Wipe) -> Result<Option<String>, Failure> {
    let facts = app.store.facts(&row.id()).await?;
    let (id, disks) = (row.id(), facts.map(|facts| facts.disks).unwrap_or_default());
    let owner = Owner { site: &app.site.name, machine: &id, generation: row.generation };
    Ok(wipe::overtaken(owner, row.name(), wipe, &disks))
}

/// The disks of the frozen plan, with what is on record of them.
fn erasure(wipe: &Wipe) -> Option<Work> {
    let plan = wipe.plan.clone().filter(|plan| !plan.disks.is_empty())?;
    Some(Work::Wipe { hash: plan.hash(), plan: Box::new(plan), record: wipe.record.clone() })
}

/// Whose keys may log in: those of its profile, and those that came with the verb.
async fn rescue(app: &App, row: &Row) -> Result<Option<Work>, Failure> {
    let mut authorized_keys = app.store.rescue_keys(&row.id()).await?;
    if let Some(profile) = app.profile(row) {
        let others = profile.authorized_keys.iter().filter(|key| !authorized_keys.contains(key));
        authorized_keys.extend(others.cloned().collect::<Vec<_>>());
    }
    Ok(Some(Work::Rescue { authorized_keys }))
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
        kernel_arguments: profile.kernel_arguments.clone(),
        interfaces: app.store.macs_of(&row.id()).await?,
        ntp: network.map(|network| network.ntp.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        boot,
        image_path: api::routes::boot::image(&plan.image.name, &plan.image.file),
        ram: back::ram_image(app, Some(profile)),
    })
}
