//! Writes a plan's table and file systems. May be cut at any instruction and repeated: the first sector written is the
//! table's header, and a disk that carries it is the plan's.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use api::facts::Disk;
use api::id::MachineId;
use api::layout::Fs;
use api::plan::{Plan, PlannedDisk, PlannedPartition, Role};
use rustix::fs::{Advice, OFlags};
use rustix::ioctl::{NoArg, ioctl, opcode};

use crate::disk::{self, Standing};
use crate::gpt::{self, MIB, Table};
use crate::log::Log;
use crate::report::Report;
use crate::sysfs::Tree;
use crate::{esp, inventory, mkfs};

/// The whole task, on a real machine.
pub fn run(plan: &Plan, hash: &str, machine: &MachineId, report: &Report, log: &Log) -> Result<()> {
    check_plan(plan, hash, machine)?;
    write(&Tree::new("/"), plan, report, log)
}

/// Every step may have been done before, in whole or in part.
fn write(tree: &Tree, plan: &Plan, report: &Report, log: &Log) -> Result<()> {
    let disks = inventory::disks::identities(tree);
    let disk = disk::find(&disks, &plan.disk)?;
    let path = tree.path("dev").join(&disk.name);
    report.phase("table", 0);
    report.still_wanted()?;
    let table = gpt::table(&plan.disk)?;
    refuse_what_has_begun(tree, disk, plan, &table, log)?;
    let standing = write_table(&path, &plan.disk, &table, log)?;
    log.say(format!("{}: table written to {} ({standing:?})", disk::describe(&plan.disk), path.display()));
    report.phase("file systems", 0);
    let nodes = nodes(tree, disk, &plan.disk)?;
    for (partition, node) in &nodes {
        report.still_wanted()?;
        format_partition(partition, node, &plan.image.format)?;
    }
    report.phase("verify", 0);
    verify(&path, &table, &nodes, &plan.image.format)
}

/// Repeatable until the layout was verified, and not one time after: a server that has lost its memory may ask again.
fn refuse_what_has_begun(tree: &Tree, disk: &Disk, plan: &Plan, table: &Table, log: &Log) -> Result<()> {
    let path = tree.path("dev").join(&disk.name);
    let mut file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    if disk::standing(&mut file, &plan.disk, table)? != Standing::Ours {
        return Ok(());
    }
    // A table that was torn half-way is in no kernel's view: nothing was formatted behind it either.
    let Ok(nodes) = nodes(tree, disk, &plan.disk) else { return Ok(()) };
    let esp = nodes.iter().find(|(p, _)| p.role == Role::Esp);
    let Some(begun) = esp.and_then(|(_, node)| esp::look(node, log, |esp| esp::begun(esp, plan)).flatten())
    else {
        return Ok(());
    };
    bail!(
        "{} {begun}: the layout of generation {} is not written over it again, nothing was written",
        disk::describe(&plan.disk),
        plan.generation
    )
}

/// A plan that is not whole, or not this machine's, is nobody's permission to write.
pub fn check_plan(plan: &Plan, hash: &str, machine: &MachineId) -> Result<()> {
    let found = plan.hash();
    ensure!(found == hash, "the plan's hash is {found}, the task says {hash}: it changed on the way");
    ensure!(
        plan.machine == *machine,
        "the plan is for machine {}, this is {machine}: nothing is written",
        plan.machine
    );
    Ok(())
}

/// Writes both copies of the table and wipes what lay where the partitions now begin and end.
pub fn write_table(path: &Path, planned: &PlannedDisk, table: &Table, log: &Log) -> Result<Standing> {
    let mut file = open_exclusive(path)?;
    let standing = disk::standing(&mut file, planned, table)?;
    if standing == Standing::Ours {
        log.say("the disk carries this plan's GUIDs: an earlier attempt is repeated");
    }
    for write in writes(planned, table) {
        file.write_all_at(&write.bytes, write.at)
            .with_context(|| format!("cannot write to {} at byte {}", path.display(), write.at))?;
        if write.barrier {
            file.sync_all().with_context(|| format!("cannot flush {}", path.display()))?;
        }
    }
    reread_table(&file, path)?;
    Ok(standing)
}

/// O_EXCL on a block device fails while anything on it is mounted, swapped to, or part of a RAID or volume group.
pub fn open_exclusive(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::EXCL.bits() as i32)
        .open(path)
        .with_context(|| format!("cannot open {} for writing alone: is it in use?", path.display()))
}

/// One write of the sequence; after a barrier it is on the disk before the next begins.
pub struct Write {
    pub at: u64,
    pub bytes: Vec<u8>,
    pub barrier: bool,
}

/// The sequence. One sector is written whole or not at all, and the header is one: with it the disk is the plan's,
/// without it the disk is as it was.
pub fn writes(planned: &PlannedDisk, table: &Table) -> Vec<Write> {
    let sector = table.sector_size;
    let used = planned.partitions.iter().map(|p| (p.first, p.last));
    let first = used.clone().map(|u| u.0).min().unwrap_or(u64::MAX).saturating_mul(sector).min(MIB);
    let behind = (used.map(|u| u.1).max().unwrap_or(0) + 1) * sector;
    let mut head = vec![0; first as usize];
    put(&mut head, 0, &table.protective_mbr);
    put(&mut head, table.primary_at, &table.primary);
    put(&mut head, table.entries_at, &table.entries);
    let tail_at = behind.max(planned.size.saturating_sub(MIB)).min(table.backup_entries_at);
    let mut tail = vec![0; (planned.size - tail_at) as usize];
    put(&mut tail, table.backup_entries_at - tail_at, &table.entries);
    put(&mut tail, table.backup_at - tail_at, &table.backup);
    let mut all = vec![
        Write { at: table.primary_at, bytes: table.primary.clone(), barrier: true },
        Write { at: 0, bytes: head, barrier: false },
        Write { at: tail_at, bytes: tail, barrier: false },
    ];
    for p in &planned.partitions {
        let (start, end) = (p.first * sector, (p.last + 1) * sector);
        let length = MIB.min(end - start);
        for at in [start, end - length] {
            all.push(Write { at, bytes: vec![0; length as usize], barrier: false });
        }
    }
    if let Some(last) = all.last_mut() {
        last.barrier = true;
    }
    all
}

fn put(region: &mut [u8], at: u64, bytes: &[u8]) {
    if let Some(place) = region.get_mut(at as usize..at as usize + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// BLKRRPART, through the descriptor that holds the disk: any other is refused while it does.
pub fn reread_table(file: &File, path: &Path) -> Result<()> {
    const BLKRRPART: rustix::ioctl::Opcode = opcode::none(0x12, 95);
    // SAFETY: BLKRRPART takes no argument and touches no memory of ours.
    let answer = unsafe { ioctl(file, NoArg::<BLKRRPART>::new()) };
    match answer {
        // A plain file has no kernel view that could be stale.
        Ok(()) | Err(rustix::io::Errno::NOTTY) => Ok(()),
        Err(e) => {
            Err(e).with_context(|| format!("the kernel did not read the new table of {}", path.display()))
        }
    }
}

/// The device of each partition, as the kernel sees the disk. Their places are compared with the plan's: an old table
/// still in the kernel's memory would send every later write to the wrong place.
pub fn nodes<'a>(
    tree: &Tree,
    disk: &Disk,
    planned: &'a PlannedDisk,
) -> Result<Vec<(&'a PlannedPartition, PathBuf)>> {
    let mut nodes = Vec::new();
    for p in &planned.partitions {
        let name = node(tree, disk, planned, p)?;
        let path = tree.path("dev").join(&name);
        for _ in 0..50 {
            if path.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        ensure!(path.exists(), "partition {name} has no device file after 5 s");
        nodes.push((p, path));
    }
    Ok(nodes)
}

fn node(tree: &Tree, disk: &Disk, planned: &PlannedDisk, p: &PlannedPartition) -> Result<String> {
    // sysfs counts in 512 bytes, whatever the disk's sectors are.
    let unit = u64::from(planned.sector_size) / 512;
    let expected = (p.first * unit, (p.last - p.first + 1) * unit);
    let base = format!("sys/block/{}", disk.name);
    for name in tree.list(&base) {
        if tree.number(format!("{base}/{name}/partition")) != u64::from(p.number) {
            continue;
        }
        let found = (tree.number(format!("{base}/{name}/start")), tree.number(format!("{base}/{name}/size")));
        ensure!(
            found == expected,
            "the kernel sees {name} at {} with {} blocks of 512, the plan says {} with {}",
            found.0,
            found.1,
            expected.0,
            expected.1
        );
        return Ok(name);
    }
    bail!("the kernel sees no partition {} on {}", p.number, disk.name)
}

/// A root that travels as a file-system image brings its own.
fn format_partition(p: &PlannedPartition, node: &Path, image_format: &str) -> Result<()> {
    match p.fs {
        Some(_) if brought_by_image(p, image_format) => Ok(()),
        Some(fs) => mkfs::make(fs, p, node),
        None => Ok(()),
    }
}

fn brought_by_image(p: &PlannedPartition, image_format: &str) -> bool {
    p.role == Role::Root && p.fs == Some(Fs::Ext4) && image_format == "ext4.zst"
}

/// Reads all back from the disk itself, past the cache.
fn verify(
    path: &Path,
    table: &Table,
    nodes: &[(&PlannedPartition, PathBuf)],
    image_format: &str,
) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    rustix::fs::fsync(&file).with_context(|| format!("cannot flush {}", path.display()))?;
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).context("cannot drop the cache")?;
    disk::verify_table(&mut file, table).with_context(|| format!("after writing, {}", path.display()))?;
    for (p, node) in nodes {
        if p.fs.is_some() && !brought_by_image(p, image_format) {
            mkfs::verify(p, node)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
