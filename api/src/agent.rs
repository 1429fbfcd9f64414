//! What travels between agent and server, over HTTPS with the server's CA pinned.

use serde::{Deserialize, Serialize};

use crate::id::{Mac, MachineId};
use crate::state::Home;

/// Asks for the RAM agent's certificate, with the one-time boot key from the boot image.
#[derive(Clone, Serialize, Deserialize)]
pub struct Enroll {
    pub boot_key: String,
    pub boot_id: String,
    pub csr_pem: String,
    pub macs: Vec<Mac>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    pub machine: MachineId,
    pub certificate_pem: String,
    /// Microseconds since 1970.
    pub server_time: i64,
}

/// Says where the agent lives. Sent once a start and again after every lost connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub home: Home,
    pub boot_id: String,
    /// From the identity file; 0 in RAM.
    pub generation: i64,
    pub agent_version: String,
    pub clock_error_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloAnswer {
    /// Microseconds since 1970.
    pub server_time: i64,
    /// Seconds between heartbeats.
    pub heartbeat: u64,
}

/// Asks for the certificate of the OS that is being installed, or renews it from there.
#[derive(Clone, Serialize, Deserialize)]
pub struct CertificateRequest {
    pub csr_pem: String,
    pub generation: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub certificate_pem: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Microseconds since 1970, by the machine's clock.
    pub at: i64,
    pub source: LogSource,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    Agent,
    Kernel,
    Boot,
}

impl LogSource {
    pub const fn as_str(self) -> &'static str {
        match self {
            LogSource::Agent => "agent",
            LogSource::Kernel => "kernel",
            LogSource::Boot => "boot",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBatch {
    pub boot_id: String,
    pub lines: Vec<LogLine>,
}
