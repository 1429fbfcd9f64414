//! The control line to one QEMU: commands go in, and what happens to the machine comes out as events.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// What QEMU calls it (`RESET`, `SHUTDOWN`, `POWERDOWN`, `WATCHDOG`, ...) and what it says about it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Since this power-on.
    pub after: Duration,
    pub name: String,
    pub data: Value,
}

/// What has happened to a machine since its power-on, whichever QEMU told of it.
#[derive(Clone)]
pub struct Events {
    since: Instant,
    list: Arc<Mutex<Vec<Event>>>,
    listeners: Listeners,
}

/// Who is told of each event of a machine.
#[derive(Clone, Default)]
pub struct Listeners(Arc<Mutex<Vec<Sender<Event>>>>);

pub struct Qmp {
    stream: UnixStream,
    answers: Receiver<Value>,
    asked: u64,
    pulse: Arc<Shared>,
}

/// Asks QEMU whether it goes on, beside the callers of `Qmp::ask`.
pub struct Pulse {
    stream: UnixStream,
    asked: u64,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Number of the last answer to a `Pulse`.
    answered: AtomicU64,
    closed: AtomicBool,
}

const START_PATIENCE: Duration = Duration::from_secs(20);
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

impl Listeners {
    pub fn add(&self) -> Receiver<Event> {
        let (sender, receiver) = channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    fn tell(&self, event: &Event) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.send(event.clone()).is_ok());
    }
}

impl Events {
    pub fn begin(listeners: Listeners) -> Self {
        Self { since: Instant::now(), list: Arc::default(), listeners }
    }

    pub fn push(&self, name: &str, data: Value) {
        let event = Event { after: self.since.elapsed(), name: name.to_owned(), data };
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        self.listeners.tell(&event);
    }

    pub fn all(&self) -> Vec<Event> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn count(&self, name: &str) -> usize {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().filter(|event| event.name == name).count()
    }
}

impl Qmp {
    pub fn connect(path: &Path, events: Events) -> Result<Self> {
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(_) if start.elapsed() < START_PATIENCE => thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error).with_context(|| format!("connect to {}", path.display())),
            }
        };
        let reader = BufReader::new(stream.try_clone().context("clone the QMP socket")?);
        let (sender, answers) = channel();
        let pulse = Arc::new(Shared::default());
        let shared = pulse.clone();
        thread::spawn(move || {
            hear(reader, &sender, &shared, &events);
            shared.closed.store(true, Ordering::SeqCst);
        });
        let mut qmp = Self { stream, answers, asked: 0, pulse };
        qmp.ask("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// What a command is answered with, often no more than its end.
    pub fn ask(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.asked += 1;
        let end = Instant::now() + ANSWER_PATIENCE;
        send(&mut self.stream, &json!({ "execute": command, "arguments": arguments, "id": self.asked }))
            .with_context(|| format!("send {command} to QEMU"))?;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let answer = self.answers.recv_timeout(left);
            let answer = answer.with_context(|| format!("QEMU's answer to {command}"))?;
            // An earlier command's answer that came after all.
            if answer["id"] != self.asked {
                continue;
            }
            return match answer["error"]["desc"].as_str() {
                Some(reason) => bail!("QEMU refused {command}: {reason}"),
                None => Ok(answer["return"].clone()),
            };
        }
    }

    pub fn pulse(&self) -> Result<Pulse> {
        let stream = self.stream.try_clone().context("clone the QMP socket")?;
        Ok(Pulse { stream, asked: 0, shared: self.pulse.clone() })
    }
}

impl Pulse {
    /// Nothing is asked while an answer is due, so that the line to a QEMU that does not read never fills.
    pub fn ask(&mut self) -> io::Result<()> {
        if !self.answered() {
            return Ok(());
        }
        self.asked += 1;
        send(&mut self.stream, &json!({ "execute": "query-status", "id": { "pulse": self.asked } }))
    }

    pub fn answered(&self) -> bool {
        self.shared.answered.load(Ordering::SeqCst) == self.asked
    }

    pub fn reset(&mut self) -> io::Result<()> {
        send(&mut self.stream, &json!({ "execute": "system_reset", "id": "reset" }))
    }

    /// By QEMU, as when it has ended.
    pub fn closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }
}

/// A line is written whole, as two threads write.
fn send(stream: &mut UnixStream, message: &Value) -> io::Result<()> {
    stream.write_all(format!("{message}\n").as_bytes())
}

fn hear(reader: impl BufRead, answers: &Sender<Value>, shared: &Shared, events: &Events) {
    for line in reader.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if let Some(name) = message["event"].as_str() {
            events.push(name, message["data"].clone());
        } else if let Some(number) = message["id"]["pulse"].as_u64() {
            shared.answered.store(number, Ordering::SeqCst);
        } else if message["id"].is_u64() {
            // Without somebody to take the answer the events go on being heard.
            let _ = answers.send(message);
        }
    }
}
