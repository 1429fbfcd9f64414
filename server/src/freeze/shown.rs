//! What a person was shown before they said yes to an erasure, as a short text that comes back with the yes: whether it
//! is still so, and if not, what has changed. It keeps nobody out; it tells two moments apart.

use api::facts::Disk;
use api::id::MachineId;
use sha2::{Digest, Sha256};

use super::judge::on_it;
use super::refusal::{content, label};

/// What would be done now, as far as a yes is to it.
#[derive(Clone, Copy, Debug)]
pub struct Erased<'a> {
    pub machine: &'a MachineId,
    /// In words, such as `an install as worker` or `a wipe`.
    pub what: &'a str,
    pub disks: &'a [Disk],
}

/// Sixteen hex digits for what is done to which machine, and for each disk sixteen for which one it is and as many for
/// what is on it.
pub fn digest(erased: &Erased<'_>) -> String {
    let disks = erased.disks.iter().map(|disk| format!(".{}-{}", which(disk), holds(disk)));
    hash(&[&erased.machine.0, erased.what]) + &disks.collect::<String>()
}

/// None when it is still as it was shown.
pub fn changed(shown: &str, now: &Erased<'_>) -> Option<String> {
    let mut parts = shown.split('.');
    let mut changes = Vec::new();
    if parts.next() != Some(&hash(&[&now.machine.0, now.what])) {
        changes.push(format!("it would now be {}", now.what));
    }
    let mut then: Vec<(&str, &str)> = parts.map(|part| part.split_once('-').unwrap_or((part, ""))).collect();
    for disk in now.disks {
        let Some(at) = then.iter().position(|(disk_then, _)| *disk_then == which(disk)) else {
            changes.push(format!("{} would be erased and was not shown", label(disk)));
            continue;
        };
        if then.remove(at).1 != holds(disk) {
            changes.push(format!("{} holds something else by now: {}", label(disk), content(disk)));
        }
    }
    match then.len() {
        0 => {}
        1 => changes.push("one disk that was shown would not be erased any more".into()),
        many => changes.push(format!("{many} disks that were shown would not be erased any more")),
    }
    (!changes.is_empty()).then(|| changes.join("; "))
}

fn which(disk: &Disk) -> String {
    hash(&[&disk.model, &disk.serial, &disk.wwn, &disk.size.to_string()])
}

/// Without the kernel's name of the disk, which changes from boot to boot.
fn holds(disk: &Disk) -> String {
    hash(&[&format!("{:?}", on_it(disk))])
}

/// Each text with its length before it, so that no two lists are the same bytes.
fn hash(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    hex::encode(&hash.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::disk;

    fn check(then: &[Disk], now: &[Disk], expected: Option<&str>) {
        let machine = MachineId("m".into());
        let of = |disks| Erased { machine: &machine, what: "a wipe", disks };
        let shown = digest(&Erased { machine: &machine, what: "a wipe", disks: then });
        assert_eq!(changed(&shown, &of(now)).as_deref(), expected);
    }

    fn with(mut disk: Disk, signature: &str) -> Disk {
        disk.content.signatures = vec![signature.into()];
        disk
    }

    #[test]
    fn what_stays_and_what_changes() {
        let (a, b) = (disk("A"), disk("B"));
        check(&[], &[], None);
        check(&[a.clone(), b.clone()], &[a.clone(), b.clone()], None);
        check(&[a.clone(), b.clone()], &[b.clone(), a.clone()], None);
        let renamed = Disk { name: "sdz".into(), ..with(a.clone(), "sdz1 ext4 data") };
        check(&[with(a.clone(), &format!("{}1 ext4 data", a.name))], &[renamed], None);
        let gone = "one disk that was shown would not be erased any more";
        check(&[a.clone(), b.clone()], std::slice::from_ref(&a), Some(gone));
        let new = format!("{} would be erased and was not shown", label(&b));
        check(std::slice::from_ref(&a), &[a.clone(), b.clone()], Some(&new));
        check(std::slice::from_ref(&a), std::slice::from_ref(&b), Some(&format!("{new}; {gone}")));
        let other = with(a.clone(), "zfs_member tank");
        let holds = format!("{} holds something else by now: zfs_member tank", label(&a));
        check(std::slice::from_ref(&a), std::slice::from_ref(&other), Some(&holds));
        let foreign = Disk { size: a.size + 512, ..a.clone() };
        check(
            &[a],
            std::slice::from_ref(&foreign),
            Some(&format!("{} would be erased and was not shown; {gone}", label(&foreign))),
        );
    }

    #[test]
    fn a_yes_is_to_one_machine_and_one_thing() {
        let (one, other, disks) = (MachineId("m-1".into()), MachineId("m-2".into()), [disk("A")]);
        let of = |machine, what| Erased { machine, what, disks: &disks };
        let shown = digest(&of(&one, "an install as worker"));
        assert_eq!(changed(&shown, &of(&one, "an install as worker")), None);
        assert_eq!(changed(&shown, &of(&one, "a wipe")).as_deref(), Some("it would now be a wipe"));
        assert!(changed(&shown, &of(&other, "an install as worker")).is_some());
    }

    #[test]
    fn what_is_no_digest_is_not_what_was_shown() {
        let (machine, disks) = (MachineId("m".into()), [disk("A")]);
        let now = Erased { machine: &machine, what: "a wipe", disks: &disks };
        let whole = digest(&now);
        for shown in [
            "",
            ".",
            "-",
            "yes",
            &whole[1..],
            &whole[..whole.len() - 1],
            &format!("{whole}.x"),
            &format!("{whole}."),
        ] {
            assert!(changed(shown, &now).is_some(), "{shown}");
        }
        let twice = [disk("A"), disk("A")];
        let now = Erased { disks: &twice, ..now };
        assert!(changed(&whole, &now).is_some(), "one disk more, though it has the same name");
    }
}
