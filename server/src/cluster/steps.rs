//! Cluster tasks as this server asks for them: sealed on their way into the database, and opened for the
//! control plane that takes one.

use std::time::Duration;

use api::cluster::{ClusterResult, ClusterStep};
use api::id::MachineId;

use super::{Error, Refusal, Result};
use crate::app::App;
use crate::store::{ClusterTaskRow, NewClusterTask};

/// A step that is wanted. The same key is the same task, also when that has ended.
#[derive(Clone, Debug)]
pub struct Step {
    pub key: String,
    pub step: ClusterStep,
    /// The machine it is about.
    pub subject: Option<MachineId>,
    /// The only control plane that may do it.
    pub executor: Option<MachineId>,
    pub patience: Duration,
}

/// Puts the step into the queue, unless its key is there; returns the task's id.
pub async fn ask(app: &App, cluster: &str, step: Step, now: i64) -> Result<String> {
    let text = serde_json::to_vec(&step.step).map_err(|error| Error::Sealed(error.into()))?;
    let body = app.seal.seal(&body_place(cluster, &step.key), &text);
    let new = NewClusterTask {
        cluster: cluster.into(),
        key: step.key,
        step_kind: step.step.kind(),
        subject: step.subject,
        executor: step.executor,
        body,
        deadline: now + i64::try_from(step.patience.as_micros()).unwrap_or(i64::MAX / 2),
    };
    Ok(app.store.cluster_task_add(new, now).await?)
}

/// How far a step is that is asked for until it is done.
pub enum Standing {
    Done(Box<ClusterTaskRow>),
    Pending,
    /// For now: it is tried again.
    Failed(String),
}

/// Asks for the step until it is done: after a failure once more, each time after a longer pause. Whoever should do it
/// may be off for days.
pub async fn persist(app: &App, cluster: &str, step: Step, now: i64) -> Result<Standing> {
    let (mut tries, mut reason) = (0, None);
    loop {
        let key = format!("{}/{tries}", step.key);
        let Some(task) = app.store.cluster_task_by_key(&key).await? else {
            ask(app, cluster, Step { key, ..step }, now).await?;
            return Ok(reason.map_or(Standing::Pending, Standing::Failed));
        };
        tries += 1;
        match task.state.as_str() {
            "done" => return Ok(Standing::Done(Box::new(task))),
            "failed" => {
                let resting = now - task.at < LONGEST_PAUSE.min(PAUSE * tries);
                let why = task.reason.unwrap_or_else(|| "no reason was given".into());
                if resting {
                    return Ok(Standing::Failed(why));
                }
                reason = Some(why);
            }
            _ => return Ok(reason.map_or(Standing::Pending, Standing::Failed)),
        }
    }
}

/// Before a failed step is tried again, in microseconds, times the number of tries.
const PAUSE: i64 = 30_000_000;
const LONGEST_PAUSE: i64 = 3_600_000_000;

/// The step behind a task's sealed body.
pub fn open(app: &App, task: &ClusterTaskRow) -> Result<ClusterStep> {
    let text = app.seal.unseal(&body_place(&task.cluster, &task.key), &task.body).map_err(Error::Sealed)?;
    serde_json::from_slice(&text).map_err(|error| Error::Sealed(error.into()))
}

pub fn seal_result(app: &App, task: &ClusterTaskRow, result: &ClusterResult) -> Result<String> {
    let text = serde_json::to_vec(result).map_err(|error| Error::Sealed(error.into()))?;
    Ok(app.seal.seal(&result_place(&task.cluster, &task.key), &text))
}

/// What a task brought; None for a step without a result.
pub fn result(app: &App, task: &ClusterTaskRow) -> Result<Option<ClusterResult>> {
    let Some(sealed) = &task.result else { return Ok(None) };
    let text = app.seal.unseal(&result_place(&task.cluster, &task.key), sealed).map_err(Error::Sealed)?;
    serde_json::from_slice(&text).map(Some).map_err(|error| Error::Sealed(error.into()))
}

/// Waits for the end of a task. An operator is there, so it is looked at often.
pub async fn wait(
    app: &App,
    key: &str,
    patience: Duration,
) -> std::result::Result<Option<ClusterResult>, Refusal> {
    let end = tokio::time::Instant::now() + patience;
    while tokio::time::Instant::now() < end {
        let task = app.store.cluster_task_by_key(key).await?;
        match task.as_ref().map(|task| (task.state.as_str(), task)) {
            Some(("done", task)) => return Ok(result(app, task)?),
            Some(("failed", task)) => {
                return Err(Refusal::NotNow(task.reason.clone().unwrap_or_else(|| "the step failed".into())));
            }
            _ => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
    Err(Refusal::NotNow(format!(
        "no control plane did it within {} seconds: are their agents alive?",
        patience.as_secs()
    )))
}

/// With the task's key in it: a sealed cell that somebody copies to another task does not open there.
fn body_place(cluster: &str, key: &str) -> String {
    format!("cluster_task.body/{cluster}/{key}")
}

fn result_place(cluster: &str, key: &str) -> String {
    format!("cluster_task.result/{cluster}/{key}")
}
