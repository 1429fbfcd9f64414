//! The ways by which a running OS gets its machine back to the agent in RAM, and what a way needs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ParseError;

/// One way of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
    /// Its BMC names the network for one boot, and the OS reboots.
    Bmc,
    /// UEFI's BootNext names the firmware's network entry for one boot (UEFI specification 3.1.2).
    BootNext,
    /// A reboot by the firmware's own order.
    Reboot,
    /// GRUB on the disk starts the RAM image once, from files beside the OS.
    Grub,
    /// The running kernel starts the RAM image itself, without the firmware.
    Kexec,
    /// A person boots it from the network once.
    Hand,
}

impl Rung {
    pub const ALL: [Rung; 6] = [Rung::Bmc, Rung::BootNext, Rung::Reboot, Rung::Grub, Rung::Kexec, Rung::Hand];

    /// The one spelling, in SQL and JSON alike.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rung::Bmc => "bmc",
            Rung::BootNext => "bootnext",
            Rung::Reboot => "reboot",
            Rung::Grub => "grub",
            Rung::Kexec => "kexec",
            Rung::Hand => "hand",
        }
    }

    /// For sentences.
    pub const fn words(self) -> &'static str {
        match self {
            Rung::Bmc => "a boot override of its BMC",
            Rung::BootNext => "UEFI BootNext",
            Rung::Reboot => "a plain reboot",
            Rung::Grub => "a GRUB entry for one boot",
            Rung::Kexec => "kexec",
            Rung::Hand => "a hand",
        }
    }

    /// It starts the RAM image from files on the machine's own disk.
    pub const fn from_disk(self) -> bool {
        matches!(self, Rung::Grub | Rung::Kexec)
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Rung {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Rung::ALL
            .into_iter()
            .find(|rung| rung.as_str() == text)
            .ok_or_else(|| ParseError { text: text.into(), expected: "a way back to RAM" })
    }
}

/// The RAM image as an installed system keeps it, to be started without the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RamImage {
    pub kernel: RamFile,
    pub initrd: RamFile,
    /// Of the kernel, a word each, beside those that say where the server is. No secret is among them.
    pub arguments: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RamFile {
    /// Path below the HTTP boot server.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Hex.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_the_same_both_ways_and_in_json() {
        for rung in Rung::ALL {
            assert_eq!(rung.as_str().parse::<Rung>().unwrap(), rung);
            assert_eq!(serde_json::to_string(&rung).unwrap(), format!("\"{rung}\""));
        }
        assert!("ladder".parse::<Rung>().is_err());
    }
}
