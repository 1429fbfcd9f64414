//! A machine's power as the server last read it, and how whatever switches it is doing.

mod bmc;
mod order;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::bmc::{DriverKind, Power, PowerAction};
use crate::id::ParseError;

pub use self::bmc::{BmcInUse, BmcSettings, BmcView, FoundBmc};
pub use self::order::{GroupView, HostView, Identify, PowerOrder};

/// How a BMC does, as its last requests went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Nothing was asked of it yet.
    #[default]
    Unproven,
    Healthy,
    /// It answers, in more time than it should take.
    Slow,
    /// It answers with errors, or in a way that no specification allows.
    Faulty,
    /// It takes connections or packets and does not answer, or answered a moment ago and is silent.
    Hung,
    /// Nothing answers at its address.
    Unreachable,
    /// It does not take the name and the password.
    Refused,
    /// It answers, and opens no more sessions.
    NoSessions,
    /// Its certificate is not the one that was pinned.
    CertificateChanged,
}

impl Health {
    pub const ALL: [Health; 9] = [
        Health::Unproven,
        Health::Healthy,
        Health::Slow,
        Health::Faulty,
        Health::Hung,
        Health::Unreachable,
        Health::Refused,
        Health::NoSessions,
        Health::CertificateChanged,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Health::Unproven => "unproven",
            Health::Healthy => "healthy",
            Health::Slow => "slow",
            Health::Faulty => "faulty",
            Health::Hung => "hung",
            Health::Unreachable => "unreachable",
            Health::Refused => "refused",
            Health::NoSessions => "no-sessions",
            Health::CertificateChanged => "certificate-changed",
        }
    }

    /// Whether requests are answered: what was read is then at most one poll old.
    pub const fn answers(self) -> bool {
        matches!(self, Health::Healthy | Health::Slow)
    }
}

/// Where it is known from that a machine has this BMC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The site file.
    Site,
    /// A list of machines that was imported.
    Import,
    /// The agent in RAM saw it, and an operator adopted it.
    Found,
    /// An operator said it.
    Operator,
}

impl Origin {
    pub const ALL: [Origin; 4] = [Origin::Site, Origin::Import, Origin::Found, Origin::Operator];

    pub const fn as_str(self) -> &'static str {
        match self {
            Origin::Site => "site",
            Origin::Import => "import",
            Origin::Found => "found",
            Origin::Operator => "operator",
        }
    }
}

/// Gives enums of this crate the spelling that they have in JSON, in texts and in the database alike.
macro_rules! spelled {
    ($($kind:ty: $expected:literal),* $(,)?) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $kind {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let found = <$kind>::ALL.into_iter().find(|known| known.as_str() == text);
                found.ok_or_else(|| ParseError { text: text.into(), expected: $expected })
            }
        }
    )*};
}

spelled! {
    Health: "a BMC's health",
    Origin: "where a BMC is known from",
    DriverKind: "redfish, ipmi, wake-on-lan or command",
    Power: "on, off or unknown",
    PowerAction: "on, shutdown, off or cycle",
}

impl DriverKind {
    pub const ALL: [DriverKind; 4] =
        [DriverKind::Redfish, DriverKind::Ipmi, DriverKind::WakeOnLan, DriverKind::Command];

    pub const fn as_str(self) -> &'static str {
        match self {
            DriverKind::Redfish => "redfish",
            DriverKind::Ipmi => "ipmi",
            DriverKind::WakeOnLan => "wake-on-lan",
            DriverKind::Command => "command",
        }
    }

    /// Whether it has an address of its own that is spoken to.
    pub const fn has_address(self) -> bool {
        matches!(self, DriverKind::Redfish | DriverKind::Ipmi)
    }
}

impl Power {
    pub const ALL: [Power; 3] = [Power::On, Power::Off, Power::Unknown];

    pub const fn as_str(self) -> &'static str {
        match self {
            Power::On => "on",
            Power::Off => "off",
            Power::Unknown => "unknown",
        }
    }
}

impl PowerAction {
    pub const ALL: [PowerAction; 4] =
        [PowerAction::On, PowerAction::Shutdown, PowerAction::Off, PowerAction::Cycle];

    pub const fn as_str(self) -> &'static str {
        match self {
            PowerAction::On => "on",
            PowerAction::Shutdown => "shutdown",
            PowerAction::Off => "off",
            PowerAction::Cycle => "cycle",
        }
    }
}

/// What switches a machine's power, and what was read of it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MachinePower {
    pub driver: DriverKind,
    /// Empty where the driver has none.
    pub address: String,
    pub origin: Origin,
    /// Read, not assumed.
    pub power: Power,
    /// When, in microseconds since 1970; None before the first reading.
    pub read_at: Option<i64>,
    pub health: Health,
    /// Since when it does so.
    pub health_since: i64,
    /// How it does, in one sentence; empty while all is well.
    #[serde(default)]
    pub sentence: String,
    /// What a person is to do about it; empty where nothing has to be done.
    #[serde(default)]
    pub todo: String,
    /// What was asked of the machine's power and has not shown yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<PowerAction>,
    /// What came of the last thing that was asked, where it did not work.
    #[serde(default)]
    pub trouble: Trouble,
    /// Whether a key of the BMC itself (IPMI's Kg) is set for it. The key is never shown.
    #[serde(default)]
    pub bmc_key: bool,
    /// Whether a SecureOn password is set for its network cards. It is never shown.
    #[serde(default)]
    pub secure_on: bool,
}

impl MachinePower {
    /// What its driver can want beside a password, and whether that is set.
    pub const fn key(&self) -> Option<(&'static str, bool)> {
        match self.driver {
            DriverKind::Ipmi => Some(("BMC key", self.bmc_key)),
            DriverKind::WakeOnLan => Some(("SecureOn", self.secure_on)),
            DriverKind::Redfish | DriverKind::Command => None,
        }
    }
}

/// What did not work although the BMC took it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    #[default]
    None,
    /// The power was read back until patience ended, and is not what was asked for.
    NotObeyed,
    /// It is on, was power-cycled once, and no packet of it was seen.
    NotOnTheWire,
    /// Nothing here can switch it: somebody presses the button.
    NeedsAHand,
    /// It is read as off, and speaks.
    Contradicted,
    /// What it was to boot once is what it boots at every start: its BMC does not take it back.
    BootKept,
}

impl Trouble {
    pub const ALL: [Trouble; 6] = [
        Trouble::None,
        Trouble::NotObeyed,
        Trouble::NotOnTheWire,
        Trouble::NeedsAHand,
        Trouble::Contradicted,
        Trouble::BootKept,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Trouble::None => "none",
            Trouble::NotObeyed => "not-obeyed",
            Trouble::NotOnTheWire => "not-on-the-wire",
            Trouble::NeedsAHand => "needs-a-hand",
            Trouble::Contradicted => "contradicted",
            Trouble::BootKept => "boot-kept",
        }
    }
}

spelled!(Trouble: "a trouble with power");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_the_same_both_ways_and_in_json() {
        fn check<T: Copy + PartialEq + fmt::Debug + fmt::Display + FromStr + Serialize>(all: &[T]) {
            for one in all {
                assert_eq!(one.to_string().parse::<T>().ok(), Some(*one));
                assert_eq!(serde_json::to_string(one).unwrap(), format!("\"{one}\""));
            }
        }
        check(&Health::ALL);
        check(&Origin::ALL);
        check(&DriverKind::ALL);
        check(&Power::ALL);
        check(&PowerAction::ALL);
        check(&Trouble::ALL);
        assert!("asleep".parse::<Power>().is_err());
    }
}
