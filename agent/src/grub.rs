//! A GRUB entry that starts the agent in RAM at the next boot and at no other: the entry in custom.cfg, which both our
//! configuration and the distribution's own read, and its name in the environment block, which GRUB clears as it obeys.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::grub_env;
use crate::ram_boot::{INITRD, KERNEL};

/// Below the root.
const CONFIG: &str = "boot/grub/grub.cfg";
const CUSTOM: &str = "boot/grub/custom.cfg";
const ENVIRONMENT: &str = "boot/grub/grubenv";

const ENTRY: &str = "metal-ram";
const NEXT: &str = "next_entry";
const MARK: &str = "# Written by metal-agent: the agent in RAM, for one boot.\n";

/// The next boot starts the agent in RAM; should that fail, the one after it starts the OS again.
pub fn arm(root: &Path, command_line: &str, arguments: &str) -> Result<()> {
    obeys(root)?;
    let uuid = root_uuid(command_line)?;
    let custom = root.join(CUSTOM);
    match fs::read_to_string(&custom) {
        Ok(text) if !text.starts_with(MARK) => {
            bail!("{} is not ours: nothing is put there", custom.display())
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot read {}", custom.display()));
        }
        _ => {}
    }
    put(&custom, entry(uuid, arguments).as_bytes())?;
    leave(root, Some(ENTRY))
}

/// Takes the word back. Also for what GRUB could not clear itself, or never came to read.
pub fn disarm(root: &Path) -> Result<bool> {
    let block = fs::read(root.join(ENVIRONMENT)).unwrap_or_default();
    if grub_env::get(&block, NEXT).as_deref() != Some(ENTRY) {
        return Ok(false);
    }
    leave(root, None).map(|()| true)
}

fn leave(root: &Path, entry: Option<&str>) -> Result<()> {
    let path = root.join(ENVIRONMENT);
    let block = fs::read(&path).unwrap_or_default();
    put(&path, &grub_env::set(&block, NEXT, entry)?)
}

fn entry(root_uuid: &str, arguments: &str) -> String {
    format!(
        "{MARK}menuentry 'Agent in RAM' --id {ENTRY} {{\n\
         \x20   search --no-floppy --fs-uuid --set=root {root_uuid}\n\
         \x20   linux /{KERNEL} {arguments}\n\
         \x20   initrd /{INITRD}\n\
         }}\n"
    )
}

/// A configuration of an older agent, or of another loader, would boot the OS again and leave the word standing.
fn obeys(root: &Path) -> Result<()> {
    let path = root.join(CONFIG);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("GRUB is not here: cannot read {}", path.display()))?;
    for word in [NEXT, "custom.cfg"] {
        ensure!(
            text.contains(word),
            "{} knows no entry for one boot: it does not read {word}",
            path.display()
        );
    }
    Ok(())
}

/// Of the running kernel's command line.
fn root_uuid(command_line: &str) -> Result<&str> {
    let root = command_line.split_ascii_whitespace().find_map(|word| word.strip_prefix("root=UUID="));
    root.context("the kernel's command line names no root by UUID, by which GRUB could find the RAM image")
}

/// GRUB reads what is on the disk, not what the kernel still holds in memory.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let named = || format!("cannot write {}", path.display());
    let mut file = File::create(path).with_context(named)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::bootloader::config;
    use crate::install::bootloader::tests::setup;

    const LINE: &str = "BOOT_IMAGE=/vmlinuz root=UUID=u-1 ro panic=30";

    fn installed() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("boot/grub")).unwrap();
        fs::write(root.path().join(CONFIG), config(&setup(&[], &[]), "u-1")).unwrap();
        root
    }

    fn next(root: &Path) -> Option<String> {
        grub_env::get(&fs::read(root.join(ENVIRONMENT)).unwrap(), NEXT)
    }

    #[test]
    fn our_own_configuration_obeys_for_one_boot() {
        let root = installed();
        arm(root.path(), LINE, "metal.ca=ab console=ttyS0").unwrap();
        assert_eq!(next(root.path()).as_deref(), Some("metal-ram"));
        let custom = fs::read_to_string(root.path().join(CUSTOM)).unwrap();
        assert!(
            custom.contains(
                "--fs-uuid --set=root u-1\n    linux /boot/metal/vmlinuz metal.ca=ab console=ttyS0\n"
            )
        );
        arm(root.path(), LINE, "metal.ca=cd").unwrap();
        assert!(fs::read_to_string(root.path().join(CUSTOM)).unwrap().contains("metal.ca=cd"));
        assert!(disarm(root.path()).unwrap());
        assert_eq!(next(root.path()), None);
        assert!(!disarm(root.path()).unwrap(), "nothing was there");
    }

    #[test]
    fn somebody_elses_word_and_file_stay() {
        let root = installed();
        fs::write(root.path().join(CUSTOM), "menuentry 'mine' {}\n").unwrap();
        assert!(arm(root.path(), LINE, "").unwrap_err().to_string().contains("not ours"));
        assert!(!root.path().join(ENVIRONMENT).exists());
        fs::write(root.path().join(ENVIRONMENT), grub_env::set(&[], NEXT, Some("mine")).unwrap()).unwrap();
        assert!(!disarm(root.path()).unwrap());
        assert_eq!(next(root.path()).as_deref(), Some("mine"));
    }

    #[test]
    fn a_loader_that_would_not_obey_is_refused() {
        let root = installed();
        fs::write(root.path().join(CONFIG), "menuentry 'Linux' {}\n").unwrap();
        assert!(arm(root.path(), LINE, "").unwrap_err().to_string().contains("entry for one boot"));
        fs::remove_file(root.path().join(CONFIG)).unwrap();
        assert!(arm(root.path(), LINE, "").unwrap_err().to_string().contains("GRUB is not here"));
        let root = installed();
        assert!(arm(root.path(), "root=/dev/sda1", "").unwrap_err().to_string().contains("by UUID"));
    }
}
