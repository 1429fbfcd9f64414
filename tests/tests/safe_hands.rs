//! An install that everything goes wrong with, and what is left of it: power is cut on one machine, the server is killed three
//! times, both machines arrive; then the server forgets them and they come back to their own disks, and when it
//! remembers an older time it erases nothing of what came after.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use api::machine::Machine;
use api::state::{Home, State};
use api::trace::HopName;
use api::wipe::WipeOutcome;
use lab::Hardware;
use tests::hall::Hall;
use tests::server::{evidence, phases};

const BIOS: &str = "node01";
const UEFI: &str = "node02";
const BOTH: [(&str, u8); 2] = [(BIOS, 1), (UEFI, 2)];

#[test]
fn what_was_installed_outlives_power_cuts_and_the_servers_memory() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "safe-hands")?;
    let mut hall = Hall::up("safe", &folder)?;
    let machines = [hall.rack.add(Hardware::bios(BIOS, 1))?, hall.rack.add(Hardware::uefi(UEFI, 2))?];
    hall.import(&BOTH)?;
    let old = folder.join("before-the-install.tar");
    hall.backup(&old)?;

    arrive_all_the_same(&mut hall, &machines)?;
    let marks = BOTH.map(|(name, _)| mark(&hall, name)).into_iter().collect::<Result<Vec<_>>>()?;

    hall.lose_the_database()?;
    come_back_unasked(&hall, &machines, &marks)?;

    hall.restore(&old)?;
    are_not_erased_by_an_older_time(&hall, &machines)?;
    is_forgotten_and_boots(&hall, &machines[0], &marks[0])?;
    retires_with_a_record(&hall, &machines[1])
}

/// A quarter of the image is on its disk.
fn is_written(machine: &Machine) -> bool {
    let progress = machine.progress.as_ref().map(|progress| &progress.progress);
    machine.state == State::Installing && progress.is_some_and(|p| p.done > 0 && p.done >= p.total / 4)
}

fn arrive_all_the_same(hall: &mut Hall, machines: &[Arc<lab::Machine>; 2]) -> Result<()> {
    machines.iter().try_for_each(|machine| machine.on())?;
    hall.reaches(BIOS, "has said hello", |machine| machine.state > State::Discovered)?;
    hall.kill_the_server("while the hardware was read")?;
    hall.reaches(BIOS, "is being written", is_written)?;
    hall.kill_the_server("in the middle of the image")?;
    let gone = |machine: &Machine| is_written(machine) || machine.state > State::Installing;
    let cut = hall.reaches(UEFI, "is being written", gone)?;
    ensure!(cut.state == State::Installing, "{UEFI} was too fast for this test: {cut:?}");
    machines[1].cycle()?;
    hall.says(&format!("{UEFI} lost power in the middle of the image"));
    hall.reaches(BIOS, "is installed", |machine| machine.installed == 1)?;
    hall.kill_the_server("as the machine went for its own disk")?;
    for (name, _) in BOTH {
        hall.reaches(name, "active", |machine| machine.state == State::Active)?;
        let detail = hall.detail(name)?;
        println!("{name}\n{}", phases(&detail));
        let machine = &detail.machine;
        ensure!((machine.generation, machine.installed) == (1, 1), "{name}: one install: {machine:?}");
        let layouts = detail.history.iter().filter(|e| e.event == "layout_verified" && !e.refused).count();
        ensure!(layouts == 1, "{name}'s table was written once, not {layouts} times");
        ensure!(detail.history.iter().all(|entry| entry.to != State::Failed), "{name} never failed");
    }
    Ok(())
}

/// What makes an install this one: its file systems, the table, and a file that nobody else wrote.
const LOOK: &str = "cat /root/mark; lsblk -no PTUUID,PARTUUID,UUID /dev/[sv]da | sort -u; \
                    tune2fs -l $(findmnt -no SOURCE /) | grep created; cat /boot/efi/EFI/metal/* | sha256sum";

fn mark(hall: &Hall, name: &str) -> Result<String> {
    hall.shell(name, &format!("echo {name} was here >/root/mark; sync; {LOOK}"))
}

fn come_back_unasked(hall: &Hall, machines: &[Arc<lab::Machine>; 2], marks: &[String]) -> Result<()> {
    machines.iter().try_for_each(|machine| machine.cycle())?;
    for ((name, last), mark) in BOTH.iter().zip(marks) {
        let mac = format!("52:54:00:77:00:{last:02x}");
        let found = hall.shell_once_up(&mac, LOOK)?;
        ensure!(
            found == *mark,
            "{name} came back to another disk, or to another system: {found}, was {mark}"
        );
        let detail = hall.detail(&mac)?;
        let recorded = detail.machine.state == State::Discovered && !detail.machine.enrolled;
        ensure!(recorded, "{name} is only recorded: {:?}", detail.machine);
        let hops = || detail.attempts.iter().flat_map(|attempt| &attempt.hops);
        ensure!(hops().any(|hop| hop.name == HopName::Script), "{name} asked the server");
        let agent = hops().find(|hop| matches!(hop.name, HopName::Kernel | HopName::Initrd));
        ensure!(agent.is_none(), "{name} was given an agent: {agent:?}");
    }
    Ok(())
}

fn are_not_erased_by_an_older_time(hall: &Hall, machines: &[Arc<lab::Machine>; 2]) -> Result<()> {
    machines.iter().try_for_each(|machine| machine.cycle())?;
    for ((name, _), machine) in BOTH.iter().zip(machines) {
        hall.reaches(name, "waits for --erase-foreign", |machine| {
            let evidence = machine.wait.as_ref().map_or("", |wait| &wait.evidence);
            machine.state == State::Available && evidence.contains("newer than generation 0")
        })?;
        ensure!(hall.why(name)?.entry == "foreign-newer", "{:?}", hall.why(name)?);
        let said = hall.refused(&["machine", "approve", name, "--yes"])?;
        ensure!(said.contains("--erase-foreign"), "{said}");
        let written = machine.written()?;
        ensure!(written == [0], "{name}: nothing was written in this boot: {written:?}");
    }
    Ok(())
}

/// Deleted, it is left to itself.
fn is_forgotten_and_boots(hall: &Hall, machine: &lab::Machine, mark: &str) -> Result<()> {
    hall.metalctl(&["machine", "delete", BIOS, "--yes"])?;
    let tombstones = hall.metalctl(&["machine", "tombstones"])?;
    ensure!(tombstones.contains(BIOS), "{tombstones}");
    machine.cycle()?;
    let mac = "52:54:00:77:00:01";
    let found = hall.shell_once_up(mac, LOOK)?;
    ensure!(found == mark, "{BIOS} came back to another disk, or to another system: {found}, was {mark}");
    let recorded = hall.server.machine(mac)?;
    ensure!(!recorded.enrolled && recorded.state == State::Discovered, "{recorded:?}");
    Ok(())
}

/// Its agent is in RAM, and a person says that the newer generation may go.
fn retires_with_a_record(hall: &Hall, machine: &lab::Machine) -> Result<()> {
    let words = ["machine", "retire", UEFI, "--all-disks", "--erase-foreign", "--yes", "--wait"];
    hall.metalctl(&words)?;
    hall.says(&format!("{UEFI} is retired"));
    let wipe = hall.detail(UEFI)?.wipe.context("a record of the wipe")?;
    let plan = wipe.plan.as_ref().context("its plan")?;
    let done: Vec<_> = plan.disks.iter().filter_map(|disk| wipe.outcome(disk)).collect();
    ensure!(done.len() == 1 && done[0].outcome == WipeOutcome::Erased, "{wipe:?}");
    ensure!(done[0].steps.iter().any(|step| step.error.is_none()), "{wipe:?}");
    let shown = hall.metalctl(&["machine", "show", UEFI])?;
    ensure!(shown.contains("erased") && shown.contains("SD0002"), "{shown}");
    ensure!(machine.written()?[0] > 0, "something was written");
    machine.cut()?;
    let head = head(&machine.disk(0)?)?;
    ensure!(head.iter().all(|byte| *byte == 0), "the table is gone from the image itself");
    Ok(())
}

/// The first mebibyte of a disk, by way of its image.
fn head(image: &Path) -> Result<Vec<u8>> {
    let out = image.with_extension("head");
    let mut dd = std::process::Command::new("qemu-img");
    dd.args(["dd", "-f", "qcow2", "-O", "raw", "bs=1M", "count=1"]);
    dd.arg(format!("if={}", image.display())).arg(format!("of={}", out.display()));
    tests::server::text(dd)?;
    Ok(std::fs::read(out)?)
}

#[test]
#[ignore = "an install of its own: make test-long runs it"]
fn a_machine_is_rescued_and_serves_again() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "rescue")?;
    let mut hall = Hall::up("rescue", &folder)?;
    let machine = hall.rack.add(Hardware::bios(BIOS, 1))?;
    hall.import(&BOTH[..1])?;
    machine.on()?;
    hall.reaches(BIOS, "active", |machine| machine.state == State::Active)?;
    let before = mark(&hall, BIOS)?;

    let boot = hall.boot(BIOS)?;
    hall.metalctl(&["machine", "rescue", BIOS])?;
    hall.boots(BIOS, Home::Ram, boot)?;
    let written = machine.written()?;
    let said =
        hall.shell_once_up(BIOS, "mount | grep -c vda; blkid -p -o value -s PTTYPE /dev/vda; uname -n")?;
    ensure!(said.lines().take(2).eq(["0", "gpt"]), "nothing is mounted, and the disk can be seen: {said}");
    ensure!(machine.written()? == written, "nothing was written since the agent came up");
    hall.metalctl(&["machine", "leave", BIOS, "--wait"])?;
    ensure!(hall.shell(BIOS, LOOK)? == before, "the same system on the same disk");
    hall.says("it serves again, as it was");

    hall.metalctl(&["machine", "wipe", BIOS, "--yes"])?;
    hall.reaches(BIOS, "wiped", |machine| matches!(machine.state, State::Available | State::Partitioning))?;
    let wipe = hall.detail(BIOS)?.wipe.context("a record of the wipe")?;
    ensure!(wipe.record.iter().all(|disk| disk.outcome == WipeOutcome::Erased), "{wipe:?}");
    Ok(())
}
