//! The calls about power and BMCs.

use reqwest::Method;

use super::{Client, Error};
use crate::bmc::hardware::Hardware;
use crate::bmc::media::{MediaOrder, VirtualDrive};
use crate::bmc::update::{FirmwareUpdate, UpdateOrder};
use crate::bmc::{LogEntry, Sensor};
use crate::machine::Machine;
use crate::power::{BmcSettings, BmcView, GroupView, Identify, MachinePower, PowerOrder};
use crate::routes::operator;

impl Client {
    /// Read now.
    pub async fn power(&self, reference: &str) -> Result<MachinePower, Error> {
        self.get(&operator::power(reference)).await
    }

    pub async fn power_order(&self, reference: &str, order: PowerOrder) -> Result<Machine, Error> {
        self.ask(&operator::power(reference), &order).await
    }

    pub async fn power_groups(&self) -> Result<Vec<GroupView>, Error> {
        self.get(operator::POWER_GROUPS).await
    }

    pub async fn identify(&self, reference: &str, lit: bool) -> Result<(), Error> {
        self.post::<()>(&operator::identify(reference), &Identify { lit }).await.map(drop)
    }

    pub async fn sensors(&self, reference: &str) -> Result<Vec<Sensor>, Error> {
        self.get(&operator::sensors(reference)).await
    }

    pub async fn bmc_log(&self, reference: &str) -> Result<Vec<LogEntry>, Error> {
        self.get(&operator::bmc_log(reference)).await
    }

    /// Asked for now.
    pub async fn bmc_hardware(&self, reference: &str) -> Result<Hardware, Error> {
        self.get(&operator::bmc_hardware(reference)).await
    }

    pub async fn bmc_media(&self, reference: &str) -> Result<Vec<VirtualDrive>, Error> {
        self.get(&operator::bmc_media(reference)).await
    }

    pub async fn media_insert(&self, reference: &str, image: &str) -> Result<Vec<VirtualDrive>, Error> {
        self.ask(&operator::bmc_media(reference), &MediaOrder { image: image.into() }).await
    }

    pub async fn media_eject(&self, reference: &str) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::bmc_media(reference), None::<&()>).await.map(drop)
    }

    /// Answers once it has begun; [`Client::bmc`] says how far it is.
    pub async fn bmc_update(&self, reference: &str, order: &UpdateOrder) -> Result<FirmwareUpdate, Error> {
        self.ask(&operator::bmc_update(reference), order).await
    }

    /// All BMCs, in use or found, page by page.
    pub async fn bmcs(&self) -> Result<Vec<BmcView>, Error> {
        self.pages(operator::BMCS).await
    }

    pub async fn bmc(&self, reference: &str) -> Result<BmcView, Error> {
        self.get(&operator::bmc(reference)).await
    }

    pub async fn bmc_set(&self, reference: &str, settings: &BmcSettings) -> Result<BmcView, Error> {
        let path = operator::bmc(reference);
        let answer = self.call(Method::PUT, &path, Some(settings)).await?;
        answer.ok_or_else(|| Error::Garbled { url: path, cause: "an empty answer".into() })
    }

    pub async fn bmc_forget(&self, reference: &str) -> Result<(), Error> {
        self.call::<()>(Method::DELETE, &operator::bmc(reference), None::<&()>).await.map(drop)
    }

    pub async fn bmc_reset(&self, reference: &str) -> Result<(), Error> {
        self.post::<()>(&operator::bmc_reset(reference), &()).await.map(drop)
    }

    pub async fn accept_certificate(&self, reference: &str) -> Result<BmcView, Error> {
        self.ask(&operator::accept_certificate(reference), &()).await
    }
}
