//! Erasing by blocks, which every disk can: discards, zeros, and a look whether they are there.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::Advice;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Setter, ioctl, opcode};

use crate::gpt::MIB;
use crate::mkfs;
use crate::report::Report;

/// Stops between two chunks where nobody wants it any more.
pub fn chunks(
    size: u64,
    chunk: u64,
    report: &Report,
    mut work: impl FnMut(u64, u64) -> Result<()>,
) -> Result<()> {
    let mut at = 0;
    while at < size {
        report.still_wanted()?;
        let length = chunk.min(size - at);
        work(at, length)?;
        at += length;
        report.done(at);
    }
    Ok(())
}

/// Where tables and signatures lie: the first and the last mebibyte of the disk and of each partition.
pub fn regions(size: u64, partitions: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    for &(start, length) in [(0, size)].iter().chain(partitions) {
        let end = start.saturating_add(length).min(size);
        let part = MIB.min(end.saturating_sub(start));
        all.extend([(start, part), (end - part, part)].into_iter().filter(|(_, length)| *length > 0));
    }
    all
}

const DISCARD: Opcode = opcode::none(0x12, 119);
const ZEROOUT: Opcode = opcode::none(0x12, 127);

/// BLKDISCARD and BLKZEROOUT take where to begin and how far to go, in bytes.
pub fn discard(file: &File, at: u64, length: u64) -> Result<()> {
    // SAFETY: BLKDISCARD reads two 64-bit numbers and writes nothing back.
    let answer = unsafe { ioctl(file, Setter::<DISCARD, [u64; 2]>::new([at, length])) };
    answer.with_context(|| format!("at byte {at}"))
}

/// The kernel writes zeros itself where it can tell the disk to; a plain file gets them from here.
pub fn zero(file: &File, at: u64, length: u64) -> Result<()> {
    // SAFETY: BLKZEROOUT reads two 64-bit numbers and writes nothing back.
    match unsafe { ioctl(file, Setter::<ZEROOUT, [u64; 2]>::new([at, length])) } {
        Ok(()) => return Ok(()),
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL) => {}
        Err(error) => return Err(error).with_context(|| format!("cannot write zeros at byte {at}")),
    }
    let zeros = vec![0; MIB as usize];
    let mut written = 0;
    while written < length {
        let part = MIB.min(length - written);
        file.write_all_at(&zeros[..part as usize], at + written)
            .with_context(|| format!("cannot write zeros at byte {}", at + written))?;
        written += part;
    }
    Ok(())
}

/// From the disk itself, past the cache; a disk may take writes and keep none.
pub fn read_back(file: &File, (path, size): (&Path, u64), partitions: &[(u64, u64)]) -> Result<()> {
    rustix::fs::fadvise(file, 0, None, Advice::DontNeed).context("cannot drop the cache")?;
    for (at, length) in regions(size, partitions) {
        let mut bytes = vec![0; length as usize];
        match file.read_exact_at(&mut bytes, at) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                bail!("it ends before byte {}", at + length)
            }
            read => read.with_context(|| format!("cannot read {length} bytes at {at}"))?,
        }
        ensure!(bytes.iter().all(|byte| *byte == 0), "what was erased at byte {at} is still there");
    }
    let found = mkfs::probe(path)?;
    ensure!(found.kind.is_empty() && !found.ambivalent, "blkid still finds `{}` on it", found.kind);
    Ok(())
}
