//! Hardware and paths in, QEMU's command line out. Pure; the tests compare whole command lines.

use std::path::PathBuf;

use crate::accel::Accel;
use crate::bmc::board::{Boot, Mode, Target};
use crate::hardware::{BootOrder, Bus, Firmware, Hardware, NicModel, Rom, Smbios, Watchdog};

pub const PROGRAM: &str = "qemu-system-x86_64";
pub const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
pub const OVMF_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// QEMU's name for what the serial port leads to.
pub const CONSOLE: &str = "console";

/// Where one power-on finds and leaves its files.
pub struct Paths {
    /// All that the guest says, appended.
    pub console: PathBuf,
    /// Where its serial port is spoken to.
    pub serial: PathBuf,
    /// One a NIC.
    pub taps: Vec<String>,
    pub qmp: PathBuf,
    /// The firmware's variables, a copy of this machine's own. UEFI only.
    pub vars: PathBuf,
    pub disks: PathBuf,
}

impl Paths {
    pub fn disk(&self, serial: &str) -> PathBuf {
        crate::disk::file(&self.disks, serial)
    }
}

/// Without `-no-reboot`: a guest's reboot is a reset of the same process, as a machine stays on through it.
/// `boot` is obeyed as the firmware would.
pub fn argv(hardware: &Hardware, boot: Boot, accel: Accel, paths: &Paths) -> Vec<String> {
    let mut argv = Argv(vec![]);
    argv.add("-name", &hardware.name);
    argv.0.extend(["-nodefaults", "-no-user-config", "-nographic"].map(String::from));
    argv.board(hardware, accel, paths);
    argv.smbios(hardware);
    // Written with and without somebody at the other end; appended, as QEMU may be started anew within one power-on.
    let (serial, console) = (text(&paths.serial), text(&paths.console));
    let socket = format!("socket,id={CONSOLE},path={serial},server=on,wait=off");
    argv.add("-chardev", format!("{socket},logfile={console},logappend=on"));
    argv.add("-serial", format!("chardev:{CONSOLE}"));
    argv.add("-qmp", format!("unix:{},server=on,wait=off", text(&paths.qmp)));
    let (nic_first, disk_first) = match first(hardware, boot) {
        BootOrder::NetworkFirst => (0, hardware.nics.len()),
        BootOrder::DiskFirst => (hardware.disks.len(), 0),
    };
    argv.nics(hardware, paths, nic_first);
    argv.disks(hardware, paths, disk_first);
    match hardware.watchdog {
        Some(Watchdog::I6300esb) => argv.add("-device", "i6300esb"),
        // The chipset has it in any case, strapped so that it cannot reset the machine.
        Some(Watchdog::Itco) => argv.add("-global", "ICH9-LPC.noreboot=off"),
        None => {}
    }
    argv.0
}

/// The devices that can be booted from, by their `id`, in the order in which the firmware tries them.
pub fn order(hardware: &Hardware, boot: Boot) -> Vec<String> {
    let nics = (0..hardware.nics.len()).map(|n| format!("nic{n}"));
    let disks = (0..hardware.disks.len()).map(|n| format!("bay{n}"));
    match first(hardware, boot) {
        BootOrder::NetworkFirst => nics.chain(disks).collect(),
        BootOrder::DiskFirst => disks.chain(nics).collect(),
    }
}

/// What comes first at the start that finds this override. Firmware does not see one for the mode in which it is not.
fn first(hardware: &Hardware, boot: Boot) -> BootOrder {
    let seen = match boot.mode {
        None => true,
        Some(Mode::Bios) => hardware.firmware == Firmware::Bios,
        Some(Mode::Uefi) => hardware.firmware == Firmware::Uefi,
    };
    match boot.target {
        Target::Network if seen => BootOrder::NetworkFirst,
        Target::Disk if seen => BootOrder::DiskFirst,
        _ => hardware.boot,
    }
}

struct Argv(Vec<String>);

impl Argv {
    fn add(&mut self, flag: &str, value: impl Into<String>) {
        self.0.extend([flag.to_owned(), value.into()]);
    }

    fn board(&mut self, hardware: &Hardware, accel: Accel, paths: &Paths) {
        match hardware.firmware {
            Firmware::Bios => self.add("-machine", "pc"),
            Firmware::Uefi => {
                self.add("-machine", "q35");
                self.add("-drive", format!("if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}"));
                self.add("-drive", format!("if=pflash,format=raw,unit=1,file={}", text(&paths.vars)));
            }
        }
        self.0.extend(accel.argv().iter().map(|s| s.to_string()));
        self.add("-smp", hardware.cpus.to_string());
        self.add("-m", hardware.memory_mb.to_string());
        if let Some(clock) = &hardware.clock {
            self.add("-rtc", format!("base={clock}"));
        }
    }

    fn smbios(&mut self, hardware: &Hardware) {
        self.add("-uuid", &hardware.uuid);
        let Smbios { vendor, product, serial, board_serial, chassis_serial, asset } = &hardware.smbios;
        let [vendor, product, asset] = [vendor, product, asset].map(|value| escape(value));
        self.add(
            "-smbios",
            format!("type=1,manufacturer={vendor},product={product},serial={}", escape(serial)),
        );
        let board = escape(board_serial);
        self.add(
            "-smbios",
            format!("type=2,manufacturer={vendor},product={product},serial={board},asset={asset}"),
        );
        let chassis = escape(chassis_serial);
        self.add("-smbios", format!("type=3,manufacturer={vendor},serial={chassis},asset={asset}"));
        let module = escape(&format!("{serial}-M0"));
        self.add(
            "-smbios",
            format!("type=17,loc_pfx=DIMM,bank=BANK,manufacturer={vendor},serial={module},speed=3200"),
        );
    }

    fn nics(&mut self, hardware: &Hardware, paths: &Paths, first: usize) {
        for (n, nic) in hardware.nics.iter().enumerate() {
            self.add("-netdev", format!("tap,id=net{n},ifname={},script=no,downscript=no", paths.taps[n]));
            let model = match nic.model {
                NicModel::Virtio => "virtio-net-pci",
                NicModel::E1000e => "e1000e",
                NicModel::E1000 => "e1000",
            };
            let rom = match nic.rom {
                Rom::Ipxe => "",
                Rom::Firmware => ",romfile=",
            };
            self.add(
                "-device",
                format!("{model},id=nic{n},netdev=net{n},mac={},bootindex={}{rom}", nic.mac, first + n),
            );
        }
    }

    fn disks(&mut self, hardware: &Hardware, paths: &Paths, first: usize) {
        let cache = if hardware.durable { "writeback" } else { "unsafe" };
        let any_ahci = hardware.disks.iter().any(|disk| matches!(disk.bus, Bus::Ahci { .. }));
        if any_ahci && hardware.firmware == Firmware::Bios {
            self.add("-device", "ich9-ahci,id=sata");
        }
        let mut port = 0;
        for (n, disk) in hardware.disks.iter().enumerate() {
            let file = text(&paths.disk(&disk.serial));
            self.add(
                "-drive",
                format!("if=none,id=disk{n},format=qcow2,cache={cache},discard=unmap,file={file}"),
            );
            let device = match disk.bus {
                Bus::Virtio => "virtio-blk-pci".to_owned(),
                Bus::Nvme => "nvme".to_owned(),
                Bus::Ahci { wwn } => {
                    let bus = match hardware.firmware {
                        Firmware::Bios => "sata",
                        Firmware::Uefi => "ide",
                    };
                    let wwn = wwn.map(|wwn| format!(",wwn={wwn:#x}")).unwrap_or_default();
                    port += 1;
                    format!("ide-hd,bus={bus}.{}{wwn}", port - 1)
                }
            };
            self.add(
                "-device",
                format!("{device},id=bay{n},drive=disk{n},serial={},bootindex={}", disk.serial, first + n),
            );
        }
    }
}

fn text(path: &std::path::Path) -> String {
    escape(&path.to_string_lossy())
}

/// A comma ends a value in QEMU's option lists unless it is doubled.
fn escape(value: &str) -> String {
    value.replace(',', ",,")
}
