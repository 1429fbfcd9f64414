//! Has a control plane apply the addons, each again when its manifest changes and when applying it has failed.

use std::time::Duration;

use api::cluster::ClusterStep;

use super::addons::Addon;
use super::steps::{self, Step};
use super::{Result, addons};
use crate::app::App;
use crate::config::Cluster;

const APPLY: Duration = Duration::from_secs(10 * 60);
/// Between two tries, times the number of tries, in microseconds.
const PAUSE: i64 = 30_000_000;
/// After so many a person is needed.
const TRIES: usize = 20;

/// What is not applied yet, a sentence each.
pub async fn addons(app: &App, cluster: &Cluster, now: i64) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for addon in addons::addons(cluster) {
        problems.extend(one(app, cluster, &addon, now).await?);
    }
    Ok(problems)
}

async fn one(app: &App, cluster: &Cluster, addon: &Addon, now: i64) -> Result<Option<String>> {
    let mut reason = String::new();
    for tries in 0..TRIES {
        let key = format!("{}/{tries}", addon.key(&cluster.name));
        let Some(task) = app.store.cluster_task_by_key(&key).await? else {
            let step = ClusterStep::Apply { name: addon.name.into(), manifest: addon.manifest.clone() };
            let step = Step { key, step, subject: None, executor: None, patience: APPLY };
            steps::ask(app, &cluster.name, step, now).await?;
            return Ok(Some(format!("the {} is being applied", addon.name)));
        };
        match task.state.as_str() {
            "done" => return Ok(None),
            "failed" if now - task.at > PAUSE * (1 + tries as i64) => {
                reason = task.reason.unwrap_or_default()
            }
            "failed" => {
                let reason = task.reason.unwrap_or_default();
                return Ok(Some(format!("the {} could not be applied: {reason}", addon.name)));
            }
            _ => return Ok(Some(format!("the {} is being applied", addon.name))),
        }
    }
    Ok(Some(format!("the {} could not be applied {TRIES} times; the last time: {reason}", addon.name)))
}
