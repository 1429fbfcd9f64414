//! Redfish (DSP0266): a lenient client, since firmware departs from the specification in every direction. What is asked
//! and what it means is plain functions over documents; this file fetches, sends, and looks again.

mod action;
mod address;
mod answer;
mod boot;
mod console;
mod doc;
mod driver;
pub mod fuzz;
mod http;
mod inventory;
mod log;
mod media;
mod order;
mod pin;
mod places;
mod quirks;
mod sensors;
mod tree;

use std::time::Duration;

use api::bmc::Fault;
use reqwest::Url;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use self::action::{Call, Verb};
use self::answer::Answer;
use self::http::Http;
use self::quirks::Bend;
use super::update::Progress;

pub use self::address::url;
pub use self::boot::Override;
pub use self::http::{Login, Pace};
pub use self::places::{Identity, Places, places};
pub use self::quirks::{QUIRKS, Quirk, Vendor};
pub use self::tree::Tree;

/// The questions, for whoever has documents and no BMC.
pub mod ask {
    pub use super::action::{power, reset};
    pub use super::boot::read as boot;
    pub use super::inventory::hardware;
    pub use super::log::log;
    pub use super::sensors::{draw, sensors};
}

/// More documents than the largest machine has; a tree that has no end stops here.
const DOCUMENTS: usize = 3_000;

/// One machine behind one BMC.
pub struct Redfish {
    http: Http,
    identity: Identity,
    /// Found once, and again where they are no longer.
    places: Mutex<Option<Places>>,
}

impl Redfish {
    /// Of an address as [`url`] reads it. `pinned` is what [`Redfish::pinned`] said before; None trusts the first.
    pub fn new(
        base: Url,
        login: Login,
        identity: Identity,
        pinned: Option<String>,
        pace: Pace,
    ) -> Result<Redfish, Fault> {
        let http = Http::new(base, login, pinned, pace)?;
        Ok(Redfish { http, identity, places: Mutex::new(None) })
    }

    /// The key that it presented, to be kept and given to the next [`Redfish::new`].
    pub fn pinned(&self) -> Option<String> {
        self.http.pinned()
    }

    /// What the BMC says of its boot override.
    pub async fn boot_override(&self) -> Result<Override, Fault> {
        self.ask(boot::read).await
    }

    /// Asks until all that the answer needs was read.
    async fn ask<T>(&self, question: impl Fn(&Tree, &Places) -> Result<T, Fault>) -> Result<T, Fault> {
        let places = self.find().await?;
        let asked = timeout(self.http.pace.question, self.walk(|tree| question(tree, &places))).await;
        match asked {
            Ok(Err(Fault::Unsupported(why))) => {
                // Paths change with firmware: the next question looks for them.
                self.places.lock().await.take();
                Err(Fault::Unsupported(why))
            }
            Ok(answer) => answer,
            Err(_) => {
                let seconds = self.http.pace.question.as_secs_f32();
                Err(Fault::Hung(format!("its documents were not all read in {seconds} s")))
            }
        }
    }

    async fn find(&self) -> Result<Places, Fault> {
        let mut held = self.places.lock().await;
        if let Some(places) = &*held {
            return Ok(places.clone());
        }
        let found = self.walk(|tree| places(tree, &self.identity)).await?;
        *held = Some(found.clone());
        Ok(found)
    }

    async fn walk<T>(&self, question: impl Fn(&Tree) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut tree = Tree::default();
        loop {
            let answer = question(&tree);
            let missed = tree.take_missed();
            if missed.is_empty() {
                return answer;
            }
            for path in missed {
                if tree.size() >= DOCUMENTS {
                    return Err(Fault::Garbled(format!("{path}: its tree has no end")));
                }
                let read = self.http.get(&path).await;
                match read {
                    // Nothing else would be answered, either.
                    Err(
                        fault @ (Fault::Unreachable(_)
                        | Fault::Silent(_)
                        | Fault::Hung(_)
                        | Fault::Refused(_)
                        | Fault::NoSessions(_)
                        | Fault::CertificateChanged { .. }),
                    ) => return Err(fault),
                    read => tree.insert(path, read),
                }
            }
        }
    }

    async fn send(&self, call: &Call) -> Result<Answer, Fault> {
        match call.verb {
            Verb::Post => self.http.post(&call.path, &call.body).await,
            Verb::Patch => {
                let always = self.find().await?.vendor.has(Bend::MatchAlways);
                self.http.patch(&call.path, &call.body, always).await
            }
        }
    }

    /// Sends one after the other until one is taken, as long as the BMC says only that it does not know the one before.
    async fn first_taken(&self, calls: Vec<Call>) -> Result<(), Fault> {
        let mut unsupported = None;
        for (number, call) in calls.iter().enumerate() {
            let answer = self.send(call).await?;
            if answer.taken() {
                if number > 0 {
                    tracing::info!(
                        path = call.path,
                        body = call.shown(),
                        "redfish: another way than the first was taken"
                    );
                }
                return self.follow(answer, self.http.pace.task).await;
            }
            match answer.fault(&call.path) {
                fault @ Fault::Unsupported(_) => unsupported = unsupported.or(Some(fault)),
                fault => return Err(fault),
            }
        }
        unsupported.map_or(Ok(()), Err)
    }

    /// To the end of what was only begun.
    async fn follow(&self, begun: Answer, within: Duration) -> Result<(), Fault> {
        let Some(monitor) = answer::monitor(&begun) else { return Ok(()) };
        let end = Instant::now() + within;
        loop {
            let answer = self.http.look(&monitor).await?;
            match answer::progress(&answer) {
                Progress::Done => return Ok(()),
                Progress::Failed(why) => return Err(Fault::NotObeyed(format!("{monitor}: {why}"))),
                Progress::Running { state, percent, .. } if Instant::now() >= end => {
                    let percent = percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
                    let seconds = within.as_secs_f32();
                    return Err(Fault::Hung(format!("{monitor}: still {state}{percent} after {seconds} s")));
                }
                Progress::Running { .. } => {}
            }
            let wait = answer.retry_after.map_or(self.http.pace.look, Duration::from_secs);
            sleep(wait.min(end.saturating_duration_since(Instant::now()).max(self.http.pace.look))).await;
        }
    }
}
