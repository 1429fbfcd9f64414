//! Nothing is erased by mistake, on real machines: a disk with somebody's data waits for a person and is looked at in a
//! rescue, disks that were swapped behind a yes are left, no disk that fits is no other disk, and a stranger boots what
//! it has. Each time QEMU counts what was written, and the images are the same files as before.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::state::{Home, State};
use api::trace::HopName;
use lab::{Bus, Disk, Hardware, Machine, swap_disks};
use tests::disks::{SPEAKS, digest, somebodys};
use tests::hall::{BOOT, Hall};
use tests::server::evidence;

const OURS: &str = "node01";
const STRANGER: &str = "52:54:00:77:00:63";

/// Its watchdog is set to a minute, and a kernel that is emulated takes its time.
const WATCHDOG: Duration = Duration::from_secs(180);

#[test]
fn somebodys_disk_waits_is_looked_at_and_survives_a_stopped_agent() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "disks-wait")?;
    let mut hall = Hall::up("waits", &folder)?;
    let machine = hall.rack.add(holding("SOMEBODYS", &somebodys(&folder)?, Hardware::bios(OURS, 1)))?;
    let before = digest(&machine.disk(0)?)?;
    hall.import(&[(OURS, 1)])?;
    machine.on()?;
    waits_for_a_person(&hall)?;

    hall.metalctl(&["machine", "rescue", OURS])?;
    hall.reaches(OURS, "in rescue", |machine| machine.state == State::Rescue)?;
    let look =
        "cat /proc/sys/kernel/random/boot_id; mount | grep -c vda; blkid -p -o value -s LABEL /dev/vda1";
    let first = hall.shell_once_up(OURS, look)?;
    ensure!(first.lines().skip(1).eq(["0", "photos"]), "nothing is mounted, and the data is there: {first}");

    let boot = hall.boot(OURS)?;
    hall.shell(OURS, "kill -STOP $(pidof metal-agent)")?;
    hall.says("its agent is stopped by a signal");
    let barked = || Ok(machine.events().iter().any(|event| event.name == "WATCHDOG"));
    machine.wait("WATCHDOG", WATCHDOG, barked)?;
    hall.says("the watchdog has reset it");
    hall.boots(OURS, Home::Ram, boot)?;
    let again = hall.shell_once_up(OURS, look)?;
    ensure!(first.lines().next() != again.lines().next(), "another boot than the one before: {again}");
    ensure!(hall.server.machine(OURS)?.state == State::Rescue, "it is still in rescue");

    hall.metalctl(&["machine", "leave", OURS])?;
    waits_for_a_person(&hall)?;
    is_untouched(&machine, &[(machine.disk(0)?, before)])
}

#[test]
fn swapped_disks_fail_no_disk_fails_and_a_stranger_boots_its_own() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "disks-swap")?;
    let mut hall = Hall::up("swap", &folder)?;
    let base = somebodys(&folder)?;
    let mut hardware = holding("SOMEBODYS", &base, Hardware::bios(OURS, 1));
    hardware.disks.push(Disk::new(Bus::Virtio, 1024, "TOOSMALL"));
    let machine = hall.rack.add(hardware)?;
    let stranger = hall.rack.add(holding("STRANGERS", &base, Hardware::bios("stranger", 0x63)))?;
    let disks = [machine.disk(0)?, machine.disk(1)?, stranger.disk(0)?];
    let before =
        disks.into_iter().map(|disk| digest(&disk).map(|hash| (disk, hash))).collect::<Result<Vec<_>>>()?;
    hall.import(&[(OURS, 1)])?;
    machine.on()?;
    stranger.on()?;
    gets_nothing(&hall, &stranger)?;
    is_untouched(&stranger, &before[2..])?;
    waits_for_a_person(&hall)?;

    hall.metalctl(&["machine", "hold", OURS])?;
    hall.metalctl(&["machine", "approve", OURS, "--yes"])?;
    is_untouched(&machine, &before[..2])?;
    swap_disks((&machine, 0), (&stranger, 0))?;
    let boot = hall.boot(OURS)?;
    machine.on()?;
    hall.boots(OURS, Home::Ram, boot)?;
    hall.metalctl(&["machine", "release", OURS])?;
    fails(&hall, &["serial STRANGERS", "what a person was shown is", "serial SOMEBODYS"])?;
    is_untouched(&machine, &before)?;

    machine.refit(|hardware| drop(hardware.disks.remove(0)))?;
    let boot = hall.boot(OURS)?;
    machine.on()?;
    hall.boots(OURS, Home::Ram, boot)?;
    hall.metalctl(&["machine", "retry", OURS])?;
    fails(
        &hall,
        &["no disk fits the profile's disk rule", "serial TOOSMALL", "smaller than min_size 4.0 GiB"],
    )?;
    is_untouched(&machine, &before)
}

fn holding(serial: &str, base: &std::path::Path, hardware: Hardware) -> Hardware {
    let disk = Disk { base: Some(base.into()), ..Disk::new(Bus::Virtio, 8192, serial) };
    Hardware { disks: vec![disk], ..hardware }
}

/// Its rule would take an empty disk. What was found and what to type is said.
fn waits_for_a_person(hall: &Hall) -> Result<()> {
    hall.reaches(OURS, "waits for a person", |machine| {
        let evidence = machine.wait.as_ref().map_or("", |wait| &wait.evidence);
        machine.state == State::Available && evidence.contains("is not empty")
    })?;
    let why = hall.metalctl(&["machine", "why", OURS])?;
    for word in ["serial SOMEBODYS", "mbr table", "vda1 ext4 photos", "metalctl machine approve node01"] {
        ensure!(why.contains(word), "`why` says {word}: {why}");
    }
    Ok(())
}

fn fails(hall: &Hall, words: &[&str]) -> Result<()> {
    let said = |reason: &str| words.iter().all(|word| reason.contains(word));
    let of_this = |machine: &api::machine::Machine| {
        machine.state == State::Failed && machine.reason.as_deref().is_some_and(said)
    };
    hall.reaches(OURS, "failed, and says why", of_this)?;
    let why = hall.metalctl(&["machine", "why", OURS])?;
    ensure!(said(&why), "`why` says {words:?}: {why}");
    Ok(())
}

/// Recorded, with an address, and sent to its own disk: no agent, no key, no word about the site.
fn gets_nothing(hall: &Hall, stranger: &Machine) -> Result<()> {
    stranger.wait_console(SPEAKS, BOOT)?;
    hall.says("the stranger runs its own system");
    let detail = hall.detail(STRANGER)?;
    let machine = &detail.machine;
    ensure!(machine.state == State::Discovered && !machine.enrolled, "it is only recorded: {machine:?}");
    ensure!(machine.hostname.is_none() && machine.profile.is_none(), "it is nobody: {machine:?}");
    let hops: Vec<_> = detail.attempts.iter().flat_map(|attempt| &attempt.hops).collect();
    let told = hops.iter().find(|hop| hop.name == HopName::Script).context("it asked for its script")?;
    ensure!(told.detail.ends_with("is told: its own disk"), "{told:?}");
    let fetched =
        hops.iter().find(|hop| matches!(hop.name, HopName::Kernel | HopName::Initrd | HopName::Hello));
    ensure!(fetched.is_none(), "nothing of ours ran on it: {fetched:?}");
    let why = hall.metalctl(&["machine", "why", STRANGER])?;
    ensure!(why.contains("it is only recorded"), "{why}");
    Ok(())
}

/// Switches it off: an image that is in use is not finished.
fn is_untouched(machine: &Arc<Machine>, before: &[(PathBuf, String)]) -> Result<()> {
    let written = machine.written()?;
    ensure!(written.iter().all(|bytes| *bytes == 0), "{}: bytes written: {written:?}", machine.name);
    machine.cut()?;
    for (disk, hash) in before {
        ensure!(digest(disk)? == *hash, "{} is not what it was", disk.display());
    }
    Ok(())
}
