//! The disk that a plan names: found by serial and WWN among all, and compared with what the plan knows of it
//! before anything is opened for writing. A kernel's name is never an identity.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use anyhow::{Context, Result, bail, ensure};
use api::facts::Disk;
use api::plan::PlannedDisk;
use api::wipe::{DiskName, WipeDisk};
use sha2::{Digest, Sha256};

use crate::gpt::{MIB, Table};

/// What a plan knows a disk by, be it of an install or of a wipe.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    model: &'a str,
    serial: &'a str,
    wwn: &'a str,
    size: u64,
    sector_size: u32,
}

impl<'a> From<&'a PlannedDisk> for Named<'a> {
    fn from(disk: &'a PlannedDisk) -> Named<'a> {
        let PlannedDisk { model, serial, wwn, size, sector_size, .. } = disk;
        Named { model, serial, wwn, size: *size, sector_size: *sector_size }
    }
}

impl<'a> From<&'a WipeDisk> for Named<'a> {
    fn from(disk: &'a WipeDisk) -> Named<'a> {
        let DiskName { model, serial, wwn, size } = &disk.name;
        Named { model, serial, wwn, size: *size, sector_size: disk.sector_size }
    }
}

/// Exactly one disk fits, or none is touched.
pub fn find<'a, 'p>(disks: &'a [Disk], planned: impl Into<Named<'p>>) -> Result<&'a Disk> {
    let planned = planned.into();
    let name = describe(planned);
    ensure!(
        !planned.serial.is_empty() || !planned.wwn.is_empty(),
        "the plan names a disk without serial and WWN: nothing tells it from another"
    );
    let fits: Vec<&Disk> =
        disks.iter().filter(|d| d.serial == planned.serial && d.wwn == planned.wwn).collect();
    let disk = match fits[..] {
        [disk] => disk,
        [] => bail!("no disk here is {name}; there are: {}", list(disks.iter())),
        _ => bail!(
            "{} disks here are {name}, which must be one: {}; nothing is written",
            fits.len(),
            list(fits.into_iter())
        ),
    };
    ensure!(
        disk.size == planned.size,
        "{name} is planned with {} bytes and has {} now",
        planned.size,
        disk.size
    );
    ensure!(
        disk.sector_size == planned.sector_size,
        "{name} is planned with sectors of {} bytes and has {} now",
        planned.sector_size,
        disk.sector_size
    );
    ensure!(!disk.read_only, "{name} (/dev/{}) is read-only: a jumper, a lock, or a dying disk", disk.name);
    Ok(disk)
}

pub fn describe<'p>(planned: impl Into<Named<'p>>) -> String {
    let planned = planned.into();
    let mut text = format!("the disk with serial `{}`", planned.serial);
    if !planned.wwn.is_empty() {
        text += &format!(" and WWN `{}`", planned.wwn);
    }
    if !planned.model.is_empty() {
        text += &format!(" ({})", planned.model);
    }
    text
}

fn list<'a>(disks: impl Iterator<Item = &'a Disk>) -> String {
    let each: Vec<String> =
        disks.map(|d| format!("{} (serial `{}`, WWN `{}`)", d.name, d.serial, d.wwn)).collect();
    if each.is_empty() { "none".into() } else { each.join(", ") }
}

/// Why the plan may be written to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it was when the plan was frozen.
    AsPlanned,
    /// Its header carries this plan's GUIDs: an earlier attempt got that far, or all the way.
    Ours,
}

pub fn standing(file: &mut File, planned: &PlannedDisk, table: &Table) -> Result<Standing> {
    if carries_header(file, table)? {
        return Ok(Standing::Ours);
    }
    let found = fingerprint(file, planned.size)?;
    ensure!(
        found == planned.fingerprint,
        "{} is not as it was when the plan was frozen and does not carry the plan's GUIDs: its first and last \
         mebibyte have the fingerprint {found}, expected {}; nothing is written. Inspect the machine again",
        describe(planned),
        planned.fingerprint
    );
    Ok(Standing::AsPlanned)
}

fn carries_header(file: &mut File, table: &Table) -> Result<bool> {
    Ok(read(file, table.primary_at, table.primary.len())? == table.primary)
}

/// Both copies, byte for byte.
pub fn verify_table(file: &mut File, table: &Table) -> Result<()> {
    let copies = [
        (table.primary_at, &table.primary, "the primary header"),
        (table.entries_at, &table.entries, "the primary entries"),
        (table.backup_entries_at, &table.entries, "the backup entries"),
        (table.backup_at, &table.backup, "the backup header"),
    ];
    for (at, expected, what) in copies {
        ensure!(
            read(file, at, expected.len())? == *expected,
            "{what} of the partition table at byte {at} are not the plan's"
        );
    }
    Ok(())
}

/// See [`api::facts::Disk::fingerprint`].
pub fn fingerprint(file: &mut File, size: u64) -> Result<String> {
    let length = MIB.min(size);
    let mut hash = Sha256::new();
    hash.update(read(file, 0, length as usize)?);
    hash.update(read(file, size - length, length as usize)?);
    Ok(hex::encode(hash.finalize()))
}

pub fn read(file: &mut File, at: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(&mut bytes))
        .with_context(|| format!("cannot read {length} bytes at {at}"))?;
    Ok(bytes)
}
