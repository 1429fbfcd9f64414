//! The agent's log: to the console at once, to the server in batches. The queue is bounded: when the server stays
//! away, the oldest lines go and their number is told. Secrets are never given to it.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::agent::{LogBatch, LogLine, LogSource};
use api::client::{Client, Error};
use api::mask::mask;
use api::routes::agent::LOG;

use crate::clock;

const KEPT: usize = 4000;
const BATCH: usize = 200;
const LONGEST: usize = 2000;

#[derive(Clone, Default)]
pub struct Log {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<LogLine>,
    dropped: u64,
}

impl Log {
    pub fn say(&self, text: impl AsRef<str>) {
        let text = mask(text.as_ref());
        // A console that cannot be written to is no reason to stop.
        let _ = writeln!(std::io::stderr(), "metal: {text}");
        self.push(clock::now(), LogSource::Agent, &text);
    }

    pub fn push(&self, at: i64, source: LogSource, text: &str) {
        let text = mask(text).chars().take(LONGEST).collect();
        let mut queue = self.lock();
        if queue.lines.len() >= KEPT {
            queue.lines.pop_front();
            queue.dropped += 1;
        }
        queue.lines.push_back(LogLine { at, source, text });
    }

    fn take(&self) -> Vec<LogLine> {
        let mut queue = self.lock();
        let mut lines = Vec::new();
        if queue.dropped > 0 {
            let text = format!("{} older lines were dropped while the server was away", queue.dropped);
            lines.push(LogLine { at: clock::now(), source: LogSource::Agent, text });
            queue.dropped = 0;
        }
        let count = queue.lines.len().min(BATCH);
        lines.extend(queue.lines.drain(..count));
        lines
    }

    fn give_back(&self, lines: Vec<LogLine>) {
        let mut queue = self.lock();
        for line in lines.into_iter().rev() {
            queue.lines.push_front(line);
        }
        while queue.lines.len() > KEPT {
            queue.lines.pop_front();
            queue.dropped += 1;
        }
    }

    /// All that is not shipped yet.
    #[cfg(test)]
    pub fn said(&self) -> String {
        self.lock().lines.iter().map(|line| format!("{}\n", line.text)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ships until it is dropped.
pub async fn ship(log: Log, client: Client, boot_id: String) {
    loop {
        let pause = match ship_batch(&log, &client, &boot_id).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => Duration::from_secs(1),
            Err(_) => Duration::from_secs(5),
        };
        tokio::time::sleep(pause).await;
    }
}

/// The last words before a reboot; a server that is away must not delay it.
pub async fn flush(log: &Log, client: &Client, boot_id: &str) {
    let all = async { while let Ok(true) = ship_batch(log, client, boot_id).await {} };
    let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
}

/// True when there may be more.
async fn ship_batch(log: &Log, client: &Client, boot_id: &str) -> Result<bool, Error> {
    let lines = log.take();
    if lines.is_empty() {
        return Ok(false);
    }
    let full = lines.len() >= BATCH;
    let batch = LogBatch { boot_id: boot_id.into(), lines };
    match client.post::<serde_json::Value>(LOG, &batch).await {
        Ok(_) => Ok(full),
        Err(error) => {
            // What the server understood and refused it will refuse again.
            if !matches!(error, Error::Refused { status: 400 | 413 | 422, .. }) {
                log.give_back(batch.lines);
            }
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_the_oldest_and_counts_them() {
        let log = Log::default();
        for i in 0..KEPT + 7 {
            log.push(i as i64, LogSource::Kernel, "x");
        }
        let lines = log.take();
        assert_eq!(lines[0].text, "7 older lines were dropped while the server was away");
        assert_eq!(lines[1].at, 7);
        log.give_back(lines);
        assert_eq!(log.lock().lines.len(), KEPT);
    }

    #[test]
    fn secrets_are_masked_whoever_said_them() {
        let log = Log::default();
        log.say("Using token: abcdef.0123456789abcdef");
        log.push(0, LogSource::Kernel, "password=hunter2");
        let said = log.said();
        assert!(!said.contains("0123456789abcdef") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn long_lines_are_cut() {
        let log = Log::default();
        log.push(0, LogSource::Kernel, &"é".repeat(LONGEST * 2));
        assert_eq!(log.take()[0].text.chars().count(), LONGEST);
    }
}
