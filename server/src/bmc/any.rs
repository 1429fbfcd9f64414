//! One of the drivers there are, by what a machine's row says.

use api::bmc::hardware::Hardware;
use api::bmc::media::VirtualDrive;
use api::bmc::secret::{bmc_key, secure_on};
use api::bmc::{BootOnce, DriverKind, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};
use secrecy::SecretString;

use super::Driver;
use super::access::{Access, Open};
use super::command::Command;
use super::console::Console;
use super::ipmi::{self, Ipmi};
use super::redfish::{self, Redfish};
use super::update::Progress;
use super::wake::sleeper::Sleeper;
use super::wake::{Via, Wake};
use crate::app::App;

/// Opens them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drivers;

pub enum AnyDriver {
    Redfish(Box<Redfish>),
    Ipmi(Box<Ipmi>),
    Wake(Box<Sleeper>),
    Command(Box<Command>),
}

impl Open for Drivers {
    type Driver = AnyDriver;

    fn open(&self, app: &App, access: &Access) -> Result<AnyDriver, Fault> {
        match access.driver {
            DriverKind::Redfish => redfish(access),
            DriverKind::Ipmi => ipmi(access),
            DriverKind::WakeOnLan => wake(app, access),
            DriverKind::Command => command(access),
        }
    }
}

fn redfish(access: &Access) -> Result<AnyDriver, Fault> {
    let mut url = redfish::url(&access.address)?;
    if let Some(port) = access.port {
        url.set_port(Some(port)).map_err(|()| Fault::Unsupported("its address takes no port".into()))?;
    }
    let login = redfish::Login { user: access.user.clone(), password: access.password.clone() };
    let identity = redfish::Identity { uuid: access.uuid.clone(), serial: access.serial.clone() };
    let driver = Redfish::new(url, login, identity, access.certificate.clone(), redfish::Pace::default())?;
    Ok(AnyDriver::Redfish(Box::new(driver)))
}

fn ipmi(access: &Access) -> Result<AnyDriver, Fault> {
    let refused = |error: &dyn std::fmt::Display| Fault::Refused(error.to_string());
    let key = access.bmc_key.as_ref().map(|key| bmc_key(key.expose())).transpose();
    let key = key.map_err(|error| refused(&error))?;
    let login = ipmi::Login::new(&access.user, access.password.expose(), key.as_deref())
        .map_err(|error| refused(&error))?;
    let driver = Ipmi::new(&access.address, access.port.unwrap_or(ipmi::PORT), login);
    Ok(AnyDriver::Ipmi(Box::new(driver.with_suites(&access.cipher_suites)?)))
}

fn wake(app: &App, access: &Access) -> Result<AnyDriver, Fault> {
    let Some(interface) = access.interface.clone() else {
        return Err(Fault::Unsupported(
            "the site file declares no [[network]] that it could be woken on".into(),
        ));
    };
    let via = Via::Interface(interface);
    let secure_on = access.secure_on.as_ref().map(|password| secure_on(password.expose())).transpose();
    let secure_on = secure_on.map_err(|error| Fault::Unsupported(error.to_string()))?;
    let wake = Wake { macs: access.macs.clone(), via, secure_on, agent: None, seen: Power::Unknown };
    let sleeper = Sleeper { store: app.store.clone(), machine: access.id.clone(), wake };
    Ok(AnyDriver::Wake(Box::new(sleeper)))
}

fn command(access: &Access) -> Result<AnyDriver, Fault> {
    if access.command.is_empty() {
        return Err(Fault::Unsupported("its [bmc.NAME] of the site file names no command".into()));
    }
    let mac = access.macs.first().map(|mac| mac.to_string()).unwrap_or_default();
    let all =
        [("METAL_ADDRESS", access.address.clone()), ("METAL_USER", access.user.clone()), ("METAL_MAC", mac)];
    let mut command = Command::new(&access.machine, access.command.clone());
    command.environment = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let password = access.password.expose();
    command.password = (!password.is_empty()).then(|| SecretString::from(password.to_string()));
    Ok(AnyDriver::Command(Box::new(command)))
}

/// What a driver answers, whichever it is.
macro_rules! whichever {
    ($driver:expr, $one:ident => $call:expr) => {
        match $driver {
            AnyDriver::Redfish($one) => $call.await,
            AnyDriver::Ipmi($one) => $call.await,
            AnyDriver::Wake($one) => $call.await,
            AnyDriver::Command($one) => $call.await,
        }
    };
}

impl Driver for AnyDriver {
    async fn power(&self) -> Result<Power, Fault> {
        whichever!(self, one => one.power())
    }

    async fn act(&self, action: PowerAction) -> Result<(), Fault> {
        whichever!(self, one => one.act(action))
    }

    async fn boot_once(&self, target: BootOnce, mode: FirmwareMode) -> Result<(), Fault> {
        whichever!(self, one => one.boot_once(target, mode))
    }

    async fn boot_kept(&self) -> Result<bool, Fault> {
        whichever!(self, one => one.boot_kept())
    }

    async fn clear_boot(&self) -> Result<(), Fault> {
        whichever!(self, one => one.clear_boot())
    }

    async fn identify(&self, lit: bool) -> Result<(), Fault> {
        whichever!(self, one => one.identify(lit))
    }

    async fn sensors(&self) -> Result<Vec<Sensor>, Fault> {
        whichever!(self, one => one.sensors())
    }

    async fn log(&self) -> Result<Vec<LogEntry>, Fault> {
        whichever!(self, one => one.log())
    }

    async fn hardware(&self) -> Result<Hardware, Fault> {
        whichever!(self, one => one.hardware())
    }

    async fn media(&self) -> Result<Vec<VirtualDrive>, Fault> {
        whichever!(self, one => one.media())
    }

    async fn insert_media(&self, image: &str) -> Result<(), Fault> {
        whichever!(self, one => one.insert_media(image))
    }

    async fn eject_media(&self) -> Result<(), Fault> {
        whichever!(self, one => one.eject_media())
    }

    async fn update(&self, image: &str) -> Result<Option<String>, Fault> {
        whichever!(self, one => one.update(image))
    }

    async fn progress(&self, task: &str) -> Result<Progress, Fault> {
        whichever!(self, one => one.progress(task))
    }

    async fn console(&self, take: bool) -> Result<Console, Fault> {
        whichever!(self, one => one.console(take))
    }

    async fn reset_bmc(&self) -> Result<(), Fault> {
        whichever!(self, one => one.reset_bmc())
    }

    fn certificate(&self) -> Option<String> {
        match self {
            AnyDriver::Redfish(redfish) => redfish.pinned(),
            AnyDriver::Ipmi(_) | AnyDriver::Wake(_) | AnyDriver::Command(_) => None,
        }
    }

    async fn close(&self) -> Result<(), Fault> {
        whichever!(self, one => one.close())
    }
}
