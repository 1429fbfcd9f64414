//! A rack with no server in it: the machines' firmware asks for an address on the wire, the plug is pulled, and
//! afterwards nothing is left.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::{Bus, Disk, Hardware, Machine, Rack, SERVER_INTERFACE, Status, swap_disks};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A BOOTP request to port 67, with option 53 saying DISCOVER, sent from this address.
fn holds_discover(capture: &[u8], mac: &str) -> bool {
    let mac: Vec<u8> = mac.split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    let mut packets = vec![];
    let mut rest = capture.get(24..).unwrap_or_default();
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let Some(packet) = rest.get(16..16 + length) else { break };
        packets.push(packet);
        rest = &rest[16 + length..];
    }
    packets.iter().any(|packet| {
        let to_server = packet.get(36..38) == Some(&67u16.to_be_bytes());
        let from_machine = packet.get(6..12) == Some(&mac);
        to_server && from_machine && packet.windows(7).any(|w| w == [0x63, 0x82, 0x53, 0x63, 53, 1, 1])
    })
}

fn wait_discover(machine: &Machine, patience: u64) -> Duration {
    let start = Instant::now();
    let mac = &machine.hardware().nics[0].mac;
    let asked = || Ok(holds_discover(&fs::read(machine.capture_file(0)).unwrap_or_default(), mac));
    machine.wait("DHCP DISCOVER", Duration::from_secs(patience), asked).unwrap();
    start.elapsed()
}

fn left_behind(rack: &str) -> Vec<String> {
    let namespaces = ["sw", "srv", "bmc"].map(|end| format!("{rack}-{end}"));
    let mut left: Vec<String> = namespaces.iter().filter(|name| lab::netns::exists(name)).cloned().collect();
    let folder = format!("/run/metal-lab/{rack}");
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&folder) {
            left.push(line);
        }
    }
    if PathBuf::from(&folder).exists() {
        left.push(folder);
    }
    left
}

#[test]
fn firmware_asks_the_wire_and_a_pulled_plug_is_off() {
    let name = "labtest-boot";
    let mut rack = Rack::up(name, &folder(name), "10.77.0.1/24").unwrap();
    let bios = rack.add(Hardware { memory_mb: 256, ..Hardware::bios("node01", 1) }).unwrap();
    let uefi = rack.add(Hardware { memory_mb: 256, ..Hardware::uefi("node02", 2) }).unwrap();
    assert_eq!(bios.status().unwrap(), Status::Off);
    bios.on().unwrap();
    uefi.on().unwrap();
    eprintln!("BIOS asked after {:?}", wait_discover(&bios, 30));
    assert!(bios.console().contains("iPXE"), "{}", bios.console());
    eprintln!("UEFI asked after {:?} more", wait_discover(&uefi, 60));
    assert_eq!(bios.status().unwrap(), Status::On);

    bios.reset().unwrap();
    bios.wait("RESET", Duration::from_secs(5), || Ok(bios.resets() > 0)).unwrap();
    assert_eq!(bios.status().unwrap(), Status::On, "a reset is not a power-off");

    bios.cut().unwrap();
    assert_eq!(bios.status().unwrap(), Status::Off);
    let first = bios.console_file();
    bios.on().unwrap();
    assert_eq!((bios.status().unwrap(), bios.attempt()), (Status::On, 2));
    assert!(first.exists() && first != bios.console_file(), "each power-on keeps its own console");

    drop(rack);
    assert_eq!(left_behind(name), Vec::<String>::new());
    assert!(bios.on().is_err(), "a machine without a rack has nowhere to run");
}

#[test]
fn swapped_disks_travel_with_their_serials() {
    let name = "labtest-disks";
    let mut rack = Rack::up(name, &folder(name), "10.77.0.1/24").unwrap();
    let spare = Disk::new(Bus::Nvme, 64, "FRONT");
    let mut hardware = Hardware::bios("node01", 1);
    hardware.disks.insert(0, spare);
    let left = rack.add(hardware).unwrap();
    let right = rack.add(Hardware::uefi("node02", 2)).unwrap();
    fs::write(left.disk(1).unwrap().with_extension("note"), "").unwrap();

    swap_disks((&left, 1), (&right, 0)).unwrap();
    assert!(left.disk(1).unwrap().ends_with("disks/SD0002.qcow2"));
    assert!(right.disk(0).unwrap().ends_with("disks/VD0001.qcow2"));
    swap_disks((&left, 0), (&left, 1)).unwrap();
    assert!(left.disk(0).unwrap().ends_with("disks/SD0002.qcow2"));

    let base = rack.folder.join("base.qcow2");
    right.keep_disk(0, &base).unwrap();
    let child = Disk { base: Some(base), ..Disk::new(Bus::Virtio, 8192, "CHILD") };
    let third = rack.add(Hardware { disks: vec![child], ..Hardware::bios("node03", 3) }).unwrap();
    assert!(third.disk(0).unwrap().exists());
    assert!(rack.add(Hardware::bios("node01", 4)).is_err(), "two machines of one name");
    assert!(rack.add(Hardware::uefi("node04", 2)).is_err(), "one disk in two machines");
}

#[test]
fn a_forward_reaches_what_listens_beside_the_server() {
    let name = "labtest-forward";
    let rack = Rack::up(name, &folder(name), "10.77.0.1/24").unwrap();
    let inside = rack.server.clone();
    let listener = std::thread::spawn(move || {
        inside.enter().unwrap();
        TcpListener::bind("10.77.0.1:7000").unwrap()
    });
    let listener = listener.join().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        io::copy(&mut client.try_clone().unwrap(), &mut client).unwrap();
    });
    let to = SocketAddr::from((Ipv4Addr::new(10, 77, 0, 1), 7000));
    let forward = rack.forward(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), to).unwrap();

    let mut client = TcpStream::connect(forward.address).unwrap();
    client.write_all(b"hello\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello\n");

    let mut stays = Command::new("sleep");
    stays.arg("1000");
    let mut stays = rack.spawn(stays).unwrap();
    let mut show = Command::new("ls");
    show.arg("/sys/class/net");
    let inside = rack.in_server(show).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&inside.stdout), format!("lo\n{SERVER_INTERFACE}\n"));

    drop(rack);
    assert!(!stays.wait().unwrap().success(), "what runs beside the server ends with the rack");
    assert_eq!(left_behind(name), Vec::<String>::new());
}
