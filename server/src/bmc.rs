//! Power and boot target of machines, as the lifecycle wants them: what every driver can be asked for.

pub mod access;
pub mod any;
pub mod bmcs;
pub mod command;
pub mod console;
pub mod declared;
pub mod drive;
pub mod gap;
pub mod ipmi;
pub mod kept;
pub mod lane;
pub mod lead;
pub mod order;
pub mod policy;
pub mod poll;
pub mod redfish;
pub mod schedule;
pub mod switch;
pub mod trouble;
pub mod turn;
pub mod update;
pub mod usual;
pub mod wake;

use std::future::Future;

use api::bmc::hardware::Hardware;
use api::bmc::media::VirtualDrive;
use api::bmc::{BootOnce, Fault, FirmwareMode, LogEntry, Power, PowerAction, Sensor};

use self::console::Console;
use self::update::Progress;

/// Of IPMI, a command and a magic packet alike.
const NO_MEDIA: &str = "only Redfish has virtual drives, and this machine is reached otherwise";

const NO_UPDATE: &str = "only Redfish updates firmware, and this machine is reached otherwise";

/// What carries the server's wishes to one machine. A driver does what it is told once and says what came of it;
/// patience, queues and verification are the caller's, the same for all.
pub trait Driver: Send + Sync {
    fn power(&self) -> impl Future<Output = Result<Power, Fault>> + Send;
    /// Ok means that the BMC took the request, not that it has happened.
    fn act(&self, action: PowerAction) -> impl Future<Output = Result<(), Fault>> + Send;
    /// For the next start only; a driver reads it back where it can.
    fn boot_once(
        &self,
        target: BootOnce,
        mode: FirmwareMode,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Whether an override is still set after the start that it was for.
    fn boot_kept(&self) -> impl Future<Output = Result<bool, Fault>> + Send {
        async { Err(Fault::Unsupported("it cannot read its boot override".into())) }
    }
    /// Takes an override back that firmware kept.
    fn clear_boot(&self) -> impl Future<Output = Result<(), Fault>> + Send;
    fn identify(&self, lit: bool) -> impl Future<Output = Result<(), Fault>> + Send;
    fn sensors(&self) -> impl Future<Output = Result<Vec<Sensor>, Fault>> + Send;
    fn log(&self) -> impl Future<Output = Result<Vec<LogEntry>, Fault>> + Send;
    /// The machine's parts as its BMC knows them, and what it draws.
    fn hardware(&self) -> impl Future<Output = Result<Hardware, Fault>> + Send {
        async { Err(Fault::Unsupported("what switches it knows nothing of its parts".into())) }
    }
    /// What lies in its virtual drives.
    fn media(&self) -> impl Future<Output = Result<Vec<VirtualDrive>, Fault>> + Send {
        async { Err(Fault::Unsupported(NO_MEDIA.into())) }
    }
    /// Has an image from this address lie in the drive for CDs.
    fn insert_media(&self, _image: &str) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Err(Fault::Unsupported(NO_MEDIA.into())) }
    }
    fn eject_media(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Err(Fault::Unsupported(NO_MEDIA.into())) }
    }
    /// Has firmware of this address fetched and written: the task that tells how far it is, None where it is done.
    fn update(&self, _image: &str) -> impl Future<Output = Result<Option<String>, Fault>> + Send {
        async { Err(Fault::Unsupported(NO_UPDATE.into())) }
    }
    /// How far that task is.
    fn progress(&self, _task: &str) -> impl Future<Output = Result<Progress, Fault>> + Send {
        async { Err(Fault::Unsupported(NO_UPDATE.into())) }
    }
    /// The machine's serial console. `take`: whoever else has it at the BMC loses it.
    fn console(&self, _take: bool) -> impl Future<Output = Result<Console, Fault>> + Send {
        async { Err(Fault::Unsupported("what switches it has no serial console".into())) }
    }
    /// Restarts the BMC itself, never the machine.
    fn reset_bmc(&self) -> impl Future<Output = Result<(), Fault>> + Send;
    /// SHA-256 in hex of the certificate that it presented last; None for a driver that sees none.
    fn certificate(&self) -> Option<String> {
        None
    }
    /// Lets go of what it holds at the BMC, whose sessions are few.
    fn close(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }
}
