//! Orders that count once the machine is seen to follow them: a boot override and a virtual drive that are read back, and a
//! reset.

use api::bmc::{Fault, Power, PowerAction};
use tokio::time::{Instant, sleep};

use super::Redfish;
use super::action::Call;
use super::boot::{self, Override, Wish};
use super::media;
use crate::bmc::Driver;

/// At an override or a drive, until it is what was written.
const LOOKS: usize = 3;

impl Redfish {
    pub(super) async fn write_boot(&self, wish: Wish) -> Result<(), Fault> {
        let places = self.find().await?;
        let calls = self.ask(|tree, places| boot::writes(tree, places, wish)).await?;
        self.until_read_back(calls, |read| boot::judge(read, &places, wish)).await
    }

    /// Sends one after the other until what is read back is right.
    pub(super) async fn until_read_back(
        &self,
        calls: Vec<Call>,
        judge: impl Fn(&Override) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut fault = None;
        for call in calls {
            match self.first_taken(vec![call]).await {
                Ok(()) => {}
                Err(refused @ Fault::Unsupported(_)) => {
                    fault = fault.or(Some(refused));
                    continue;
                }
                Err(other) => return Err(other),
            }
            match self.settled(&judge).await {
                Ok(()) => return Ok(()),
                Err(wrong @ Fault::NotObeyed(_)) => fault = Some(wrong),
                Err(other) => return Err(other),
            }
        }
        fault.map_or(Ok(()), Err)
    }

    /// Some show what was written a moment later.
    async fn settled(&self, judge: impl Fn(&Override) -> Result<(), Fault>) -> Result<(), Fault> {
        for _ in 0..LOOKS {
            match judge(&self.ask(boot::read).await?) {
                Err(Fault::NotObeyed(_)) => sleep(self.http.pace.look).await,
                judged => return judged,
            }
        }
        judge(&self.ask(boot::read).await?)
    }

    /// Until that lies in the virtual drive.
    pub(super) async fn until_it_lies(&self, wanted: &media::Wanted) -> Result<(), Fault> {
        for _ in 0..LOOKS {
            match self.ask(|tree, places| media::judge(tree, places, wanted)).await {
                Err(Fault::NotObeyed(_)) => sleep(self.http.pace.look).await,
                judged => return judged,
            }
        }
        self.ask(|tree, places| media::judge(tree, places, wanted)).await
    }

    /// As [`Redfish::first_taken`]; but an order that is refused may have come too late, and the next way may be a
    /// button, which ends a machine that went on by itself.
    pub(super) async fn reset(&self, action: PowerAction, was: Power, calls: Vec<Call>) -> Result<(), Fault> {
        let mut refused = None;
        for call in calls {
            let fault = match self.first_taken(vec![call.clone()]).await {
                Err(fault @ (Fault::Unsupported(_) | Fault::Busy(_))) => fault,
                done => return done,
            };
            match (action, self.power().await?) {
                (PowerAction::On, Power::On) => return Ok(()),
                (PowerAction::Shutdown | PowerAction::Off, Power::Off) => return Ok(()),
                (_, now) if now != was || matches!(fault, Fault::Busy(_)) => return Err(fault),
                _ => {
                    tracing::info!(path = call.path, body = %call.body, %fault, "redfish: another way is tried");
                    refused = refused.or(Some(fault));
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    pub(super) async fn off_then_on(&self, off: Vec<Call>, on: Vec<Call>) -> Result<(), Fault> {
        tracing::info!("redfish: nothing here switches off and on in one: off, then on");
        self.first_taken(off).await?;
        let end = Instant::now() + self.http.pace.task;
        while self.power().await? != Power::Off {
            if Instant::now() >= end {
                return Err(Fault::NotObeyed("told to switch off for a cycle, and is still on".into()));
            }
            sleep(self.http.pace.look).await;
        }
        self.reset(PowerAction::On, Power::Off, on).await
    }
}
