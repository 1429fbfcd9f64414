//! What sort of BMC it is: what it offers, whom it lets do what, and what it does as no specification has it.

use std::time::Duration;

use super::suite::Suite;

#[derive(Clone)]
pub struct Settings {
    /// Cipher suites that it opens sessions with.
    pub suites: Vec<Suite>,
    /// The BMC key Kg (13.31), of at most 20 bytes.
    pub key: Option<Vec<u8>>,
    /// Users by name who are less than administrators.
    pub limits: Vec<(String, Level)>,
    /// That are open or being opened at once.
    pub sessions: usize,
    /// A session without a packet for so long ends (6.12.15).
    pub idle: Duration,
    /// For so long it says nothing when it restarts.
    pub restart: Duration,
    pub oddities: Vec<Oddity>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            suites: vec![Suite::Seventeen, Suite::Three],
            key: None,
            limits: vec![],
            sessions: 8,
            idle: Duration::from_secs(60),
            restart: Duration::from_secs(3),
            oddities: vec![],
        }
    }
}

/// What BMCs out there do wrong for good, where `Fault` is what befalls one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Keeps 16 bytes of a password, as IPMI 1.5 has room for, and says nothing about the rest.
    CutsPasswords,
    /// A boot device that was set for one start stays for all.
    KeepsBoot,
    /// Answers some commands with codes that are in no table.
    StrangeCodes,
    /// Says "node busy" to the first power command.
    BusyOnce,
    /// Says so to the first session that wants more than a user may do.
    BusyAtLogin,
}

/// Privilege levels (6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Callback = 1,
    User = 2,
    Operator = 3,
    Administrator = 4,
}

impl Level {
    pub fn of(byte: u8) -> Option<Level> {
        let levels = [Self::Callback, Self::User, Self::Operator, Self::Administrator];
        levels.into_iter().find(|level| *level as u8 == byte)
    }
}
