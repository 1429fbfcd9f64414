//! Has a control plane apply the addons, each again when its manifest changes and when applying it has failed.

use std::time::Duration;

use api::cluster::ClusterStep;

use super::steps::{Standing, Step, persist};
use super::{Result, addons};
use crate::app::App;
use crate::config::Cluster;

const APPLY: Duration = Duration::from_secs(10 * 60);

/// What is not applied yet, a sentence each.
pub async fn addons(app: &App, cluster: &Cluster, now: i64) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let row = app.store.cluster(&cluster.name).await?;
    let ours = row.is_some_and(|row| row.machine.is_some());
    for addon in addons::addons(cluster, ours) {
        let (key, name) = (addon.key(&cluster.name), addon.name);
        let step = ClusterStep::Apply { name: name.into(), manifest: addon.manifest };
        let step = Step { key, step, subject: None, executor: None, patience: APPLY };
        match persist(app, &cluster.name, step, now).await? {
            Standing::Done(_) => {}
            Standing::Pending => problems.push(format!("the {name} is being applied")),
            Standing::Failed(why) => problems.push(format!("the {name} could not be applied: {why}")),
        }
    }
    Ok(problems)
}
