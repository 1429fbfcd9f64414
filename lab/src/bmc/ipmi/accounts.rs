//! Who may log in, as a BMC's table of users holds them (IPMI 2.0 rev. 1.1, 22.26 to 22.30).

use anyhow::{Result, ensure};

use super::settings::{Level, Oddity, Settings};
use crate::bmc::User;

const NAME: usize = 16;
const PASSWORD: usize = 20;
const KEY: usize = 20;
const OLD_PASSWORD: usize = 16;
/// User 1 is the one without a name, who is never let in here.
const FIRST: u8 = 2;

pub struct Account {
    /// From 2 on.
    pub id: u8,
    pub name: String,
    pub level: Level,
    password: Vec<u8>,
}

impl Account {
    /// What proofs are made with (13.31). Zeros behind it change no HMAC.
    pub fn password(&self) -> &[u8] {
        &self.password
    }
}

pub fn accounts(users: &[User], settings: &Settings) -> Result<Vec<Account>> {
    let key = settings.key.as_ref().map_or(0, Vec::len);
    ensure!(key <= KEY, "a BMC key has at most {KEY} bytes in IPMI, this one has {key}");
    (FIRST..).zip(users).map(|(id, user)| account(id, user, settings)).collect()
}

fn account(id: u8, user: &User, settings: &Settings) -> Result<Account> {
    let (name, password) = (user.name.len(), user.password.len());
    ensure!((1..=NAME).contains(&name), "a user's name has 1 to {NAME} bytes in IPMI, this one has {name}");
    ensure!(password <= PASSWORD, "a password has at most {PASSWORD} bytes in IPMI, this one has {password}");
    let limit = settings.limits.iter().find(|(name, _)| *name == user.name);
    let kept = if settings.oddities.contains(&Oddity::CutsPasswords) { OLD_PASSWORD } else { PASSWORD };
    Ok(Account {
        id,
        name: user.name.clone(),
        level: limit.map_or(Level::Administrator, |(_, level)| *level),
        password: user.password.bytes().take(kept).collect(),
    })
}
