//! The whole of partitioning on a machine of files: cut and repeated, and refused where the disks are others.

use sha2::{Digest, Sha256};

use super::*;

/// A machine of files: the kernel's view of two disks, and the partitions of the one that is planned.
struct Machine {
    folder: TempDir,
    plan: Plan,
}

impl Machine {
    /// Both disks hold something old; the plan is frozen from the first one's.
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let mut planned = sample::planned_disk(SIZE, 512);
        let tree = Machine { folder, plan: sample::plan(planned.clone()) };
        for (name, serial) in [("vda", "DISK-A"), ("vdb", "DISK-B")] {
            let sys = tree.path(&format!("sys/block/{name}"));
            fs::create_dir_all(sys.join("device")).unwrap();
            fs::write(sys.join("size"), format!("{}\n", SIZE / 512)).unwrap();
            fs::write(sys.join("serial"), format!("{serial}\n")).unwrap();
            fs::create_dir_all(tree.path("dev")).unwrap();
            let disk = File::create(tree.path(&format!("dev/{name}"))).unwrap();
            disk.set_len(SIZE).unwrap();
            disk.write_all_at(serial.repeat(4096).as_bytes(), 4096).unwrap();
        }
        for p in &planned.partitions {
            let sys = tree.path(&format!("sys/block/vda/vda{}", p.number));
            fs::create_dir_all(&sys).unwrap();
            fs::write(sys.join("partition"), format!("{}\n", p.number)).unwrap();
            fs::write(sys.join("start"), format!("{}\n", p.first)).unwrap();
            fs::write(sys.join("size"), format!("{}\n", p.last - p.first + 1)).unwrap();
            let node = File::create(tree.path(&format!("dev/vda{}", p.number))).unwrap();
            node.set_len((p.last - p.first + 1) * 512).unwrap();
        }
        planned.fingerprint = disk::fingerprint(&mut tree.open("vda"), SIZE).unwrap();
        Machine { plan: sample::plan(planned), ..tree }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn open(&self, name: &str) -> File {
        OpenOptions::new().read(true).write(true).open(self.path("dev").join(name)).unwrap()
    }

    fn partition(&self) -> Result<()> {
        let log = Log::default();
        write(&Tree::new(self.folder.path()), &self.plan, &Report::new(log.clone()), &log)
    }

    /// What each disk's and partition's file holds, as digests.
    fn content(&self) -> Vec<String> {
        let names = ["vda", "vda1", "vda2", "vda3", "vda4", "vdb"];
        let digest = |name| hex::encode(Sha256::digest(fs::read(self.path("dev").join(name)).unwrap()));
        names.into_iter().map(digest).collect()
    }
}

#[test]
fn power_cut_anywhere_in_partitioning_and_it_is_repeated_to_the_same_end() {
    let machine = Machine::new();
    let before = machine.content();
    let (old, steps) = (
        content(&machine.path("dev/vda")),
        writes(&machine.plan.disk, &gpt::table(&machine.plan.disk).unwrap()),
    );
    machine.partition().unwrap();
    let (whole, esp) = (content(&machine.path("dev/vda")), content(&machine.path("dev/vda2")));
    for cut in 0..=steps.len() {
        // What had reached the table when power went, and how much of a file system.
        let disk = machine.open("vda");
        disk.write_all_at(&old, 0).unwrap();
        for step in &steps[..cut] {
            disk.write_all_at(&step.bytes, step.at).unwrap();
        }
        let made = esp.len() / steps.len() * cut;
        machine.open("vda2").write_all_at(&esp[..made], 0).unwrap();
        machine.open("vda2").write_all_at(&vec![0xa5; esp.len() - made], made as u64).unwrap();
        machine.open("vda3").write_all_at(&[0xa5; 4096], 1024).unwrap();
        for run in ["the first", "once more"] {
            machine.partition().unwrap_or_else(|error| panic!("cut {cut}, {run}: {error:#}"));
            assert!(content(&machine.path("dev/vda")) == whole, "cut {cut}, {run}");
        }
    }
    assert_eq!(machine.content()[5], before[5], "the disk that the plan does not name");
}

#[test]
fn swapped_disks_are_refused_and_not_a_byte_is_written_to_either() {
    let machine = Machine::new();
    // The one that is planned was taken out, and another put into its bay.
    fs::write(machine.path("sys/block/vda/serial"), "DISK-C\n").unwrap();
    let before = machine.content();
    let error = machine.partition().unwrap_err().to_string();
    assert!(error.contains("no disk here is the disk with serial `DISK-A`"), "{error}");
    assert!(error.contains("DISK-B") && error.contains("DISK-C"), "{error}");
    assert_eq!(machine.content(), before);
    // They changed places: the kernel's names with them, and what is on the one that is found is another's.
    fs::write(machine.path("sys/block/vda/serial"), "DISK-B\n").unwrap();
    fs::write(machine.path("sys/block/vdb/serial"), "DISK-A\n").unwrap();
    let error = machine.partition().unwrap_err().to_string();
    assert!(error.contains("not as it was when the plan was frozen"), "{error}");
    assert_eq!(machine.content(), before);
}
