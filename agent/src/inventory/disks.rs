//! Disks from sysfs: what identifies each and what it is. Contents are read elsewhere.

use api::facts::{Disk, DiskContent, Transport};

use crate::sysfs::{Tree, clean};

const BLOCKS: &str = "sys/block";

/// Real disks with a medium in them, without their contents.
pub fn identities(tree: &Tree) -> Vec<Disk> {
    tree.list(BLOCKS)
        .into_iter()
        .filter(|name| is_disk(tree, name))
        .map(|name| identity(tree, name))
        .filter(|disk| disk.size > 0)
        .collect()
}

/// By name, where the kernel's are the only sign, and by having hardware behind it.
fn is_disk(tree: &Tree, name: &str) -> bool {
    const NO_DISKS: [&str; 9] = ["loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd", "mtdblock"];
    // eMMC's boot areas and its replay-protected block are firmware's, not ours.
    let firmware = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb"));
    let base = format!("{BLOCKS}/{name}");
    !NO_DISKS.iter().any(|prefix| name.starts_with(prefix))
        && !firmware
        // One path of several to an NVMe namespace.
        && !tree.flag(format!("{base}/hidden"))
        && tree.exists(format!("{base}/device"))
}

fn identity(tree: &Tree, name: String) -> Disk {
    let base = format!("{BLOCKS}/{name}");
    let transport = transport(&name, &tree.resolved(&base));
    let sector_size = match tree.number(format!("{base}/queue/logical_block_size")) {
        0 => 512,
        size => u32::try_from(size).unwrap_or(512),
    };
    Disk {
        model: model(tree, &base),
        serial: serial(tree, &base),
        wwn: wwn(tree, &base),
        // Whatever the sectors are, sysfs counts in 512 bytes.
        size: tree.number(format!("{base}/size")).saturating_mul(512),
        sector_size,
        rotational: tree.flag(format!("{base}/queue/rotational")),
        removable: tree.flag(format!("{base}/removable")),
        read_only: tree.flag(format!("{base}/ro")),
        transport,
        content: DiskContent::default(),
        fingerprint: String::new(),
        name,
    }
}

/// SCSI splits the name over two fields, and ATA behind SCSI puts `ATA` in the first. eMMC calls it a name.
fn model(tree: &Tree, base: &str) -> String {
    let vendor = tree.text(format!("{base}/device/vendor"));
    let model = tree.text(format!("{base}/device/model"));
    if model.is_empty() {
        return tree.text(format!("{base}/device/name"));
    }
    // On virtio and NVMe the vendor is a PCI id.
    if vendor.is_empty() || vendor == "ATA" || vendor.starts_with("0x") {
        model
    } else {
        format!("{vendor} {model}")
    }
}

fn serial(tree: &Tree, base: &str) -> String {
    let page = vpd_page(&tree.bytes(format!("{base}/device/vpd_pg80")));
    let others = ["serial", "device/serial"].map(|file| tree.text(format!("{base}/{file}")));
    [page].into_iter().chain(others).find(|s| !s.is_empty()).unwrap_or_default()
}

/// Page 0x80: a head of four bytes, the last two of them the length.
fn vpd_page(page: &[u8]) -> String {
    let [_, 0x80, high, low, text @ ..] = page else { return String::new() };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    clean(text.get(..length).unwrap_or(text))
}

fn wwn(tree: &Tree, base: &str) -> String {
    let files = ["wwid", "device/wwid"].map(|file| tree.text(format!("{base}/{file}")));
    files.into_iter().find(|w| !w.is_empty()).unwrap_or_default()
}

/// By name and by what lies on the way to the device.
fn transport(name: &str, path: &str) -> Transport {
    let passes = |part: &str| path.split('/').any(|p| p.starts_with(part));
    if name.starts_with("nvme") {
        Transport::Nvme
    } else if passes("usb") {
        Transport::Usb
    } else if passes("ata") {
        Transport::Sata
    } else if passes("virtio") {
        Transport::Virtio
    } else if passes("end_device-") || passes("sas") {
        Transport::Sas
    } else {
        Transport::Other
    }
}
