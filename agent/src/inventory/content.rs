//! What lies on a disk: its table, the signatures that blkid finds, and the identity file of one of our installs. Reads
//! only.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use api::facts::{Disk, DiskContent};
use api::plan::Role;

use crate::disk;
use crate::esp;
use crate::log::Log;
use crate::mkfs::{self, Probed};
use crate::sysfs::Tree;

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
        let probed = mkfs::probe(&path);
        disk.content.signatures.extend(signature(&name, &probed));
        match probed {
            Ok(found) if is_esp(&found) && disk.content.identity.is_none() => {
                disk.content.identity = esp::look(&path, log, esp::identity).flatten();
            }
            Ok(_) => {}
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

/// What could not be looked at is not empty: no rule erases it by itself.
fn signature(name: &str, probed: &Result<Probed>) -> Option<String> {
    let Ok(found) = probed else { return Some(format!("{name} could not be read")) };
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
    fn signatures_read_as_name_type_label() {
        let found = Probed { kind: "ext4".into(), label: "root".into(), ..Probed::default() };
        assert_eq!(signature("vda3", &Ok(found)).as_deref(), Some("vda3 ext4 root"));
        assert_eq!(signature("vda", &Ok(Probed::default())), None);
        let several = Probed { ambivalent: true, ..Probed::default() };
        assert_eq!(signature("vda", &Ok(several)).as_deref(), Some("vda several"));
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_untouched() {
        let signatures = signature("vda", &Err(anyhow::anyhow!("blkid was killed"))).into_iter().collect();
        let content = DiskContent { signatures, ..DiskContent::default() };
        assert!(!content.is_untouched(), "{content:?}");
    }
}
