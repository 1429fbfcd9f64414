//! A plan's partition table as bytes (UEFI specification, chapter 5). Pure, and our own: the bytes are a function of
//! the plan alone, so "is this our table" is a comparison of bytes and no disk's garbage is ever parsed.

use anyhow::{Context, Result, ensure};
use api::plan::{PlannedDisk, PlannedPartition};
use uuid::Uuid;

pub const MIB: u64 = 1 << 20;

const ENTRIES: usize = 128;
const ENTRY: usize = 128;
const HEADER: usize = 92;

/// The two copies and the protective MBR.
pub struct Table {
    pub sector_size: u64,
    pub protective_mbr: Vec<u8>,
    /// One sector each. A header names the disk's GUID and the checksum of the entries: to carry it is to
    /// carry all GUIDs of the plan.
    pub primary: Vec<u8>,
    pub backup: Vec<u8>,
    pub entries: Vec<u8>,
    /// In bytes from the disk's start.
    pub primary_at: u64,
    pub entries_at: u64,
    pub backup_entries_at: u64,
    pub backup_at: u64,
}

/// Refuses a plan whose partitions overlap or do not fit: better here than half-way.
pub fn table(disk: &PlannedDisk) -> Result<Table> {
    let sector_size = u64::from(disk.sector_size);
    ensure!(
        sector_size.is_power_of_two() && (512..=65_536).contains(&sector_size),
        "the plan says a sector size of {sector_size} bytes, which no disk has"
    );
    let sectors = disk.size / sector_size;
    let array = ((ENTRIES * ENTRY) as u64).div_ceil(sector_size);
    ensure!(sectors > 2 * array + 4, "a disk of {} bytes is too small for a partition table", disk.size);
    let usable = (2 + array, sectors - array - 2);
    check_bounds(&disk.partitions, usable)?;
    let entries = entries(&disk.partitions)?;
    let guid = guid(&disk.guid)?;
    let last = sectors - 1;
    let header = |own, other, entries_at| {
        header(&Header { own, other, usable, guid, entries_at, entries: &entries }, sector_size)
    };
    Ok(Table {
        sector_size,
        protective_mbr: protective_mbr(sectors),
        primary: header(1, last, 2),
        backup: header(last, 1, last - array),
        primary_at: sector_size,
        entries_at: 2 * sector_size,
        backup_entries_at: (last - array) * sector_size,
        backup_at: last * sector_size,
        entries,
    })
}

fn check_bounds(partitions: &[PlannedPartition], usable: (u64, u64)) -> Result<()> {
    let mut sorted: Vec<&PlannedPartition> = partitions.iter().collect();
    sorted.sort_by_key(|p| p.first);
    let mut free = usable.0;
    for p in sorted {
        ensure!(
            p.first >= free && p.last >= p.first && p.last <= usable.1,
            "partition {} ({}) of the plan, sectors {} to {}, overlaps another or does not fit between {} and {}",
            p.number,
            p.name,
            p.first,
            p.last,
            usable.0,
            usable.1
        );
        free = p.last + 1;
    }
    Ok(())
}

fn entries(partitions: &[PlannedPartition]) -> Result<Vec<u8>> {
    let mut array = vec![0; ENTRIES * ENTRY];
    for p in partitions {
        let slot = (p.number as usize).wrapping_sub(1);
        ensure!(slot < ENTRIES, "the plan names a partition {}; there are 1 to {ENTRIES}", p.number);
        let entry = &mut array[slot * ENTRY..][..ENTRY];
        ensure!(entry.iter().all(|b| *b == 0), "the plan names partition {} twice", p.number);
        entry[..16].copy_from_slice(&guid(p.role.type_guid(p.fs))?);
        entry[16..32].copy_from_slice(&guid(&p.guid)?);
        entry[32..40].copy_from_slice(&p.first.to_le_bytes());
        entry[40..48].copy_from_slice(&p.last.to_le_bytes());
        // 36 UTF-16 units are all the room a name has.
        for (unit, at) in p.name.encode_utf16().zip((56..ENTRY).step_by(2)) {
            entry[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
    }
    Ok(array)
}

struct Header<'a> {
    own: u64,
    other: u64,
    usable: (u64, u64),
    guid: [u8; 16],
    entries_at: u64,
    entries: &'a [u8],
}

fn header(h: &Header<'_>, sector_size: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(sector_size as usize);
    bytes.extend(b"EFI PART");
    bytes.extend([0, 0, 1, 0]);
    bytes.extend((HEADER as u32).to_le_bytes());
    bytes.extend([0; 8]);
    for value in [h.own, h.other, h.usable.0, h.usable.1] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(h.guid);
    bytes.extend(h.entries_at.to_le_bytes());
    for value in [ENTRIES as u32, ENTRY as u32, crc32(h.entries)] {
        bytes.extend(value.to_le_bytes());
    }
    let checksum = crc32(&bytes);
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    bytes.resize(sector_size as usize, 0);
    bytes
}

/// One entry of type 0xEE over the whole disk, so that tools that know no GPT see it as full.
fn protective_mbr(sectors: u64) -> Vec<u8> {
    let mut mbr = vec![0; 512];
    let entry = &mut mbr[446..462];
    entry[1..8].copy_from_slice(&[0, 2, 0, 0xee, 0xff, 0xff, 0xff]);
    entry[8..12].copy_from_slice(&1u32.to_le_bytes());
    let size = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
    entry[12..16].copy_from_slice(&size.to_le_bytes());
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    mbr
}

/// GPT stores the first three fields little-endian.
fn guid(text: &str) -> Result<[u8; 16]> {
    let uuid = Uuid::parse_str(text).with_context(|| format!("the plan's GUID `{text}` is none"))?;
    Ok(uuid.to_bytes_le())
}

/// CRC-32 of ISO 3309, reflected, as the specification asks. A few kilobytes a table: no need for a lookup.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_usual_test_text() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
