//! How a disk is cut: whole mebibytes, in the layout's order, what is left shared by those that grow.

use api::facts::Disk;
use api::layout::{Fs, Layout, Volume};
use api::plan::{PlannedImage, PlannedPartition, Role};
use uuid::Uuid;

use super::refusal::Refusal;

const MIB: u64 = 1 << 20;
/// GRUB's core image for BIOS is about 100 KB; it has no file system to grow in.
const BIOS_BOOT: u64 = MIB;
/// 128 entries of 128 bytes, as every tool writes it.
const GPT_ENTRIES: u64 = 128 * 128;

/// A partition that has its place but not its GUIDs yet.
pub struct Cut {
    number: u32,
    name: String,
    role: Role,
    /// In sectors.
    first: u64,
    last: u64,
    fs: Option<Fs>,
    mount: Option<String>,
}

/// Bytes of the smallest disk that a layout fits on: its parts, a mebibyte in front for the table and
/// the boot code's alignment, one behind for the backup of the table.
pub fn smallest_disk(layout: &Layout) -> u64 {
    let mebibytes: u64 = parts(layout).iter().map(|p| p.mebibytes()).sum();
    mebibytes.saturating_add(2).saturating_mul(MIB)
}

/// Places the layout's parts on a disk. Starts and lengths are whole mebibytes, so they are aligned for
/// sectors of 512 and of 4096 bytes and for every RAID stripe that is in use.
pub fn cut(disk: &Disk, layout: &Layout) -> Result<Vec<Cut>, Refusal> {
    let parts = parts(layout);
    let needed: u64 = parts.iter().map(|p| p.mebibytes()).sum();
    let there = usable_mebibytes(disk);
    let Some(free) = there.checked_sub(needed) else {
        let needed = smallest_disk(layout);
        return Err(Refusal::DoesNotFit { disk: Box::new(disk.clone()), needed });
    };
    let growing = parts.iter().filter(|p| p.volume.grow).count() as u64;
    let share = free.checked_div(growing).unwrap_or(0);
    let mut odd = free.checked_rem(growing).unwrap_or(0);
    let sectors = MIB / u64::from(disk.sector_size);
    let mut at = 1;
    let mut cuts = Vec::new();
    for (number, part) in (1..).zip(parts) {
        let mut length = part.mebibytes();
        if part.volume.grow {
            // The first takes what does not divide.
            length += share + std::mem::take(&mut odd);
        }
        let (first, last) = (at * sectors, (at + length) * sectors - 1);
        at += length;
        let Part { name, role, fs, mount, .. } = part;
        cuts.push(Cut { number, name, role, first, last, fs, mount });
    }
    Ok(cuts)
}

/// Whether the image has room in the root partition. A file-system image needs its own size; an archive
/// also the tables of the file system it is unpacked into.
pub fn holds(disk: &Disk, cuts: &[Cut], image: &PlannedImage) -> Result<(), Refusal> {
    let tables = if image.format.starts_with("tar") { image.unpacked / 8 } else { 0 };
    let needed = image.unpacked.saturating_add(tables);
    let sectors: u64 = cuts.iter().filter(|c| c.role == Role::Root).map(|c| c.last - c.first + 1).sum();
    let root = sectors * u64::from(disk.sector_size);
    if root < needed {
        return Err(Refusal::ImageDoesNotFit { image: image.name.clone(), needed, root });
    }
    Ok(())
}

impl Cut {
    pub fn planned(self, guids: &mut impl FnMut() -> Uuid) -> PlannedPartition {
        let Cut { number, name, role, first, last, fs, mount } = self;
        let guid = guids().to_string();
        let fs_uuid = fs.map(|fs| match fs {
            Fs::Vfat => volume_id(guids()),
            Fs::Ext4 | Fs::Swap => guids().to_string(),
        });
        PlannedPartition { number, name, role, guid, first, last, fs, fs_uuid, mount }
    }
}

/// The 32 bits by which a FAT volume is known, as blkid prints them.
fn volume_id(guid: Uuid) -> String {
    let [a, b, c, d, ..] = *guid.as_bytes();
    format!("{a:02X}{b:02X}-{c:02X}{d:02X}")
}

struct Part {
    name: String,
    role: Role,
    volume: Volume,
    fs: Option<Fs>,
    mount: Option<String>,
}

impl Part {
    fn mebibytes(&self) -> u64 {
        self.volume.size.div_ceil(MIB)
    }
}

/// All partitions of a layout in the order of their numbers.
fn parts(layout: &Layout) -> Vec<Part> {
    let fixed = |size| Volume { size, grow: false };
    let part = |name: &str, role, volume, fs, mount: Option<&str>| Part {
        name: name.into(),
        role,
        volume,
        fs,
        mount: mount.map(Into::into),
    };
    let mut parts = vec![
        part("bios", Role::BiosBoot, fixed(BIOS_BOOT), None, None),
        part("esp", Role::Esp, fixed(layout.esp), Some(Fs::Vfat), Some("/boot/efi")),
        part("root", Role::Root, layout.root, Some(Fs::Ext4), Some("/")),
    ];
    parts.extend(
        layout.extra.iter().map(|e| part(&e.name, Role::Extra, e.volume, Some(e.fs), e.mount.as_deref())),
    );
    parts
}

/// Between the mebibyte in front and the backup table at the end.
fn usable_mebibytes(disk: &Disk) -> u64 {
    let sector = u64::from(disk.sector_size);
    let backup = GPT_ENTRIES.div_ceil(sector) + 1;
    let end = (disk.size / sector).saturating_sub(backup) * sector;
    (end / MIB).saturating_sub(1)
}
