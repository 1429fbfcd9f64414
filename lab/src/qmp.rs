//! The control line to one QEMU: commands go in, and what happens to the machine comes out as events.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::post;

/// What QEMU calls it (`RESET`, `SHUTDOWN`, `POWERDOWN`, `WATCHDOG`, ...) and what it says about it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Since this power-on.
    pub after: Duration,
    pub name: String,
    pub data: Value,
}

pub struct Qmp {
    stream: UnixStream,
    answers: Receiver<Value>,
    events: Arc<Mutex<Vec<Event>>>,
}

const START_PATIENCE: Duration = Duration::from_secs(20);
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

impl Qmp {
    /// `console`: where the firmware's start is to be seen.
    pub fn connect(path: &Path, console: PathBuf) -> Result<Self> {
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(_) if start.elapsed() < START_PATIENCE => thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error).with_context(|| format!("connect to {}", path.display())),
            }
        };
        let reader = BufReader::new(stream.try_clone().context("clone the QMP socket")?);
        let events = Arc::new(Mutex::new(vec![]));
        let (sender, answers) = channel();
        let seen = events.clone();
        thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
                if let Some(name) = message["event"].as_str() {
                    let event = Event {
                        after: start.elapsed(),
                        name: name.to_owned(),
                        data: message["data"].clone(),
                    };
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(event);
                } else if message.get("QMP").is_none()
                    && message.get("id").is_none()
                    && sender.send(message).is_err()
                {
                    return;
                }
            }
        });
        let mut qmp = Self { stream, answers, events };
        qmp.execute("qmp_capabilities")?;
        let control = qmp.stream.try_clone().context("clone the QMP socket")?;
        post::watch(control, qmp.events.clone(), console);
        Ok(qmp)
    }

    pub fn execute(&mut self, command: &str) -> Result<()> {
        self.ask(command).map(drop)
    }

    /// A command that is answered with more than its end.
    pub fn ask(&mut self, command: &str) -> Result<Value> {
        writeln!(self.stream, "{}", json!({ "execute": command }))
            .with_context(|| format!("send {command} to QEMU"))?;
        let answer = self
            .answers
            .recv_timeout(ANSWER_PATIENCE)
            .with_context(|| format!("QEMU's answer to {command}"))?;
        match answer["error"]["desc"].as_str() {
            Some(reason) => bail!("QEMU refused {command}: {reason}"),
            None => Ok(answer["return"].clone()),
        }
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
