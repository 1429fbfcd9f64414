//! What the server asks of a BMC, in Redfish.

use api::bmc::hardware::Hardware;
use api::bmc::media::VirtualDrive;
use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};

use super::action::{self, Way};
use super::boot::{self, Override, Wish};
use super::places::Places;
use super::tree::Tree;
use super::{Redfish, answer, console, inventory, log, media, sensors};
use crate::bmc::Driver;
use crate::bmc::console::Console;
use crate::bmc::update::Progress;

impl Driver for Redfish {
    async fn power(&self) -> Result<Power, Fault> {
        self.ask(|tree, places| tree.need(&places.system).map(action::power)).await
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        let read = |tree: &Tree, places: &Places| {
            let system = tree.need(&places.system)?;
            Ok((action::power(system), action::reset(tree, system, action)?))
        };
        let (power, way) = self.ask(read).await?;
        match way {
            Way::Nothing => Ok(()),
            Way::Reset(calls) => self.reset(action, power, calls).await,
            Way::OffThenOn { off, on } => self.off_then_on(off, on).await,
        }
    }

    async fn boot_once(&self, target: BootOnce, mode: FirmwareMode) -> Result<(), Fault> {
        self.write_boot(Wish { target, mode }).await
    }

    async fn boot_kept(&self) -> Result<bool, Fault> {
        self.ask(boot::read).await.map(|read| read.set())
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        let calls = self.ask(boot::clears).await?;
        let cleared = |read: &Override| match read.set() {
            false => Ok(()),
            true => Err(Fault::NotObeyed(format!("told to clear its boot override, it still says {read:?}"))),
        };
        self.until_read_back(calls, cleared).await
    }

    async fn identify(&self, lit: bool) -> Result<(), Fault> {
        let calls = self.ask(|tree, places| {
            let paths = std::iter::once(&places.system).chain(&places.chassis);
            let docs: Vec<_> = paths.filter_map(|path| Some((path.as_str(), tree.get(path)?))).collect();
            action::identify(&docs, lit)
        });
        self.first_taken(calls.await?).await
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        self.ask(|tree, places| Ok(sensors::sensors(tree, places))).await
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        self.ask(|tree, places| Ok(log::log(tree, places))).await
    }

    async fn hardware(&self) -> Result<Hardware, Fault> {
        self.ask(inventory::hardware).await
    }

    async fn media(&self) -> Result<Vec<VirtualDrive>, Fault> {
        self.ask(media::drives).await
    }

    async fn insert_media(&self, image: &str) -> Result<(), Fault> {
        let wanted = self.ask(|tree, places| media::wanted(tree, places, image)).await?;
        let calls = self.ask(|tree, places| media::insert(tree, places, image)).await?;
        self.first_taken(calls).await?;
        self.until_it_lies(&wanted).await
    }

    async fn eject_media(&self) -> Result<(), Fault> {
        let calls = self.ask(media::eject).await?;
        self.first_taken(calls).await?;
        self.until_it_lies(&media::Wanted::Nothing).await
    }

    async fn update(&self, image: &str) -> Result<Option<String>, Fault> {
        let call = self.ask(|tree, places| media::update(tree, places, image)).await?;
        let answer = self.send(&call).await?;
        match answer.taken() {
            true => Ok(answer::monitor(&answer)),
            false => Err(answer.fault(&call.path)),
        }
    }

    async fn progress(&self, task: &str) -> Result<Progress, Fault> {
        answer::of_update(&self.http.look(task).await?, task)
    }

    async fn console(&self, _take: bool) -> Result<Console, Fault> {
        let (host, user) = (self.http.host(), self.http.user());
        let words = self.ask(|tree, places| Ok(console::elsewhere(tree, places, (host, user)))).await?;
        Err(Fault::Unsupported(words))
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        let calls = self.ask(|tree, places| {
            let none = || Fault::Unsupported("no manager is linked from its system".into());
            action::reset_manager(tree, tree.need(places.manager.as_deref().ok_or_else(none)?)?)
        });
        self.first_taken(calls.await?).await?;
        self.http.forget().await;
        Ok(())
    }

    fn certificate(&self) -> Option<String> {
        self.pinned()
    }

    async fn close(&self) -> Result<(), Fault> {
        self.http.close().await
    }
}
