//! A board whose machine is QEMU: switched, started from where an override says, and spoken to.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use lab::bmc::board::{Action, Board, Boot, Light, Mode, Power, Quantity, Target};
use lab::bmc::chassis::Chassis;
use lab::bmc::readings::readings;
use lab::{Bus, Disk, Hardware, Machine, Nic, NicModel, Rom};

use super::rack;

const PATIENCE: Duration = Duration::from_secs(300);

/// What firmware says when it tries an empty disk, and the network.
const BIOS: [&str; 2] = ["Booting from Hard Disk", "Configuring (net0"];
const UEFI: [&str; 2] = ["BdsDxe: failed to load", "Start PXE over IPv4"];

fn is(board: &Chassis, machine: &Machine, power: Power) {
    let there = || Ok(board.power()? == power);
    machine.wait(&format!("{power:?}"), PATIENCE, there).unwrap();
}

/// Waits until the console has one of the two, from `mark` on, and says which comes first.
fn first(machine: &Machine, mark: usize, words: [&'static str; 2]) -> &'static str {
    let find = || {
        let console = machine.console();
        let said = console.get(mark..).unwrap_or_default();
        let places = words.map(|what| (said.find(what), what));
        places.into_iter().filter_map(|(at, what)| Some((at?, what))).min()
    };
    machine.wait("word of where it boots from", PATIENCE, || Ok(find().is_some())).unwrap();
    find().unwrap().1
}

/// Reads until the other end has said `text`.
fn hear(console: &mut UnixStream, text: &str) {
    console.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut heard, mut bytes) = (String::new(), [0; 512]);
    while !heard.contains(text) {
        match console.read(&mut bytes) {
            Ok(length) if length > 0 => heard.push_str(&String::from_utf8_lossy(&bytes[..length])),
            ended => panic!("no {text:?} ({ended:?}) after {heard:?}"),
        }
    }
}

#[test]
fn an_override_leads_one_start_whoever_causes_it() {
    let mut rack = rack("labtest-bmcboot");
    let machine = rack.add(Hardware { memory_mb: 256, ..Hardware::bios("node01", 1) }).unwrap();
    let board = Chassis::new(&machine);
    let [disk, network] = BIOS;
    let to_disk = Boot { target: Target::Disk, ..Boot::NONE };
    assert_eq!((board.power().unwrap(), board.boot()), (Power::Off, Boot::NONE));
    let refused = board.act(Action::Reset).unwrap_err().to_string();
    assert!(refused.contains("is off"), "{refused}");
    let refused = board.set_boot(Boot { target: Target::Cd, ..Boot::NONE }).unwrap_err().to_string();
    assert!(refused.contains("no CD drive"), "{refused}");

    board.set_boot(to_disk).unwrap();
    assert_eq!(board.boot(), to_disk, "a machine that is off keeps it for power-on");
    board.act(Action::On).unwrap();
    assert_eq!(first(&machine, 0, BIOS), disk);
    let spent = || machine.wait("a spent override", PATIENCE, || Ok(board.boot() == Boot::NONE)).unwrap();
    spent();
    let mark = machine.console().len();
    board.act(Action::Reset).unwrap();
    assert_eq!(first(&machine, mark, BIOS), network, "the usual order stands again");
    board.set_boot(to_disk).unwrap();
    let mark = machine.console().len();
    // By another hand than the BMC's.
    machine.reset().unwrap();
    assert_eq!(first(&machine, mark, BIOS), disk);
    spent();
    let mark = machine.console().len();
    board.act(Action::Reset).unwrap();
    assert_eq!(first(&machine, mark, BIOS), network);

    board.act(Action::Off).unwrap();
    is(&board, &machine, Power::Off);
    let said = ["Boot override set: disk, once", "System power on", "System reset", "System power off"];
    let log = board.log();
    for what in said {
        assert!(log.iter().any(|entry| entry.message.starts_with(what)), "{what}: {log:?}");
    }
}

#[test]
fn an_override_is_for_the_firmware_that_it_names() {
    let mut rack = rack("labtest-bmcuefi");
    let machine = rack.add(Hardware { memory_mb: 256, ..Hardware::uefi("node01", 1) }).unwrap();
    let board = Chassis::new(&machine);
    let [disk, network] = UEFI;
    let to_disk = |mode| Boot { target: Target::Disk, mode: Some(mode), ..Boot::NONE };
    board.set_boot(to_disk(Mode::Bios)).unwrap();
    board.act(Action::On).unwrap();
    assert_eq!(first(&machine, 0, UEFI), network, "no override for UEFI");
    machine.wait("a spent override", PATIENCE, || Ok(board.boot() == Boot::NONE)).unwrap();
    board.set_boot(to_disk(Mode::Uefi)).unwrap();
    let mark = machine.console().len();
    board.act(Action::Reset).unwrap();
    assert_eq!(first(&machine, mark, UEFI), disk);
}

#[test]
fn the_serial_port_is_ones_own_through_power_cycles() {
    let mut rack = rack("labtest-bmcserial");
    let machine = rack.add(Hardware { memory_mb: 256, ..Hardware::bios("node01", 1) }).unwrap();
    let board = Chassis::new(&machine);
    let mut console = board.console().unwrap();
    let refused = format!("{:#}", board.console().unwrap_err());
    assert!(refused.contains("somebody is on its serial port"), "{refused}");

    board.act(Action::On).unwrap();
    hear(&mut console, "Press Ctrl-B for the iPXE command line");
    console.write_all(b"\x02").unwrap();
    hear(&mut console, "iPXE>");
    board.act(Action::Cycle).unwrap();
    hear(&mut console, "SeaBIOS");
    assert_eq!(machine.attempt(), 2);
    machine.wait_console("SeaBIOS", PATIENCE).unwrap();

    // Whoever leaves makes room; whoever does not read holds nobody up.
    drop(console);
    let free = || Ok(board.console().is_ok());
    machine.wait("the serial port free again", PATIENCE, free).unwrap();
    board.act(Action::Nmi).unwrap();
    let told = || Ok(board.log().iter().any(|entry| entry.message.starts_with("Non-maskable")));
    machine.wait("NMI", PATIENCE, told).unwrap();
}

/// Each kind of device takes a new place while QEMU runs: it refuses one that has none.
#[test]
fn every_device_can_be_put_first() {
    let mut rack = rack("labtest-bmcorder");
    let mut hardware = Hardware { memory_mb: 256, ..Hardware::uefi("node01", 1) };
    hardware.disks.push(Disk::new(Bus::Nvme, 64, "NV0001"));
    hardware.disks.push(Disk::new(Bus::Virtio, 64, "VD0001"));
    hardware.nics.push(Nic::new(NicModel::E1000e, 0x81, Rom::Ipxe));
    hardware.nics.push(Nic::new(NicModel::E1000, 0x91, Rom::Ipxe));
    let machine = rack.add(hardware).unwrap();
    let board = Chassis::new(&machine);
    machine.on().unwrap();
    for target in [Target::Disk, Target::Network, Target::Usual, Target::Disk] {
        let boot = Boot { target, ..Boot::NONE };
        board.set_boot(boot).unwrap();
        assert_eq!(board.boot(), boot);
    }
    let identity = board.identity();
    let buses: Vec<&str> = identity.disks.iter().map(|disk| disk.bus.as_str()).collect();
    assert_eq!(buses, ["SATA", "NVMe", "virtio"]);
    assert_eq!((identity.uefi, identity.macs.len(), identity.disks[1].bytes), (true, 3, 64 << 20));
    board.set_light(Light::Blinking).unwrap();
    assert_eq!(board.light(), Light::Blinking);
}

#[test]
fn what_sensors_read_depends_on_power() {
    let (on, off) = (readings(Power::On), readings(Power::Off));
    let of = |kind| {
        let value = move |sensors: &[lab::bmc::board::Sensor]| {
            sensors.iter().filter(|s| s.kind == kind).map(|s| s.value).collect::<Vec<_>>()
        };
        (value(&on), value(&off))
    };
    for kind in [Quantity::Celsius, Quantity::Rpm, Quantity::Watts, Quantity::Volts] {
        let (on, off) = of(kind);
        assert!(on != off && on.iter().all(Option::is_some), "{kind:?}: {on:?} {off:?}");
    }
    assert!(of(Quantity::Rpm).1.iter().all(Option::is_none), "fans stand still without power");
}
