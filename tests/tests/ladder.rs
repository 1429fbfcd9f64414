//! The way back to RAM, for real, on machines whose firmware tries the disk first: by GRUB on BIOS, by BootNext on UEFI,
//! by kexec where GRUB would not obey, and by a hand where nothing of that works. Six installs take eleven minutes, so
//! it belongs to `make test-long`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::machine::{Machine, MachineDetail};
use api::state::State;
use lab::{BootOrder, Hardware, Rack};
use tests::server::{Server, evidence, images, phases, text};
use tests::ssh::{new_key, ssh};

/// An install beside another one, under emulation, with a few reboots before it.
const LINE: Duration = Duration::from_secs(900);

const SITE: &str = r#"name = "ladder"

[server]

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
router_advertisements = true

[layout.plain]
root = { size = "3G", grow = true }

[profile.node]
image = "debian-12"
layout = "plain"
hostname = "node{:02}"
consoles = ["tty0", "ttyS0,115200n8"]
authorized_keys = ["KEY"]

[[machine]]
name = "node01"
macs = ["52:54:00:77:00:01"]
profile = "node"

[[machine]]
name = "node02"
macs = ["52:54:00:77:00:02"]
profile = "node"
"#;

struct Floor {
    rack: Rack,
    server: Server,
    key: PathBuf,
}

#[test]
#[ignore = "six installs: make test-long runs it"]
fn machines_with_the_disk_first_come_back_to_ram() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "ladder")?;
    let key = new_key(&folder)?;
    let mut rack = Rack::up("ladder", &folder, "10.77.0.1/24")?;
    let public = std::fs::read_to_string(key.with_extension("pub"))?;
    let server = Server::start(&rack, &SITE.replace("KEY", public.trim()), &images()?)?;
    let disk_first = |hardware| Hardware { boot: BootOrder::DiskFirst, ..hardware };
    let bios = rack.add(disk_first(Hardware::bios("node01", 1)))?;
    let uefi = rack.add(disk_first(Hardware::uefi("node02", 2)))?;
    let mut floor = Floor { rack, server, key };
    // Their disks are empty, so the network is what boots.
    bios.on()?;
    uefi.on()?;
    floor.active("node01", 1)?;
    floor.active("node02", 1)?;

    floor.reprovision("node01")?;
    floor.reprovision("node02")?;
    floor.said("node01", "a GRUB entry for one boot is tried")?;
    floor.server.kill_and_restart(&floor.rack)?;
    floor.led("node01", "a GRUB entry for one boot")?;
    floor.led("node02", "UEFI BootNext")?;
    ensure!(floor.told("node01", "UEFI BootNext is no way")?, "BIOS has no BootNext");
    floor.active("node01", 2)?;
    floor.active("node02", 2)?;

    // What GRUB would not read is no way, even where it worked the last time.
    floor.shell("node01", "sed -i s/custom.cfg/other.cfg/ /boot/grub/grub.cfg")?;
    floor.reprovision("node01")?;
    floor.led("node01", "kexec")?;
    floor.active("node01", 3)?;

    floor.shell(
        "node01",
        "sed -i s/custom.cfg/other.cfg/ /boot/grub/grub.cfg; sysctl -q kernel.kexec_load_disabled=1",
    )?;
    floor.reprovision("node01")?;
    let hand = |machine: &Machine| {
        machine
            .wait
            .as_ref()
            .is_some_and(|wait| wait.waiting_for.starts_with("a hand: boot it from the network"))
    };
    let waiting = floor.server.wait("node01", "asking for a hand", LINE, hand)?;
    let evidence = waiting.wait.context("it waits")?.evidence;
    for refused in ["kexec: ", "a GRUB entry for one boot: ", "a plain reboot: its own OS answered instead"] {
        ensure!(evidence.contains(refused), "`{refused}` is not in: {evidence}");
    }
    let why = text(floor.server.metalctl(&["machine", "why", "node01"])?)?;
    ensure!(why.contains("Boot it from the network once"), "{why}");
    bios.cut()?;
    bios.refit(|hardware| hardware.boot = BootOrder::NetworkFirst)?;
    bios.on()?;
    floor.active("node01", 4)?;

    // Nobody changes the order back: a plain reboot is the way from now on.
    floor.reprovision("node01")?;
    floor.led("node01", "a plain reboot")?;
    floor.active("node01", 5)?;
    for name in ["node01", "node02"] {
        println!("{name}\n{}", phases(&floor.detail(name)?));
    }
    Ok(())
}

impl Floor {
    fn detail(&self, name: &str) -> Result<MachineDetail> {
        Ok(self.server.ask(self.server.client()?.machine(name))?)
    }

    fn active(&self, name: &str, generation: i64) -> Result<()> {
        let there = |machine: &Machine| machine.state == State::Active && machine.generation == generation;
        self.server.wait(name, &format!("active in generation {generation}"), LINE, there).map(drop)
    }

    fn reprovision(&self, name: &str) -> Result<()> {
        text(self.server.metalctl(&["machine", "reprovision", name, "--yes"])?).map(drop)
    }

    fn shell(&self, name: &str, script: &str) -> Result<()> {
        let address = self.server.machine(name)?.address.with_context(|| format!("{name} has an address"))?;
        ssh(&self.rack, &self.key, address, script).map(drop)
    }

    /// The newest reprovision's own history: does one of its notes begin so?
    fn told(&self, name: &str, begins: &str) -> Result<bool> {
        let history = self.detail(name)?.history;
        let since = history.iter().take_while(|entry| entry.event != "reprovision");
        Ok(since.into_iter().any(|entry| entry.event == "way_back" && entry.note.starts_with(begins)))
    }

    fn said(&self, name: &str, begins: &str) -> Result<()> {
        let said = |_: &Machine| self.told(name, begins).unwrap_or(false);
        self.server.wait(name, begins, LINE, said).map(drop)
    }

    fn led(&self, name: &str, way: &str) -> Result<()> {
        self.said(name, &format!("{way} led to the agent in RAM"))
    }
}
