//! Who logs in at a BMC. Pure, and silent about what it holds.

use secrecy::{ExposeSecret, SecretSlice};
use thiserror::Error;

use super::rakp::Level;

/// Lengths in bytes (IPMI 2.0, 22.28 and 22.30, 13.33): a BMC's user table has no room for more.
const NAME: usize = 16;
const PASSWORD: usize = 20;
const KEY: usize = 20;
/// BMCs that keep passwords as IPMI 1.5 does cut them here, in silence.
const OLD_PASSWORD: usize = 16;

#[derive(Debug)]
pub struct Login {
    pub name: Vec<u8>,
    pub level: Level,
    password: SecretSlice<u8>,
    key: Option<SecretSlice<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TooLong {
    #[error("a BMC's user name has at most 16 bytes in IPMI, this one has {0}")]
    Name(usize),
    #[error(
        "a BMC's password has at most 20 bytes in IPMI (16 on some BMCs), this one has {0}: set a shorter one on the BMC"
    )]
    Password(usize),
    #[error("a BMC key (Kg) has at most 20 bytes in IPMI, this one has {0}")]
    Key(usize),
}

impl Login {
    /// `key` is the BMC's own key Kg, where somebody set one; hardly anybody does.
    pub fn new(name: &str, password: &str, key: Option<&[u8]>) -> Result<Login, TooLong> {
        let key = key.filter(|key| !key.is_empty());
        match (name.len(), password.len(), key.map_or(0, <[u8]>::len)) {
            (long, _, _) if long > NAME => Err(TooLong::Name(long)),
            (_, long, _) if long > PASSWORD => Err(TooLong::Password(long)),
            (_, _, long) if long > KEY => Err(TooLong::Key(long)),
            _ => Ok(Login {
                name: name.into(),
                level: Level::Administrator,
                password: password.as_bytes().to_vec().into(),
                key: key.map(|key| key.to_vec().into()),
            }),
        }
    }

    pub fn password(&self) -> &[u8] {
        self.password.expose_secret()
    }

    /// What the keys of a session are made from (13.31).
    pub fn session_key(&self) -> &[u8] {
        self.key.as_ref().map_or_else(|| self.password(), |key| key.expose_secret())
    }

    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Whether an old BMC would have kept only the start of the password.
    pub fn may_be_cut(&self) -> bool {
        self.password().len() > OLD_PASSWORD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bmc_has_no_room_for_is_said_before_it_is_tried() {
        assert!(Login::new("ADMIN", "twenty-bytes-exactly", None).unwrap().may_be_cut());
        assert!(!Login::new("ADMIN", "sixteen-or-fewer", Some(b"")).unwrap().has_key());
        let error = Login::new("ADMIN", "twenty-one-bytes-here", None).unwrap_err();
        assert_eq!(error, TooLong::Password(21));
        assert!(!error.to_string().contains("twenty-one"), "{error}");
        assert_eq!(Login::new("seventeen-letters", "", None).unwrap_err(), TooLong::Name(17));
        assert_eq!(Login::new("", "", Some(&[1; 21])).unwrap_err(), TooLong::Key(21));
    }

    #[test]
    fn debugging_shows_no_secret() {
        let shown = format!("{:?}", Login::new("ADMIN", "hunter2", Some(b"kg-secret")).unwrap());
        let bytes = format!("{:?}", b"hunter2");
        assert!(!shown.contains("hunter2") && !shown.contains(&bytes), "{shown}");
        assert!(shown.contains("REDACTED"), "{shown}");
    }
}
