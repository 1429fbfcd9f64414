//! Runs kubectl as the cluster's administrator, which only control planes can.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{ADMIN_CONF, RUN};
use crate::report::Report;

/// An API server that has just started, or that moved to another control plane, refuses for a while.
const PATIENCE: Duration = Duration::from_secs(300);

const PAUSE: Duration = Duration::from_secs(3);

/// `manifest` may be of several documents. What somebody else set in our fields is ours again.
pub fn apply(manifest: &str, report: &Report) -> Result<()> {
    let arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=metald", "--filename=-"];
    patiently(&arguments, Some(manifest), report).map(drop)
}

/// Until it works: everything that is asked for here can be asked for twice.
pub fn patiently(arguments: &[&str], input: Option<&str>, report: &Report) -> Result<String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let error = match run(arguments, input) {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        if Instant::now() >= until {
            return Err(error.context(format!("also after {} s", PATIENCE.as_secs())));
        }
        report.still_wanted()?;
        sleep(PAUSE);
    }
}

pub fn run(arguments: &[&str], input: Option<&str>) -> Result<String> {
    let mut child = Command::new("kubectl")
        .args(["--kubeconfig", ADMIN_CONF, "--request-timeout=60s", "--cache-dir"])
        .arg(format!("{RUN}/kubectl"))
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start kubectl: is it in this image?")?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // One that ends before it has read all says why on stderr.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().context("kubectl is lost")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = complaint.lines().filter(|l| !l.trim().is_empty()).collect();
    let last = last[last.len().saturating_sub(3)..].join(" | ");
    bail!("kubectl {}: {last}", arguments.first().copied().unwrap_or_default())
}
