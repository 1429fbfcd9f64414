//! Writes the settings of the installed system onto its mounted root, and the identity file onto its ESP.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use api::facts::Identity;
use api::id::MachineId;
use api::plan::PlannedPartition;
use api::task::Setup;

use super::bootloader::{below, put};
use super::settings::{self, AGENT, SystemFile, UNIT};
use crate::command;
use crate::esp::LAYOUT;
use crate::installed::{self, Installed};
use crate::log::Log;

/// Whose machine this is, and by what its installed agent proves it.
pub struct Membership {
    pub server: String,
    pub boot: String,
    pub ca_pem: String,
    pub ca_sha256: String,
    pub machine: MachineId,
    pub generation: i64,
    pub key_pem: String,
    pub certificate_pem: String,
    /// Microseconds since 1970, by the server's clock.
    pub time: i64,
}

pub fn write(
    root: &Path,
    setup: &Setup,
    partitions: &[PlannedPartition],
    membership: &Membership,
    log: &Log,
) -> Result<()> {
    for file in settings::files(setup, partitions, &random_hex()?) {
        write_file(root, &file)?;
    }
    fs::set_permissions(root.join("root/.ssh"), fs::Permissions::from_mode(0o700))
        .context("cannot close /root/.ssh to others")?;
    write_agent(root, setup, partitions, membership)?;
    write_host_key(root, log)
}

fn write_file(root: &Path, file: &SystemFile) -> Result<()> {
    let path = below(root, &file.path)?;
    // A link in the image (such as /etc/hostname into another tree) would send the bytes elsewhere.
    if path.is_symlink() {
        fs::remove_file(&path).with_context(|| format!("cannot replace {}", path.display()))?;
    }
    put(&path, file.text.as_bytes())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))
        .with_context(|| format!("cannot set the mode of {}", path.display()))
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("no random numbers")?;
    Ok(hex::encode(bytes))
}

fn write_agent(
    root: &Path,
    setup: &Setup,
    partitions: &[PlannedPartition],
    membership: &Membership,
) -> Result<()> {
    let binary = below(root, AGENT)?;
    put(&binary, &fs::read("/proc/self/exe").context("cannot read the agent's own program")?)?;
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))
        .context("cannot make the agent a program")?;
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).with_context(|| format!("cannot make {}", wants.display()))?;
    let link = wants.join(UNIT);
    if !link.is_symlink() {
        symlink(format!("../{UNIT}"), &link).context("cannot enable the agent's service")?;
    }
    let esp = settings::esp_mount(partitions).trim_end_matches('/');
    let facts = Installed {
        server: membership.server.clone(),
        boot: membership.boot.clone(),
        ca_pem: membership.ca_pem.clone(),
        ca_sha256: membership.ca_sha256.clone(),
        machine: membership.machine.clone(),
        generation: membership.generation,
        site: setup.site.clone(),
        time: membership.time,
        interfaces: setup.interfaces.clone(),
        identity: format!("{esp}/{}", Identity::PATH),
    };
    let text = serde_json::to_string_pretty(&facts).context("cannot write agent.json")?;
    let files = [
        (installed::FACTS, 0o644, text + "\n"),
        (installed::KEY, 0o600, membership.key_pem.clone()),
        (installed::CERTIFICATE, 0o644, membership.certificate_pem.clone()),
    ];
    for (path, mode, text) in files {
        write_file(root, &SystemFile { path: path.into(), mode, text })?;
    }
    Ok(())
}

/// Ed25519 alone: an RSA key takes a slow machine half a minute. An image without SSH is still an image.
fn write_host_key(root: &Path, log: &Log) -> Result<()> {
    if !root.join("usr/bin/ssh-keygen").exists() {
        log.say("the image has no ssh-keygen: the installed system gets no SSH host key");
        return Ok(());
    }
    let folder = root.join("etc/ssh");
    let old = fs::read_dir(&folder).into_iter().flatten().flatten();
    for entry in old.filter(|e| e.file_name().to_string_lossy().starts_with("ssh_host_")) {
        fs::remove_file(entry.path()).context("cannot remove the image's SSH host keys")?;
    }
    let root = root.to_string_lossy();
    let key = "/etc/ssh/ssh_host_ed25519_key";
    command::run("chroot", [&*root, "/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])?;
    Ok(())
}

/// From here on the disk says that its layout is not to be written again, and no longer that it is installed.
pub fn begin(esp: &Path, hash: &str) -> Result<()> {
    put(&esp.join(LAYOUT), hash.as_bytes())?;
    match fs::remove_file(esp.join(Identity::PATH)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).context("cannot remove the old identity file")
        }
        _ => Ok(()),
    }
}

/// The last file of an install.
pub fn write_identity(esp: &Path, setup: &Setup, membership: &Membership) -> Result<()> {
    let identity = Identity {
        site: setup.site.clone(),
        machine: membership.machine.to_string(),
        hostname: setup.hostname.to_string(),
        generation: membership.generation,
    };
    let text = serde_json::to_vec_pretty(&identity).context("cannot write the identity file")?;
    let path = esp.join(Identity::PATH);
    put(&path, &[])?;
    let mut file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(&text)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}
