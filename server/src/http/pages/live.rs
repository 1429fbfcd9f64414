//! Server-sent events for open pages: whole elements that take the place of those with the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use api::cluster::Node;
use api::id::MachineId;
use axum::extract::{Query, State};
use axum::response::sse::{Event as Sse, KeepAlive, Sse as SseStream};
use futures::Stream;
use futures::stream::unfold;
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep, timeout_at};
use web::{MachineView, Visitor};

use super::super::operator::{self, detail};
use super::session::Session;
use super::{LOG_LINES, ROWS, Trouble};
use crate::app::App;
use crate::clock;
use crate::cluster;
use crate::why;

/// Changes that come closer together than this travel together.
const GATHER: Duration = Duration::from_millis(200);
/// Log lines announce nobody, and neither does another server on the same database: every page looks for
/// itself this often.
const LOOK: Duration = Duration::from_secs(3);
/// Machines that are fetched one by one; with more the whole list is cheaper.
const FEW: usize = 8;
/// A stream ends now and then. The browser asks again at once, and a session that is over is noticed.
const LIFE: Duration = Duration::from_secs(15 * 60);

#[derive(Deserialize)]
pub struct Subject {
    /// A machine's id or a cluster's name; without both the rack is meant.
    machine: Option<MachineId>,
    cluster: Option<String>,
    /// Which part of the rack.
    #[serde(default)]
    after: String,
}

pub async fn live(
    State(app): State<App>,
    session: Session,
    Query(subject): Query<Subject>,
) -> SseStream<impl Stream<Item = Result<Sse, Infallible>>> {
    let watcher = Watcher {
        changes: app.store.changes(),
        app,
        visitor: session.visitor,
        subject,
        shown: Vec::new(),
        versions: BTreeMap::new(),
        end: Instant::now() + LIFE,
    };
    let stream = unfold(watcher, async |mut watcher| watcher.next().await.map(|event| (Ok(event), watcher)));
    SseStream::new(stream).keep_alive(KeepAlive::default())
}

/// One open page.
struct Watcher {
    app: App,
    changes: Receiver<MachineId>,
    visitor: Visitor,
    subject: Subject,
    /// The machine's or cluster's sections, or the rack's clusters, as last sent, rendered at time 0: what only the clock changes, the browser
    /// keeps moving by itself.
    shown: Vec<String>,
    /// The rack's rows as last seen: their versions and nodes.
    versions: BTreeMap<String, (i64, Option<Node>)>,
    end: Instant,
}

enum Wake {
    Changed(BTreeSet<MachineId>),
    /// Too much has happened to follow it.
    Lagged,
    Looked,
    Over,
}

impl Watcher {
    async fn next(&mut self) -> Option<Sse> {
        loop {
            let html = match self.wake().await {
                Wake::Over => return None,
                Wake::Lagged => return Some(resync()),
                Wake::Changed(ids) => match &self.subject {
                    Subject { machine: Some(machine), .. } if ids.contains(machine) => self.sections().await,
                    Subject { machine: Some(_), .. } => continue,
                    // Which nodes are whose is not worth knowing: what looks the same is not sent.
                    Subject { cluster: Some(_), .. } => self.sections().await,
                    _ if ids.len() <= FEW => self.rows(&ids).await,
                    _ => self.list(&ids).await,
                },
                Wake::Looked if self.subject.machine.is_some() || self.subject.cluster.is_some() => {
                    self.sections().await
                }
                Wake::Looked => self.list(&BTreeSet::new()).await,
            };
            match html {
                Ok(html) if html.is_empty() => {}
                // A carriage return cannot travel in an event.
                Ok(html) => return Some(Sse::default().event("swap").data(html.replace('\r', " "))),
                // The machine may be gone: the page finds out.
                Err(_) => return Some(resync()),
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let look = Instant::now() + LOOK;
        let mut ids = match timeout_at(look.min(self.end), self.changes.recv()).await {
            Ok(Ok(id)) => BTreeSet::from([id]),
            Ok(Err(RecvError::Lagged(_))) => return Wake::Lagged,
            Ok(Err(RecvError::Closed)) => return Wake::Over,
            Err(_) if Instant::now() >= self.end => return Wake::Over,
            Err(_) => return Wake::Looked,
        };
        sleep(GATHER).await;
        loop {
            match self.changes.try_recv() {
                Ok(id) => ids.insert(id),
                Err(TryRecvError::Lagged(_)) => return Wake::Lagged,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Wake::Changed(ids),
            };
        }
    }

    async fn rows(&mut self, ids: &BTreeSet<MachineId>) -> Result<String, Trouble> {
        let mut html = self.chips().await?;
        for id in ids {
            html += &web::rack_row(&self.app.view(id).await?, clock::now())?;
        }
        Ok(html)
    }

    /// The rows of `ids`, and of all that are newer than when this page last looked.
    async fn list(&mut self, ids: &BTreeSet<MachineId>) -> Result<String, Trouble> {
        let mut rows = self.app.store.machines(&self.subject.after, ROWS).await?;
        let mut seen: BTreeMap<_, _> = rows.iter().map(|row| (row.id.clone(), (row.version, None))).collect();
        // A node changes without its machine's row.
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            for (id, node) in self.app.store.nodes_between(&first.id, &last.id).await? {
                seen.entry(id).and_modify(|(_, shown)| *shown = Some(node));
            }
        }
        // The page was fetched when its stream opened: the first look only remembers.
        let first = self.versions.is_empty();
        rows.retain(|row| {
            let newer = !first && self.versions.get(&row.id) != seen.get(&row.id);
            newer || ids.contains(&row.id())
        });
        self.versions = seen;
        let mut html = self.chips().await?;
        for machine in self.app.views(&rows).await? {
            html += &web::rack_row(&machine, clock::now())?;
        }
        Ok(html)
    }

    /// The clusters on the rack's page that look different now.
    async fn chips(&mut self) -> Result<String, Trouble> {
        let clusters = cluster::list(&self.app).await?;
        let chips = clusters.iter().map(web::cluster_chip).collect::<Result<Vec<_>, _>>()?;
        Ok(self.news(chips.clone(), chips))
    }

    /// The sections of a cluster's or a machine's page that look different now.
    async fn sections(&mut self) -> Result<String, Trouble> {
        if let Some(name) = &self.subject.cluster {
            let detail = operator::cluster::detail(&self.app, name).await?;
            let render = |now| web::cluster_fragments(&detail, now).map(Vec::from);
            let (timeless, fresh) = (render(0)?, render(clock::now())?);
            return Ok(self.news(timeless, fresh));
        }
        let Some(id) = &self.subject.machine else { return Ok(String::new()) };
        let detail = detail(&self.app, &id.0).await?;
        let logs = self.app.store.log(id, LOG_LINES).await?;
        let render = |now| {
            let why = why::why(&detail.machine, detail.attempts.first(), now);
            let view = MachineView { detail: &detail, why: &why, logs: &logs };
            web::machine_fragments(view, &self.visitor, now).map(Vec::from)
        };
        let (timeless, fresh) = (render(0)?, render(clock::now())?);
        Ok(self.news(timeless, fresh))
    }

    /// What of `fresh` is to be sent, because it looks different from what was sent in its place.
    fn news(&mut self, timeless: Vec<String>, fresh: Vec<String>) -> String {
        let differs = |(place, _): &(usize, String)| self.shown.get(*place) != timeless.get(*place);
        let html = fresh.into_iter().enumerate().filter(differs).map(|(_, section)| section).collect();
        self.shown = timeless;
        html
    }
}

fn resync() -> Sse {
    Sse::default().event("resync").data("")
}
