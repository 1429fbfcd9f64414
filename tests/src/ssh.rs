//! Root's shell on an installed machine.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::Rack;

use crate::server::text;

/// A new key, its public half beside it.
pub fn new_key(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("key");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path);
    text(keygen)?;
    Ok(path)
}

/// The agent says hello before sshd listens: both start as soon as the network is there.
pub fn ssh(rack: &Rack, key: &Path, address: Ipv4Addr, script: &str) -> Result<String> {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let mut ssh = Command::new("ssh");
        options(&mut ssh, key);
        ssh.arg(format!("root@{address}")).arg(script);
        match text(rack.in_server(ssh)) {
            Err(error) if Instant::now() < end && error.to_string().contains("Connection refused") => {
                std::thread::sleep(Duration::from_secs(1));
            }
            said => return said,
        }
    }
}

pub fn copy(rack: &Rack, key: &Path, file: &Path, address: Ipv4Addr, to: &Path) -> Result<()> {
    let mut scp = Command::new("scp");
    options(&mut scp, key);
    scp.arg("-q").arg(file).arg(format!("root@{address}:{}", to.display()));
    text(rack.in_server(scp)).map(drop)
}

fn options(command: &mut Command, key: &Path) {
    for option in ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=30"] {
        command.args(["-o", option]);
    }
    command.arg("-i").arg(key);
}
