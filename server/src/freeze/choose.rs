//! Which disk: every condition of the rule holds, the smallest of several, and a name that finds it again.

use api::facts::{Disk, Transport};
use api::layout::{DiskKind, DiskRule};

use super::refusal::{Refusal, size};

pub fn choose<'a>(disks: &'a [Disk], rule: &DiskRule) -> Result<&'a Disk, Refusal> {
    let (mut fitting, mut passed) = (Vec::new(), Vec::new());
    for disk in disks {
        match unfit(disk, rule) {
            None => fitting.push(disk),
            Some(reason) => passed.push((disk.clone(), reason)),
        }
    }
    fitting.sort_by_key(|disk| disk.size);
    let chosen = match fitting.as_slice() {
        [] => return Err(Refusal::NoDisk { passed }),
        [one, other, ..] if one.size == other.size => {
            return Err(Refusal::Ambiguous {
                one: Box::new((*one).clone()),
                other: Box::new((*other).clone()),
            });
        }
        [smallest, ..] => *smallest,
    };
    let twin = disks.iter().find(|d| {
        !std::ptr::eq(*d, chosen)
            && (d.serial.trim(), d.wwn.trim()) == (chosen.serial.trim(), chosen.wwn.trim())
    });
    let nameless = chosen.serial.trim().is_empty() && chosen.wwn.trim().is_empty();
    if nameless || twin.is_some() {
        let twin = twin.filter(|_| !nameless).cloned().map(Box::new);
        return Err(Refusal::Nameless { disk: Box::new(chosen.clone()), twin });
    }
    Ok(chosen)
}

/// Why a disk is passed over; None when it may be taken.
fn unfit(disk: &Disk, rule: &DiskRule) -> Option<String> {
    let named = rule.serial.is_some() || rule.wwn.is_some();
    let differs =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_some_and(|w| w.trim() != found.trim());
    if differs(&rule.serial, &disk.serial) {
        return Some("has another serial".into());
    }
    if differs(&rule.wwn, &disk.wwn) {
        return Some("has another wwn".into());
    }
    if disk.size == 0 {
        return Some("has no medium".into());
    }
    if disk.read_only {
        return Some("is read-only".into());
    }
    // Sticks, card readers and virtual media of a BMC: they are somebody's, and rarely meant.
    if disk.removable && !named {
        return Some("is removable, and the rule names no serial or wwn".into());
    }
    if disk.transport == Transport::Usb && !named {
        return Some("is on USB, and the rule names no serial or wwn".into());
    }
    if !matches!(disk.sector_size, 512 | 4096) {
        return Some(format!("has sectors of {} bytes, not 512 or 4096", disk.sector_size));
    }
    if let Some(min) = rule.min_size.filter(|min| disk.size < *min) {
        return Some(format!("is smaller than min_size {}", size(min)));
    }
    if let Some(max) = rule.max_size.filter(|max| disk.size > *max) {
        return Some(format!("is larger than max_size {}", size(max)));
    }
    let wanted = rule.kind.filter(|kind| *kind != kind_of(disk))?;
    Some(format!("is of kind {}, not {}", word(kind_of(disk)), word(wanted)))
}

fn kind_of(disk: &Disk) -> DiskKind {
    match (disk.transport, disk.rotational) {
        (Transport::Nvme, _) => DiskKind::Nvme,
        (_, true) => DiskKind::Hdd,
        (_, false) => DiskKind::Ssd,
    }
}

fn word(kind: DiskKind) -> &'static str {
    match kind {
        DiskKind::Nvme => "nvme",
        DiskKind::Ssd => "ssd",
        DiskKind::Hdd => "hdd",
    }
}
