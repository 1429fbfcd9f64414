//! The line, for real: two empty machines, BIOS and UEFI, power on and become running ones with nobody
//! touching anything, while the server is killed once; then both are reprovisioned by the operator's tool.
//! One pair of boots proves many claims, because boots are what costs time.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::facts::BootMode;
use api::machine::{Machine, MachineDetail};
use api::state::State;
use api::trace::HopName;
use lab::{Bus, Disk, Hardware, Nic, NicModel, Rack, Rom};
use tests::server::{Server, evidence, images, phases};
use tests::ssh::{new_key, ssh};

/// A machine that installs while another one does, under emulation.
const LINE: Duration = Duration::from_secs(420);

const SITE: &str = r#"name = "line"

[server]

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
router_advertisements = true

[layout.data]
root = { size = "3G", grow = true }
extra = [{ name = "data", size = "1G", fs = "ext4", mount = "/srv" }]

[profile.node]
image = "debian-12"
layout = "data"
disk = { min_size = "4G" }
hostname = "node{:02}"
consoles = ["tty0", "ttyS0,115200n8"]
authorized_keys = ["KEY"]

[[machine]]
name = "node01"
macs = ["52:54:00:77:00:01"]
rack = "A"
unit = 1
profile = "node"

[[machine]]
name = "node02"
macs = ["52:54:00:77:00:02"]
rack = "A"
unit = 2
profile = "node"
"#;

#[test]
fn empty_machines_become_running_ones_and_do_it_again() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "line")?;
    let key = new_key(&folder)?;
    let mut rack = Rack::up("line", &folder, "10.77.0.1/24")?;
    let public = std::fs::read_to_string(key.with_extension("pub"))?;
    let mut server = Server::start(&rack, &SITE.replace("KEY", public.trim()), &images()?)?;
    let intel = vec![Nic::new(NicModel::E1000e, 1, Rom::Ipxe)];
    let bios = rack.add(with_a_disk_in_front(Hardware { nics: intel, ..Hardware::bios("node01", 1) }))?;
    let dead_battery = Hardware { clock: Some("2010-01-01T00:00:00".into()), ..Hardware::uefi("node02", 2) };
    let uefi = rack.add(with_a_disk_in_front(dead_battery))?;
    println!(
        "metald answers {:?} after its start, with {} kB in memory",
        server.first_answer,
        server.memory_kb()?
    );
    bios.on()?;
    uefi.on()?;

    let writes = |machine: &Machine| {
        machine.state == State::Installing && machine.progress.as_ref().is_some_and(|p| p.progress.done > 0)
    };
    server.wait("node01", "writing the OS", LINE, writes)?;
    server.kill_and_restart(&rack)?;
    for name in ["node01", "node02"] {
        server.wait(name, "active", LINE, |machine| machine.state == State::Active)?;
        let machine = checked(&server, name, 1)?;
        on_the_machine(&rack, &key, &machine)?;
    }
    ensure!(
        detail(&server, "node02")?.facts.is_some_and(|f| f.boot_mode == BootMode::Uefi),
        "node02 boots by UEFI"
    );
    fetched_its_loader_by_tftp(&server)?;

    let again: Vec<_> = ["node01", "node02"]
        .into_iter()
        .map(|name| server.metalctl(&["machine", "reprovision", name, "--yes", "--wait", "--timeout", "10m"]))
        .map(|command| anyhow::Ok(command?.spawn()?))
        .collect::<Result<_>>()?;
    for mut metalctl in again {
        ensure!(metalctl.wait()?.success(), "metalctl machine reprovision --wait ended well");
    }
    for name in ["node01", "node02"] {
        let machine = checked(&server, name, 2)?;
        on_the_machine(&rack, &key, &machine)?;
        println!("{name}\n{}", phases(&detail(&server, name)?));
    }
    Ok(())
}

/// Blank, smaller than the rule wants, and the first that the firmware finds.
fn with_a_disk_in_front(mut hardware: Hardware) -> Hardware {
    let serial = format!("FRONT{}", hardware.name.trim_start_matches("node"));
    let bus = hardware.disks[0].bus;
    let bus = if matches!(bus, Bus::Ahci { .. }) { Bus::Ahci { wwn: None } } else { bus };
    hardware.disks.insert(0, Disk::new(bus, 1024, &serial));
    hardware
}

fn detail(server: &Server, name: &str) -> Result<MachineDetail> {
    Ok(server.ask(server.client()?.machine(name))?)
}

/// Active in this generation, wiped once for it, with a boot trace from DISCOVER to hello.
fn checked(server: &Server, name: &str, generation: i64) -> Result<Machine> {
    let detail = detail(server, name)?;
    let machine = &detail.machine;
    ensure!(machine.state == State::Active, "{name} is active, not {}", machine.state);
    ensure!(machine.generation == generation && machine.installed == generation, "{name}: {machine:?}");
    let wiped =
        detail.history.iter().filter(|entry| entry.event == "layout_verified" && !entry.refused).count();
    ensure!(
        wiped == usize::try_from(generation)?,
        "{name} was wiped {wiped} times in {generation} generations"
    );
    let hops = |name| detail.attempts.iter().any(|attempt| attempt.hops.iter().any(|hop| hop.name == name));
    for hop in [
        HopName::Discover,
        HopName::Offer,
        HopName::Ack,
        HopName::Script,
        HopName::Kernel,
        HopName::Initrd,
        HopName::Hello,
    ] {
        ensure!(hops(hop), "{name} has no trace of {hop:?}");
    }
    let logs = server.ask(server.client()?.logs(name))?;
    ensure!(logs.iter().any(|line| line.source.as_str() == "kernel"), "{name}'s kernel was heard");
    Ok(machine.clone())
}

fn fetched_its_loader_by_tftp(server: &Server) -> Result<()> {
    let attempts = detail(server, "node02")?.attempts;
    let tftp = attempts
        .iter()
        .flat_map(|a| &a.hops)
        .any(|hop| hop.name == HopName::TftpLast && hop.detail.contains("snponly.efi"));
    ensure!(tftp, "OVMF's own PXE fetched snponly.efi by TFTP: {attempts:?}");
    Ok(())
}

/// What only the installed system itself can say.
fn on_the_machine(rack: &Rack, key: &Path, machine: &Machine) -> Result<()> {
    let name = machine.name();
    let address = machine.address.with_context(|| format!("{name} has an address"))?;
    let front = format!("FRONT{}", name.trim_start_matches("node"));
    let script = format!(
        "hostname; for m in / /srv /boot/efi; do findmnt -no FSTYPE $m; done | tr '\\n' ' '; echo; \
         for d in /sys/block/[sv]d?; do \
           s=$(cat $d/serial 2>/dev/null || tail -c +5 $d/device/vpd_pg80 | tr -d ' \\0'); \
           [ \"$s\" = {front} ] && cmp -n 1073741824 /dev/$(basename $d) /dev/zero && echo front disk untouched; \
         done; date +%Y; systemctl is-active metal-agent; swapon --show | wc -l"
    );
    let said = ssh(rack, key, address, &script)?;
    let lines: Vec<&str> = said.lines().collect();
    ensure!(lines.first() == Some(&name.as_str()), "the hostname is {name}: {said}");
    ensure!(lines.get(1).map(|l| l.trim()) == Some("ext4 ext4 vfat"), "mounted as declared: {said}");
    ensure!(said.contains("front disk untouched"), "the disk in front was not written: {said}");
    ensure!(
        lines.iter().any(|l| l.parse::<u32>().is_ok_and(|year| year >= 2026)),
        "its clock was set: {said}"
    );
    ensure!(lines.contains(&"active"), "its agent runs: {said}");
    ensure!(lines.last() == Some(&"0"), "no swap: {said}");
    Ok(())
}
