//! Who guesses is made to wait: wrong tokens at the login and at the API, wrong boot keys at the enrolment.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;

use super::error::Failure;
use super::tries::{Proven, Tries};

const SECOND: i64 = 1_000_000;

#[derive(Default)]
pub struct Limits {
    doors: [Guessed; Door::ALL.len()],
    proven: Mutex<Proven>,
}

/// What is guessed at.
#[derive(Clone, Copy)]
pub enum Door {
    /// An operator's token in the form of the dashboard.
    Login,
    /// A boot key.
    Enroll,
    /// An operator's token of a program.
    Token,
}

impl Door {
    const ALL: [Door; 3] = [Door::Login, Door::Enroll, Door::Token];

    const fn as_str(self) -> &'static str {
        match self {
            Door::Login => "login",
            Door::Enroll => "enroll",
            Door::Token => "token",
        }
    }
}

/// One door, since the server started.
struct Guessed {
    tries: Mutex<Tries>,
    wrong: AtomicU64,
    /// Not even looked at.
    refused: AtomicU64,
}

impl Default for Guessed {
    fn default() -> Guessed {
        let tries = Mutex::new(Tries::new(10, 6 * SECOND));
        Guessed { tries, wrong: AtomicU64::default(), refused: AtomicU64::default() }
    }
}

impl Limits {
    /// Refuses an address that has tried too often.
    pub fn open(&self, door: Door, address: IpAddr, now: i64) -> Result<(), Failure> {
        let guessed = self.door(door);
        let Some(wait) = locked(&guessed.tries).wait(address.to_canonical(), now) else { return Ok(()) };
        guessed.refused.fetch_add(1, Relaxed);
        let seconds = wait / SECOND + 1;
        Err(Failure::with_hint(
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong tries from this address",
            format!("the next one is looked at in {seconds} s"),
        ))
    }

    pub fn wrong(&self, door: Door, address: IpAddr, now: i64) {
        let guessed = self.door(door);
        guessed.wrong.fetch_add(1, Relaxed);
        locked(&guessed.tries).wrong(address.to_canonical(), now);
    }

    /// Refuses an address that has tried too often, but for a token that was right there before.
    pub fn open_for(&self, address: IpAddr, hash: &str, now: i64) -> Result<(), Failure> {
        if locked(&self.proven).has(address.to_canonical(), hash) {
            return Ok(());
        }
        self.open(Door::Token, address, now)
    }

    /// What became of a token that was looked up.
    pub fn looked_up(&self, address: IpAddr, hash: &str, (right, now): (bool, i64)) {
        let mut proven = locked(&self.proven);
        if right {
            return proven.add(address.to_canonical(), hash.to_string());
        }
        proven.remove(address.to_canonical(), hash);
        self.wrong(Door::Token, address, now);
    }

    /// (door, outcome, number) for monitoring.
    pub fn seen(&self) -> Vec<(&'static str, &'static str, u64)> {
        let of = |door: Door| {
            let Guessed { wrong, refused, .. } = self.door(door);
            [("wrong", wrong), ("refused", refused)]
                .map(|(outcome, n)| (door.as_str(), outcome, n.load(Relaxed)))
        };
        Door::ALL.into_iter().flat_map(of).collect()
    }

    fn door(&self, door: Door) -> &Guessed {
        &self.doors[door as usize]
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
