//! What a machine's power is switched by: its BMC where it has one, something lesser where it has none.

pub mod hardware;
pub mod media;
pub mod secret;
pub mod update;

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the server reaches whatever switches a machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DriverKind {
    /// Redfish (DSP0266) over HTTPS.
    Redfish,
    /// IPMI 2.0 over UDP 623 (lanplus).
    Ipmi,
    /// Wake-on-LAN to switch on, the agent itself for reboot and power-off.
    WakeOnLan,
    /// A command of the site's own, such as one for a smart PDU.
    Command,
}

/// What was read, never what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    On,
    Off,
    /// Nothing can read it.
    Unknown,
}

/// What is done to a machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PowerAction {
    On,
    /// The OS is asked to end first (ACPI, IPMI soft shutdown, `GracefulShutdown`).
    Shutdown,
    /// Power is cut.
    Off,
    /// Off and on again, hard.
    Cycle,
}

/// What firmware boots once, at its next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BootOnce {
    Network,
    Disk,
}

/// The mode that a boot override names; firmware ignores one for the other mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FirmwareMode {
    Bios,
    Uefi,
}

/// Why a driver did not do what it was asked for. One policy treats all drivers' faults alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "fault", content = "detail")]
pub enum Fault {
    /// Nothing answers at its address, and something says so: its host, the network, or the name service.
    Unreachable(String),
    /// Nothing comes back at all: it hangs, or it is not there. Its last answers tell which.
    Silent(String),
    /// It takes connections or packets and does not answer in time.
    Hung(String),
    /// Name or password are wrong.
    Refused(String),
    /// All sessions that it can have are taken.
    NoSessions(String),
    /// Its certificate is not the one that was pinned.
    CertificateChanged { pinned: String, presented: String },
    /// It says that it cannot do this.
    Unsupported(String),
    /// What was read back is not what was asked for.
    NotObeyed(String),
    /// It answers, in a way that no specification allows.
    Garbled(String),
    /// Busy with itself: try again later.
    Busy(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(what) => write!(f, "unreachable: {what}"),
            Self::Silent(what) => write!(f, "silent: {what}"),
            Self::Hung(what) => write!(f, "hung: {what}"),
            Self::Refused(what) => write!(f, "refused: {what}"),
            Self::NoSessions(what) => write!(f, "no session left: {what}"),
            Self::CertificateChanged { pinned, presented } => {
                write!(f, "its certificate changed: pinned {pinned}, presented {presented}")
            }
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::NotObeyed(what) => write!(f, "not obeyed: {what}"),
            Self::Garbled(what) => write!(f, "garbled answer: {what}"),
            Self::Busy(what) => write!(f, "busy: {what}"),
        }
    }
}

impl std::error::Error for Fault {}

/// One reading of a BMC's sensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sensor {
    pub name: String,
    /// None where the BMC lists the sensor and has no reading.
    pub value: Option<f64>,
    /// As the BMC names it: `degrees C`, `RPM`, `W`, `V`.
    pub unit: String,
    /// The BMC's own judgement, in its words.
    pub health: Option<String>,
}

/// An entry of a BMC's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BmcLogEntry"))]
pub struct LogEntry {
    pub id: String,
    /// As the BMC wrote it: its clock is its own.
    pub at: String,
    pub severity: String,
    pub message: String,
}
