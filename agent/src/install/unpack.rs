//! Unpacks a root file system from a tar: owners, modes, times, extended attributes (file capabilities), links
//! and device files, all below one folder.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::fs::{CWD, FileType, Gid, Mode, Uid, makedev, mknodat};
use tar::{Archive, Entry, EntryType};

pub fn unpack(bytes: &mut impl Read, root: &Path) -> Result<()> {
    let mut archive = Archive::new(bytes);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(true);
    archive.set_preserve_mtime(true);
    archive.set_unpack_xattrs(true);
    archive.set_overwrite(true);
    for entry in archive.entries().context("the image is no tar")? {
        let mut entry = entry.context("the tar breaks off")?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::Block | EntryType::Char | EntryType::Fifo) {
            make_node(&entry, root).with_context(|| format!("cannot make {name} of the image"))?;
            continue;
        }
        // `unpack_in` itself refuses `..` and links that lead out of the root.
        let inside = entry.unpack_in(root).with_context(|| format!("cannot unpack {name}"))?;
        ensure!(inside, "the image holds `{name}`, which lies outside of it");
    }
    Ok(())
}

fn make_node<R: Read>(entry: &Entry<'_, R>, root: &Path) -> Result<()> {
    let header = entry.header();
    let path = root.join(entry.path()?.strip_prefix("/").unwrap_or(&entry.path()?));
    ensure!(
        !entry.path()?.components().any(|c| c == std::path::Component::ParentDir),
        "its path leads out of the image"
    );
    let kind = match header.entry_type() {
        EntryType::Block => FileType::BlockDevice,
        EntryType::Char => FileType::CharacterDevice,
        _ => FileType::Fifo,
    };
    let device =
        makedev(header.device_major()?.unwrap_or_default(), header.device_minor()?.unwrap_or_default());
    let mode = Mode::from_raw_mode(header.mode()? & 0o7777);
    let _ = std::fs::remove_file(&path);
    mknodat(CWD, &path, kind, mode, device)?;
    let owner = Uid::from_raw(u32::try_from(header.uid()?)?);
    let group = Gid::from_raw(u32::try_from(header.gid()?)?);
    rustix::fs::chown(&path, Some(owner), Some(group))?;
    // The umask took its part from the mode.
    rustix::fs::chmod(&path, mode)?;
    Ok(())
}
