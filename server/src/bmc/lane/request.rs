//! What a BMC can be asked for in its line, and what it answers.

use std::sync::Arc;

use api::bmc::hardware::Hardware;
use api::bmc::media::VirtualDrive;
use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};

use crate::bmc::Driver;
use crate::bmc::policy::Verb;
use crate::bmc::update::Progress;

/// What is asked of a BMC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Power,
    Act(PowerAction),
    BootOnce(BootOnce, FirmwareMode),
    BootKept,
    ClearBoot,
    Identify(bool),
    Sensors,
    Log,
    Hardware,
    Media,
    /// An image of this address.
    InsertMedia(Arc<str>),
    EjectMedia,
    /// Firmware of this address.
    Update(Arc<str>),
    /// How far this task is.
    Progress(Arc<str>),
    Reset,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Power(Power),
    Kept(bool),
    Done,
    Sensors(Vec<Sensor>),
    Log(Vec<LogEntry>),
    Hardware(Box<Hardware>),
    Media(Vec<VirtualDrive>),
    /// Of what was begun; None where it is done.
    Task(Option<String>),
    Progress(Progress),
}

impl Request {
    pub const fn verb(&self) -> Verb {
        match self {
            Request::Power => Verb::Power,
            Request::Act(_) => Verb::Act,
            Request::BootOnce(..) => Verb::BootOnce,
            Request::BootKept => Verb::BootKept,
            Request::ClearBoot => Verb::ClearBoot,
            Request::Identify(_) => Verb::Identify,
            Request::Sensors => Verb::Sensors,
            Request::Log => Verb::Log,
            Request::Hardware => Verb::Hardware,
            Request::Media | Request::InsertMedia(_) | Request::EjectMedia => Verb::Media,
            Request::Update(_) => Verb::Update,
            Request::Progress(_) => Verb::Progress,
            Request::Reset => Verb::Reset,
        }
    }
}

pub(super) async fn carry_out<D: Driver>(driver: &D, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::Power => driver.power().await.map(Answer::Power),
        Request::Act(action) => driver.act(action).await.map(|()| Answer::Done),
        Request::BootOnce(target, mode) => driver.boot_once(target, mode).await.map(|()| Answer::Done),
        Request::BootKept => driver.boot_kept().await.map(Answer::Kept),
        Request::ClearBoot => driver.clear_boot().await.map(|()| Answer::Done),
        Request::Identify(lit) => driver.identify(lit).await.map(|()| Answer::Done),
        Request::Sensors => driver.sensors().await.map(Answer::Sensors),
        Request::Log => driver.log().await.map(Answer::Log),
        Request::Hardware => driver.hardware().await.map(Box::new).map(Answer::Hardware),
        Request::Media => driver.media().await.map(Answer::Media),
        Request::InsertMedia(image) => driver.insert_media(&image).await.map(|()| Answer::Done),
        Request::EjectMedia => driver.eject_media().await.map(|()| Answer::Done),
        Request::Update(image) => driver.update(&image).await.map(Answer::Task),
        Request::Progress(task) => driver.progress(&task).await.map(Answer::Progress),
        Request::Reset => driver.reset_bmc().await.map(|()| Answer::Done),
    }
}
