//! A machine that boots over the network again and again and gets no further is given the next loader, and in the end
//! fails with the hop at which it stopped: nobody looks at its console.

use api::event::Event;
use api::trace::Attempt;

use super::boots::{ALIKE, next_loader, same_boot};
use super::next::works;
use super::want::{Boot, rests, want};
use crate::app::App;
use crate::store::Result;
use crate::store::loader::Loader;
use crate::store::machine::Row;

/// A new boot attempt of the machine has begun. `started`: boots that ended when no server was there tell nothing.
pub async fn look(app: &App, row: &Row, started: i64, now: i64) -> Result<()> {
    let life = row.life()?;
    if want(&life).boot != Boot::Agent || rests(&life) || row.failed_in.is_some() {
        return Ok(());
    }
    let id = row.id();
    let given = app.store.loader(&id).await?;
    let attempts = app.store.attempts(&id).await?;
    let after = given.as_ref().map_or(0, |loader| loader.attempt);
    let Some(hop) = same_boot(&attempts, after, started.max(row.since)) else { return Ok(()) };
    let diagnosis = format!(
        "the same boot {ALIKE} times: each got to `{}` and no further ({})",
        hop.name.as_str(),
        hop.detail
    );
    let file = next(app, &attempts, given.and_then(|loader| loader.file));
    // Where there is no other, a retry begins with what all others get.
    let attempt = attempts.first().map_or(0, |attempt| attempt.number);
    app.store.loader_choose(&id, Loader { file: file.map(String::from), attempt }).await?;
    match file {
        Some(file) => {
            app.store.remark(&id, "loader", format!("{diagnosis}; from now on it is given {file}"), now).await
        }
        None if works(life.state) => {
            app.store.submit(&id, Event::StepFailed { reason: diagnosis }, "server", now).await.map(drop)
        }
        // No step of it runs that could fail; it is said once in so many boots, and all loaders are tried again.
        None => app.store.remark(&id, "same_boot", diagnosis, now).await,
    }
}

fn next(app: &App, attempts: &[Attempt], given: Option<String>) -> Option<&'static str> {
    let images = app.images.current();
    next_loader(attempts.get(1)?, given.as_deref(), |file| images.loader(file).is_some())
}
