//! A boot attempt as a list of hops with times: which hop died is the first thing an operator asks.

use serde::{Deserialize, Serialize};

/// The hops of a network boot, in the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HopName {
    Discover,
    Offer,
    Ack,
    TftpFirst,
    TftpLast,
    Script,
    Kernel,
    Initrd,
    Hello,
}

impl HopName {
    pub const ALL: [HopName; 9] = [
        HopName::Discover,
        HopName::Offer,
        HopName::Ack,
        HopName::TftpFirst,
        HopName::TftpLast,
        HopName::Script,
        HopName::Kernel,
        HopName::Initrd,
        HopName::Hello,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            HopName::Discover => "discover",
            HopName::Offer => "offer",
            HopName::Ack => "ack",
            HopName::TftpFirst => "tftp_first",
            HopName::TftpLast => "tftp_last",
            HopName::Script => "script",
            HopName::Kernel => "kernel",
            HopName::Initrd => "initrd",
            HopName::Hello => "hello",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hop {
    pub name: HopName,
    /// Microseconds since 1970.
    pub at: i64,
    /// Who or what, in words: "uefi-pxe asks for snponly.efi".
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempt {
    /// Counts a machine's boots from 1.
    pub number: i64,
    pub hops: Vec<Hop>,
}
