//! Layouts: what cannot be partitioned, formatted or mounted is said before a disk is touched.

use std::collections::HashSet;

use api::layout::{ExtraPartition, Fs, Layout};

use super::{Findings, LABEL_HINT, is_label};

const MIB: u64 = 1 << 20;

pub fn layout(name: &str, layout: &Layout, found: &mut Findings) {
    let path = format!("layout.{name}");
    if !is_label(name) {
        found.error(&path, format!("`{name}` is not a layout name"), LABEL_HINT);
    }
    esp(layout.esp, &format!("{path}.esp"), found);
    if layout.root.size < 1024 * MIB {
        let message = format!("a root of {} MiB holds no operating system", layout.root.size / MIB);
        found.error(&format!("{path}.root.size"), message, "4G is small, 20G is comfortable");
    }
    let mut names = HashSet::from(["bios", "esp", "root"]);
    let mut mounts = HashSet::from(["/", "/boot/efi"]);
    for (i, partition) in layout.extra.iter().enumerate() {
        let path = format!("{path}.extra.{i}");
        extra(partition, &path, found);
        if !names.insert(&partition.name) {
            let message = format!("two partitions are named `{}`", partition.name);
            found.error(&format!("{path}.name"), message, "bios, esp and root are always there");
        }
        if let Some(mount) = partition.mount.as_ref().filter(|m| !mounts.insert(m)) {
            let message = format!("two partitions are mounted at {mount}");
            found.error(&format!("{path}.mount"), message, "/ and /boot/efi are always taken");
        }
    }
}

/// FAT32 has at least 65,525 clusters, and a cluster is at least a sector: below 33 MiB (260 MiB on
/// disks with sectors of 4096 bytes) mkfs.vfat makes a FAT16 that some firmware does not read.
fn esp(size: u64, path: &str, found: &mut Findings) {
    if size < 34 * MIB {
        let message = format!("an ESP of {} MiB is too small for FAT32", size / MIB);
        found.error(path, message, "512M is the default");
    } else if size < 260 * MIB {
        let message = format!("an ESP of {} MiB is no FAT32 on disks with 4096-byte sectors", size / MIB);
        found.warning(path, message, "512M is the default");
    }
}

fn extra(partition: &ExtraPartition, path: &str, found: &mut Findings) {
    let ExtraPartition { name, volume, fs, mount } = partition;
    // A GPT has room for 36 UTF-16 units, an ext4 label for 16 bytes, a vfat label for 11.
    if !is_label(name) || name.len() > 11 {
        let hint = "use 1 to 11 of a-z, 0-9 and inner dashes: it becomes the label of the file system too";
        found.error(&format!("{path}.name"), format!("`{name}` is not a partition name"), hint);
    }
    if volume.size < 8 * MIB {
        let message = format!("partition `{name}` has less than 8 MiB");
        found.error(&format!("{path}.size"), message, "write a unit: 20G, 512M");
    }
    match (fs, mount) {
        (Fs::Swap, Some(mount)) => {
            let message = format!("swap `{name}` cannot be mounted at {mount}");
            found.error(&format!("{path}.mount"), message, "leave mount out: swap is switched on by itself");
        }
        (Fs::Vfat | Fs::Ext4, None) => {
            let message = format!("partition `{name}` is mounted nowhere");
            found.error(path, message, "add a mount such as mount = \"/srv\"");
        }
        (_, Some(mount)) if !is_mount(mount) => {
            let message = format!("`{mount}` is not a folder to mount at");
            found.error(&format!("{path}.mount"), message, "write it from the root, such as /var/lib/data");
        }
        _ => {}
    }
}

/// It is written into /etc/fstab, whose fields end at white space.
fn is_mount(mount: &str) -> bool {
    let sane = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
    };
    mount.strip_prefix('/').is_some_and(|rest| rest.split('/').all(sane))
}
