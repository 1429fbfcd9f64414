//! When the board's watchdog steps in, and how hard: what is seen of the machine goes in, a cure comes out. Pure.

use std::time::Duration;

/// A look that comes later than this was late itself, as on a host that was busy or asleep: that is not the machine's
/// silence.
const LOOK_AT_MOST: Duration = Duration::from_secs(2);

/// What the kernel says last before the firmware has the machine. `quiet` leaves only the second.
const HANDED_OVER: [&str; 2] = ["reboot: machine restart", "reboot: Restarting system"];
const POWERED_DOWN: &str = "reboot: Power down";

/// One look at a machine that is on.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Since the look before, without the time in which the host had no processor for the machine.
    pub passed: Duration,
    /// Since power-on.
    pub resets: usize,
    /// QEMU has answered what it was asked last.
    pub answered: bool,
    /// Bytes on the console so far.
    pub length: u64,
    /// The console's text from `Watchdog::mark` on, or its beginning.
    pub since_mark: &'a str,
    /// The console's last text.
    pub tail: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// The firmware is started once more.
    Reset,
    /// QEMU itself does not go on: its process is ended and another one started.
    Cycle,
    /// The same on its way to being off.
    Cut,
}

pub struct Watchdog {
    patience: Duration,
    resets: usize,
    unanswered: Duration,
    owed: Option<Owed>,
}

/// The firmware has the machine, and has yet to say something.
struct Owed {
    mark: u64,
    silent: Duration,
    since: Since,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// Power-on, or a reset by somebody else.
    Start,
    /// The kernel's last word. The reset that it asked for has not come.
    HandOver,
    /// The watchdog's own reset.
    Cure,
}

impl Watchdog {
    /// At power-on, with nothing on the console from `mark` on and `resets` counted.
    pub fn new(patience: Duration, mark: u64, resets: usize) -> Self {
        let owed = Some(Owed { mark, silent: Duration::ZERO, since: Since::Start });
        Self { patience, resets, unanswered: Duration::ZERO, owed }
    }

    /// Where on the console the firmware's word is looked for.
    pub fn mark(&self) -> u64 {
        self.owed.as_ref().map_or(u64::MAX, |owed| owed.mark)
    }

    /// Since the start or reset that was seen last.
    pub fn has_spoken(&self) -> bool {
        self.owed.is_none()
    }

    pub fn look(&mut self, look: Look) -> Option<Cure> {
        let passed = look.passed.min(LOOK_AT_MOST);
        self.unanswered = if look.answered { Duration::ZERO } else { self.unanswered + passed };
        if self.unanswered >= self.patience {
            let ending = last_line(look.tail).is_some_and(|line| line.ends_with(POWERED_DOWN));
            return Some(if ending { Cure::Cut } else { Cure::Cycle });
        }
        if look.resets > self.resets {
            self.resets = look.resets;
            let since = match self.owed.as_ref().map(|owed| owed.since) {
                Some(Since::Cure) => Since::Cure,
                _ => Since::Start,
            };
            self.owed = Some(Owed { mark: look.length, silent: Duration::ZERO, since });
            return None;
        }
        match &mut self.owed {
            None if handed_over(look.tail) => {
                self.owed = Some(Owed { mark: look.length, silent: Duration::ZERO, since: Since::HandOver });
                None
            }
            None => None,
            // Escape sequences are no word: OVMF clears the screen, and may hang after that.
            Some(_) if look.since_mark.chars().any(char::is_alphanumeric) => {
                self.owed = None;
                None
            }
            Some(owed) => {
                owed.silent += passed;
                if owed.silent < self.patience {
                    return None;
                }
                let cure = match owed.since {
                    Since::Start => Cure::Reset,
                    Since::HandOver | Since::Cure => Cure::Cycle,
                };
                self.owed = Some(Owed { mark: look.length, silent: Duration::ZERO, since: Since::Cure });
                Some(cure)
            }
        }
    }
}

fn handed_over(tail: &str) -> bool {
    last_line(tail).is_some_and(|line| HANDED_OVER.iter().any(|word| line.ends_with(word)))
}

fn last_line(tail: &str) -> Option<&str> {
    tail.lines().map(str::trim_end).rfind(|line| !line.is_empty())
}
