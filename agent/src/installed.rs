//! The files by which an installed system knows its server, and who it is to it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use api::facts::Identity;
use api::id::{Mac, MachineId};
use serde::{Deserialize, Serialize};

/// Below the root.
pub const FACTS: &str = "etc/metal/agent.json";
pub const KEY: &str = "etc/metal/agent.key";
pub const CERTIFICATE: &str = "etc/metal/agent.pem";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    pub server: String,
    pub boot: String,
    pub ca_pem: String,
    pub ca_sha256: String,
    pub machine: MachineId,
    pub generation: i64,
    pub site: String,
    /// When it was written, in microseconds since 1970: no true time is earlier.
    pub time: i64,
    /// The interfaces that the system was told to use; the first one is the likely boot port.
    pub interfaces: Vec<Mac>,
    /// The identity file's path on the running system.
    pub identity: String,
}

/// None where no install was ever completed: in RAM.
pub fn load(root: &Path) -> Result<Option<Installed>> {
    let path = root.join(FACTS);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let installed = serde_json::from_str(&text)
        .with_context(|| format!("{} is damaged: reprovision the machine", path.display()))?;
    Ok(Some(installed))
}

pub fn credential(root: &Path, path: &str) -> Result<String> {
    let path = root.join(path);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// What the disk itself says it is; the ESP may be gone, which is no reason to stay silent.
pub fn identity(installed: &Installed) -> Result<Identity> {
    let bytes = fs::read(&installed.identity)
        .with_context(|| format!("cannot read the identity file {}", installed.identity))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", installed.identity))
}
