//! Tables of refusals with their whole text, and properties of every plan.

mod judge;

use api::facts::{Disk, DiskContent, Transport};
use api::id::MachineId;
use api::image::{FileRole, ImageFile, ImageKind, Manifest};
use api::layout::{DiskKind, DiskRule, ExtraPartition, Fs, Layout, Volume};
use api::plan::{Plan, Role};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::config::{Approve, Site};
use crate::sample::{disk, facts, installed};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn with_identity(site: &str, machine: &str, generation: i64) -> Disk {
    installed("sda", site, machine, generation)
}

fn image(format: &str, unpacked: u64) -> Manifest {
    let file = ImageFile {
        name: "root".into(),
        role: FileRole::Root,
        format: format.into(),
        size: unpacked / 4,
        unpacked,
        sha256: "ab".into(),
    };
    Manifest {
        name: "debian-12".into(),
        version: "1".into(),
        kind: ImageKind::Os,
        arch: "x86_64".into(),
        kernel: None,
        kubernetes: None,
        description: String::new(),
        files: vec![file],
        boot: None,
    }
}

fn layout() -> Layout {
    Layout { esp: 512 * MIB, root: Volume { size: 4 * GIB, grow: true }, extra: Vec::new() }
}

fn profile() -> Profile {
    let text = "name = \"lab\"\n[layout.plain]\nroot = { size = \"4G\" }\n\
                [profile.web]\nimage = \"debian-12\"\nlayout = \"plain\"\nhostname = \"node{:02}\"\n";
    Site::parse(text).unwrap().profiles["web"].clone()
}

fn counter() -> impl FnMut() -> Uuid {
    let mut next = 0;
    move || {
        next += 1;
        Uuid::from_u128(next << 96 | next)
    }
}

/// Everything that a case may change.
struct Case {
    disks: Vec<Disk>,
    rule: DiskRule,
    approve: Approve,
    layout: Layout,
    image: Manifest,
    authorisation: Authorisation,
    /// What a person was shown; None for what is there.
    shown: Option<Vec<Disk>>,
    own_guids: Vec<String>,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            disks: vec![disk("sda")],
            rule: DiskRule::default(),
            approve: Approve::Untouched,
            layout: layout(),
            image: image("ext4.zst", GIB),
            authorisation: Authorisation::Rule,
            shown: None,
            own_guids: Vec::new(),
        }
    }
}

impl Case {
    fn freeze(&self) -> Result<Plan, String> {
        let profile = Profile { disk: self.rule.clone(), approve: self.approve, ..profile() };
        let facts = facts(self.disks.clone());
        let wanted = Wanted {
            site: "lab",
            machine: &MachineId("m-1".into()),
            name: "node01",
            verb: "approve",
            generation: 3,
            facts: &facts,
            profile: &profile,
            layout: &self.layout,
            image: &self.image,
            shown: self.shown.as_ref().unwrap_or(&self.disks),
            own_guids: &self.own_guids,
        };
        freeze(&wanted, self.authorisation, &mut counter()).map_err(|refusal| refusal.to_string())
    }
}

#[track_caller]
fn refused(case: Case, text: &str) {
    assert_eq!(case.freeze().expect_err("a refusal"), text);
}

#[track_caller]
fn chosen(case: Case, serial: &str) {
    assert_eq!(case.freeze().expect("a plan").disk.serial, serial);
}

#[test]
fn the_smallest_disk_that_meets_every_condition_is_taken() {
    let small = Disk { size: 10 * GIB, ..disk("sdb") };
    let large = Disk { size: 40 * GIB, transport: Transport::Nvme, ..disk("nvme0n1") };
    let disks = || vec![disk("sda"), small.clone(), large.clone()];
    let by = |rule| Case { disks: disks(), rule, ..Case::default() };
    chosen(by(DiskRule::default()), "S-sdb");
    chosen(by(DiskRule { min_size: Some(11 * GIB), ..DiskRule::default() }), "S-sda");
    chosen(by(DiskRule { min_size: Some(20 * GIB), ..DiskRule::default() }), "S-sda");
    chosen(by(DiskRule { kind: Some(DiskKind::Nvme), ..DiskRule::default() }), "S-nvme0n1");
    chosen(by(DiskRule { serial: Some("S-sda".into()), ..DiskRule::default() }), "S-sda");
}

#[test]
fn sticks_are_taken_only_by_name_and_read_only_disks_never() {
    let stick = Disk { size: 8 * GIB, transport: Transport::Usb, removable: true, ..disk("sdb") };
    let locked = Disk { size: 8 * GIB, read_only: true, ..disk("sdc") };
    let by = |rule| Case { disks: vec![disk("sda"), stick.clone(), locked.clone()], rule, ..Case::default() };
    chosen(by(DiskRule::default()), "S-sda");
    chosen(by(DiskRule { serial: Some("S-sdb".into()), ..DiskRule::default() }), "S-sdb");
    assert!(by(DiskRule { serial: Some("S-sdc".into()), ..DiskRule::default() }).freeze().is_err());
}

#[test]
fn no_disk_is_refused_with_the_reason_for_each() {
    refused(
        Case { disks: vec![], ..Case::default() },
        "the machine has no disk: check its cabling and its controller's mode",
    );
    let usb = Disk { transport: Transport::Usb, ..disk("sdb") };
    let card = Disk { removable: true, ..disk("sdc") };
    let empty = Disk { size: 0, ..disk("sdd") };
    let odd = Disk { sector_size: 520, ..disk("sde") };
    let rule = DiskRule { min_size: Some(30 * GIB), ..DiskRule::default() };
    refused(
        Case { disks: vec![disk("sda"), usb, card, empty, odd], rule, ..Case::default() },
        "no disk fits the profile's disk rule: \
         sda (TESTDISK, serial S-sda, 20.0 GiB) is smaller than min_size 30.0 GiB; \
         sdb (TESTDISK, serial S-sdb, 20.0 GiB) is on USB, and the rule names no serial or wwn; \
         sdc (TESTDISK, serial S-sdc, 20.0 GiB) is removable, and the rule names no serial or wwn; \
         sdd (TESTDISK, serial S-sdd, 0 bytes) has no medium; \
         sde (TESTDISK, serial S-sde, 20.0 GiB) has sectors of 520 bytes, not 512 or 4096",
    );
}

#[test]
fn disks_that_cannot_be_told_apart_are_a_question_to_a_person() {
    refused(
        Case { disks: vec![disk("sda"), disk("sdb")], ..Case::default() },
        "the disk rule cannot tell sda (TESTDISK, serial S-sda, 20.0 GiB) from \
         sdb (TESTDISK, serial S-sdb, 20.0 GiB): add a serial or a wwn to the rule",
    );
    refused(
        Case { disks: vec![Disk { serial: " ".into(), ..disk("sda") }], ..Case::default() },
        "sda (TESTDISK, 20.0 GiB) has neither serial nor WWN, so it could not be found again after a reboot: \
         choose another disk in the rule",
    );
    let twin = Disk { serial: "S-sda".into(), size: 30 * GIB, ..disk("sdb") };
    refused(
        Case { disks: vec![disk("sda"), twin], ..Case::default() },
        "sda (TESTDISK, serial S-sda, 20.0 GiB) has the same serial and WWN as \
         sdb (TESTDISK, serial S-sda, 30.0 GiB), so one could be taken for the other: \
         take one of them out, or choose another disk in the rule",
    );
}

#[test]
fn what_does_not_fit_is_refused_with_numbers() {
    let layout = Layout { root: Volume { size: 20 * GIB, grow: false }, ..layout() };
    refused(
        Case { layout, ..Case::default() },
        "the layout needs 20.5 GiB, sda (TESTDISK, serial S-sda, 20.0 GiB) has 20.0 GiB: \
         make the layout smaller, or raise min_size in the rule",
    );
    let fixed = Layout { root: Volume { size: 4 * GIB, grow: false }, ..super::tests::layout() };
    refused(
        Case { layout: fixed.clone(), image: image("ext4.zst", 5 * GIB), ..Case::default() },
        "image `debian-12` needs 5.0 GiB and the layout gives root 4.0 GiB: make root larger",
    );
    refused(
        Case { layout: fixed, image: image("tar.zst", 4 * GIB), ..Case::default() },
        "image `debian-12` needs 4.5 GiB and the layout gives root 4.0 GiB: make root larger",
    );
    refused(
        Case { image: Manifest { kind: ImageKind::Ram, ..image("raw", GIB) }, ..Case::default() },
        "image `debian-12` is no operating system: name another one in the profile",
    );
}

#[test]
fn the_preview_names_the_disk_and_what_is_in_the_way() {
    let facts = facts(vec![with_identity("attic", "m-9", 1)]);
    let (profile, layout, image) = (profile(), layout(), image("ext4.zst", GIB));
    let machine = &MachineId("m-1".into());
    let (facts, profile, layout, image) = (&facts, &profile, &layout, &image);
    let (shown, own_guids) = (facts.disks.as_slice(), [].as_slice());
    let (site, name, verb, generation) = ("lab", "node01", "approve", 3);
    let wanted =
        Wanted { site, machine, name, verb, generation, facts, profile, layout, image, shown, own_guids };
    let preview = erasure(&wanted, Authorisation::Person);
    assert_eq!(preview.disks, facts.disks);
    assert!(preview.refusal.unwrap().ends_with("--erase-foreign`"));
    assert_eq!(erasure(&wanted, Authorisation::EraseForeign).refusal, None);
}

#[test]
fn growing_partitions_share_what_is_left() {
    let data = ExtraPartition {
        name: "data".into(),
        volume: Volume { size: GIB, grow: true },
        fs: Fs::Ext4,
        mount: Some("/srv".into()),
    };
    let layout = Layout { extra: vec![data], ..layout() };
    let plan = Case { layout, ..Case::default() }.freeze().unwrap();
    let cut: Vec<_> = plan.disk.partitions.iter().map(|p| (p.name.as_str(), p.first, p.last)).collect();
    // 20,480 MiB less one in front, the backup table (rounded up), 1 + 512 + 4096 + 1024: 14,845 to share.
    let mib = |n: u64| n * 2048;
    assert_eq!(
        cut,
        [
            ("bios", mib(1), mib(2) - 1),
            ("esp", mib(2), mib(514) - 1),
            ("root", mib(514), mib(514 + 4096 + 7423) - 1),
            ("data", mib(12_033), mib(20_479) - 1),
        ]
    );
    assert_eq!(plan.partition(Role::Esp).unwrap().fs_uuid.as_deref(), Some("0000-0004"));
}

fn volumes() -> impl Strategy<Value = Vec<(u64, bool)>> {
    proptest::collection::vec((1..64 * GIB, any::<bool>()), 1..9)
}

proptest! {
    #[test]
    fn every_plan_is_aligned_ordered_inside_and_unique(
        size in GIB..(1u64 << 50),
        large_sectors: bool,
        volumes in volumes(),
    ) {
        let sector_size: u32 = if large_sectors { 4096 } else { 512 };
        let size = size / 4096 * 4096;
        let volume = |(size, grow): (u64, bool)| Volume { size, grow };
        let extra = volumes[1..].iter().enumerate().map(|(i, v)| ExtraPartition {
            name: format!("data{i}"),
            volume: volume(*v),
            fs: Fs::Ext4,
            mount: None,
        });
        let layout = Layout { esp: 512 * MIB, root: volume(volumes[0]), extra: extra.collect() };
        let disks = vec![Disk { size, sector_size, ..disk("sda") }];
        let needed = smallest_disk(&layout);
        let case = Case { disks, layout: layout.clone(), image: image("ext4.zst", 0), ..Case::default() };
        let Ok(plan) = case.freeze() else {
            prop_assert!(size < needed, "refused on {size} bytes, needs {needed}");
            return Ok(());
        };
        let sector = u64::from(sector_size);
        // UEFI specification 5.3.2: the backup of 16,384 bytes of entries and one header end the disk.
        let last_usable = size / sector - 2 - 16_384 / sector;
        let mut end = 0;
        let mut guids = vec![plan.disk.guid.clone()];
        let wanted = [MIB, layout.esp, layout.root.size].into_iter().chain(layout.extra.iter().map(|e| e.volume.size));
        for (partition, wanted) in plan.disk.partitions.iter().zip(wanted) {
            prop_assert!(partition.first > end && partition.first <= partition.last);
            prop_assert_eq!(partition.first * sector % MIB, 0);
            prop_assert_eq!((partition.last + 1) * sector % MIB, 0);
            prop_assert!((partition.last + 1 - partition.first) * sector >= wanted);
            end = partition.last;
            guids.push(partition.guid.clone());
            guids.extend(partition.fs_uuid.clone());
        }
        prop_assert!(end <= last_usable);
        if layout.root.grow {
            prop_assert!((last_usable - end) * sector < MIB, "space is left behind a growing partition");
        }
        let all = guids.len();
        guids.sort();
        guids.dedup();
        prop_assert_eq!(guids.len(), all);
    }
}
