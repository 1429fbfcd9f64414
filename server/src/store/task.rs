//! The table `task`: what agents were asked to do, how far they are, and how it ended.

use api::event::Event;
use api::id::MachineId;
use api::machine::TaskProgress;
use api::task::{Outcome, Progress, Task, TaskKind};

use super::cluster_task::{self, Concerned};
use super::{Error, Result, Store, lock, of_ids, on};
use crate::bmc::wake::ByAgent;
use crate::lifecycle::offer::still_wanted;

/// Work for an agent, named by a key: the same key is the same task.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub machine: MachineId,
    pub key: String,
    pub task: Task,
    pub deadline: i64,
}

/// A task that has just ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub kind: String,
    pub generation: i64,
}

impl Store {
    /// Puts the task into the queue unless its key is there, and hands it out unless it has ended, or the
    /// machine has moved on since the caller looked at it.
    pub async fn task_offer(&self, new: NewTask, now: i64) -> Result<Option<Task>> {
        let body = serde_json::to_string(&new.task)
            .map_err(|_| Error::Stored { place: "task.body", text: new.key.clone() })?;
        let offered =
            self.write(move |conn| Box::pin(async move { offer(conn, new, body, now).await })).await?;
        let Some(body) = offered else { return Ok(None) };
        serde_json::from_str(&body).map(Some).map_err(|_| Error::Stored { place: "task.body", text: body })
    }

    /// Notes how far a task is, be it the machine's own or a cluster's. False when it is no longer wanted.
    pub async fn task_progress(
        &self,
        machine: &MachineId,
        id: &str,
        progress: Progress,
        now: i64,
    ) -> Result<bool> {
        let sql = "UPDATE task SET since = CASE WHEN phase = $3 THEN since ELSE $6 END, phase = $3, done = $4, total = $5, \
                   at = $6 WHERE id = $1 AND machine = $2 AND state = 'running'";
        let seen = "UPDATE machine SET last_seen = $2, agent_seen = $2, evidence = $3 WHERE id = $1";
        let (key, id) = (machine.0.clone(), id.to_string());
        let Progress { phase, done, total } = progress;
        let (done, total) =
            (i64::try_from(done).unwrap_or(i64::MAX), i64::try_from(total).unwrap_or(i64::MAX));
        let running = self
            .write(move |conn| Box::pin(async move {
                let evidence = format!("the agent reports: {phase}");
                on!(conn, c => sqlx::query(seen).bind(&key).bind(now).bind(evidence).execute(&mut **c).await.map(drop))?;
                let rows = on!(conn, c => sqlx::query(sql).bind(&id).bind(&key).bind(phase).bind(done).bind(total)
                    .bind(now).execute(&mut **c).await.map(|r| r.rows_affected()))?;
                Ok(rows == 1 || cluster_task::progress(conn, &MachineId(key), &id, now).await?)
            }))
            .await?;
        self.changed(machine);
        Ok(running)
    }

    /// Ends a task and applies what that means, in one transaction. None when it is no longer wanted or has ended before.
    pub async fn task_finish(
        &self,
        machine: &MachineId,
        id: &str,
        outcome: Outcome,
        now: i64,
    ) -> Result<Option<Finished>> {
        let (key, id) = (machine.clone(), id.to_string());
        let (finished, concerned) = self
            .write(move |conn| Box::pin(async move { finish(conn, key, id, outcome, now).await }))
            .await?;
        self.changed(machine);
        self.wake_concerned(concerned.into_iter().collect()).await?;
        Ok(finished)
    }

    /// The id of the task of this kind that the machine's agent runs.
    pub async fn task_running(&self, machine: &MachineId, kind: TaskKind) -> Result<Option<String>> {
        let sql = "SELECT id FROM task WHERE machine = $1 AND kind = $2 AND state = 'running' ORDER BY created DESC LIMIT 1";
        let id: Option<(String,)> = on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).bind(kind.as_str()).fetch_optional(p).await)?;
        Ok(id.map(|(id,)| id))
    }

    /// Whether the agent has stopped the node in the drain that runs now.
    pub async fn leave_done(&self, machine: &MachineId, generation: i64) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM task JOIN machine ON machine.id = task.machine WHERE task.machine = $1 \
                   AND task.generation = $2 AND task.kind = 'leave' AND task.state = 'done' AND task.created >= machine.since";
        let (count,): (i64,) =
            on!(self.read(), p => sqlx::query_as(sql).bind(&machine.0).bind(generation).fetch_one(p).await)?;
        Ok(count > 0)
    }

    /// The progress of the tasks that run on these machines.
    pub async fn progress(&self, ids: &[String]) -> Result<Vec<(String, TaskProgress)>> {
        let sql = "SELECT machine, phase, done, total, since, at FROM task \
                   WHERE machine IN ($1) AND state = 'running' ORDER BY machine, created";
        let rows: Vec<(String, String, i64, i64, i64, i64)> = of_ids!(self, sql, ids)?;
        let read = |(machine, phase, done, total, since, at): (String, String, i64, i64, i64, i64)| {
            let progress = Progress { phase, done: done.unsigned_abs(), total: total.unsigned_abs() };
            (machine, TaskProgress { progress, since, at })
        };
        Ok(rows.into_iter().map(read).collect())
    }
}

async fn offer(conn: &mut super::Conn, new: NewTask, body: String, now: i64) -> Result<Option<String>> {
    lock(conn, &new.machine).await?;
    let life = super::machine::row(conn, &new.machine).await?.life()?;
    if !still_wanted(&life, new.task.generation, new.task.work.kind()) {
        return Ok(None);
    }
    let sql = "INSERT INTO task (id, machine, key, generation, kind, state, body, created, deadline, phase, done, total, since, at) \
               VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, 'waiting', 0, 0, $7, $7) ON CONFLICT (key) DO NOTHING";
    let kind = new.task.work.kind().as_str();
    on!(conn, c => sqlx::query(sql).bind(&new.task.id).bind(&new.machine.0).bind(&new.key).bind(new.task.generation)
        .bind(kind).bind(body).bind(now).bind(new.deadline).execute(&mut **c).await.map(drop))?;
    // A machine does one thing at a time: what an earlier boot was asked is over.
    let sql = "UPDATE task SET state = 'dropped' WHERE machine = $1 AND key <> $2 AND state IN ('queued', 'running')";
    on!(conn, c => sqlx::query(sql).bind(&new.machine.0).bind(&new.key).execute(&mut **c).await.map(drop))?;
    // What was dropped and is wanted again is handed out again.
    let sql = "UPDATE task SET state = 'running' WHERE key = $1 AND state IN ('queued', 'running', 'dropped') RETURNING body";
    let body: Option<(String,)> =
        on!(conn, c => sqlx::query_as(sql).bind(&new.key).fetch_optional(&mut **c).await)?;
    Ok(body.map(|(body,)| body))
}

async fn finish(
    conn: &mut super::Conn,
    machine: MachineId,
    id: String,
    outcome: Outcome,
    now: i64,
) -> Result<(Option<Finished>, Option<Concerned>)> {
    lock(conn, &machine).await?;
    let sql = "UPDATE task SET state = $3, reason = $4, at = $5 WHERE id = $1 AND machine = $2 AND state = 'running' \
               RETURNING kind, generation";
    let (state, reason) = match &outcome {
        Outcome::Done => ("done", None),
        Outcome::Failed { reason } => ("failed", Some(reason.clone())),
    };
    let ended: Option<(String, i64)> = on!(conn, c => sqlx::query_as(sql).bind(&id).bind(&machine.0).bind(state)
        .bind(reason).bind(now).fetch_optional(&mut **c).await)?;
    let Some((kind, generation)) = ended else {
        return finish_cluster_task(conn, &machine, &id, &outcome, now).await;
    };
    let undone = match kind == TaskKind::Wipe.as_str() {
        true => super::wipe::newest(conn, &machine).await?.and_then(|wipe| wipe.unfinished()),
        false => None,
    };
    if let (true, Outcome::Failed { reason }) = (kind == TaskKind::Reboot.as_str(), &outcome) {
        super::ladder::refused(conn, &machine, reason, now).await?;
    }
    power_ended(conn, &machine, &kind, &outcome, now).await?;
    if let Some(event) = meaning(&kind, generation, outcome, undone) {
        super::apply::apply(conn, &machine, &event, "agent", now).await?;
    }
    Ok((Some(Finished { kind, generation }), None))
}

/// What its agent did, or could not do, in the place of a BMC.
async fn power_ended(
    conn: &mut super::Conn,
    machine: &MachineId,
    kind: &str,
    outcome: &Outcome,
    now: i64,
) -> Result<()> {
    let what = match kind {
        kind if kind == TaskKind::Reboot.as_str() => ByAgent::Reboot,
        kind if kind == TaskKind::PowerOff.as_str() => ByAgent::PowerOff,
        _ => return Ok(()),
    };
    match (outcome, what) {
        (Outcome::Done, what) => super::agent_power::gone(conn, machine, what, now).await,
        // The ladder has the next way.
        (Outcome::Failed { .. }, ByAgent::Reboot) => Ok(()),
        (Outcome::Failed { reason }, ByAgent::PowerOff) => {
            let note = format!("its agent does not go down: {reason}");
            super::identity::remark(conn, machine, "power", note, ("agent", now)).await
        }
    }
}

/// It says nothing of the machine that did it, however it ended.
async fn finish_cluster_task(
    conn: &mut super::Conn,
    machine: &MachineId,
    id: &str,
    outcome: &Outcome,
    now: i64,
) -> Result<(Option<Finished>, Option<Concerned>)> {
    let Some(concerned) = cluster_task::finish(conn, machine, id, outcome, now).await? else {
        return Ok((None, None));
    };
    let generation = super::machine::row(conn, machine).await?.generation;
    let kind = TaskKind::Cluster.as_str().to_string();
    Ok((Some(Finished { kind, generation }), Some(concerned)))
}

/// What the end of a task means for the machine's life. A reboot means
/// nothing: the next hello tells, or the ladder; nor does a power-off. A node
/// that joined or left means nothing yet: the API server's word counts.
fn meaning(kind: &str, generation: i64, outcome: Outcome, undone: Option<String>) -> Option<Event> {
    let is = |k: TaskKind| kind == k.as_str();
    match outcome {
        Outcome::Failed { .. } if is(TaskKind::Reboot) || is(TaskKind::PowerOff) => None,
        Outcome::Failed { reason } => Some(Event::StepFailed { reason }),
        Outcome::Done if is(TaskKind::Inspect) => Some(Event::FactsReported),
        Outcome::Done if is(TaskKind::Partition) => Some(Event::LayoutVerified { generation }),
        Outcome::Done if is(TaskKind::Wipe) => {
            Some(undone.map_or(Event::Wiped, |reason| Event::StepFailed { reason }))
        }
        Outcome::Done if is(TaskKind::Install) => Some(Event::Installed { generation }),
        Outcome::Done => None,
    }
}
