//! Whose a disk is and who may allow that it goes: everything between an empty disk and somebody else's install.

use super::*;

/// Somebody's data.
fn data() -> DiskContent {
    let signatures = vec!["sda1 ntfs Data".into()];
    DiskContent { table: Some("mbr".into()), signatures, ..DiskContent::default() }
}

/// Carries the partition table of one of our plans, and was never finished.
fn half_written(guid: &str) -> Disk {
    let signatures = vec!["sda2 vfat EFI".into()];
    let (table, guid) = (Some("gpt".into()), Some(guid.into()));
    Disk { content: DiskContent { table, guid, signatures, identity: None }, ..disk("sda") }
}

#[test]
fn what_is_not_ours_is_erased_only_by_a_person() {
    let content = data();
    let case = |authorisation| Case {
        disks: vec![Disk { content: content.clone(), ..disk("sda") }],
        authorisation,
        ..Case::default()
    };
    refused(
        case(Authorisation::Rule),
        "sda (TESTDISK, serial S-sda, 20.0 GiB) is not empty (mbr table, sda1 ntfs Data): \
         if that may go, `metalctl machine approve node01`",
    );
    chosen(case(Authorisation::Person), "S-sda");
    let person = |authorisation| Case { approve: Approve::Person, authorisation, ..Case::default() };
    refused(
        person(Authorisation::Rule),
        "sda (TESTDISK, serial S-sda, 20.0 GiB) would be erased, and profile `web` wants a person to say so: \
         `metalctl machine approve node01`",
    );
    chosen(person(Authorisation::Person), "S-sda");
}

#[test]
fn another_install_is_erased_only_by_a_person_who_saw_whose() {
    let cases = [
        (with_identity("attic", "m-1", 1), "site `attic` (machine m-1, generation 1), which is not ours"),
        (
            with_identity("lab", "m-2", 1),
            "site `lab` (machine m-2, generation 1), which is another machine's",
        ),
        (
            with_identity("lab", "m-1", 3),
            "site `lab` (machine m-1, generation 3), newer than generation 2 (was the database restored?)",
        ),
    ];
    for (disk, whose) in cases {
        for authorisation in [Authorisation::Rule, Authorisation::Person] {
            refused(
                Case { disks: vec![disk.clone()], authorisation, ..Case::default() },
                &format!(
                    "sda (TESTDISK, serial S-sda, 20.0 GiB) holds `node01` of {whose}: \
                     if that may go, `metalctl machine approve node01 --erase-foreign`"
                ),
            );
        }
        let authorisation = Authorisation::EraseForeign;
        chosen(Case { disks: vec![disk], authorisation, ..Case::default() }, "S-sda");
    }
}

#[test]
fn our_own_older_install_takes_a_person_too() {
    for generation in [1, 2] {
        let disks = || vec![with_identity("lab", "m-1", generation)];
        refused(
            Case { disks: disks(), ..Case::default() },
            &format!(
                "sda (TESTDISK, serial S-sda, 20.0 GiB) is not empty (`node01` of site `lab` (machine m-1, \
                 generation {generation}), gpt table, sda2 vfat esp): if that may go, `metalctl machine approve node01`"
            ),
        );
        chosen(Case { disks: disks(), authorisation: Authorisation::Person, ..Case::default() }, "S-sda");
    }
}

#[test]
fn a_yes_is_to_the_disk_that_was_shown() {
    let other = Disk { content: data(), ..disk("sdb") };
    for authorisation in [Authorisation::Person, Authorisation::EraseForeign] {
        let shown = Some(vec![disk("sda")]);
        refused(
            Case { disks: vec![other.clone()], authorisation, shown, ..Case::default() },
            "sdb (TESTDISK, serial S-sdb, 20.0 GiB) would be erased, and what a person was shown is \
             sda (TESTDISK, serial S-sda, 20.0 GiB): put that disk back, or `metalctl machine approve node01` shows \
             what is there now",
        );
        refused(
            Case { authorisation, shown: Some(vec![]), ..Case::default() },
            "sda (TESTDISK, serial S-sda, 20.0 GiB) would be erased, and what a person was shown is no disk: put that \
             disk back, or `metalctl machine approve node01` shows what is there now",
        );
        let swapped = Disk { size: 40 * GIB, ..disk("sda") };
        let shown = Some(vec![disk("sda")]);
        assert!(Case { disks: vec![swapped], authorisation, shown, ..Case::default() }.freeze().is_err());
    }
}

#[test]
fn a_yes_is_to_what_was_on_the_disk_then() {
    let then = |shown: Disk, now: Disk, own: &[&str]| Case {
        disks: vec![now],
        authorisation: Authorisation::Person,
        shown: Some(vec![shown]),
        own_guids: own.iter().map(|guid| guid.to_string()).collect(),
        ..Case::default()
    };
    let used = || Disk { content: data(), ..disk("sda") };
    refused(
        then(disk("sda"), used(), &[]),
        "sda (TESTDISK, serial S-sda, 20.0 GiB) held nothing when a person said yes, and holds mbr table, \
         sda1 ntfs Data now: `metalctl machine approve node01` shows it",
    );
    chosen(then(used(), used(), &[]), "S-sda");
    chosen(then(used(), disk("sda"), &[]), "S-sda");
    // The kernel's names change from boot to boot and are no part of what was seen.
    let mut renamed = Disk { name: "sdb".into(), ..used() };
    renamed.content.signatures = vec!["sdb1 ntfs Data".into()];
    chosen(then(used(), renamed, &[]), "S-sda");
    // Nor does every kernel tell both of a disk's numbers.
    let (one, both) = (used(), Disk { wwn: "naa.5000".into(), ..used() });
    chosen(then(one.clone(), both.clone(), &[]), "S-sda");
    chosen(then(both.clone(), one, &[]), "S-sda");
    assert!(then(both.clone(), Disk { wwn: "naa.6000".into(), ..both }, &[]).freeze().is_err());
    chosen(then(disk("sda"), with_identity("lab", "m-1", 2), &[]), "S-sda");
    chosen(then(disk("sda"), half_written("g-2"), &["g-1", "g-2"]), "S-sda");
    assert!(then(disk("sda"), half_written("g-9"), &["g-1", "g-2"]).freeze().is_err());
}

#[test]
fn a_plan_is_not_carried_out_on_what_it_has_installed_already() {
    let plan = Case::default().freeze().unwrap();
    let installed = |guid: &str, generation| {
        let found = with_identity("lab", "m-1", generation);
        Disk { content: DiskContent { guid: Some(guid.into()), ..found.content.clone() }, ..found }
    };
    let refusal = |disk: Disk| overtaken("lab", "node01", &plan, &[disk]).map(|refusal| refusal.to_string());
    assert_eq!(
        refusal(installed(&plan.disk.guid, 3)).as_deref(),
        Some(
            "the disk with serial S-sda holds generation 3 of this machine, installed, and the layout of generation 3 \
             is not written over it (was the database restored?): if it may go, `metalctl machine reprovision node01 \
             --erase-foreign`"
        )
    );
    assert_eq!(refusal(installed(&plan.disk.guid, 2)), None);
    assert_eq!(refusal(installed("another", 3)), None, "then the fingerprint decides");
    assert_eq!(refusal(half_written(&plan.disk.guid)), None);
}
