//! A network namespace by name: made, entered by a thread or a child process, and deleted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

#[derive(Clone)]
pub struct Netns {
    pub name: String,
    file: Arc<File>,
}

impl Netns {
    pub fn create(name: &str) -> Result<Self> {
        ip(&["netns", "add", name])?;
        let path = format!("/run/netns/{name}");
        let file = File::open(&path).with_context(|| format!("open {path}"))?;
        Ok(Self { name: name.to_owned(), file: Arc::new(file) })
    }

    /// One run of `ip` for many lines, all inside this namespace.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        let mut command = Command::new("ip");
        command.args(["-n", &self.name, "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().context("start `ip`: is iproute2 installed?")?;
        if let Some(mut stdin) = process.stdin.take() {
            stdin.write_all(lines.as_bytes()).context("write to `ip -batch`")?;
        }
        let output = process.wait_with_output().context("wait for `ip -batch`")?;
        if !output.status.success() {
            bail!("`ip -n {} -batch` failed: {}", self.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// A switch has no business on its own wire. Hosts without IPv6 have nothing to switch off.
    pub fn disable_ipv6(&self) -> Result<()> {
        ["all", "default"]
            .iter()
            .try_for_each(|which| self.set(&format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6")))
    }

    /// Deleting an interface's first address leaves it the others.
    pub fn keep_addresses(&self) -> Result<()> {
        self.set("/proc/sys/net/ipv4/conf/all/promote_secondaries")
    }

    /// To 1, if the host has it.
    fn set(&self, setting: &str) -> Result<()> {
        let (namespace, path) = (self.clone(), setting.to_owned());
        let inside = thread::spawn(move || {
            namespace.enter()?;
            if Path::new(&path).exists() { fs::write(path, "1") } else { Ok(()) }
        });
        let outcome = inside.join().map_err(|_| anyhow!("the thread inside {} ended early", self.name))?;
        outcome.with_context(|| format!("set {setting} in {}", self.name))
    }

    /// Moves the calling thread, for good: only for threads that then end.
    pub fn enter(&self) -> io::Result<()> {
        Ok(move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))?)
    }

    /// The command will run inside, with its own /sys, as that shows the interfaces of the namespace it was mounted in.
    pub fn inside(&self, mut command: Command) -> Command {
        let namespace = self.clone();
        let enter = move || {
            namespace.enter()?;
            // SAFETY: the child has one thread, and shares no file table, between fork and exec.
            unsafe { unshare_unsafe(UnshareFlags::NEWNS)? };
            mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
            unmount(c"/sys", UnmountFlags::DETACH)?;
            Ok(mount(c"sysfs", c"/sys", c"sysfs", MountFlags::empty(), None)?)
        };
        // SAFETY: between fork and exec this makes system calls on constants and does not allocate.
        unsafe { command.pre_exec(enter) };
        command
    }
}

pub fn exists(name: &str) -> bool {
    Path::new("/run/netns").join(name).exists()
}

pub fn delete(name: &str) -> Result<()> {
    ip(&["netns", "delete", name])
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("start `ip`: is iproute2 installed?")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`ip {}` failed: {} (the rack needs root)", arguments.join(" "), said.trim());
    }
    Ok(())
}
