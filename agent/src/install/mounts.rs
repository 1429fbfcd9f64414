//! Mounts that end with their owner, the last one first, however it ends.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

#[derive(Default)]
pub struct Mounts {
    points: Vec<PathBuf>,
}

impl Mounts {
    pub fn mount(&mut self, source: &Path, point: &Path, fs: &str, flags: MountFlags) -> Result<()> {
        std::fs::create_dir_all(point).with_context(|| format!("cannot make {}", point.display()))?;
        mount(source, point, fs, flags, None)
            .with_context(|| format!("cannot mount {} ({fs}) on {}", source.display(), point.display()))?;
        self.points.push(point.into());
        Ok(())
    }

    pub fn bind(&mut self, source: &Path, point: &Path) -> Result<()> {
        std::fs::create_dir_all(point).with_context(|| format!("cannot make {}", point.display()))?;
        mount_bind(source, point)
            .with_context(|| format!("cannot mount {} on {} too", source.display(), point.display()))?;
        self.points.push(point.into());
        Ok(())
    }

    /// Unmounts and says when that fails: what is still mounted is not yet on the disk.
    pub fn finish(mut self) -> Result<()> {
        while let Some(point) = self.points.pop() {
            unmount(&point, UnmountFlags::empty())
                .with_context(|| format!("cannot unmount {}", point.display()))?;
        }
        Ok(())
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        while let Some(point) = self.points.pop() {
            // After an error; DETACH, so that a program left behind cannot hold the disk for ever.
            let _ = unmount(&point, UnmountFlags::DETACH);
        }
    }
}

/// An agent that was killed leaves its mounts behind, and they would hold the disk against the next attempt.
pub fn clear(below: &Path) {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut left: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|point| Path::new(point).starts_with(below))
        .collect();
    left.reverse();
    for point in left {
        let _ = unmount(point, UnmountFlags::DETACH);
    }
}
