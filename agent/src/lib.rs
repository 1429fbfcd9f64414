//! The agent: the program that runs in a machine, in RAM to inspect and install it, on its disk to speak for it.

mod boot_args;
mod boot_entries;
mod boot_key;
mod boot_server;
mod clock;
mod command;
mod credentials;
mod disk;
mod esp;
mod gpt;
mod grub;
mod grub_env;
mod http_date;
mod install;
mod installed;
mod inventory;
mod kernel_log;
mod kexec;
mod leave;
mod log;
mod mkfs;
mod newc;
mod node;
mod partition;
mod patience;
mod ram;
mod ram_boot;
mod reboot;
mod renewal;
mod report;
mod rescue;
mod residence;
#[cfg(test)]
mod sample;
mod session;
mod sysfs;
mod wake;
mod watchdog;
mod wipe;
mod work;

use std::path::Path;

use anyhow::Result;

use crate::log::Log;

/// Runs for ever, or until the machine reboots. The home is told by the files of an install.
pub async fn run() -> Result<()> {
    let log = Log::default();
    let ended = match installed::load(Path::new("/")) {
        Ok(Some(installed)) => residence::run(installed, &log).await,
        Ok(None) => ram::run(&log).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &ended {
        log.say(format!("{error:#}"));
    }
    ended
}
