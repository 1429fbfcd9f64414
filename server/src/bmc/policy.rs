//! Patience with a BMC: how long a request may take, when the next one may go out, and what to call its condition.
//! Pure: what happened and the time come in, a decision goes out. BMCs hang, lock accounts and answer half; each is
//! judged by its own requests only, so that none can stall another machine.

use std::collections::VecDeque;
use std::time::Duration;

use api::bmc::Fault;
use api::power::Health;

#[cfg(test)]
mod tests;

/// What a BMC is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Power,
    Act,
    BootOnce,
    BootKept,
    ClearBoot,
    Identify,
    Sensors,
    Log,
    Hardware,
    Media,
    Update,
    Progress,
    Reset,
}

impl Verb {
    /// How long one request may take. Lists are fetched in many small answers, and slow BMCs need a second for each.
    pub const fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            // The first one logs in and finds its way.
            Verb::Power => 20,
            Verb::BootOnce
            | Verb::BootKept
            | Verb::ClearBoot
            | Verb::Identify
            | Verb::Progress
            | Verb::Reset => 60,
            // A BMC that cannot cycle is told off, looked at, and told on.
            // Some fetch the whole image before they answer.
            Verb::Act | Verb::Sensors | Verb::Log | Verb::Hardware | Verb::Media | Verb::Update => 120,
        })
    }
}

/// A request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When it ended, in microseconds since 1970.
    pub at: i64,
    pub took: Duration,
    pub outcome: Result<(), Fault>,
}

/// The last requests to one BMC, and when it may be asked again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    asked: VecDeque<Asked>,
    /// Failures since it last answered.
    failures: u32,
    /// When the first of them ended.
    failing_since: i64,
    /// Until when only a person's own request goes out.
    open_until: i64,
}

/// Whether a request may go out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Closed circuit: ask.
    Go,
    /// Half open: one reading shows whether it is back.
    Probe,
    /// Open until then, in microseconds since 1970.
    Wait { until: i64 },
}

/// Requests that a judgement looks back on.
const KEPT: usize = 8;
/// One lost packet is no fault; the second in a row opens the circuit.
const THRESHOLD: u32 = 2;
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// BMCs lock an account after a few wrong passwords, some for good.
const PAUSE_OF_REFUSED: Duration = Duration::from_secs(900);
/// A reading that takes longer is slow.
const SLOW: Duration = Duration::from_secs(4);
/// A hung BMC is restarted after so many failures in a row, and at most so often.
const FAILURES_BEFORE_RESET: u32 = 3;
const BETWEEN_RESETS: Duration = Duration::from_secs(3600);

impl History {
    pub const fn gate(&self, now: i64) -> Gate {
        match self.open_until {
            0 => Gate::Go,
            until if now < until => Gate::Wait { until },
            _ => Gate::Probe,
        }
    }

    /// Whether its last requests failed: it is asked apart from the others, so that it holds up none of them.
    pub const fn is_in_doubt(&self) -> bool {
        self.failures > 0
    }

    /// Keeps what came of a request. `jitter`: 0 to 1, another one each time.
    pub fn note(&mut self, asked: Asked, jitter: f64) {
        match asked.outcome.as_ref().err().filter(|fault| counts(fault)) {
            None => (self.failures, self.failing_since, self.open_until) = (0, 0, 0),
            Some(fault) => {
                self.failing_since = if self.failures == 0 { asked.at } else { self.failing_since };
                self.failures += 1;
                if self.failures >= threshold(fault) {
                    self.open_until = asked.at.saturating_add(micros(pause(fault, self.failures, jitter)));
                }
            }
        }
        self.asked.push_back(asked);
        while self.asked.len() > KEPT {
            self.asked.pop_front();
        }
    }

    /// Whether it was heard at one of its last requests. A refusal may be our own, for want of a password to send.
    fn heard_lately(&self) -> bool {
        use Fault::{Refused, Silent, Unreachable};
        let heard = |asked: &Asked| !matches!(asked.outcome, Err(Unreachable(_) | Silent(_) | Refused(_)));
        self.asked.iter().any(heard)
    }

    /// A person has changed what could be wrong, such as the password: what was before counts no more.
    pub fn forget(&mut self) {
        *self = History::default();
    }
}

/// Whether a fault says something about the BMC, and not about what was asked of it.
const fn counts(fault: &Fault) -> bool {
    !matches!(fault, Fault::Unsupported(_) | Fault::NotObeyed(_))
}

const fn threshold(fault: &Fault) -> u32 {
    match fault {
        Fault::Refused(_) | Fault::CertificateChanged { .. } => 1,
        _ => THRESHOLD,
    }
}

/// Doubles with each failure, give or take a fifth, so that the BMCs behind a switch that was down are not all asked in
/// one moment.
fn pause(fault: &Fault, failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(THRESHOLD).min(10));
    let plain = match fault {
        Fault::Refused(_) => PAUSE_OF_REFUSED,
        _ => doubled.min(LONGEST_PAUSE),
    };
    plain.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Whether a BMC that does not answer is to be restarted now. `last_reset`: 0 where there was none.
pub fn may_reset(history: &History, allowed: bool, last_reset: i64, now: i64) -> bool {
    let hung = matches!(last_fault(history), Some(Fault::Hung(_) | Fault::Garbled(_) | Fault::Busy(_)));
    let rested = last_reset == 0 || now.saturating_sub(last_reset) >= micros(BETWEEN_RESETS);
    allowed && hung && history.failures >= FAILURES_BEFORE_RESET && rested
}

/// What a BMC's last requests make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub health: Health,
    /// Empty while all is well.
    pub sentence: String,
    /// What a person is to do; empty where nothing has to be done.
    pub todo: String,
}

/// `name`: of the machine, to type.
pub fn judge(history: &History, name: &str) -> Judgement {
    let plain = |health: Health| Judgement { health, sentence: String::new(), todo: String::new() };
    if history.asked.is_empty() {
        return plain(Health::Unproven);
    }
    if let Some(fault) = last_fault(history).filter(|_| history.failures >= 1) {
        return judge_fault(fault, history, name);
    }
    match usual_time(history).filter(|usual| *usual >= SLOW) {
        Some(usual) => Judgement {
            health: Health::Slow,
            sentence: format!("its BMC takes {} s for an answer", usual.as_secs()),
            todo: String::new(),
        },
        None => plain(Health::Healthy),
    }
}

fn last_fault(history: &History) -> Option<&Fault> {
    let fault = history.asked.back()?.outcome.as_ref().err()?;
    counts(fault).then_some(fault)
}

/// The middle one of the answered requests.
fn usual_time(history: &History) -> Option<Duration> {
    let mut times: Vec<Duration> =
        history.asked.iter().filter(|asked| asked.outcome.is_ok()).map(|asked| asked.took).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn judge_fault(fault: &Fault, history: &History, name: &str) -> Judgement {
    let times = match history.failures {
        1 => "once".to_string(),
        n => format!("{n} times in a row, since {}", api::words::iso(history.failing_since)),
    };
    let (health, todo) = match fault {
        Fault::Hung(_) => (Health::Hung, todo_of_hung(name)),
        Fault::Silent(_) if history.heard_lately() => (
            Health::Hung,
            format!(
                "{}; where its address does not answer a ping either, look at its cable",
                todo_of_hung(name)
            ),
        ),
        Fault::Unreachable(_) | Fault::Silent(_) => (
            Health::Unreachable,
            format!(
                "look at its cable and at its network's switch; `metalctl bmc show {name}` says where it is looked for"
            ),
        ),
        Fault::Refused(_) => (
            Health::Refused,
            format!(
                "give it the right name and password: `metalctl bmc set {name} --user USER --password-file FILE`; it \
                 is asked rarely until then, because BMCs lock accounts"
            ),
        ),
        Fault::NoSessions(_) => (
            Health::NoSessions,
            format!(
                "name and password need no change: others have all its sessions. End some on the BMC's own page, or \
                 `metalctl bmc reset {name}`, which needs one for a moment and ends all; left alone they end by \
                 themselves, most within half an hour"
            ),
        ),
        Fault::CertificateChanged { .. } => (
            Health::CertificateChanged,
            format!(
                "if somebody replaced the board or its certificate, `metalctl bmc accept-certificate {name}`; if \
                 nobody did, something else answers at its address, and no password was sent to it"
            ),
        ),
        _ => (Health::Faulty, format!("`metalctl bmc reset {name}` restarts the BMC, not the machine")),
    };
    Judgement { health, sentence: format!("its BMC failed {times}: {fault}"), todo }
}

fn todo_of_hung(name: &str) -> String {
    format!(
        "the BMC itself hangs, the machine need not: `metalctl bmc reset {name}` restarts it; where that does not help, \
         take the mains away for half a minute"
    )
}
