//! Writes a root file system while it arrives: one thread decompresses, one writes. Memory stays bounded, because
//! machines with 512 MB install too.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::fs::{FallocateFlags, OFlags};
use tokio::sync::mpsc;

use super::unpack;

/// Compressed pieces on their way from network to decoder.
pub const PIECES: usize = 64;

const CHUNK: usize = 2 << 20;
const CHUNKS: usize = 6;
/// Also the alignment that O_DIRECT asks for, with room to spare.
const ZERO_RUN: usize = 128 << 10;
const ALIGN: usize = 4096;

/// A stretch of a device or file: nothing outside it is written.
#[derive(Clone, Debug)]
pub struct Target {
    pub path: PathBuf,
    pub offset: u64,
    pub length: u64,
}

/// Runs until the channel closes. The result is on the disk, flushed.
pub fn write_ext4(pieces: mpsc::Receiver<Vec<u8>>, target: &Target) -> Result<u64> {
    let mut decoder = decoder(pieces)?;
    let (full, to_write) = sync_channel::<Chunk>(CHUNKS);
    let (empty, free) = sync_channel::<Chunk>(CHUNKS);
    for _ in 0..CHUNKS {
        empty.send(Chunk::new()).context("no room for buffers")?;
    }
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || write_chunks(&to_write, empty, target));
        let read = fill_chunks(&mut decoder, full, &free);
        let written = writer.join().map_err(|_| anyhow!("the writing thread died"))?;
        // When writing failed, reading fails after it, only because nobody takes the chunks.
        written?;
        read
    })
}

/// Unpacks onto a mounted file system.
pub fn write_tar(pieces: mpsc::Receiver<Vec<u8>>, root: &Path) -> Result<()> {
    let mut decoder = decoder(pieces)?;
    unpack::unpack(&mut decoder, root)?;
    // The padding behind the archive's end belongs to the bytes that are hashed.
    io::copy(&mut decoder, &mut io::sink()).context("cannot decompress the end of the image")?;
    Ok(())
}

type Decoder = zstd::Decoder<'static, io::BufReader<Pieces>>;

fn decoder(pieces: mpsc::Receiver<Vec<u8>>) -> Result<Decoder> {
    let pieces = Pieces { receiver: pieces, current: Vec::new(), at: 0 };
    zstd::Decoder::new(pieces).context("cannot start decompressing")
}

/// The channel's end as a stream of bytes.
struct Pieces {
    receiver: mpsc::Receiver<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() {
            match self.receiver.blocking_recv() {
                Some(piece) => (self.current, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len() - self.at);
        buffer[..length].copy_from_slice(&self.current[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// A buffer whose used part begins where O_DIRECT can take it.
struct Chunk {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Chunk {
    fn new() -> Chunk {
        let bytes = vec![0; CHUNK + ALIGN];
        let start = bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        Chunk { bytes, start, length: 0 }
    }

    fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + CHUNK]
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }
}

/// Returns how many bytes came out.
fn fill_chunks(decoder: &mut impl Read, full: SyncSender<Chunk>, free: &Receiver<Chunk>) -> Result<u64> {
    let mut total = 0;
    loop {
        let mut chunk = free.recv().context("nobody writes")?;
        let mut length = 0;
        while length < CHUNK {
            match decoder.read(&mut chunk.space()[length..]).context("cannot decompress the image")? {
                0 => break,
                n => length += n,
            }
        }
        total += length as u64;
        // A last block that is not whole is filled up: a block device takes nothing smaller.
        let padded = length.next_multiple_of(ALIGN);
        chunk.space()[length..padded].fill(0);
        chunk.length = padded;
        let last = length < CHUNK;
        if padded > 0 {
            full.send(chunk).context("nobody writes")?;
        }
        if last {
            return Ok(total);
        }
    }
}

fn write_chunks(chunks: &Receiver<Chunk>, empty: SyncSender<Chunk>, target: &Target) -> Result<()> {
    let file = open(&target.path)?;
    let mut at = 0;
    while let Ok(chunk) = chunks.recv() {
        let end = at + chunk.filled().len() as u64;
        ensure!(
            end <= target.length,
            "the image is larger than its place on {}, {} bytes",
            target.path.display(),
            target.length
        );
        write_chunk(&file, chunk.filled(), target.offset + at)
            .with_context(|| format!("cannot write to {} at byte {at}", target.path.display()))?;
        at = end;
        // The reader has gone when this was the last.
        let _ = empty.send(chunk);
    }
    file.sync_all().with_context(|| format!("cannot flush {}", target.path.display()))
}

/// Past the page cache where that works: the RAM belongs to the RAM image, and what is written is not read again.
fn open(path: &Path) -> Result<File> {
    let open = |flags: OFlags| OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(path);
    open(OFlags::DIRECT | OFlags::EXCL)
        .or_else(|_| open(OFlags::EXCL))
        .with_context(|| format!("cannot open {} for writing alone: is it in use?", path.display()))
}

fn write_chunk(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut start = 0;
    while start < bytes.len() {
        let zero = is_zero(run_at(bytes, start));
        let mut end = start;
        while end < bytes.len() && is_zero(run_at(bytes, end)) == zero {
            end += run_at(bytes, end).len();
        }
        let place = at + start as u64;
        if !zero || write_zeroes(file, place, (end - start) as u64).is_err() {
            file.write_all_at(&bytes[start..end], place)?;
        }
        start = end;
    }
    Ok(())
}

fn run_at(bytes: &[u8], start: usize) -> &[u8] {
    &bytes[start..bytes.len().min(start + ZERO_RUN)]
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|w| u128::from_ne_bytes(*w) == 0) && rest.iter().all(|b| *b == 0)
}

/// The kernel writes the zeroes, or the disk does it by itself; either way they read as zeroes afterwards, which a
/// discard does not promise.
fn write_zeroes(file: &File, at: u64, length: u64) -> io::Result<()> {
    let mode = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(file, mode, at, length)?;
    Ok(())
}
