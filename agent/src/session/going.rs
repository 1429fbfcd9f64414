//! Tasks that end this system: the outcome is told before.

use anyhow::Result;
use api::task::{Outcome, RebootTo, Way};

use super::{Delivery, Session, Waiting};
use crate::report::Unwanted;
use crate::sysfs::Tree;
use crate::{leave, log, reboot, wake};

impl Session {
    /// Comes back only where nobody wants it any more, or this machine cannot go that way.
    pub(super) async fn leave(
        &self,
        id: &str,
        to: RebootTo,
        way: Option<&Way>,
        waiting: &mut Waiting,
    ) -> Result<()> {
        let by = way.map_or(String::new(), |way| format!(", by {}", way.rung.words()));
        self.log.say(format!("task reboot: leaving for {to:?}{by}"));
        let prepared =
            self.with_reports(id, async |report| leave::prepare(self, to, way, report).await).await;
        let ready = match prepared {
            Ok(ready) => ready,
            Err(error) if error.is::<Unwanted>() => return Ok(()),
            Err(error) => {
                let reason = format!("{error:#}");
                self.log.say(format!("not that way: {reason}"));
                return self.deliver(id, &Outcome::Failed { reason }, waiting).await.map(drop);
            }
        };
        if self.deliver(id, &Outcome::Done, waiting).await? == Delivery::Unwanted {
            leave::undo(ready, &self.log).await;
            return Ok(());
        }
        log::flush(&self.log, &self.client, &self.boot_id).await;
        let home = self.home;
        tokio::task::spawn_blocking(move || reboot::now(home, ready)).await?
    }

    /// Comes back only where nobody wants it any more.
    pub(super) async fn power_off(&self, id: &str, waiting: &mut Waiting) -> Result<()> {
        self.log.say("task poweroff: going down until somebody wakes this machine");
        let log = self.log.clone();
        tokio::task::spawn_blocking(move || wake::arm(&Tree::new("/"), &log)).await?;
        if self.deliver(id, &Outcome::Done, waiting).await? == Delivery::Unwanted {
            return Ok(());
        }
        log::flush(&self.log, &self.client, &self.boot_id).await;
        let home = self.home;
        tokio::task::spawn_blocking(move || reboot::off(home)).await?
    }
}
