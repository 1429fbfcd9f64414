//! The table `cluster_task`: steps for a cluster, done by the agent of whichever control plane takes them. One that
//! falls silent loses its task to another; what was tried too often, or too late, has failed.

use api::cluster::ClusterTaskView;
use api::id::MachineId;
use api::task::Outcome;
use uuid::Uuid;

use super::{Conn, Result, Store, on, statement};

/// After this long without a word, in microseconds, an executor has lost its task.
pub const SILENCE: i64 = 60_000_000;
/// A task is handed out at most this often.
pub const TRIES: i64 = 5;
/// How long the ended ones are kept.
const KEPT: i64 = 30 * 24 * 3_600_000_000;

#[derive(Clone, Debug)]
pub struct NewClusterTask {
    pub cluster: String,
    /// The same key is the same task, also when that has ended.
    pub key: String,
    pub step_kind: &'static str,
    /// The machine it is about.
    pub subject: Option<MachineId>,
    /// The only one that may do it; None for any control plane.
    pub executor: Option<MachineId>,
    /// Sealed.
    pub body: String,
    pub deadline: i64,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ClusterTaskRow {
    pub id: String,
    pub cluster: String,
    pub key: String,
    pub kind: String,
    pub subject: Option<String>,
    pub executor: Option<String>,
    pub fixed: bool,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    /// Sealed.
    pub body: String,
    /// Sealed.
    pub result: Option<String>,
    pub reason: Option<String>,
    pub created: i64,
    pub deadline: i64,
    /// When its executor was last heard of, or when it ended.
    pub at: i64,
    pub tries: i64,
}

impl ClusterTaskRow {
    pub fn view(&self) -> ClusterTaskView {
        ClusterTaskView {
            id: self.id.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone().map(MachineId),
            executor: self.executor.clone().map(MachineId),
            state: self.state.clone(),
            reason: self.reason.clone(),
            created: self.created,
            at: self.at,
        }
    }
}

/// Whose agents should look again: of a cluster, and of the machine that a task was about.
pub(super) type Concerned = (String, Option<String>);

impl Store {
    /// The id of the task with this key, which is made unless it is there.
    pub async fn cluster_task_add(&self, new: NewClusterTask, now: i64) -> Result<String> {
        let concerned = (new.cluster.clone(), new.subject.clone().map(|subject| subject.0));
        let (id, made) = self.write(move |conn| Box::pin(async move { add(conn, new, now).await })).await?;
        if made {
            self.wake_concerned(vec![concerned]).await?;
        }
        Ok(id)
    }

    /// The (id, sealed body) of what this control plane should do next: what it runs already, or else the
    /// oldest that waits for an executor.
    pub async fn cluster_task_offer(
        &self,
        cluster: &str,
        executor: &MachineId,
        now: i64,
    ) -> Result<Option<(String, String)>> {
        let sql = "SELECT COUNT(*) FROM cluster_task WHERE cluster = $1 AND state IN ('queued', 'running')";
        let (open,): (i64,) = on!(self.read(), p => sqlx::query_as(sql).bind(cluster).fetch_one(p).await)?;
        if open == 0 {
            return Ok(None);
        }
        self.cluster_tasks_expire(cluster, now).await?;
        let (cluster, executor) = (cluster.to_string(), executor.0.clone());
        self.write(move |conn| Box::pin(async move { take(conn, cluster, executor, now).await })).await
    }

    /// Ends what nobody has finished in time, or what was handed out too often.
    pub async fn cluster_tasks_expire(&self, cluster: &str, now: i64) -> Result<()> {
        let sql = "UPDATE cluster_task SET state = 'failed', at = $2, reason = CASE \
                   WHEN state = 'queued' THEN 'no control plane took it before its deadline' \
                   WHEN deadline < $2 THEN COALESCE((SELECT name FROM node WHERE machine = executor), executor) || \
                   ' did not finish it before its deadline' \
                   ELSE 'handed out ' || tries || ' times, and each time the control plane fell silent; the last was ' || \
                   COALESCE((SELECT name FROM node WHERE machine = executor), executor) END \
                   WHERE cluster = $1 AND state IN ('queued', 'running') \
                   AND (deadline < $2 OR (state = 'running' AND tries >= $4 AND at < $3)) RETURNING cluster, subject";
        let cluster = cluster.to_string();
        let ended: Vec<Concerned> = self
            .write(move |conn| {
                Box::pin(async move {
                    Ok(on!(conn, c => sqlx::query_as(sql).bind(cluster).bind(now).bind(now - SILENCE).bind(TRIES)
                        .fetch_all(&mut **c).await)?)
                })
            })
            .await?;
        self.wake_concerned(ended).await
    }

    pub async fn cluster_task(&self, id: &str) -> Result<Option<ClusterTaskRow>> {
        let sql = "SELECT * FROM cluster_task WHERE id = $1";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(id).fetch_optional(p).await)?)
    }

    pub async fn cluster_task_by_key(&self, key: &str) -> Result<Option<ClusterTaskRow>> {
        let sql = "SELECT * FROM cluster_task WHERE key = $1";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(key).fetch_optional(p).await)?)
    }

    /// Whether a step waits that only this machine may do.
    pub async fn cluster_task_calls(&self, executor: &MachineId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM cluster_task WHERE executor = $1 AND fixed AND state IN ('queued', 'running')";
        let (calls,): (i64,) =
            on!(self.read(), p => sqlx::query_as(sql).bind(&executor.0).fetch_one(p).await)?;
        Ok(calls > 0)
    }

    /// The control planes whose certificates are being renewed, or are about to.
    pub async fn renewals(&self, cluster: &str) -> Result<Vec<MachineId>> {
        let sql = "SELECT executor FROM cluster_task WHERE cluster = $1 AND state IN ('queued', 'running') \
                   AND kind = 'renew' AND executor IS NOT NULL ORDER BY created";
        let found: Vec<(String,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(cluster).fetch_all(p).await)?;
        Ok(found.into_iter().map(|(executor,)| MachineId(executor)).collect())
    }

    /// Newest first.
    pub async fn cluster_tasks(&self, cluster: &str, limit: i64) -> Result<Vec<ClusterTaskRow>> {
        let sql = "SELECT * FROM cluster_task WHERE cluster = $1 ORDER BY created DESC, id DESC LIMIT $2";
        Ok(on!(self.read(), p => sqlx::query_as(sql).bind(cluster).bind(limit).fetch_all(p).await)?)
    }

    /// What a step brought, told before its end. False when the task is not, or no longer, this executor's.
    pub async fn cluster_task_result(&self, executor: &MachineId, id: &str, sealed: String) -> Result<bool> {
        let sql = "UPDATE cluster_task SET result = $3 WHERE id = $1 AND executor = $2 AND state = 'running'";
        let (executor, id) = (executor.0.clone(), id.to_string());
        Ok(statement!(self, sqlx::query(sql).bind(id).bind(executor).bind(sealed))? == 1)
    }

    /// Long polls of the machines a task was about, and of the control planes that may do the next one.
    pub(super) async fn wake_concerned(&self, concerned: Vec<Concerned>) -> Result<()> {
        let sql = "SELECT machine FROM node WHERE cluster = $1 AND role = 'control-plane' ORDER BY machine";
        for (cluster, subject) in concerned {
            let executors: Vec<(String,)> =
                on!(self.read(), p => sqlx::query_as(sql).bind(cluster).fetch_all(p).await)?;
            let subject = subject.filter(|subject| !executors.iter().any(|(machine,)| machine == subject));
            let machines = executors.into_iter().map(|(machine,)| machine).chain(subject);
            machines.for_each(|machine| self.changed(&MachineId(machine)));
        }
        Ok(())
    }
}

/// The executor is alive. False when the task is not, or no longer, its own.
pub(super) async fn progress(conn: &mut Conn, executor: &MachineId, id: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE cluster_task SET at = $3 WHERE id = $1 AND executor = $2 AND state = 'running'";
    let rows = on!(conn, c => sqlx::query(sql).bind(id).bind(&executor.0).bind(now).execute(&mut **c).await
        .map(|r| r.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends the executor's task. None when it is not, or no longer, its own.
pub(super) async fn finish(
    conn: &mut Conn,
    executor: &MachineId,
    id: &str,
    outcome: &Outcome,
    now: i64,
) -> Result<Option<Concerned>> {
    let sql = "UPDATE cluster_task SET state = $3, reason = $4, at = $5 \
               WHERE id = $1 AND executor = $2 AND state = 'running' RETURNING cluster, subject";
    let (state, reason) = match outcome {
        Outcome::Done => ("done", None),
        Outcome::Failed { reason } => ("failed", Some(reason)),
    };
    Ok(on!(conn, c => sqlx::query_as(sql).bind(id).bind(&executor.0).bind(state).bind(reason).bind(now)
        .fetch_optional(&mut **c).await)?)
}

/// (id, whether it was made).
async fn add(conn: &mut Conn, new: NewClusterTask, now: i64) -> Result<(String, bool)> {
    let sql = "DELETE FROM cluster_task WHERE cluster = $1 AND state IN ('done', 'failed') AND at < $2";
    on!(conn, c => sqlx::query(sql).bind(&new.cluster).bind(now - KEPT).execute(&mut **c).await.map(drop))?;
    let sql = "INSERT INTO cluster_task (id, cluster, key, kind, subject, executor, fixed, state, body, created, deadline, at, tries) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $9, $10, $9, 0) ON CONFLICT (key) DO NOTHING";
    let id = Uuid::now_v7().to_string();
    let made = on!(conn, c => sqlx::query(sql).bind(id).bind(&new.cluster).bind(&new.key).bind(new.step_kind)
        .bind(new.subject.as_ref().map(|subject| &subject.0)).bind(new.executor.as_ref().map(|executor| &executor.0))
        .bind(new.executor.is_some()).bind(&new.body).bind(now).bind(new.deadline).execute(&mut **c).await
        .map(|r| r.rows_affected() == 1))?;
    let sql = "SELECT id FROM cluster_task WHERE key = $1";
    let (id,): (String,) = on!(conn, c => sqlx::query_as(sql).bind(&new.key).fetch_one(&mut **c).await)?;
    Ok((id, made))
}

/// Who has just failed at a step of this kind leaves the next one to another control plane for so long.
const YIELD: i64 = 15_000_000;
const RECENT: i64 = 600_000_000;

async fn take(
    conn: &mut Conn,
    cluster: String,
    executor: String,
    now: i64,
) -> Result<Option<(String, String)>> {
    // Executors ask side by side on PostgreSQL: one at a time, or both get the same task.
    if let Conn::Pg(c) = conn {
        let sql = "SELECT name FROM cluster WHERE name = $1 FOR NO KEY UPDATE";
        sqlx::query(sql).bind(&cluster).execute(&mut **c).await?;
    }
    // An etcd member that removes itself loses its connection before it can tell.
    let sql = "UPDATE cluster_task SET state = 'running', executor = $2, at = $3, \
               tries = tries + CASE WHEN state = 'running' AND executor = $2 AND at >= $4 THEN 0 ELSE 1 END \
               WHERE id = (SELECT id FROM cluster_task WHERE cluster = $1 AND state IN ('queued', 'running') AND \
               (executor = $2 OR (NOT fixed AND (state = 'queued' OR at < $4) AND \
               (kind <> 'remove_member' OR subject IS DISTINCT FROM $2) AND \
               (created < $5 OR NOT EXISTS (SELECT 1 FROM cluster_task tried WHERE tried.cluster = $1 AND \
               tried.kind = cluster_task.kind AND tried.executor = $2 AND tried.state = 'failed' AND tried.at > $6)))) \
               ORDER BY CASE WHEN state = 'running' AND executor = $2 THEN 0 ELSE 1 END, created, id LIMIT 1) \
               RETURNING id, body";
    Ok(on!(conn, c => sqlx::query_as(sql).bind(cluster).bind(executor).bind(now).bind(now - SILENCE)
        .bind(now - YIELD).bind(now - RECENT).fetch_optional(&mut **c).await)?)
}
