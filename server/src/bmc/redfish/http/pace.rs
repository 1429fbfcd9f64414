//! A driver's patience with a BMC.

use std::time::Duration;

/// How long things may take; tests are in a hurry.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub connect: Duration,
    /// From a request to the last byte of its answer. BMCs take seconds for what others do in a millisecond.
    pub answer: Duration,
    /// All requests of one question, such as the inventory.
    pub question: Duration,
    /// A task other than a firmware update.
    pub task: Duration,
    /// Between two looks at a task, at an override that was just written, at the power in a cycle.
    pub look: Duration,
    /// The longest `Retry-After` that is waited for; a longer one is told to the caller.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        let seconds = Duration::from_secs;
        Pace {
            connect: seconds(10),
            answer: seconds(30),
            question: seconds(300),
            task: seconds(120),
            look: seconds(2),
            retry: seconds(5),
        }
    }
}
