//! Partitioning a plain file: cut after every write, refused where the disk is another, and read back by others' tools.

mod rerun;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use api::id::MachineId;
use api::layout::Fs;
use api::plan::{PlannedDisk, Role};
use tempfile::TempDir;

use super::*;
use crate::command;
use crate::sample;

const SIZE: u64 = 96 * MIB;

/// A disk with old things on it, and the plan that was frozen from it.
fn old_disk() -> (TempDir, PathBuf, PlannedDisk) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let file = File::create(&path).unwrap();
    file.set_len(SIZE).unwrap();
    for at in [0, 1 << 20, 36 << 20, SIZE - MIB] {
        file.write_all_at(&vec![0xa5; MIB as usize], at).unwrap();
    }
    let mut planned = sample::planned_disk(SIZE, 512);
    planned.fingerprint = disk::fingerprint(&mut File::open(&path).unwrap(), SIZE).unwrap();
    (folder, path, planned)
}

fn content(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn others_read_the_table_that_is_written() {
    let (_folder, path, planned) = old_disk();
    let table = gpt::table(&planned).unwrap();
    assert_eq!(write_table(&path, &planned, &table, &Log::default()).unwrap(), Standing::AsPlanned);
    disk::verify_table(&mut File::open(&path).unwrap(), &table).unwrap();
    let probed = command::run("blkid", ["-p", "-o", "export", path.to_str().unwrap()]).unwrap();
    assert!(probed.contains("PTTYPE=gpt"), "{probed}");
    assert!(probed.contains(&format!("PTUUID={}", planned.guid)), "{probed}");
    let dump = command::run("sfdisk", ["--dump", path.to_str().unwrap()]).unwrap();
    for p in &planned.partitions {
        let line = dump.lines().find(|l| l.to_lowercase().contains(&p.guid)).unwrap();
        assert!(line.contains(&format!("name=\"{}\"", p.name)), "{line}");
        assert!(line.to_lowercase().contains(p.role.type_guid(p.fs)), "{line}");
    }
}

#[test]
fn a_cut_after_any_write_can_be_repeated() {
    let (_folder, path, planned) = old_disk();
    let table = gpt::table(&planned).unwrap();
    let before = content(&path);
    write_table(&path, &planned, &table, &Log::default()).unwrap();
    let whole = content(&path);
    let steps = writes(&planned, &table);
    assert_eq!(steps[0].bytes.len(), 512, "the first write is one sector, whole or not at all");
    assert!(steps[0].barrier);
    for cut in 0..=steps.len() {
        fs::write(&path, &before).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for step in &steps[..cut] {
            file.write_all_at(&step.bytes, step.at).unwrap();
        }
        // The next one is torn in the middle; the first cannot be.
        if let Some(step) = steps.get(cut).filter(|_| cut > 0) {
            file.write_all_at(&step.bytes[..step.bytes.len() / 2], step.at).unwrap();
        }
        let standing = write_table(&path, &planned, &table, &Log::default()).unwrap();
        let expected = if cut == 0 { Standing::AsPlanned } else { Standing::Ours };
        assert_eq!(standing, expected, "cut {cut}");
        assert!(content(&path) == whole, "cut {cut}");
    }
}

#[test]
fn old_signatures_are_gone_and_the_rest_is_not_touched() {
    let (_folder, path, planned) = old_disk();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"data between", 50 * MIB).unwrap();
    let table = gpt::table(&planned).unwrap();
    write_table(&path, &planned, &table, &Log::default()).unwrap();
    let after = content(&path);
    for p in &planned.partitions {
        let (start, end) = ((p.first * 512) as usize, ((p.last + 1) * 512) as usize);
        assert!(after[start..start + MIB as usize].iter().all(|b| *b == 0), "start of {}", p.name);
        assert!(after[end - MIB as usize..end].iter().all(|b| *b == 0), "end of {}", p.name);
    }
    assert_eq!(&after[50 << 20..(50 << 20) + 12], b"data between");
}

#[test]
fn a_disk_that_changed_since_is_refused_and_stays_as_it_is() {
    let (_folder, path, planned) = old_disk();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"x", 100).unwrap();
    let before = content(&path);
    let table = gpt::table(&planned).unwrap();
    let error = write_table(&path, &planned, &table, &Log::default()).unwrap_err().to_string();
    assert!(error.contains("DISK-A") && error.contains(&planned.fingerprint), "{error}");
    assert!(content(&path) == before);
}

#[test]
fn another_plans_table_is_not_ours() {
    let (_folder, path, planned) = old_disk();
    let table = gpt::table(&planned).unwrap();
    write_table(&path, &planned, &table, &Log::default()).unwrap();
    let mut other = planned.clone();
    other.partitions[2].guid = "00000000-1111-4222-8333-000000000009".into();
    let other_table = gpt::table(&other).unwrap();
    assert!(write_table(&path, &other, &other_table, &Log::default()).is_err());
    let error = disk::verify_table(&mut File::open(&path).unwrap(), &other_table).unwrap_err();
    assert!(error.to_string().contains("primary header"), "{error}");
}

#[test]
fn exactly_one_disk_is_found_or_none() {
    let planned = sample::planned_disk(SIZE, 512);
    let ours = sample::disk("vdb", "DISK-A", SIZE);
    let other = sample::disk("vda", "DISK-B", SIZE);
    assert_eq!(disk::find(&[other.clone(), ours.clone()], &planned).unwrap().name, "vdb");
    let refusal = |disks: &[Disk], planned: &PlannedDisk| disk::find(disks, planned).unwrap_err().to_string();
    let none = refusal(std::slice::from_ref(&other), &planned);
    assert!(none.contains("no disk here is") && none.contains("vda (serial `DISK-B`"), "{none}");
    let twin = Disk { name: "vdc".into(), ..ours.clone() };
    let two = refusal(&[ours.clone(), twin], &planned);
    assert!(two.contains("2 disks") && two.contains("vdb") && two.contains("vdc"), "{two}");
    let larger = Disk { size: SIZE + 512, ..ours.clone() };
    assert!(refusal(&[larger], &planned).contains("is planned with 100663296 bytes and has 100663808"));
    let coarse = Disk { sector_size: 4096, ..ours.clone() };
    assert!(refusal(&[coarse], &planned).contains("sectors of 512"));
    let locked = Disk { read_only: true, ..ours.clone() };
    assert!(refusal(&[locked], &planned).contains("read-only"));
    let nameless = PlannedDisk { serial: String::new(), ..planned };
    assert!(refusal(&[ours], &nameless).contains("without serial"));
}

#[test]
fn a_plan_that_changed_or_is_anothers_is_refused() {
    let plan = sample::plan(sample::planned_disk(SIZE, 512));
    check_plan(&plan, &plan.hash(), &plan.machine).unwrap();
    let mut changed = plan.clone();
    changed.disk.serial = "DISK-B".into();
    assert!(check_plan(&changed, &plan.hash(), &plan.machine).is_err());
    assert!(check_plan(&plan, &plan.hash(), &MachineId("m-2".into())).is_err());
}

#[test]
fn plans_that_do_not_fit_are_refused() {
    let good = sample::planned_disk(SIZE, 512);
    gpt::table(&sample::planned_disk(SIZE, 4096)).unwrap();
    let refused = |change: fn(&mut PlannedDisk)| {
        let mut disk = good.clone();
        change(&mut disk);
        assert!(gpt::table(&disk).is_err());
    };
    refused(|d| d.partitions[1].first = d.partitions[0].last);
    refused(|d| d.partitions[3].last = d.size / 512 - 1);
    refused(|d| d.partitions[0].first = 33);
    refused(|d| d.partitions[1].number = 1);
    refused(|d| d.partitions[1].number = 129);
    refused(|d| d.guid = "no".into());
    refused(|d| d.sector_size = 0);
    refused(|d| d.size = 0);
}

#[test]
fn partitions_are_where_the_kernel_sees_them() {
    let root = tempfile::tempdir().unwrap();
    let planned = sample::planned_disk(SIZE, 512);
    for p in &planned.partitions {
        let base = root.path().join(format!("sys/block/vda/vda{}", p.number));
        fs::create_dir_all(&base).unwrap();
        fs::write(base.join("partition"), format!("{}\n", p.number)).unwrap();
        fs::write(base.join("start"), format!("{}\n", p.first)).unwrap();
        fs::write(base.join("size"), format!("{}\n", p.last - p.first + 1)).unwrap();
        fs::create_dir_all(root.path().join("dev")).unwrap();
        fs::write(root.path().join(format!("dev/vda{}", p.number)), "").unwrap();
    }
    let tree = Tree::new(root.path());
    let disk = sample::disk("vda", "DISK-A", SIZE);
    let found = nodes(&tree, &disk, &planned).unwrap();
    assert!(found.iter().all(|(p, node)| node.ends_with(format!("vda{}", p.number))));
    fs::write(root.path().join("sys/block/vda/vda3/start"), "4096\n").unwrap();
    let error = nodes(&tree, &disk, &planned).unwrap_err().to_string();
    assert!(error.contains("vda3 at 4096"), "{error}");
}

#[test]
fn file_systems_carry_the_planned_uuids() {
    let folder = tempfile::tempdir().unwrap();
    for p in sample::planned_disk(SIZE, 512).partitions.iter().filter(|p| p.fs.is_some()) {
        let node = folder.path().join(&p.name);
        File::create(&node).unwrap().set_len((p.last - p.first + 1) * 512).unwrap();
        assert!(mkfs::verify(p, &node).is_err(), "{} is empty", p.name);
        mkfs::make(p.fs.unwrap(), p, &node).unwrap();
        mkfs::verify(p, &node).unwrap();
        assert_eq!(brought_by_image(p, "ext4.zst"), p.role == Role::Root && p.fs == Some(Fs::Ext4));
        assert!(!brought_by_image(p, "tar.zst"));
    }
}
