//! The way back to RAM from a running OS: a ladder of ways, each judged by whether the agent in RAM says hello in time.
//! What was tried lies in the database, so that a server killed on the way goes on where it was. Pure.

use std::time::Duration;

use api::rung::Rung;
use serde::{Deserialize, Serialize};

/// What was tried for one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// When the state began that the steps are for, in microseconds since 1970.
    pub since: i64,
    /// In the order in which they are tried.
    pub steps: Vec<Step>,
    /// The way that led to RAM the last time.
    pub learned: Option<Rung>,
    /// When the agent in RAM first came in this state.
    pub arrived: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub rung: Rung,
    #[serde(flatten)]
    pub stand: Stand,
}

/// Times are microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stand", rename_all = "lowercase")]
pub enum Stand {
    Ahead,
    /// The OS of this boot was told. `deadline` is None where a person is waited for.
    Begun {
        at: i64,
        deadline: Option<i64>,
        boot_id: String,
    },
    /// Not tried: this machine cannot go that way.
    Skipped {
        why: String,
    },
    Failed {
        at: i64,
        why: String,
    },
    Led {
        at: i64,
        /// Since the OS was told.
        seconds: i64,
    },
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The agent in RAM, however it starts.
    Ram,
    /// A boot over the network, whose script picks the right disk.
    Network,
}

/// What is known of the machine before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    pub goal: Goal,
    /// When the machine's state began.
    pub since: i64,
    pub bios: bool,
    pub secure_boot: bool,
    /// It has a BMC in use, or a command of the site's own, that may know of boot overrides.
    pub bmc: bool,
    /// The server has a RAM image to put on the disk.
    pub ram_image: bool,
    /// What its firmware tries first, as its boots tell.
    pub netboots_first: Option<bool>,
    /// How long each way may take.
    pub patience: Duration,
}

/// The OS of boot `boot_id` answers, and another home is wanted: the step that it is to take now is the open one of
/// what this returns.
pub fn climb(ladder: &Ladder, ground: &Ground, boot_id: &str, now: i64) -> Ladder {
    let mut new = for_state(ladder, ground);
    if let Some(step) = new.open() {
        match judged(&step.stand, boot_id, now) {
            Some(why) => new.fail(why, now),
            None => return new,
        }
    }
    let patience = i64::try_from(ground.patience.as_micros()).unwrap_or(i64::MAX);
    if let Some(step) = new.steps.iter_mut().find(|step| step.stand == Stand::Ahead) {
        let deadline = (step.rung != Rung::Hand).then(|| now.saturating_add(patience));
        step.stand = Stand::Begun { at: now, deadline, boot_id: boot_id.into() };
    }
    new
}

/// The agent in RAM has said hello in the state that began at `since`.
pub fn arrive(ladder: &Ladder, since: i64, now: i64) -> Ladder {
    let mut new = ladder.clone();
    if ladder.since != since || ladder.steps.is_empty() {
        return new;
    }
    new.arrived = ladder.arrived.or(Some(now));
    let Some((rung, at, deadline)) = new.begun() else { return new };
    if deadline.is_some_and(|deadline| now > deadline) {
        new.fail("the agent in RAM came too late to be its doing".into(), now);
        return new;
    }
    if let Some(step) = new.open_mut() {
        step.stand = Stand::Led { at: now, seconds: (now - at) / 1_000_000 };
    }
    if rung != Rung::Hand {
        new.learned = Some(rung);
    }
    new
}

/// The agent says why it cannot go the way that it was told.
pub fn refuse(ladder: &Ladder, why: &str, now: i64) -> Ladder {
    let mut new = ladder.clone();
    if new.open().is_some_and(|step| step.rung != Rung::Hand) {
        new.fail(why.into(), now);
    }
    new
}

/// The server's own part of a way came to nothing, in the state that began at `since`.
pub fn refuse_way(ladder: &Ladder, (since, rung): (i64, Rung), why: &str, now: i64) -> Ladder {
    let is_open = ladder.since == since && ladder.open().is_some_and(|step| step.rung == rung);
    if is_open { refuse(ladder, why, now) } else { ladder.clone() }
}

/// Nothing was heard in time. The next way needs somebody who goes it: it begins when the OS answers again.
pub fn fall_silent(ladder: &Ladder, now: i64) -> Ladder {
    let mut new = ladder.clone();
    if let Some((_, at, Some(deadline))) = new.begun()
        && now > deadline
    {
        new.fail(format!("nothing was heard for {} min", (deadline - at) / 60_000_000), now);
    }
    new
}

/// What changed, as sentences for the history.
pub fn news(before: &Ladder, after: &Ladder) -> Vec<String> {
    let same = before.since == after.since && before.steps.len() == after.steps.len();
    let anew = !same || before.has_led();
    let old = |number: usize| before.steps.get(number).filter(|_| !anew).map(|step| &step.stand);
    let changed = after.steps.iter().enumerate().filter(|(number, step)| old(*number) != Some(&step.stand));
    changed.filter_map(|(_, step)| step.sentence()).collect()
}

impl Ladder {
    /// The step that runs.
    pub fn open(&self) -> Option<&Step> {
        self.steps.iter().find(|step| matches!(step.stand, Stand::Begun { .. }))
    }

    /// The way after the one that runs, or after all that are over.
    pub fn next(&self) -> Option<Rung> {
        self.steps.iter().find(|step| step.stand == Stand::Ahead).map(|step| step.rung)
    }

    /// A step's time is over, in the state that began at `since`.
    pub fn is_late(&self, since: i64, now: i64) -> bool {
        let stand = self.open().filter(|_| self.since == since).map(|step| &step.stand);
        matches!(stand, Some(Stand::Begun { deadline: Some(deadline), .. }) if now > *deadline)
    }

    /// When the last way failed, in the state that began at `since`, where the next one begins with a word of the OS.
    pub fn waits_for_os_since(&self, since: i64) -> Option<i64> {
        let waits = self.since == since && self.open().is_none() && self.arrived.is_none();
        let failed = |step: &Step| if let Stand::Failed { at, .. } = step.stand { Some(at) } else { None };
        self.steps.iter().filter_map(failed).max().filter(|_| waits)
    }

    /// From when on the state's own patience runs; None while the machine is on its way back to RAM.
    pub fn patience_from(&self, since: i64) -> Option<i64> {
        match self.since == since && !self.steps.is_empty() {
            true => self.arrived,
            false => Some(since),
        }
    }

    /// All that did not lead there, in one line.
    pub fn tried(&self) -> String {
        let over = self.steps.iter().filter_map(|step| match &step.stand {
            Stand::Skipped { why } | Stand::Failed { why, .. } => {
                Some(format!("{}: {why}", step.rung.words()))
            }
            _ => None,
        });
        over.collect::<Vec<_>>().join("; ")
    }

    fn open_mut(&mut self) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| matches!(step.stand, Stand::Begun { .. }))
    }

    /// The open step: which way, when the OS was told, and until when it may take.
    fn begun(&self) -> Option<(Rung, i64, Option<i64>)> {
        self.open().and_then(|step| match step.stand {
            Stand::Begun { at, deadline, .. } => Some((step.rung, at, deadline)),
            _ => None,
        })
    }

    /// What worked before and does not work now is learned no longer.
    fn fail(&mut self, why: String, now: i64) {
        let learned = self.learned;
        if let Some(step) = self.open_mut() {
            let forgets = learned == Some(step.rung);
            step.stand = Stand::Failed { at: now, why };
            self.learned = learned.filter(|_| !forgets);
        }
    }

    fn has_led(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.stand, Stand::Led { .. }))
    }
}

impl Step {
    fn sentence(&self) -> Option<String> {
        let words = self.rung.words();
        Some(match &self.stand {
            Stand::Ahead => return None,
            Stand::Begun { deadline: None, .. } => {
                "no way is left but a hand: boot it from the network once".into()
            }
            Stand::Begun { boot_id, .. } => format!("{words} is tried: the OS of boot {boot_id} is told"),
            Stand::Skipped { why } => format!("{words} is no way: {why}"),
            Stand::Failed { why, .. } => format!("{words} did not lead there: {why}"),
            Stand::Led { seconds, .. } => format!("{words} led to the agent in RAM after {seconds} s"),
        })
    }
}

/// The steps of this state. They begin anew where an earlier climb has led to RAM and the OS answers all the same.
fn for_state(ladder: &Ladder, ground: &Ground) -> Ladder {
    let same = ladder.since == ground.since && !ladder.steps.is_empty();
    if same && !ladder.has_led() {
        return ladder.clone();
    }
    let steps = plan(ground, ladder.learned);
    Ladder { since: ground.since, steps, learned: ladder.learned, arrived: ladder.arrived.filter(|_| same) }
}

/// How a step ended, now that the OS of this boot answers; None while it may still lead there.
fn judged(stand: &Stand, answers: &str, now: i64) -> Option<String> {
    let Stand::Begun { deadline: Some(deadline), boot_id, .. } = stand else { return None };
    match boot_id == answers {
        true if now <= *deadline => None,
        true => Some("the OS was told and is still up".into()),
        false => Some(format!("its own OS answered instead (boot {answers})")),
    }
}

fn plan(ground: &Ground, learned: Option<Rung>) -> Vec<Step> {
    use Rung::{Bmc, BootNext, Grub, Kexec, Reboot};
    let mut order = match (ground.goal, ground.netboots_first) {
        (Goal::Ram, Some(true)) => vec![Reboot, BootNext, Grub, Kexec],
        // The disk was first when it was last seen; orders are changed, so a reboot is still better than a person.
        (Goal::Ram, Some(false)) => vec![BootNext, Grub, Kexec, Reboot],
        (Goal::Ram, None) => vec![BootNext, Reboot, Grub, Kexec],
        (Goal::Network, Some(true)) => vec![Reboot, BootNext],
        (Goal::Network, _) => vec![BootNext, Reboot],
    };
    // It works without a word of the OS, and firmware obeys it where it forgets BootNext.
    if ground.bmc {
        order.insert(0, Bmc);
    }
    // Stable: all others keep their order behind it.
    order.sort_by_key(|rung| Some(*rung) != learned);
    order.push(Rung::Hand);
    let stand = |rung| match obstacle(rung, ground).filter(|_| learned != Some(rung)) {
        Some(why) => Stand::Skipped { why: why.into() },
        None => Stand::Ahead,
    };
    order.into_iter().map(|rung| Step { rung, stand: stand(rung) }).collect()
}

/// Why a machine cannot go a way, as far as the server knows. The agent knows more, and says so when it is told.
fn obstacle(rung: Rung, ground: &Ground) -> Option<&'static str> {
    match rung {
        Rung::BootNext if ground.bios => Some("it boots by BIOS, which knows no BootNext"),
        Rung::Bmc | Rung::BootNext | Rung::Reboot
            if ground.secure_boot && ground.netboots_first != Some(true) =>
        {
            Some("Secure Boot is on, and our loaders for the network are not signed")
        }
        Rung::Grub | Rung::Kexec if !ground.ram_image => Some("the server has no RAM image"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
