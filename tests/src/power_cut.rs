//! A folder on a file system of its own whose power can be cut: at one instant all that was written and not flushed is
//! gone. It is ext4 on a loop device; the cut is the one by which the file system's own developers try theirs.
//! What a disk takes into its cache and loses there is not modelled: here it keeps what it has accepted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
use rustix::mount::{UnmountFlags, unmount};

use crate::server::text;

/// Unmounted when dropped.
pub struct Ground {
    folder: PathBuf,
    /// Where it is mounted.
    point: PathBuf,
    /// How often: after each cut a copy lies over the dead one, which other processes may still hold.
    layers: u32,
}

/// EXT4_IOC_SHUTDOWN of the kernel's include/uapi/linux/ext4.h.
const SHUTDOWN: Opcode = opcode::read::<u32>(b'X', 125);
/// EXT4_GOING_FLAGS_NOLOGFLUSH: neither data nor journal are written out first.
const AS_IT_IS: u32 = 2;

impl Ground {
    /// Mounts an empty one at `point`, its image in `folder`.
    pub fn under(point: &Path, folder: &Path) -> Result<Ground> {
        fs::create_dir_all(point)?;
        let mut ground = Ground { folder: folder.into(), point: point.into(), layers: 0 };
        let image = ground.image(0);
        File::create(&image).and_then(|file| file.set_len(512 << 20)).context("make the image")?;
        let mut mkfs = Command::new("mkfs.ext4");
        mkfs.args(["-q", "-F"]).arg(&image);
        text(mkfs)?;
        ground.mount()?;
        Ok(ground)
    }

    /// From now on every write to it fails, and nothing more of what waits in memory reaches the image.
    pub fn cut(&self) -> Result<()> {
        let folder = File::open(&self.point)?;
        // SAFETY: EXT4_IOC_SHUTDOWN reads one 32-bit number and writes nothing back.
        unsafe { ioctl(&folder, Setter::<SHUTDOWN, u32>::new(AS_IT_IS)) }.context("cut the power")
    }

    /// Mounts what the cut has left, which replays its journal.
    pub fn comes_back(&mut self) -> Result<()> {
        let last = self.layers.checked_sub(1).context("it was never mounted")?;
        fs::copy(self.image(last), self.image(self.layers)).context("copy the image")?;
        self.mount()
    }

    fn image(&self, layer: u32) -> PathBuf {
        self.folder.join(format!("ground-{layer}.img"))
    }

    fn mount(&mut self) -> Result<()> {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop"]).arg(self.image(self.layers)).arg(&self.point);
        text(mount)?;
        self.layers += 1;
        Ok(())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for _ in 0..self.layers {
            let _ = unmount(&self.point, UnmountFlags::DETACH);
        }
    }
}

/// The cut proves nothing if it loses nothing: of two files, the one that was flushed is there afterwards, and the other
/// one is not what it was.
pub fn marks(folder: &Path) -> Result<()> {
    fs::write(folder.join("flushed"), "kept")?;
    File::open(folder.join("flushed"))?.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(fs::write(folder.join("unflushed"), "lost")?)
}

pub fn marks_are_told_apart(folder: &Path) -> Result<()> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    ensure!(read("flushed") == "kept", "what was flushed is lost: this is no power cut");
    ensure!(read("unflushed") != "lost", "what was not flushed is there: this is no power cut");
    Ok(())
}
