//! Disk images: made, kept as the base of later ones, and put into the wrong slot.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::hardware::Disk;

pub fn file(folder: &Path, serial: &str) -> PathBuf {
    folder.join(format!("{serial}.qcow2"))
}

/// A new disk, empty or the child of its base. What was in the file is lost.
pub fn create(folder: &Path, disk: &Disk) -> Result<()> {
    let path = file(folder, &disk.serial);
    if path.exists() {
        fs::remove_file(&path).with_context(|| format!("remove the old {}", path.display()))?;
    }
    let size = format!("{}M", disk.size_mb);
    let mut arguments = vec![OsStr::new("create"), OsStr::new("-q"), OsStr::new("-f"), OsStr::new("qcow2")];
    let base = disk
        .base
        .as_ref()
        .map(|base| base.canonicalize().with_context(|| format!("find {}", base.display())));
    let base = base.transpose()?;
    if let Some(base) = &base {
        arguments.extend([OsStr::new("-F"), OsStr::new("qcow2"), OsStr::new("-b"), base.as_os_str()]);
    }
    arguments.extend([path.as_os_str(), OsStr::new(&size)]);
    qemu_img(&arguments)
}

/// Writes a disk whole, with all that its bases hold, to a file that others can start from.
pub fn keep(from: &Path, to: &Path) -> Result<()> {
    let half = to.with_extension("half");
    let words = ["convert", "-f", "qcow2", "-O", "qcow2"].map(OsStr::new);
    qemu_img(&[&words[..], &[from.as_os_str(), half.as_os_str()]].concat())?;
    fs::rename(&half, to).with_context(|| format!("rename {} to {}", half.display(), to.display()))
}

fn qemu_img(arguments: &[&OsStr]) -> Result<()> {
    let output = Command::new("qemu-img")
        .args(arguments)
        .output()
        .context("start qemu-img: is qemu-utils installed?")?;
    if !output.status.success() {
        bail!("qemu-img {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
