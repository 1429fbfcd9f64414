//! Erasing plain files: a file cannot discard, so that way fails and the next one is taken, and all is put on record.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use api::wipe::DiskName;
use tempfile::TempDir;

use super::*;
use crate::sample;

const SIZE: u64 = 24 * MIB;

fn used_disk(can: Can) -> (TempDir, Target) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vda");
    fs::write(&path, vec![0xa5; SIZE as usize]).unwrap();
    let target =
        Target { path, disk: sample::disk("vda", "DISK-A", SIZE), can, partitions: vec![(4 * MIB, 8 * MIB)] };
    (folder, target)
}

fn wipe(target: &Target, full: bool) -> (WipeOutcome, Vec<(String, bool)>) {
    let log = Log::default();
    let (outcome, steps) = erase(target, full, &Report::new(log.clone()), &log).unwrap();
    (outcome, steps.into_iter().map(|step| (step.method, step.error.is_none())).collect())
}

/// Mebibytes that are not all zeros.
fn left(target: &Target) -> Vec<usize> {
    let bytes = fs::read(&target.path).unwrap();
    assert_eq!(bytes.len() as u64, SIZE);
    let used = |(at, part): (usize, &[u8])| part.iter().any(|byte| *byte != 0).then_some(at);
    bytes.chunks(MIB as usize).enumerate().filter_map(used).collect()
}

#[test]
fn without_a_better_way_tables_and_signatures_go() {
    let (_folder, target) = used_disk(Can::default());
    let (outcome, steps) = wipe(&target, false);
    assert_eq!(outcome, WipeOutcome::Erased);
    let words = ["zeros over tables and signatures", "reading back that they are gone"];
    assert_eq!(steps, words.map(|word| (word.to_string(), true)));
    let kept: Vec<usize> = (0..24).filter(|at| ![0, 4, 11, 23].contains(at)).collect();
    assert_eq!(left(&target), kept, "the ends of the disk and of its partition, and nothing else");
}

#[test]
fn all_of_it_goes_where_that_is_wanted() {
    let (_folder, target) = used_disk(Can { discard: true, ..Can::default() });
    let (outcome, steps) = wipe(&target, true);
    assert_eq!((outcome, steps[0].clone()), (WipeOutcome::Erased, ("zeros over all blocks".into(), true)));
    assert!(left(&target).is_empty());
}

#[test]
fn a_way_that_fails_is_on_record_and_the_next_one_is_taken() {
    let (_folder, target) = used_disk(Can { discard: true, ..Can::default() });
    let (outcome, steps) = wipe(&target, false);
    assert_eq!(outcome, WipeOutcome::Erased, "tables and signatures are gone");
    assert_eq!(steps[0], ("discard of all blocks".to_string(), false), "a file has no such thing");
    assert_eq!(steps.len(), 3);
}

/// A plain file understands no command of NVMe's, as a controller that refuses all.
#[test]
fn ways_follow_one_another_in_their_order_and_each_refusal_is_on_record() {
    let format = ways::Format { namespace: 1, setting: 0x200, cryptographic: false };
    let sanitize = vec![sanitize::Sanitize::Crypto, sanitize::Sanitize::Blocks];
    let can = Can { sanitize, format: Some(format), discard: true, ..Can::default() };
    let (_folder, target) = used_disk(can.clone());
    let (outcome, steps) = wipe(&target, false);
    assert_eq!(outcome, WipeOutcome::Erased, "tables and signatures are gone");
    let expected = [
        ("NVMe sanitize with cryptographic erase", false),
        ("NVMe sanitize with block erase", false),
        ("NVMe format with user data erase", false),
        ("discard of all blocks", false),
        ("zeros over tables and signatures", true),
        ("reading back that they are gone", true),
    ];
    assert_eq!(steps, expected.map(|(way, done)| (way.to_string(), done)));
    let (_folder, target) = used_disk(can);
    let (outcome, steps) = wipe(&target, true);
    assert_eq!((outcome, &steps[3]), (WipeOutcome::Erased, &("zeros over all blocks".to_string(), true)));
    assert!(left(&target).is_empty());
}

#[test]
fn a_way_that_is_barred_is_on_record_and_the_next_one_is_taken() {
    let barred = Barred { way: "ATA secure erase".into(), why: "the firmware froze it".into() };
    let (_folder, target) = used_disk(Can { barred: vec![barred], ..Can::default() });
    let log = Log::default();
    let (outcome, steps) = erase(&target, true, &Report::new(log.clone()), &log).unwrap();
    assert_eq!(outcome, WipeOutcome::Erased);
    let error = steps[0].error.as_deref();
    assert_eq!((&*steps[0].method, error), ("ATA secure erase", Some("not tried: the firmware froze it")));
    assert_eq!((&*steps[1].method, &steps[1].error), ("zeros over all blocks", &None));
    assert!(left(&target).is_empty());
}

#[test]
fn what_cannot_be_opened_is_failed_not_forgotten() {
    let (folder, target) = used_disk(Can::default());
    fs::remove_file(folder.path().join("vda")).unwrap();
    let (outcome, steps) = wipe(&target, false);
    assert_eq!((outcome, steps), (WipeOutcome::Failed, vec![("open it alone".to_string(), false)]));
}

#[test]
fn who_is_no_longer_wanted_stops_before_the_next_chunk() {
    let (_folder, target) = used_disk(Can::default());
    let log = Log::default();
    let report = Report::new(log.clone());
    report.stop();
    let error = erase(&target, true, &report, &log).unwrap_err();
    assert!(error.is::<Unwanted>(), "{error:#}");
    assert_eq!(left(&target).len(), 24);
}

#[test]
fn a_disk_that_changed_since_the_plan_is_left() {
    let (_folder, target) = used_disk(Can::default());
    let mut file = OpenOptions::new().read(true).write(true).open(&target.path).unwrap();
    let name = DiskName { size: SIZE, ..DiskName::of(&target.disk) };
    let fingerprint = disk::fingerprint(&mut file, SIZE).unwrap();
    let planned = WipeDisk { name, sector_size: 512, fingerprint };
    unchanged(&mut file, &planned).unwrap();
    file.write_all_at(b"somebody's", SIZE - 100).unwrap();
    let error = unchanged(&mut file, &planned).unwrap_err().to_string();
    assert!(error.contains("not as it was when the plan was frozen") && error.contains("DISK-A"), "{error}");
}

#[test]
fn a_disk_that_was_left_has_to_be_as_planned_when_the_wipe_is_tried_again() {
    let name = DiskName::of(&sample::disk("vda", "DISK-A", SIZE));
    let error = anyhow::anyhow!("it changed");
    let known = |outcome, methods: &[&str]| {
        let steps = methods.iter().map(|method| step(method, Err(&error))).collect();
        WipedDisk { name: name.clone(), outcome, steps, at: 1 }
    };
    assert!(!has_begun(&known(WipeOutcome::Failed, &[looked(false)])), "nothing was written");
    // What an earlier attempt has begun stays so, though a later one does not even find the disk.
    assert!(has_begun(&known(WipeOutcome::Failed, &[looked(true)])));
    assert!(has_begun(&known(WipeOutcome::Failed, &["zeros over tables and signatures"])));
    assert!(has_begun(&known(WipeOutcome::Begun, &[])));
}

#[test]
fn a_small_disk_has_no_region_outside_itself() {
    assert_eq!(regions(512, &[]), [(0, 512), (0, 512)]);
    assert!(regions(0, &[]).is_empty());
    for (at, length) in regions(3 * MIB, &[(2 * MIB, 5 * MIB), (4 * MIB, MIB)]) {
        assert!(at + length <= 3 * MIB, "{at} {length}");
    }
}
