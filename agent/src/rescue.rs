//! Rescue: lets the owners of some keys log in to the machine in RAM by SSH. Nothing is mounted, no disk is opened. It
//! lasts until nobody wants it any more.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::command;
use crate::log::Log;
use crate::report::Report;

const SERVER: &str = "dropbear";
const HOST_KEY: &str = "/run/metal/rescue-host-key";
const PID_FILE: &str = "/run/metal/rescue.pid";

/// Between two looks at whether it is still wanted and still runs.
const PACE: Duration = Duration::from_secs(1);

pub async fn run(keys: &[String], report: &Report, log: &Log) -> Result<()> {
    ensure!(!keys.is_empty(), "nobody could log in: neither the verb nor the profile names a key");
    let root = Path::new("/");
    admit(root, keys)?;
    report.phase(&format!("SSH as root, {}", host_key()?), 0);
    let served = serve(report, log).await;
    // The agent goes on without it, perhaps in the same boot.
    if let Err(error) = dismiss(root) {
        log.say(format!("{error:#}"));
    }
    served
}

/// Ends when nobody wants it any more, and with all that came in through it.
async fn serve(report: &Report, log: &Log) -> Result<()> {
    let mut server = start(log)?;
    loop {
        if let Err(unwanted) = report.still_wanted() {
            end(&mut server);
            log.say("the rescue is over, and those who were logged in are not any more");
            return Err(unwanted);
        }
        if let Some(status) = server.try_wait().context("cannot look after the SSH server")? {
            log.say(format!("the SSH server ended ({status}) and is started again"));
            tokio::time::sleep(PACE).await;
            server = start(log)?;
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Writes what a login needs. The image brings a user; its keys are of this rescue only.
fn admit(root: &Path, keys: &[String]) -> Result<()> {
    let folder = root.join("root/.ssh");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // An SSH server trusts no file that others could have written.
    for owned in [root.join("root"), folder.clone()] {
        fs::set_permissions(&owned, Permissions::from_mode(0o700))
            .with_context(|| format!("cannot close {}", owned.display()))?;
    }
    let file = folder.join("authorized_keys");
    fs::write(&file, keys.join("\n") + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(&file, Permissions::from_mode(0o600))
        .with_context(|| format!("cannot close {}", file.display()))
}

fn dismiss(root: &Path) -> Result<()> {
    let file = root.join("root/.ssh/authorized_keys");
    fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
}

/// A key of this boot; its fingerprint goes to the operator by way of the server, so that the first login is no leap.
fn host_key() -> Result<String> {
    if !Path::new(HOST_KEY).exists() {
        command::run("dropbearkey", ["-t", "ed25519", "-f", HOST_KEY])?;
    }
    let told = command::run("dropbearkey", ["-y", "-f", HOST_KEY])?;
    Ok(fingerprint(&told).unwrap_or_else(|| "host key without a fingerprint".into()))
}

/// `Fingerprint: SHA256:…` among what dropbearkey prints.
fn fingerprint(told: &str) -> Option<String> {
    let line = told.lines().find_map(|line| line.strip_prefix("Fingerprint:"))?;
    Some(format!("host key {}", line.trim()))
}

/// In a group of its own, so that it ends with all that came in through it.
fn start(log: &Log) -> Result<Child> {
    let options = ["-F", "-E", "-s", "-j", "-k", "-r", HOST_KEY, "-P", PID_FILE, "-p", "22"];
    let mut command = Command::new(SERVER);
    command.args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut child =
        command.spawn().with_context(|| format!("cannot start {SERVER}: is it in this image?"))?;
    if let Some(told) = child.stderr.take() {
        let log = log.clone();
        std::thread::spawn(move || {
            BufReader::new(told)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| log.say(format!("{SERVER}: {line}")));
        });
    }
    Ok(child)
}

fn end(server: &mut Child) {
    if let Some(group) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) {
        // Gone already is fine.
        let _ = kill_process_group(group, Signal::TERM);
    }
    let _ = server.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_reads_who_may_log_in_and_nobody_may_afterwards() {
        let root = tempfile::tempdir().unwrap();
        let keys = ["ssh-ed25519 AAAA ann".to_string(), "ssh-rsa AAAA bob".to_string()];
        admit(root.path(), &keys).unwrap();
        let mode = |path: &str| fs::metadata(root.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode("root"), mode("root/.ssh"), mode("root/.ssh/authorized_keys")),
            (0o700, 0o700, 0o600)
        );
        let written = fs::read_to_string(root.path().join("root/.ssh/authorized_keys")).unwrap();
        assert_eq!(written, "ssh-ed25519 AAAA ann\nssh-rsa AAAA bob\n");
        admit(root.path(), &keys[1..]).unwrap();
        let written = fs::read_to_string(root.path().join("root/.ssh/authorized_keys")).unwrap();
        assert_eq!(written, "ssh-rsa AAAA bob\n", "the keys of an earlier rescue are gone");
        dismiss(root.path()).unwrap();
        assert!(!root.path().join("root/.ssh/authorized_keys").exists());
    }

    #[test]
    fn the_fingerprint_is_found_among_the_words() {
        let told = "Public key portion is:\nssh-ed25519 AAAAC3 root@(none)\nFingerprint: SHA256:u5xC+1\n";
        assert_eq!(fingerprint(told).as_deref(), Some("host key SHA256:u5xC+1"));
        assert_eq!(fingerprint("no key"), None);
    }
}
