//! Who guesses is made to wait: wrong tokens at the login, wrong boot keys at the enrolment.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;

use super::error::Failure;
use super::tries::Tries;

const SECOND: i64 = 1_000_000;

pub struct Limits {
    login: Mutex<Tries>,
    enroll: Mutex<Tries>,
}

/// What is guessed at.
#[derive(Clone, Copy)]
pub enum Door {
    Login,
    Enroll,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            login: Mutex::new(Tries::new(10, 6 * SECOND)),
            enroll: Mutex::new(Tries::new(10, 6 * SECOND)),
        }
    }
}

impl Limits {
    /// Refuses an address that has tried too often.
    pub fn open(&self, door: Door, address: IpAddr, now: i64) -> Result<(), Failure> {
        let wait =
            self.tries(door).lock().unwrap_or_else(PoisonError::into_inner).wait(address.to_canonical(), now);
        let Some(wait) = wait else { return Ok(()) };
        let seconds = wait / SECOND + 1;
        Err(Failure::with_hint(
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong tries from this address",
            format!("the next one is looked at in {seconds} s"),
        ))
    }

    pub fn wrong(&self, door: Door, address: IpAddr, now: i64) {
        self.tries(door).lock().unwrap_or_else(PoisonError::into_inner).wrong(address.to_canonical(), now);
    }

    fn tries(&self, door: Door) -> &Mutex<Tries> {
        match door {
            Door::Login => &self.login,
            Door::Enroll => &self.enroll,
        }
    }
}
