//! QEMU's whole command line for a BIOS and a UEFI machine.

use std::path::PathBuf;

use lab::qemu::{Paths, argv};
use lab::{Accel, BootOrder, Bus, Disk, Hardware, Nic, NicModel, Rom, Watchdog};

fn check(hardware: &Hardware, accel: Accel, expected: &str) {
    let folder = |name: &str| PathBuf::from("/rack").join(name);
    let paths = Paths {
        console: folder("console-1.log"),
        taps: vec!["tap0".to_owned(), "tap1".to_owned()],
        qmp: folder("qmp"),
        vars: folder("vars.fd"),
        disks: folder("disks"),
    };
    let mut lines = String::new();
    for word in argv(hardware, accel, &paths) {
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
-chardev file,id=console,path=/rack/console-1.log,append=on
-serial chardev:console
-qmp unix:/rack/qmp,server=on,wait=off
-netdev tap,id=net0,ifname=tap0,script=no,downscript=no
-device virtio-net-pci,netdev=net0,mac=52:54:00:77:00:01,bootindex=0
-device ich9-ahci,id=sata
-drive if=none,id=disk0,format=qcow2,cache=unsafe,discard=unmap,file=/rack/disks/FRONT.qcow2
-device ide-hd,bus=sata.0,drive=disk0,serial=FRONT,bootindex=1
-drive if=none,id=disk1,format=qcow2,cache=unsafe,discard=unmap,file=/rack/disks/VD0001.qcow2
-device virtio-blk-pci,drive=disk1,serial=VD0001,bootindex=2
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
-chardev file,id=console,path=/rack/console-1.log,append=on
-serial chardev:console
-qmp unix:/rack/qmp,server=on,wait=off
-netdev tap,id=net0,ifname=tap0,script=no,downscript=no
-device virtio-net-pci,netdev=net0,mac=52:54:00:77:00:02,bootindex=2,romfile=
-netdev tap,id=net1,ifname=tap1,script=no,downscript=no
-device e1000e,netdev=net1,mac=52:54:00:77:00:82,bootindex=3
-drive if=none,id=disk0,format=qcow2,cache=writeback,discard=unmap,file=/rack/disks/SD0002.qcow2
-device ide-hd,bus=ide.0,wwn=0x5000c50000000002,drive=disk0,serial=SD0002,bootindex=0
-drive if=none,id=disk1,format=qcow2,cache=writeback,discard=unmap,file=/rack/disks/NV0002.qcow2
-device nvme,drive=disk1,serial=NV0002,bootindex=1
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
