//! The one writer of state: re-reads the row in a transaction, asks `next`, and writes state, version and
//! history together. The same event twice changes nothing.

use api::event::Event;
use api::id::MachineId;
use api::state::{Home, Life, State};

use super::machine::{Row, errand_text};
use super::{Conn, Error, Result, Store, lock, on};
use crate::boot;
use crate::lifecycle::after::after;
use crate::lifecycle::next::{Step, next, works};
use crate::lifecycle::started;
use crate::lifecycle::want::rests;

/// What came of an event.
#[derive(Clone, Debug)]
pub struct Applied {
    pub step: Step,
    pub life: Life,
}

/// Replicas that lose a race for the same row try again this often.
const RACES: usize = 5;

impl Store {
    /// `who` is `agent`, `server` or an operator's name.
    pub async fn submit(&self, machine: &MachineId, event: Event, who: &str, now: i64) -> Result<Applied> {
        for _ in 0..RACES {
            let (id, event, who) = (machine.clone(), event.clone(), who.to_string());
            let outcome = self
                .write(move |conn| Box::pin(async move { apply(conn, &id, &event, &who, now).await }))
                .await;
            match outcome {
                Err(Error::Conflict) => continue,
                Ok(applied) => {
                    self.changed(machine);
                    return Ok(applied);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict)
    }
}

/// Applies one event inside a transaction.
pub(super) async fn apply(
    conn: &mut Conn,
    id: &MachineId,
    event: &Event,
    who: &str,
    now: i64,
) -> Result<Applied> {
    lock(conn, id).await?;
    let row = super::machine::row(conn, id).await?;
    let life = row.life()?;
    if matches!(event, Event::DeadlinePassed { since } if *since != row.since) {
        return Ok(Applied { step: Step::Stay, life });
    }
    let step = next(&life, event);
    let new = after(&life, event, step);
    if step == Step::Gone {
        super::tombstone::bury(conn, &row, who, now).await?;
        return Ok(Applied { step, life: new });
    }
    if let Event::Hello { home, boot_id, generation } = event {
        let sql = "UPDATE machine SET home = $2, boot_id = $3, session_generation = $4, last_seen = $5, agent_seen = $5, \
                   evidence = $6 WHERE id = $1";
        let evidence = format!("hello of the agent from {home}");
        on!(conn, c => sqlx::query(sql).bind(&id.0).bind(home.as_str()).bind(boot_id).bind(generation)
            .bind(now).bind(evidence).execute(&mut **c).await.map(drop))?;
    }
    if let Event::Hello { home: Home::Ram, .. } = event {
        super::ladder::arrived(conn, id, row.since, now).await?;
    }
    if let (Step::Go(_), Event::Hello { home: Home::Disk, .. }, None) = (step, event, row.boot_drive) {
        let sql = "UPDATE machine SET boot_drive = $2 WHERE id = $1";
        let drive = boot::plan::first_drive(row.disk_boots - 1).map(i64::from);
        on!(conn, c => sqlx::query(sql).bind(&id.0).bind(drive).execute(&mut **c).await.map(drop))?;
    }
    if !matches!(step, Step::Refuse(_)) {
        keep(conn, (&row, &life), event, who, now).await?;
    }
    if new != life {
        write_life(conn, (&row, &life), &new, reason(&row, event, step), now).await?;
    }
    // Whoever rests does nothing but go down, and whoever rests no longer does not even that.
    if matches!(step, Step::Go(_)) || rests(&new) != rests(&life) {
        drop_tasks(conn, id).await?;
    }
    if matches!(step, Step::Go(_)) && writes(life.state) {
        super::facts::outdate(conn, id).await?;
    }
    // An agent that lost its connection says hello again: not news, unless that changed something.
    let repeated = matches!(event, Event::Hello { boot_id, .. } if *boot_id == row.boot_id);
    if !repeated || new != life {
        let mut entry = entry(&life, &new, event, step, who, now);
        if life.state == State::Active && matches!(event, Event::Hello { home: Home::Disk, .. }) {
            let newest = super::history::newest(conn, id, started::ENTRIES).await?;
            entry.note = format!("{}: {}", entry.note, started::whose(&newest, now));
        }
        super::history::add(conn, id, entry).await?;
    }
    Ok(Applied { step, life: new })
}

/// States in which the agent in RAM writes to disks.
const fn writes(state: State) -> bool {
    matches!(state, State::Partitioning | State::Installing | State::Wiping)
}

/// What an event brings beside the change of state.
async fn keep(conn: &mut Conn, (row, life): (&Row, &Life), event: &Event, who: &str, now: i64) -> Result<()> {
    let id = row.id();
    match event {
        Event::Assign { profile, .. } => {
            let sql = "UPDATE machine SET profile = $2 WHERE id = $1";
            on!(conn, c => sqlx::query(sql).bind(&id.0).bind(profile).execute(&mut **c).await.map(drop))
                .map_err(Error::from)
        }
        Event::Enroll => super::tombstone::lift(conn, &id).await,
        // The server's own hold is that of a quarantine, and ends with it.
        Event::Hold if who != "server" => super::identity::stays_held(conn, &id).await,
        Event::Rescue { keys } => super::rescue::put(conn, &id, keys).await,
        Event::Wipe { wish } | Event::Retire { wish } => match life.state {
            // The one that runs is not changed under its agent's hands.
            State::Wiping if wish.skip_failed => super::wipe::skip_failed(conn, &id).await,
            State::Wiping | State::Retired | State::Discovered => Ok(()),
            _ => super::wipe::begin(conn, &id, wish, who, now).await,
        },
        _ => Ok(()),
    }
}

fn entry(
    old: &Life,
    new: &Life,
    event: &Event,
    step: Step,
    who: &str,
    now: i64,
) -> api::machine::HistoryEntry {
    let note = match (step, event) {
        (Step::Refuse(why), _) => why.to_string(),
        (_, Event::StepFailed { reason }) => reason.clone(),
        (_, Event::Assign { profile, .. }) => profile.clone(),
        (_, Event::Wipe { wish } | Event::Retire { wish }) => wish.to_string(),
        (_, Event::Hello { boot_id, generation, .. }) => format!("boot {boot_id}, generation {generation}"),
        _ => String::new(),
    };
    api::machine::HistoryEntry {
        at: now,
        event: event.name().into(),
        from: old.state,
        to: new.state,
        who: who.into(),
        refused: matches!(step, Step::Refuse(_)),
        note,
    }
}

fn reason(row: &Row, event: &Event, step: Step) -> Option<String> {
    match (step, event) {
        (Step::Go(State::Failed), Event::StepFailed { reason }) => Some(reason.clone()),
        (Step::Go(State::Failed), _) => {
            Some(format!("{} took too long; last seen: {}", row.state, row.evidence))
        }
        (Step::Go(_), _) => None,
        _ => row.reason.clone(),
    }
}

async fn write_life(
    conn: &mut Conn,
    (row, old): (&Row, &Life),
    new: &Life,
    reason: Option<String>,
    now: i64,
) -> Result<()> {
    let sql = "UPDATE machine SET state = $3, since = $4, generation = $5, installed = $6, failed_in = $7, reason = $8, \
               errand = $9, hold = $10, maintenance = $11, power_off = $12, clustered = $13, enrolled = $14, \
               approved = $15, disk_boots = $16, erase_foreign = $17, version = version + 1 WHERE id = $1 AND version = $2";
    let moved = new.state != old.state;
    // The time on hold does not count against the state's patience, and the ways back to RAM are tried anew.
    let resumed = rests(old) && !rests(new) && (works(new.state) || new.state == State::Rescue);
    let since = if moved || resumed { now } else { row.since };
    let disk_boots = if moved { 0 } else { row.disk_boots };
    let rows = on!(conn, c => sqlx::query(sql).bind(&row.id).bind(row.version).bind(new.state.as_str()).bind(since)
        .bind(new.generation).bind(new.installed).bind(new.failed_in.map(State::as_str)).bind(reason)
        .bind(errand_text(new.errand)).bind(new.hold).bind(new.maintenance).bind(new.power_off).bind(new.clustered)
        .bind(new.enrolled).bind(new.approved).bind(disk_boots).bind(new.erase_foreign).execute(&mut **c).await.map(|r| r.rows_affected()))?;
    if rows == 1 { Ok(()) } else { Err(Error::Conflict) }
}

/// Work that belonged to the state which is over, or that a hold stops.
pub(super) async fn drop_tasks(conn: &mut Conn, id: &MachineId) -> Result<()> {
    let sql = "UPDATE task SET state = 'dropped' WHERE machine = $1 AND state IN ('queued', 'running')";
    on!(conn, c => sqlx::query(sql).bind(&id.0).execute(&mut **c).await.map(drop))?;
    Ok(())
}
