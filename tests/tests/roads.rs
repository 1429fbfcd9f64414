//! Other hardware on the same line: an old iPXE in a UEFI card's ROM, which cannot name a disk and must load a
//! newer one first, and NVMe disks under both firmwares, one of which is told to erase itself. Takes minutes, so it belongs to `make test-long`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::facts::{BootMode, Transport};
use api::machine::Machine;
use api::state::State;
use api::wipe::{WipeOutcome, WipedDisk};
use lab::{Bus, Disk, Hardware, Nic, NicModel, Rack, Rom};
use tests::server::{Server, evidence, images, text};

const BIOS: &str = "52:54:00:77:00:01";
const UEFI: &str = "52:54:00:77:00:02";
const LINE: Duration = Duration::from_secs(420);

const SITE: &str = r#"name = "roads"

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

[[rule]]
profile = "node"
"#;

#[test]
#[ignore = "two more installs: make test-long runs it"]
fn an_old_rom_and_nvme_disks_arrive_too() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "roads")?;
    let mut rack = Rack::up("roads", &folder, "10.77.0.1/24")?;
    // Nobody wrote these machines down: the policy lets them in and a rule gives them their profile.
    let site = SITE.replacen("name = \"roads\"", "name = \"roads\"\nunknown = \"enroll\"", 1);
    let server = Server::start(&rack, &site, &images()?)?;
    let old_rom = vec![Nic::new(NicModel::E1000e, 2, Rom::Ipxe)];
    let nvme = |serial| vec![Disk::new(Bus::Nvme, 8192, serial)];
    let bios = Hardware { disks: nvme("NVME0001"), ..Hardware::bios("node01", 1) };
    let uefi = Hardware { nics: old_rom, disks: nvme("NVME0002"), ..Hardware::uefi("node02", 2) };
    for hardware in [bios, uefi] {
        rack.add(hardware)?.on()?;
    }
    for (mac, mode) in [(BIOS, BootMode::Bios), (UEFI, BootMode::Uefi)] {
        server.wait(mac, "active", LINE, |machine| machine.state == State::Active)?;
        let detail = server.ask(server.client()?.machine(mac))?;
        let facts = detail.facts.unwrap_or_else(|| panic!("{mac} has no facts"));
        ensure!(facts.boot_mode == mode, "{mac} booted by {:?}", facts.boot_mode);
        ensure!(facts.disks.iter().any(|disk| disk.transport == Transport::Nvme), "{mac}: {:?}", facts.disks);
        ensure!(detail.machine.hostname.is_some(), "{mac} was given a name");
    }
    is_erased_by_its_own_format(&server, BIOS)
}

/// By the disk's own command. An empty disk is installed again by the rule.
fn is_erased_by_its_own_format(server: &Server, mac: &str) -> Result<()> {
    text(server.metalctl(&["machine", "wipe", mac, "--yes"])?)?;
    let again = |machine: &Machine| {
        matches!(machine.state, State::Available | State::Partitioning | State::Installing)
    };
    server.wait(mac, "wiped", LINE, again)?;
    let wipe = server.ask(server.client()?.machine(mac))?.wipe.context("a record of the wipe")?;
    let formatted = |disk: &WipedDisk| {
        disk.outcome == WipeOutcome::Erased
            && disk.steps.iter().any(|step| step.method.starts_with("NVMe format") && step.error.is_none())
    };
    ensure!(!wipe.record.is_empty() && wipe.record.iter().all(formatted), "{wipe:?}");
    println!("{}", text(server.metalctl(&["machine", "show", mac])?)?);
    server.wait(mac, "active again", LINE, |machine| machine.state == State::Active)?;
    Ok(())
}
