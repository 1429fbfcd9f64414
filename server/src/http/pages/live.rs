//! Server-sent events for open pages: whole elements that take the place of those with the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use api::cluster::Node;
use api::id::MachineId;
use api::machine::Machine;
use axum::extract::{Query, State};
use axum::response::sse::{Event as Sse, KeepAlive, Sse as SseStream};
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep, timeout_at};
use web::{Counts, Filter, MachineView, Visitor};

use super::super::operator::{self, detail};
use super::rack::{Pairs, ROWS, listed};
use super::session::Session;
use super::{LOG_LINES, Trouble, offers};
use crate::app::App;
use crate::clock;
use crate::cluster;
use crate::listing::{self, Listing};
use crate::why;

/// Changes that come closer together than this travel together.
const GATHER: Duration = Duration::from_millis(200);
/// Log lines announce nobody, and neither does another server on the same database: every page looks for
/// itself this often.
const LOOK: Duration = Duration::from_secs(3);
/// A stream ends now and then. The browser asks again at once, and a session that is over is noticed.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// What a page is about.
enum Subject {
    Machine(MachineId),
    Cluster(String),
    List(Box<Filter>),
}

impl Subject {
    /// From the pairs of the stream's address: a machine's id or a cluster's name, else the list's own filter.
    fn read(pairs: &[(String, String)]) -> Subject {
        let value =
            |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        match (value("machine"), value("list"), value("cluster")) {
            (Some(machine), ..) => Subject::Machine(MachineId(machine)),
            (None, None, Some(cluster)) => Subject::Cluster(cluster),
            _ => Subject::List(Box::new(Filter::read(pairs))),
        }
    }
}

pub async fn live(
    State(app): State<App>,
    session: Session,
    Query(pairs): Pairs,
) -> SseStream<impl Stream<Item = Result<Sse, Infallible>>> {
    let watcher = Watcher {
        changes: app.store.changes(),
        app,
        visitor: session.visitor,
        subject: Subject::read(&pairs),
        shown: Vec::new(),
        list: Shown::default(),
        opened: false,
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
    /// The page's parts as last sent, rendered at time 0: what only the clock changes, the browser keeps moving by itself.
    shown: Vec<String>,
    list: Shown,
    /// It has looked once, which only remembers: the page fetches itself when its stream opens.
    opened: bool,
    end: Instant,
}

/// A page of the list of machines as it was last seen.
#[derive(Default)]
struct Shown {
    /// In their order, once it was looked.
    ids: Option<Vec<String>>,
    counts: Counts,
    /// Versions and nodes of the rows.
    rows: BTreeMap<String, (i64, Option<Node>)>,
    pulse: (i64, i64),
    /// When all machines were last gone through, which is not done for every change.
    listed: Option<Instant>,
    /// Something changed since then.
    stale: bool,
}

/// What an open page is told.
enum News {
    Swap(String),
    /// Other machines are listed now, or in another order.
    Resync,
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
            let first = !std::mem::replace(&mut self.opened, true);
            let wake = if first { Wake::Looked } else { self.wake().await };
            let news = match (wake, &self.subject) {
                (Wake::Over, _) => return None,
                (Wake::Lagged, _) => return Some(resync()),
                (Wake::Changed(ids), Subject::Machine(machine)) if !ids.contains(machine) => continue,
                (Wake::Changed(ids), Subject::List(_)) => self.rows(&ids).await,
                (Wake::Looked, Subject::List(_)) => self.rows(&BTreeSet::new()).await,
                // Which nodes are whose is not worth knowing: what looks the same is not sent.
                _ => self.sections().await.map(News::Swap),
            };
            match news {
                Ok(News::Swap(html)) if first || html.is_empty() => {}
                // A carriage return cannot travel in an event.
                Ok(News::Swap(html)) => {
                    return Some(Sse::default().event("swap").data(html.replace('\r', " ")));
                }
                // The machine may be gone: the page finds out.
                Ok(News::Resync) | Err(_) => return Some(resync()),
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

    /// The rows of `ids` that this page shows, all others of it that are newer than when it last looked, and the
    /// numbers above them.
    async fn rows(&mut self, ids: &BTreeSet<MachineId>) -> Result<News, Trouble> {
        let pulse = self.app.store.pulse().await?;
        self.list.stale |= !ids.is_empty() || pulse != self.list.pulse;
        self.list.pulse = pulse;
        let due = self.list.listed.is_none_or(|listed| listed.elapsed() >= LOOK);
        if self.list.stale && due && self.moved().await? {
            return Ok(News::Resync);
        }
        let mut html = self.parts().await?;
        for machine in self.newer(ids).await? {
            html += &web::rack_row(&machine, &self.visitor, clock::now())?;
        }
        Ok(News::Swap(html))
    }

    /// Goes through all machines; whether this page shows others than it did.
    async fn moved(&mut self) -> Result<bool, Trouble> {
        let Subject::List(filter) = &self.subject else { return Ok(false) };
        let Listing { ids, counts, .. } = listed(&self.app, filter).await?;
        let (_, window) = listing::window(&ids, filter.page, ROWS);
        let moved = self.list.ids.as_ref().is_some_and(|shown| shown != window);
        self.list.ids = Some(window.to_vec());
        (self.list.counts, self.list.listed, self.list.stale) = (counts, Some(Instant::now()), false);
        Ok(moved)
    }

    async fn newer(&mut self, ids: &BTreeSet<MachineId>) -> Result<Vec<Machine>, Trouble> {
        let shown = self.list.ids.clone().unwrap_or_default();
        let mut rows = self.app.store.machines_of(&shown).await?;
        let mut seen: BTreeMap<_, _> = rows.iter().map(|row| (row.id.clone(), (row.version, None))).collect();
        // A node changes without its machine's row.
        for (id, node) in self.app.store.nodes_of(&shown).await? {
            seen.entry(id).and_modify(|(_, shown)| *shown = Some(node));
        }
        let first = self.list.rows.is_empty();
        rows.retain(|row| {
            let newer = !first && self.list.rows.get(&row.id) != seen.get(&row.id);
            newer || ids.contains(&row.id())
        });
        self.list.rows = seen;
        Ok(self.app.views(&rows).await?)
    }

    /// The clusters and numbers above the list that look different now.
    async fn parts(&mut self) -> Result<String, Trouble> {
        let Subject::List(filter) = &self.subject else { return Ok(String::new()) };
        let clusters = cluster::list(&self.app).await?;
        let mut parts = vec![web::rack_counts(&self.list.counts, filter)?];
        for cluster in &clusters {
            parts.push(web::cluster_chip(cluster)?);
        }
        Ok(self.news(parts.clone(), parts))
    }

    /// The sections of a cluster's or a machine's page that look different now.
    async fn sections(&mut self) -> Result<String, Trouble> {
        if let Subject::Cluster(name) = &self.subject {
            let detail = operator::cluster::detail(&self.app, name).await?;
            let render = |now| web::cluster_fragments(&detail, now).map(Vec::from);
            let (timeless, fresh) = (render(0)?, render(clock::now())?);
            return Ok(self.news(timeless, fresh));
        }
        let Subject::Machine(id) = &self.subject else { return Ok(String::new()) };
        let detail = detail(&self.app, &id.0).await?;
        let logs = self.app.store.log(id, LOG_LINES).await?;
        let offers = offers(&self.app, id, self.visitor.role).await?;
        let render = |now| {
            let why = why::why(&detail.machine, detail.attempts.first(), now);
            let view = MachineView { detail: &detail, why: &why, logs: &logs, offers: &offers };
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

/// With data: browsers drop an event without.
fn resync() -> Sse {
    Sse::default().event("resync").data("all")
}
