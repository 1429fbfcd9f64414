//! What the demonstration shows: a line per machine that is redrawn in place, or plain lines where nobody could redraw.

use std::io::{IsTerminal, stdout};
use std::time::{Duration, Instant};

use api::machine::Machine;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::line::{line, milestone};

pub enum Output {
    Live { all: MultiProgress, bars: Vec<ProgressBar> },
    Plain { start: Instant, shown: Vec<(String, Instant)> },
}

/// Between two plain lines of a machine that is still doing the same.
const REPEAT: Duration = Duration::from_secs(15);

impl Output {
    pub fn new() -> Self {
        if stdout().is_terminal() {
            Output::Live { all: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()), bars: vec![] }
        } else {
            Output::Plain { start: Instant::now(), shown: vec![] }
        }
    }

    pub fn say(&self, text: &str) {
        match self {
            // `suspend`, so that text and redrawn lines do not overwrite each other.
            Output::Live { all, .. } => all.suspend(|| println!("{text}")),
            Output::Plain { .. } => println!("{text}"),
        }
    }

    /// Machines come in the same order at every call.
    pub fn show(&mut self, machines: &[(&str, Option<&Machine>)], now: i64) {
        match self {
            Output::Live { all, bars } => {
                while bars.len() < machines.len() {
                    let plain = ProgressStyle::default_spinner().template("{spinner} {wide_msg}");
                    let bar = ProgressBar::no_length();
                    bars.push(all.add(plain.map_or(bar.clone(), |plain| bar.with_style(plain))));
                }
                for (bar, (name, machine)) in bars.iter().zip(machines) {
                    bar.set_message(line(name, *machine, now));
                    bar.tick();
                }
            }
            Output::Plain { start, shown } => {
                for (n, (name, machine)) in machines.iter().enumerate() {
                    let milestone = milestone(*machine);
                    if shown.get(n).is_some_and(|(last, at)| *last == milestone && at.elapsed() < REPEAT) {
                        continue;
                    }
                    match shown.get_mut(n) {
                        Some(entry) => *entry = (milestone, Instant::now()),
                        None => shown.push((milestone, Instant::now())),
                    }
                    println!("{:>4} s  {}", start.elapsed().as_secs(), line(name, *machine, now));
                }
            }
        }
    }

    /// Leaves the last lines on the screen.
    pub fn settle(&mut self) {
        if let Output::Live { bars, .. } = self {
            bars.iter().for_each(ProgressBar::abandon);
        }
    }
}
