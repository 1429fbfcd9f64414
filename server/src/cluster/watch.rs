//! A loop for each cluster that is up: it follows Nodes and certificate requests, and after each news, change of a
//! row or some seconds compares all of it with the rows. What it remembers is only what it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use super::client::{within, words};
use super::pass::pass;
use super::{Error, Result, all_up, observe};
use crate::app::App;
use crate::clock;

/// Between two looks at which clusters there are.
const SWEEP: Duration = Duration::from_secs(2);
/// Between two passes at the most, and at the least: news often come in bursts.
const TICK: Duration = Duration::from_secs(10);
const GATHER: Duration = Duration::from_millis(300);
/// A watch is asked for anew this often, so that a connection to a machine without power is soon given up.
const WATCH: u32 = 20;
/// An API server that restarts is no news; one that stays away for longer is, in microseconds.
const GRACE: i64 = 15_000_000;

/// What the API server has shown last, by name.
#[derive(Default)]
pub struct Shown {
    pub nodes: BTreeMap<String, Node>,
    pub requests: BTreeMap<String, CertificateSigningRequest>,
    /// Requests that were left alone, and said so once.
    pub told: BTreeSet<String>,
}

/// Runs until its task is dropped.
pub async fn watch(app: App) {
    let mut loops: BTreeMap<String, Loop> = BTreeMap::new();
    let mut timer = tokio::time::interval(SWEEP);
    loop {
        timer.tick().await;
        let Some(up) = all_up(&app).await else { continue };
        let up: BTreeMap<String, i64> = up.into_iter().map(|row| (row.name, row.since)).collect();
        // One that was reset and is up again is another cluster.
        loops.retain(|name, running| up.get(name) == Some(&running.since));
        for (name, since) in up {
            if app.site.clusters.contains_key(&name) && !loops.contains_key(&name) {
                let task = tokio::spawn(keep(app.clone(), name.clone()));
                loops.insert(name, Loop { since, task });
            }
        }
    }
}

/// Ends its task when it is dropped.
struct Loop {
    since: i64,
    task: JoinHandle<()>,
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(app: App, name: String) {
    let mut silent: Option<Silence> = None;
    loop {
        let error = match app.clusters.client(&app, &name).await {
            Ok(client) => {
                silent = None;
                follow(&app, &name, client).await
            }
            Err(error) => error,
        };
        app.clusters.forget(&name);
        // The first cause stays: another one at each try would be news without end.
        let silence = silent.get_or_insert_with(|| {
            tracing::warn!(cluster = name, %error, "the cluster is not followed");
            Silence { since: clock::now(), cause: cause(&error) }
        });
        if let Err(error) = out_of_reach(&app, &name, silence).await {
            tracing::error!(cluster = name, %error, "its nodes could not be marked");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// Of an API server.
struct Silence {
    since: i64,
    cause: String,
}

fn cause(error: &Error) -> String {
    match error {
        Error::Silent(cause) => cause.clone(),
        Error::Kube(error) => words(error),
        error => error.to_string(),
    }
}

/// Says beside each node that nobody knows how it is.
async fn out_of_reach(app: &App, name: &str, silence: &Silence) -> Result<()> {
    let Silence { since, cause } = silence;
    if clock::now() - since < GRACE {
        return Ok(());
    }
    app.clusters.set_problems(name, vec![observe::silence(*since, cause)]);
    for row in app.store.nodes(name).await? {
        if let Some(node) = row.node().filter(|node| !node.uid.is_empty()) {
            app.store.node_seen(&row.id(), &observe::out_of_reach(&node, *since, cause)).await?;
        }
    }
    Ok(())
}

/// Until the API server answers no more.
async fn follow(app: &App, name: &str, client: Client) -> Error {
    let settings = || watcher::Config::default().timeout(WATCH);
    let mut nodes = pin!(watcher(Api::<Node>::all(client.clone()), settings()));
    let mut requests = pin!(watcher(Api::<CertificateSigningRequest>::all(client.clone()), settings()));
    let mut shown = Shown::default();
    let (mut nodes_before, mut requests_before) = (Listing::default(), Listing::default());
    let mut changes = app.store.changes();
    let mut timer = tokio::time::interval(TICK);
    loop {
        let news = tokio::select! {
            event = nodes.next() => nodes_before.take(event, &mut shown.nodes),
            event = requests.next() => requests_before.take(event, &mut shown.requests),
            change = changes.recv() => match change {
                Err(RecvError::Closed) => return Error::Silent("this server stops".into()),
                _ => Ok(()),
            },
            _ = timer.tick() => Ok(()),
        };
        let looked = match news {
            Ok(()) if !nodes_before.complete || !requests_before.complete => continue,
            Ok(()) => {
                gather(&mut changes, &mut nodes, (&mut nodes_before, &mut shown.nodes)).await;
                pass(app, name, &client, &mut shown).await
            }
            // A watch ends for many reasons; the watcher begins anew if the API server still answers.
            Err(error) => {
                tokio::time::sleep(SWEEP).await;
                tracing::warn!(cluster = name, %error, "a watch is begun anew");
                still_there(&client).await.map_err(|_| error)
            }
        };
        match looked {
            Ok(()) => {}
            Err(error @ (Error::Silent(_) | Error::Kube(_))) => match still_there(&client).await {
                Ok(()) => tracing::warn!(cluster = name, %error, "a pass over the cluster failed"),
                Err(_) => return error,
            },
            Err(error) => tracing::error!(cluster = name, %error, "a pass over the cluster failed"),
        }
    }
}

async fn still_there(client: &Client) -> Result<()> {
    within(Api::<Node>::all(client.clone()).list_metadata(&ListParams::default().limit(1))).await.map(drop)
}

/// Waits a moment, so that one pass answers a burst of changes.
async fn gather<S>(
    changes: &mut tokio::sync::broadcast::Receiver<api::id::MachineId>,
    nodes: &mut S,
    (before, shown): (&mut Listing<Node>, &mut BTreeMap<String, Node>),
) where
    S: Stream<Item = watcher::Result<Event<Node>>> + Unpin,
{
    let end = tokio::time::Instant::now() + GATHER;
    loop {
        let more = tokio::select! {
            _ = tokio::time::sleep_until(end) => return,
            event = nodes.next() => before.take(event, shown),
            _ = changes.recv() => Ok(()),
        };
        if more.is_err() {
            return;
        }
    }
}

/// Objects of a list that is being read anew: what is not in it is gone.
struct Listing<K> {
    fresh: BTreeMap<String, K>,
    complete: bool,
}

impl<K> Default for Listing<K> {
    fn default() -> Listing<K> {
        Listing { fresh: BTreeMap::new(), complete: false }
    }
}

impl<K: kube::Resource> Listing<K> {
    fn take(
        &mut self,
        event: Option<watcher::Result<Event<K>>>,
        shown: &mut BTreeMap<String, K>,
    ) -> Result<()> {
        match event {
            Some(Ok(Event::Apply(object))) => _ = shown.insert(object.name_any(), object),
            Some(Ok(Event::Delete(object))) => _ = shown.remove(&object.name_any()),
            Some(Ok(Event::Init)) => self.fresh.clear(),
            Some(Ok(Event::InitApply(object))) => _ = self.fresh.insert(object.name_any(), object),
            Some(Ok(Event::InitDone)) => {
                *shown = std::mem::take(&mut self.fresh);
                self.complete = true;
            }
            Some(Err(error)) => return Err(Error::Silent(error.to_string())),
            None => return Err(Error::Silent("the watch ended".into())),
        }
        Ok(())
    }
}
