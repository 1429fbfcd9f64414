//! What lies on a disk: its table, the signatures that blkid finds, and the identity file of one of our installs. Reads
//! only.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Result;
use api::facts::{Disk, DiskContent, Identity};
use api::plan::Role;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::disk;
use crate::log::Log;
use crate::mkfs::{self, Probed};
use crate::sysfs::Tree;

const ESP: &str = "/run/metal/esp";

/// A disk that cannot be read keeps an empty fingerprint, which no plan can match.
pub fn fill(tree: &Tree, disk: &mut Disk, log: &Log) {
    let path = tree.path("dev").join(&disk.name);
    if let Err(error) = read(tree, disk, &path, log) {
        log.say(format!("cannot read the contents of {}: {error:#}", disk.name));
    }
}

fn read(tree: &Tree, disk: &mut Disk, path: &Path, log: &Log) -> Result<()> {
    let mut file = File::open(path)?;
    let size = disk.size;
    let sector = u64::from(disk.sector_size);
    let first = disk::read(&mut file, 0, 512)?;
    let headers = [sector, size.saturating_sub(sector)]
        .map(|at| disk::read(&mut file, at, 72).ok().filter(|header| header.starts_with(b"EFI PART")));
    let gpt = [headers[0].is_some(), headers[1].is_some()];
    let guid = headers.iter().flatten().next().and_then(|header| guid(header));
    disk.content = DiskContent { table: table(&first, gpt), guid, ..DiskContent::default() };
    disk.fingerprint = disk::fingerprint(&mut file, size)?;
    let mut names = vec![disk.name.clone()];
    names.extend(partitions(tree, &disk.name));
    for name in names {
        let path = path.with_file_name(&name);
        match mkfs::probe(&path) {
            Ok(found) => {
                disk.content.signatures.extend(signature(&name, &found));
                if is_esp(&found) && disk.content.identity.is_none() {
                    disk.content.identity = identity(&path, log);
                }
            }
            Err(error) => log.say(format!("{error:#}")),
        }
    }
    Ok(())
}

/// A copy of a GPT's header at either end counts, and a boot signature with a plausible table.
fn table(first: &[u8], gpt: [bool; 2]) -> Option<String> {
    if gpt.contains(&true) {
        return Some("gpt".into());
    }
    let (entries, signature) = (first.get(446..510)?, first.get(510..512)?);
    // A FAT boot sector has the signature too, and code where the entries would be.
    let plausible = entries.chunks(16).all(|entry| matches!(entry[0], 0 | 0x80));
    (signature == [0x55, 0xaa] && plausible).then(|| "mbr".into())
}

/// At byte 56 of a GPT's header, its first three fields little-endian.
fn guid(header: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = header.get(56..72)?.try_into().ok()?;
    Some(uuid::Uuid::from_bytes_le(bytes).to_string())
}

fn signature(name: &str, found: &Probed) -> Option<String> {
    if found.ambivalent {
        return Some(format!("{name} several"));
    }
    if found.kind.is_empty() {
        return None;
    }
    let words = [name, &found.kind, &found.label];
    Some(words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" "))
}

fn partitions(tree: &Tree, disk: &str) -> Vec<String> {
    let base = format!("sys/block/{disk}");
    let names = tree.list(&base).into_iter();
    names.filter(|name| tree.exists(format!("{base}/{name}/partition"))).collect()
}

fn is_esp(found: &Probed) -> bool {
    found.kind == "vfat" && found.partition_type == Role::Esp.type_guid(None)
}

/// Where the ESP is mounted already (on an installed system), its file is read there: a second, read-only mount of it is
/// refused.
fn identity(device: &Path, log: &Log) -> Option<Identity> {
    if let Some(point) = mounted_at(device) {
        return parse(&point);
    }
    std::fs::create_dir_all(ESP).ok()?;
    let flags = MountFlags::RDONLY | MountFlags::NOEXEC | MountFlags::NODEV | MountFlags::NOSUID;
    if let Err(error) = mount(device, ESP, "vfat", flags, None) {
        log.say(format!("cannot look into the ESP {}: {error}", device.display()));
        return None;
    }
    let found = parse(Path::new(ESP));
    // What stays mounted would keep the disk from being partitioned.
    if let Err(error) = unmount(ESP, UnmountFlags::empty()) {
        log.say(format!("cannot unmount the ESP {}: {error}", device.display()));
        let _ = unmount(ESP, UnmountFlags::DETACH);
    }
    found
}

fn mounted_at(device: &Path) -> Option<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let line = table.lines().find(|l| l.split(' ').next() == device.to_str())?;
    line.split(' ').nth(1).map(PathBuf::from)
}

/// A file that is there says that an install was: what cannot be read of it must not make it nobody's.
fn parse(esp: &Path) -> Option<Identity> {
    match std::fs::read(esp.join(Identity::PATH)) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| Identity::unreadable())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => Some(Identity::unreadable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_from_boot_sectors() {
        let mut sector = vec![0; 512];
        assert_eq!(table(&sector, [false, false]), None);
        assert_eq!(table(&sector, [false, true]).as_deref(), Some("gpt"));
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(table(&sector, [false, false]).as_deref(), Some("mbr"));
        sector[446] = 0xeb;
        assert_eq!(table(&sector, [false, false]), None);
        assert_eq!(table(&[], [false, false]), None);
    }

    #[test]
    fn an_identity_that_cannot_be_read_is_somebodys() {
        let esp = tempfile::tempdir().unwrap();
        assert_eq!(parse(esp.path()), None);
        let path = esp.path().join(Identity::PATH);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "{\"site\":\"la").unwrap();
        assert_eq!(parse(esp.path()), Some(Identity::unreadable()));
        let text =
            r#"{"site":"lab","machine":"m-1","hostname":"node01","generation":3,"of":"a later version"}"#;
        std::fs::write(&path, text).unwrap();
        assert_eq!(parse(esp.path()).unwrap().generation, 3);
    }

    #[test]
    fn signatures_read_as_name_type_label() {
        let found = Probed { kind: "ext4".into(), label: "root".into(), ..Probed::default() };
        assert_eq!(signature("vda3", &found).as_deref(), Some("vda3 ext4 root"));
        assert_eq!(signature("vda", &Probed::default()), None);
        let several = Probed { ambivalent: true, ..Probed::default() };
        assert_eq!(signature("vda", &several).as_deref(), Some("vda several"));
    }
}
