//! What a machine of the rack is made of. Plain data: nothing here runs anything.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};

#[derive(Debug, Clone)]
pub struct Hardware {
    pub name: String,
    pub firmware: Firmware,
    /// One, unless something needs more: two emulated machines with two each take longer on two cores.
    pub cpus: u8,
    pub memory_mb: u32,
    /// In the order in which the firmware counts them: the first is drive 0x80. A disk that is to sit in front of
    /// the right one comes before it here.
    pub disks: Vec<Disk>,
    pub nics: Vec<Nic>,
    pub boot: BootOrder,
    pub smbios: Smbios,
    /// QEMU without `-uuid` sends zeros in DHCP option 97, so every machine has one.
    pub uuid: String,
    /// The real-time clock at power-on, e.g. `2010-01-01T00:00:00` for a board with an empty battery.
    pub clock: Option<String>,
    /// For the operating system to arm.
    pub watchdog: Option<Watchdog>,
    /// How long the board's own watchdog bears a start without a word on the console, or QEMU without an answer.
    pub post_patience: Duration,
    /// Flushes of the guest reach the host's disk. Off, a boot is faster and only the host's own power cut loses data.
    pub durable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    Bios,
    Uefi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootOrder {
    NetworkFirst,
    DiskFirst,
}

#[derive(Debug, Clone)]
pub struct Disk {
    pub bus: Bus,
    pub size_mb: u64,
    /// Also names the image file, so it is unique in the rack and travels with the disk when disks are swapped.
    pub serial: String,
    /// A finished disk of which this one starts as a copy-on-write child.
    pub base: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    Virtio,
    Ahci { wwn: Option<u64> },
    Nvme,
}

#[derive(Debug, Clone)]
pub struct Nic {
    pub model: NicModel,
    pub mac: String,
    pub rom: Rom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NicModel {
    Virtio,
    E1000e,
    E1000,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rom {
    /// QEMU's option ROM, which is iPXE: the client says so in option 77.
    Ipxe,
    /// None: the firmware's own network stack boots. OVMF has one for virtio and none for e1000e.
    Firmware,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watchdog {
    I6300esb,
    /// Part of the chipset of the UEFI machines.
    Itco,
}

#[derive(Debug, Clone)]
pub struct Smbios {
    pub vendor: String,
    pub product: String,
    pub serial: String,
    pub board_serial: String,
    pub chassis_serial: String,
    pub asset: String,
}

impl Hardware {
    /// A BIOS machine with one virtio disk and one virtio NIC that boots by iPXE. `number` makes MAC, UUID and
    /// serials; change what should differ by struct update.
    pub fn bios(name: &str, number: u8) -> Self {
        Self {
            name: name.to_owned(),
            firmware: Firmware::Bios,
            cpus: 1,
            memory_mb: 1024,
            disks: vec![Disk::new(Bus::Virtio, 8192, &format!("VD{number:04}"))],
            nics: vec![Nic::new(NicModel::Virtio, number, Rom::Ipxe)],
            boot: BootOrder::NetworkFirst,
            smbios: Smbios::new(number),
            uuid: format!("6d657461-6c64-4c61-8000-0000000000{number:02x}"),
            clock: None,
            watchdog: Some(Watchdog::I6300esb),
            post_patience: Duration::from_secs(60),
            durable: false,
        }
    }

    /// A UEFI machine with one SATA disk and one virtio NIC that boots by the firmware's own PXE.
    pub fn uefi(name: &str, number: u8) -> Self {
        let wwn = Some(0x5000_c500_0000_0000 + u64::from(number));
        Self {
            firmware: Firmware::Uefi,
            disks: vec![Disk::new(Bus::Ahci { wwn }, 8192, &format!("SD{number:04}"))],
            nics: vec![Nic::new(NicModel::Virtio, number, Rom::Firmware)],
            ..Self::bios(name, number)
        }
    }

    /// Refuses what QEMU would refuse later with less to say.
    pub fn check(&self) -> Result<()> {
        let name = &self.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(!name.is_empty() && name.chars().all(plain), "machine name {name:?}: use a-z, 0-9 and -");
        ensure!(!self.nics.is_empty(), "machine {name} has no NIC: it could not boot over the network");
        ensure!(
            self.firmware == Firmware::Uefi || self.watchdog != Some(Watchdog::Itco),
            "machine {name}: the iTCO watchdog belongs to the UEFI chipset; take i6300esb on BIOS"
        );
        for disk in &self.disks {
            let serial = &disk.serial;
            ensure!(
                (1..=20).contains(&serial.len())
                    && serial.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "machine {name}: disk serial {serial:?}: use 1 to 20 letters, digits and -, as virtio carries no more"
            );
        }
        Ok(())
    }
}

impl Disk {
    pub fn new(bus: Bus, size_mb: u64, serial: &str) -> Self {
        Self { bus, size_mb, serial: serial.to_owned(), base: None }
    }
}

impl Nic {
    pub fn new(model: NicModel, number: u8, rom: Rom) -> Self {
        Self { model, mac: format!("52:54:00:77:00:{number:02x}"), rom }
    }
}

impl Smbios {
    fn new(number: u8) -> Self {
        Self {
            vendor: "Lab".to_owned(),
            product: "Virtual Server 1".to_owned(),
            serial: format!("SYS{number:04}"),
            board_serial: format!("BRD{number:04}"),
            chassis_serial: format!("CHS{number:04}"),
            asset: format!("asset-{number:04}"),
        }
    }
}
