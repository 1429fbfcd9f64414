//! Goes down, and says beforehand what the firmware is to boot next.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use api::id::Mac;
use api::state::Home;
use api::task::RebootTo;
use rustix::system::RebootCommand;

use crate::boot_entries;
use crate::command;
use crate::leave::Ready;
use crate::log::Log;

const VARIABLES: &str = "/sys/firmware/efi/efivars";
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// BootNext counts for one boot and leaves the firmware's order alone. Where it cannot be set, a plain reboot has to do:
/// most machines are set to try the network first.
pub fn prepare(to: RebootTo, ports: &[Mac], log: &Log) {
    if to == RebootTo::Disk || !Path::new(VARIABLES).exists() {
        return;
    }
    match set_boot_next(ports) {
        Ok(name) => log.say(format!("the next boot is {name}, by BootNext")),
        Err(e) => log.say(format!("{e:#}: a plain reboot must find the network")),
    }
}

/// Returns the entry's name.
pub fn set_boot_next(ports: &[Mac]) -> Result<String> {
    let folder = Path::new(VARIABLES);
    ensure!(folder.exists(), "this system was not booted by UEFI, which alone knows BootNext");
    write_boot_next(folder, ports)?.context("the firmware has no network boot entry")
}

/// Does not come back, unless it fails.
pub fn now(home: Home, ready: Ready) -> Result<()> {
    match home {
        Home::Ram => {
            rustix::fs::sync();
            rustix::system::reboot(RebootCommand::Restart).context("the kernel refused to reboot")
        }
        Home::Disk => by_systemd(if ready == Ready::Kexec { "kexec" } else { "reboot" }),
    }
}

/// Does not come back, unless it fails.
pub fn off(home: Home) -> Result<()> {
    match home {
        Home::Ram => {
            rustix::fs::sync();
            rustix::system::reboot(RebootCommand::PowerOff).context("the kernel refused to power off")
        }
        Home::Disk => by_systemd("poweroff"),
    }
}

fn by_systemd(verb: &str) -> Result<()> {
    command::run("systemctl", [verb])?;
    // systemd ends this process when it gets there.
    std::thread::sleep(std::time::Duration::from_secs(120));
    Ok(())
}

fn write_boot_next(folder: &Path, ports: &[Mac]) -> Result<Option<String>> {
    let entries = entries(folder);
    let Some(number) = boot_entries::choose(&entries, ports) else { return Ok(None) };
    let path = folder.join(format!("BootNext-{GLOBAL}"));
    // Non-volatile, seen at boot and at run time; efivarfs takes attributes and value in one write.
    let mut bytes = 7u32.to_le_bytes().to_vec();
    bytes.extend(number.to_le_bytes());
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    file.write_all(&bytes).with_context(|| format!("cannot write {}", path.display()))?;
    let name = entries.iter().find(|e| e.0 == number).map(|e| e.1.description.clone());
    Ok(Some(format!("Boot{number:04X} ({})", name.unwrap_or_default())))
}

/// In the firmware's order first, then whatever else there is.
fn entries(folder: &Path) -> Vec<(u16, boot_entries::Entry)> {
    let value = |name: &str| {
        let bytes = fs::read(folder.join(format!("{name}-{GLOBAL}"))).unwrap_or_default();
        bytes.get(4..).unwrap_or_default().to_vec()
    };
    let order = value("BootOrder");
    let mut numbers: Vec<u16> =
        order.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    for name in
        fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok())
    {
        let number = name.strip_prefix("Boot").and_then(|rest| rest.strip_suffix(GLOBAL));
        let number = number.and_then(|rest| u16::from_str_radix(rest.strip_suffix('-')?, 16).ok());
        numbers.extend(number.filter(|n| !numbers.contains(n)));
    }
    let parse = |number: u16| Some((number, boot_entries::parse(&value(&format!("Boot{number:04X}")))?));
    numbers.into_iter().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_next_is_written_in_one_piece_and_the_order_stays() {
        let folder = tempfile::tempdir().unwrap();
        let variable = |name: &str| folder.path().join(format!("{name}-{GLOBAL}"));
        let mut option = vec![7, 0, 0, 0, 1, 0, 0, 0, 0, 0, b'n', 0, 0, 0];
        option.extend([3, 11, 37, 0, 0x52, 0x54, 0, 0, 0, 1]);
        option.extend([0; 27]);
        option.extend([3, 12, 4, 0, 0x7f, 0xff, 4, 0]);
        fs::write(variable("Boot000A"), &option).unwrap();
        fs::write(variable("BootOrder"), [7, 0, 0, 0, 0x0a, 0]).unwrap();
        let mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
        let name = write_boot_next(folder.path(), &[mac]).unwrap();
        assert_eq!(name.as_deref(), Some("Boot000A (n)"));
        assert_eq!(fs::read(variable("BootNext")).unwrap(), [7, 0, 0, 0, 0x0a, 0]);
        assert_eq!(fs::read(variable("BootOrder")).unwrap(), [7, 0, 0, 0, 0x0a, 0]);
    }

    #[test]
    fn firmware_without_a_network_entry_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("Boot0001-{GLOBAL}")), [7, 0]).unwrap();
        assert_eq!(write_boot_next(folder.path(), &[]).unwrap(), None);
        assert!(!folder.path().join(format!("BootNext-{GLOBAL}")).exists());
    }
}
