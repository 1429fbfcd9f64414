//! Makes the file systems of a layout with the UUIDs of the plan, and reads those back.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use api::layout::Fs;
use api::plan::PlannedPartition;
use uuid::Uuid;

use crate::command;

pub fn make(fs: Fs, p: &PlannedPartition, node: &Path) -> Result<()> {
    let uuid = uuid_of(p)?;
    let node_text = node.to_string_lossy();
    match fs {
        Fs::Vfat => {
            let id = uuid.replace('-', "");
            command::run("mkfs.vfat", ["-F", "32", "-i", &id, "-n", "EFI", &node_text])?;
        }
        Fs::Ext4 => {
            // Discarding a whole disk first can take minutes on SATA and wins nothing here.
            let options = ["-q", "-F", "-U", uuid, "-E", "nodiscard,lazy_itable_init=1", &node_text];
            command::run("mkfs.ext4", options)?;
        }
        Fs::Swap => make_swap(uuid, node)?,
    }
    Ok(())
}

/// blkid's probing reads the disk, not its own cache.
pub fn verify(p: &PlannedPartition, node: &Path) -> Result<()> {
    let expected = uuid_of(p)?;
    let fs = p.fs.map_or("", Fs::as_str);
    let found = probe(node)?;
    ensure!(
        found.kind == fs && found.uuid.eq_ignore_ascii_case(expected),
        "{} should hold {fs} with UUID {expected} and holds `{}` with `{}`",
        node.display(),
        found.kind,
        found.uuid
    );
    Ok(())
}

/// What blkid knows of a device; empty where it finds nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Probed {
    pub kind: String,
    pub uuid: String,
    pub label: String,
    /// Type GUID of the partition.
    pub partition_type: String,
    /// Signatures of several systems at once: nobody can tell which one counts.
    pub ambivalent: bool,
}

pub fn probe(node: &Path) -> Result<Probed> {
    let ended = command::end("blkid", ["-p".as_ref(), "-o".as_ref(), "export".as_ref(), node.as_os_str()])?;
    match ended.code {
        Some(0 | 2) => Ok(parse_probe(&ended.output)),
        Some(8) => Ok(Probed { ambivalent: true, ..Probed::default() }),
        code => anyhow::bail!("{} {}{}", ended.line, command::died(code), ended.complaint),
    }
}

fn parse_probe(output: &str) -> Probed {
    // A label is anybody's text: blkid escapes what is not printable with backslashes.
    let value = |key: &str| {
        let line = output.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().replace('\\', "")
    };
    Probed {
        kind: value("TYPE"),
        uuid: value("UUID"),
        label: value("LABEL"),
        partition_type: value("PART_ENTRY_TYPE"),
        ambivalent: false,
    }
}

fn uuid_of(p: &PlannedPartition) -> Result<&str> {
    p.fs_uuid.as_deref().with_context(|| format!("the plan gives partition {} no file-system UUID", p.number))
}

/// A swap area is one page with a signature at its end (include/linux/swap.h), so no tool is needed for it.
fn make_swap(uuid: &str, node: &Path) -> Result<()> {
    let place = || format!("cannot make swap on {}", node.display());
    let mut file = OpenOptions::new().read(true).write(true).open(node).with_context(place)?;
    let size = file.seek(SeekFrom::End(0)).with_context(place)?;
    let page = swap_header(uuid, size)?;
    file.write_all_at(&page, 0).with_context(place)?;
    file.sync_all().with_context(place)
}

const PAGE: usize = 4096;

fn swap_header(uuid: &str, size: u64) -> Result<Vec<u8>> {
    let pages = size / PAGE as u64;
    ensure!(pages >= 10, "{size} bytes are too few for swap");
    let uuid = Uuid::parse_str(uuid).with_context(|| format!("the plan's swap UUID `{uuid}` is none"))?;
    let mut page = vec![0; PAGE];
    page[1024..1028].copy_from_slice(&1u32.to_ne_bytes());
    let last = u32::try_from(pages - 1).unwrap_or(u32::MAX);
    page[1028..1032].copy_from_slice(&last.to_ne_bytes());
    page[1036..1052].copy_from_slice(uuid.as_bytes());
    page[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
    Ok(page)
}
