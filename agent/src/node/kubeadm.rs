//! Runs kubeadm: its lines go to the log as they come, without secrets, and its phases are the task's.

use std::collections::VecDeque;
use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use api::mask::mask;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use super::classify::{self, Class};
use super::lines;
use crate::command;
use crate::log::Log;
use crate::report::Report;

/// An error with its checks and its page of advice is shorter.
const KEPT: usize = 200;

/// kubeadm ended, and not well.
#[derive(Debug)]
pub struct Failed {
    pub class: Class,
    reason: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failed {}

/// Ends early, and kubeadm with it, when nobody wants the task any more.
pub async fn run(arguments: &[&str], report: &Report, log: &Log) -> Result<()> {
    run_as("kubeadm", arguments, report, log).await
}

async fn run_as(program: &str, arguments: &[&str], report: &Report, log: &Log) -> Result<()> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start kubeadm: is it in this image?")?;
    let (sender, mut receiver) = mpsc::channel(64);
    if let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) {
        tokio::spawn(forward(output, sender.clone()));
        tokio::spawn(forward(errors, sender));
    }
    let mut said = VecDeque::new();
    let mut phase = String::new();
    loop {
        tokio::select! {
            line = receiver.recv() => match line {
                Some(line) => note(&line, &mut said, &mut phase, report, log),
                None => break,
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => report.still_wanted()?,
        }
    }
    let status = child.wait().await.context("kubeadm is lost")?;
    if status.success() {
        return Ok(());
    }
    let said: Vec<String> = said.into();
    let class = classify::classify(&said);
    let command = arguments.first().copied().unwrap_or_default();
    let reason = classify::reason(class, command, &said, &kubelet_words().await);
    Err(Failed { class, reason }.into())
}

async fn forward(stream: impl AsyncRead + Unpin, sender: mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    // By bytes: a line that is no UTF-8 is still a line.
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        line.clear();
        if sender.send(text).await.is_err() {
            return;
        }
    }
}

fn note(line: &str, said: &mut VecDeque<String>, phase: &mut String, report: &Report, log: &Log) {
    if line.trim().is_empty() {
        return;
    }
    let line = mask(line);
    if let Some(name) = lines::phase(&line).filter(|name| name != phase) {
        *phase = name.into();
        report.phase(name, 0);
    }
    log.say(format!("kubeadm: {line}"));
    if said.len() == KEPT {
        said.pop_front();
    }
    said.push_back(line);
}

/// What the kubelet said last, where it said anything.
async fn kubelet_words() -> Vec<String> {
    let arguments = ["-u", "kubelet", "-n", "60", "-o", "cat", "--no-pager"];
    let log = super::blocking(move || command::run("journalctl", arguments)).await.unwrap_or_default();
    classify::kubelet_words(&mask(&log))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Unwanted;
    use std::time::Instant;

    /// As `sh -c`; the words are kubeadm's.
    async fn run_script(script: &str, report: &Report, log: &Log) -> Result<()> {
        run_as("sh", &["-c", script], report, log).await
    }

    #[tokio::test]
    async fn a_failure_is_classified_and_shows_no_token() {
        let log = Log::default();
        let report = Report::new(log.clone());
        let script = "echo '[preflight] Running pre-flight checks'
            echo '[bootstrap-token] Using token: abcdef.0123456789abcdef'
            printf 'W1124 a line that is no \\377 UTF-8\\n' >&2
            echo 'error: error execution phase preflight: could not find a JWS signature in the cluster-info ConfigMap \
            for token ID \"abcdef\" of abcdef.0123456789abcdef' >&2
            echo 'To see the stack trace of this error execute with --v=5 or higher' >&2
            exit 1";
        let error = run_script(script, &report, &log).await.unwrap_err();
        let failed = error.downcast_ref::<Failed>().unwrap();
        assert_eq!(failed.class, Class::Token);
        assert!(!error.to_string().contains("0123456789abcdef"), "{error}");
        let said = log.said();
        assert!(said.contains("kubeadm: [bootstrap-token] Using token: (masked)"), "{said}");
        assert!(said.contains("preflight: 0."), "a phase ends when the next begins: {said}");
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }

    #[tokio::test]
    async fn kubeadm_ends_with_the_task() {
        let log = Log::default();
        let report = Report::new(log.clone());
        report.stop();
        let started = Instant::now();
        let error = run_script("echo '[certs] x'; exec sleep 30", &report, &log).await.unwrap_err();
        assert!(error.is::<Unwanted>(), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
        run_script("echo '[certs] x'", &Report::new(log.clone()), &log).await.unwrap();
    }
}
