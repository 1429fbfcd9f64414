//! The reconciler: compares what is wanted with what is seen and closes one gap a pass, from rows alone.
//! It runs on a nudge (a machine changed) and on a timer, with no memory between passes.

use std::sync::Arc;
use std::time::Duration;

use api::cluster::Role;
use api::event::Event;
use api::id::MachineId;
use api::state::{Errand, Home, Life, State};
use tokio::sync::broadcast::error::RecvError;

use super::next::is_installed;
use super::offer::is_sent_back;
use super::patience::{deadline, joins_from};
use super::want::want;
use crate::app::{App, Unready};
use crate::clock;
use crate::config::Approve;
use crate::freeze::Authorisation;
use crate::pulse::{MOST_BETWEEN, Pulse};
use crate::store::machine::{Birth, Row};
use crate::store::{Error, Result};

/// Between two looks at everything that waits.
const SWEEP: Duration = MOST_BETWEEN;
const PAGE: i64 = 500;

/// States in which a machine may have a gap that the server itself closes. In the last two that is its way back to RAM.
const WAITING: [State; 11] = [
    State::Discovered,
    State::Inspecting,
    State::Available,
    State::Partitioning,
    State::Installing,
    State::Booting,
    State::Joining,
    State::Draining,
    State::Wiping,
    State::Rescue,
    State::Failed,
];

/// Runs until its task is dropped. Each machine that was looked at, and each round, is a sign of life.
pub async fn drive(app: App, pulse: Arc<Pulse>) {
    let mut changes = app.store.changes();
    let mut timer = tokio::time::interval(SWEEP);
    loop {
        let nudged = tokio::select! {
            _ = timer.tick() => None,
            change = changes.recv() => match change {
                Ok(machine) => Some(machine),
                Err(RecvError::Lagged(_)) => None,
                Err(RecvError::Closed) => return,
            },
        };
        let outcome = match nudged {
            Some(machine) => pass(&app, &machine).await,
            None => sweep(&app, &pulse).await,
        };
        pulse.beat();
        if let Err(error) = outcome {
            tracing::error!(%error, "a pass of the reconciler failed; the next one tries again");
        }
    }
}

/// One look at one machine.
pub async fn pass(app: &App, machine: &MachineId) -> Result<()> {
    match app.store.machine(machine).await {
        Ok(row) => one(app, &row).await,
        // Its row went while the news of it came.
        Err(Error::NoMachine(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn sweep(app: &App, pulse: &Pulse) -> Result<()> {
    for state in WAITING {
        let mut after = String::new();
        loop {
            let rows = app.store.machines_in(state, &after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id.clone();
            for row in rows {
                if let Err(error) = one(app, &row).await {
                    tracing::error!(machine = row.name(), %error, "this machine's pass failed");
                }
                pulse.beat();
            }
        }
    }
    Ok(())
}

/// Closes at most one gap of one machine. What it does changes the row, which nudges the next pass.
async fn one(app: &App, row: &Row) -> Result<()> {
    let life = row.life()?;
    if life.hold || life.maintenance || life.power_off {
        return Ok(());
    }
    let now = clock::now();
    if is_sent_back(&life, row.home(), row.session_generation)
        && app.store.ladder(&row.id()).await?.is_late(row.since, now)
    {
        return app.store.ladder_silent(&row.id(), now).await;
    }
    if is_too_late(app, row, &life, now).await? {
        return submit(app, row, Event::DeadlinePassed { since: row.since }).await;
    }
    // The site file may have changed its mind while nothing was installed yet.
    let clustered = row.profile.as_deref().is_some_and(|profile| app.is_clustered(profile));
    if life.assigned && life.clustered != clustered && comes_before_joining(&life) {
        return submit(app, row, Event::Assigned { clustered }).await;
    }
    match life.state {
        State::Available if !life.assigned => assign(app, row).await,
        State::Available => allow(app, row, &life).await,
        State::Partitioning => freeze(app, row, &life).await,
        State::Wiping => wipe(app, row).await,
        State::Booting if arrived(row, &life) => {
            let boot_id = row.boot_id.clone();
            submit(app, row, Event::Hello { home: Home::Disk, boot_id, generation: life.generation }).await
        }
        _ => Ok(()),
    }
}

/// The state's patience is over. It rests while the machine is on its way back to RAM, where each way has its own.
async fn is_too_late(app: &App, row: &Row, life: &Life, now: i64) -> Result<bool> {
    let patience = app.profile(row).and_then(|profile| profile.deadlines.get(&life.state)).copied();
    let is_over = |from| deadline(life.state, from, patience).is_some_and(|deadline| now > deadline);
    if life.state == State::Joining && is_over(row.since) {
        let node = app.store.node(&row.id()).await?.and_then(|node| node.node());
        return Ok(is_over(joins_from(row.since, node.map(|node| node.since), row.agent_seen)));
    }
    if !is_over(row.since) || want(life).home != Some(Home::Ram) {
        return Ok(is_over(row.since));
    }
    Ok(app.store.ladder(&row.id()).await?.patience_from(row.since).is_some_and(is_over))
}

/// Whether it only becomes a member of a cluster later, if at all.
fn comes_before_joining(life: &Life) -> bool {
    use State as S;
    match life.state {
        S::Discovered | S::Available | S::Partitioning | S::Installing => true,
        // Only looked at: it goes back to the OS that it has.
        S::Inspecting => !is_installed(life) || life.errand == Errand::Reprovision,
        _ => false,
    }
}

/// The OS of this generation has said hello, and the event was lost or came while the machine had failed.
fn arrived(row: &Row, life: &Life) -> bool {
    let recent = row.agent_seen.is_some_and(|seen| seen > row.since);
    row.home() == Some(Home::Disk) && row.session_generation == life.generation && recent
}

async fn submit(app: &App, row: &Row, event: Event) -> Result<()> {
    app.store.submit(&row.id(), event, "server", clock::now()).await.map(drop)
}

/// Gives a machine the profile that the site's rules say, and a hostname.
async fn assign(app: &App, row: &Row) -> Result<()> {
    let Some(facts) = app.store.facts(&row.id()).await? else { return Ok(()) };
    let macs = app.store.macs_of(&row.id()).await?;
    let Some(profile) = app.site.profile_for(&facts, &macs) else { return Ok(()) };
    let mut birth = Birth { profile: Some(profile.name.clone()), ..Birth::default() };
    if let Some(known) = app.site.known_machine(&macs, Some(&facts.system.serial)) {
        birth.hostname = Some(known.name.clone());
        birth.position = known.position.clone();
    }
    app.store.machine_describe(&row.id(), birth).await?;
    submit(app, row, Event::Assigned { clustered: profile.cluster.is_some() }).await
}

/// Begins the install when a person said so, or when the rule allows it because nothing is on the disk.
async fn allow(app: &App, row: &Row, life: &Life) -> Result<()> {
    if row.hostname.is_none() {
        return name(app, row).await;
    }
    if life.approved {
        return submit(app, row, Event::Approved { erase_foreign: life.erase_foreign }).await;
    }
    let by_rule = app.profile(row).is_some_and(|profile| profile.approve == Approve::Untouched);
    if !by_rule || !facts_are_fresh(app, row).await? {
        return Ok(());
    }
    // Whoever can pretend to be this machine on the boot network would get all of the cluster.
    if is_control_plane(app, row) {
        return note(app, row, &Unready::ControlPlane(row.name().into())).await;
    }
    match app.freeze(row, life.generation + 1, Authorisation::Rule).await? {
        Ok(_) => submit(app, row, Event::Allowed).await,
        Err(unready) => note(app, row, &unready).await,
    }
}

fn is_control_plane(app: &App, row: &Row) -> bool {
    app.profile(row).is_some_and(|profile| {
        profile.cluster.is_some() && app.site.role(profile, row.hostname.as_deref()) == Role::ControlPlane
    })
}

/// A name of the profile's pattern that nobody has. It belongs to the machine from then on.
async fn name(app: &App, row: &Row) -> Result<()> {
    let Some(profile) = app.profile(row) else { return Ok(()) };
    for number in 1..10_000 {
        let Ok(hostname) = profile.hostname.name(number) else { return Ok(()) };
        if app.store.hostname_is_taken(hostname.as_str()).await? {
            continue;
        }
        let birth = Birth { hostname: Some(hostname), ..Birth::default() };
        return app.store.machine_describe(&row.id(), birth).await;
    }
    Ok(())
}

/// Freezes the plan of the running generation, once.
async fn freeze(app: &App, row: &Row, life: &Life) -> Result<()> {
    if app.store.plan(&row.id(), life.generation).await?.is_some() || !facts_are_fresh(app, row).await? {
        return Ok(());
    }
    let by = match (life.approved, life.erase_foreign) {
        (true, true) => Authorisation::EraseForeign,
        (true, false) => Authorisation::Person,
        (false, _) => Authorisation::Rule,
    };
    match app.freeze(row, life.generation, by).await? {
        Ok(plan) => app.store.plan_freeze(plan, clock::now()).await.map(drop),
        Err(unready) => submit(app, row, Event::StepFailed { reason: unready.to_string() }).await,
    }
}

/// Freezes the plan of the wipe that a person wanted, once. Where nothing is to be erased, that is all.
async fn wipe(app: &App, row: &Row) -> Result<()> {
    let id = row.id();
    let Some(wipe) = app.store.wipe(&id).await? else {
        let reason = "nobody said which disks: type the verb again".to_string();
        return submit(app, row, Event::StepFailed { reason }).await;
    };
    let Some(plan) = &wipe.plan else {
        // To erase nothing no boot is needed.
        if !wipe.wish.disks.is_empty() && !facts_are_fresh(app, row).await? {
            return Ok(());
        }
        return app.store.wipe_freeze(app.wipe_plan(row, &wipe).await?).await;
    };
    if !plan.disks.is_empty() {
        return Ok(());
    }
    submit(app, row, wipe.unfinished().map_or(Event::Wiped, |reason| Event::StepFailed { reason })).await
}

/// Destruction is decided only from what this very boot saw, and has not written over since.
async fn facts_are_fresh(app: &App, row: &Row) -> Result<bool> {
    let facts_of = app.store.facts_boot(&row.id()).await?;
    Ok(row.home() == Some(Home::Ram) && facts_of.is_some_and(|boot_id| boot_id == row.boot_id))
}

/// Says beside the machine why its install does not begin.
async fn note(app: &App, row: &Row, unready: &Unready) -> Result<()> {
    let evidence = unready.to_string();
    if row.evidence == evidence {
        return Ok(());
    }
    app.store.machine_noted(&row.id(), evidence).await
}
