//! How long an answer is waited for, and how often it is asked for again. Pure.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The first wait; each further one is twice as long, up to `longest`.
    pub first: Duration,
    pub longest: Duration,
    /// Datagrams until it is given up.
    pub tries: u32,
}

impl Patience {
    /// BMCs take up to seconds under load, and asking them more often than that adds to it: 11 s in all.
    pub const NORMAL: Patience =
        Patience { first: Duration::from_secs(1), longest: Duration::from_secs(4), tries: 4 };

    /// After so many tries, none of them answered.
    pub fn wait(&self, tries: u32) -> Duration {
        self.first.saturating_mul(1 << tries.min(16)).min(self.longest)
    }
}
