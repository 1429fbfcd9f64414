//! QEMU's whole command line for a BIOS and a UEFI machine.

use std::path::PathBuf;

use lab::bmc::board::{Boot, Mode, Persistence, Target};
use lab::qemu::{Paths, argv, order};
use lab::{Accel, BootOrder, Bus, Disk, Hardware, Nic, NicModel, Rom, Watchdog};

fn paths() -> Paths {
    let folder = |name: &str| PathBuf::from("/rack").join(name);
    Paths {
        console: folder("console-1.log"),
        serial: folder("serial"),
        taps: vec!["tap0".to_owned(), "tap1".to_owned()],
        qmp: folder("qmp"),
        vars: folder("vars.fd"),
        disks: folder("disks"),
    }
}

fn words(hardware: &Hardware, boot: Boot) -> Vec<String> {
    argv(hardware, boot, Accel::Tcg, &paths())
}

fn check(hardware: &Hardware, accel: Accel, expected: &str) {
    let mut lines = String::new();
    for word in argv(hardware, Boot::NONE, accel, &paths()) {
        lines.push_str(if word.starts_with('-') && !lines.is_empty() { "\n" } else { " " });
        lines.push_str(&word);
    }
    assert_eq!(lines.trim(), expected.trim());
}

#[test]
fn bios_with_a_disk_in_front() {
    let mut hardware = Hardware::bios("node01", 1);
    hardware.disks.insert(0, Disk::new(Bus::Ahci { wwn: None }, 1024, "FRONT"));
    hardware.smbios.asset = "row 3, unit 7".to_owned();
    check(
        &hardware,
        Accel::Tcg,
        "\
-name node01
-nodefaults
-no-user-config
-nographic
-machine pc
-accel tcg,thread=multi
-cpu max,la57=off
-smp 1
-m 1024
-uuid 6d657461-6c64-4c61-8000-000000000001
-smbios type=1,manufacturer=Lab,product=Virtual Server 1,serial=SYS0001
-smbios type=2,manufacturer=Lab,product=Virtual Server 1,serial=BRD0001,asset=row 3,, unit 7
-smbios type=3,manufacturer=Lab,serial=CHS0001,asset=row 3,, unit 7
-smbios type=17,loc_pfx=DIMM,bank=BANK,manufacturer=Lab,serial=SYS0001-M0,speed=3200
-chardev socket,id=console,path=/rack/serial,server=on,wait=off,logfile=/rack/console-1.log,logappend=on
-serial chardev:console
-qmp unix:/rack/qmp,server=on,wait=off
-netdev tap,id=net0,ifname=tap0,script=no,downscript=no
-device virtio-net-pci,id=nic0,netdev=net0,mac=52:54:00:77:00:01,bootindex=0
-device ich9-ahci,id=sata
-drive if=none,id=disk0,format=qcow2,cache=unsafe,discard=unmap,file=/rack/disks/FRONT.qcow2
-device ide-hd,bus=sata.0,id=bay0,drive=disk0,serial=FRONT,bootindex=1
-drive if=none,id=disk1,format=qcow2,cache=unsafe,discard=unmap,file=/rack/disks/VD0001.qcow2
-device virtio-blk-pci,id=bay1,drive=disk1,serial=VD0001,bootindex=2
-device i6300esb",
    );
}

#[test]
fn uefi_disk_first_with_a_dead_battery_and_two_cables() {
    let mut hardware = Hardware {
        boot: BootOrder::DiskFirst,
        clock: Some("2010-01-01T00:00:00".to_owned()),
        watchdog: Some(Watchdog::Itco),
        durable: true,
        cpus: 2,
        ..Hardware::uefi("node02", 2)
    };
    hardware.disks.push(Disk::new(Bus::Nvme, 1024, "NV0002"));
    hardware.nics.push(Nic::new(NicModel::E1000e, 0x82, Rom::Ipxe));
    check(
        &hardware,
        Accel::Kvm,
        "\
-name node02
-nodefaults
-no-user-config
-nographic
-machine q35
-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd
-drive if=pflash,format=raw,unit=1,file=/rack/vars.fd
-accel kvm
-cpu host
-smp 2
-m 1024
-rtc base=2010-01-01T00:00:00
-uuid 6d657461-6c64-4c61-8000-000000000002
-smbios type=1,manufacturer=Lab,product=Virtual Server 1,serial=SYS0002
-smbios type=2,manufacturer=Lab,product=Virtual Server 1,serial=BRD0002,asset=asset-0002
-smbios type=3,manufacturer=Lab,serial=CHS0002,asset=asset-0002
-smbios type=17,loc_pfx=DIMM,bank=BANK,manufacturer=Lab,serial=SYS0002-M0,speed=3200
-chardev socket,id=console,path=/rack/serial,server=on,wait=off,logfile=/rack/console-1.log,logappend=on
-serial chardev:console
-qmp unix:/rack/qmp,server=on,wait=off
-netdev tap,id=net0,ifname=tap0,script=no,downscript=no
-device virtio-net-pci,id=nic0,netdev=net0,mac=52:54:00:77:00:02,bootindex=2,romfile=
-netdev tap,id=net1,ifname=tap1,script=no,downscript=no
-device e1000e,id=nic1,netdev=net1,mac=52:54:00:77:00:82,bootindex=3
-drive if=none,id=disk0,format=qcow2,cache=writeback,discard=unmap,file=/rack/disks/SD0002.qcow2
-device ide-hd,bus=ide.0,wwn=0x5000c50000000002,id=bay0,drive=disk0,serial=SD0002,bootindex=0
-drive if=none,id=disk1,format=qcow2,cache=writeback,discard=unmap,file=/rack/disks/NV0002.qcow2
-device nvme,id=bay1,drive=disk1,serial=NV0002,bootindex=1
-global ICH9-LPC.noreboot=off",
    );
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let hardware = Hardware { watchdog: Some(Watchdog::Itco), ..Hardware::bios("node01", 1) };
    assert!(hardware.check().unwrap_err().to_string().contains("i6300esb"));
    let hardware = Hardware { nics: vec![], ..Hardware::bios("node01", 1) };
    assert!(hardware.check().is_err());
    let disk = Disk::new(Bus::Virtio, 1024, "longer-than-virtio-carries");
    let hardware = Hardware { disks: vec![disk], ..Hardware::bios("node01", 1) };
    assert!(hardware.check().is_err());
}

#[test]
fn an_override_is_the_order_of_the_firmware_that_it_is_for() {
    let bios = Hardware::bios("node01", 1);
    let mut uefi = Hardware { boot: BootOrder::DiskFirst, ..Hardware::uefi("node02", 2) };
    uefi.disks.push(Disk::new(Bus::Nvme, 1024, "NV0002"));
    let once = |target, mode| Boot { target, persistence: Persistence::Once, mode };
    let table = [
        (&bios, Boot::NONE, "nic0 bay0"),
        (&bios, once(Target::Disk, None), "bay0 nic0"),
        (&bios, once(Target::Disk, Some(Mode::Bios)), "bay0 nic0"),
        (&bios, once(Target::Disk, Some(Mode::Uefi)), "nic0 bay0"),
        (&bios, once(Target::Usual, None), "nic0 bay0"),
        (&uefi, Boot::NONE, "bay0 bay1 nic0"),
        (&uefi, once(Target::Network, Some(Mode::Uefi)), "nic0 bay0 bay1"),
        (&uefi, once(Target::Network, Some(Mode::Bios)), "bay0 bay1 nic0"),
        (&uefi, Boot { persistence: Persistence::Always, ..once(Target::Network, None) }, "nic0 bay0 bay1"),
    ];
    for (hardware, boot, expected) in table {
        assert_eq!(order(hardware, boot).join(" "), expected, "{} {boot:?}", hardware.name);
    }
}

#[test]
fn power_on_finds_an_override_on_the_command_line() {
    let hardware = Hardware::bios("node01", 1);
    let network = words(&hardware, Boot::NONE);
    let disk = words(&hardware, Boot { target: Target::Disk, ..Boot::NONE });
    let differ = network.iter().zip(&disk).filter(|(a, b)| a != b).map(|(_, b)| b.as_str());
    let expected = [
        "virtio-net-pci,id=nic0,netdev=net0,mac=52:54:00:77:00:01,bootindex=1",
        "virtio-blk-pci,id=bay0,drive=disk0,serial=VD0001,bootindex=0",
    ];
    assert_eq!(differ.collect::<Vec<_>>(), expected);
}
