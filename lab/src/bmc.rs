//! The baseboard management controllers of the rack: what a management network reaches on real servers, so that lab
//! machines are powered exactly as metal is.

use std::fmt;

pub mod board;
pub mod chassis;
pub mod event_log;
pub mod fault;
pub mod ipmi;
mod picture;
pub mod port;
pub mod readings;
pub mod redfish;

/// Who may speak to a BMC.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub password: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}
