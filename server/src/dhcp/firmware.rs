//! Who asks: which boot code, or which operating system, sent this request. What a client sends
//! and how it misbehaves was captured; the requests are in `tests/data/dhcp`.

use std::fmt;

use super::packet::Request;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// A network card's own PXE ROM under BIOS.
    BiosPxe,
    UefiPxe,
    UefiHttp,
    /// iPXE under BIOS: in the card's ROM or loaded by us, which cannot be told apart.
    IpxeBios,
    /// iPXE under UEFI: as an option ROM, or snponly.efi loaded by us.
    IpxeUefi,
    /// Boot firmware of an architecture we have no loader for.
    Other(u16),
    /// GRUB's `net_bootp`, after shim or from a disk.
    Grub,
    /// An operating system, a BMC, a printer: wants an address, boots nothing from us.
    Plain,
}

/// IANA "Processor Architecture Types". 9 is EFI byte code by the register; x64 firmware
/// of RFC 4578's first printing sends it, so it counts as x64.
const BIOS: u16 = 0;
const UEFI_X64: [u16; 2] = [7, 9];
const UEFI_X64_HTTP: u16 = 16;

pub fn firmware(request: &Request) -> Firmware {
    // Before the architecture: iPXE sends the class and architecture of the firmware it runs on,
    // and one that is handed its own loader again loops for ever.
    if request.ipxe {
        return match request.arch {
            None | Some(BIOS) => Firmware::IpxeBios,
            Some(_) => Firmware::IpxeUefi,
        };
    }
    let class = request.class.as_deref().unwrap_or_default();
    if class.starts_with("HTTPClient") {
        return match request.arch {
            Some(arch) if arch == UEFI_X64_HTTP || UEFI_X64.contains(&arch) => Firmware::UefiHttp,
            arch => Firmware::Other(arch.unwrap_or_default()),
        };
    }
    if class.starts_with("PXEClient") {
        return match request.arch {
            // PXE 1.x ROMs know no architecture option.
            None | Some(BIOS) => Firmware::BiosPxe,
            Some(arch) if UEFI_X64.contains(&arch) => Firmware::UefiPxe,
            Some(arch) => Firmware::Other(arch),
        };
    }
    match request.arch {
        Some(arch) => Firmware::Other(arch),
        None if anonymous(request) => Firmware::Grub,
        None => Firmware::Plain,
    }
}

/// GRUB says nothing about itself: no class, no client id, no name. It gets what a plain client
/// gets; the distinction is for the person reading the boot trace.
fn anonymous(request: &Request) -> bool {
    request.class.is_none()
        && request.client_id.is_none()
        && request.hostname.is_none()
        && request.client_addr.is_none()
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Firmware::BiosPxe => f.write_str("BIOS PXE"),
            Firmware::UefiPxe => f.write_str("UEFI PXE"),
            Firmware::UefiHttp => f.write_str("UEFI HTTP Boot"),
            Firmware::IpxeBios => f.write_str("iPXE (BIOS)"),
            Firmware::IpxeUefi => f.write_str("iPXE (UEFI)"),
            Firmware::Other(arch) => write!(f, "boot firmware of architecture {arch}"),
            Firmware::Grub => f.write_str("GRUB"),
            Firmware::Plain => f.write_str("plain client"),
        }
    }
}

impl Firmware {
    /// It starts with a loader of ours, which we choose.
    pub fn fetches_a_loader(self) -> bool {
        matches!(self, Firmware::BiosPxe | Firmware::UefiPxe | Firmware::UefiHttp)
    }

    /// It asked to boot over the network, whether or not we have something for it.
    pub fn netboots(self) -> bool {
        !matches!(self, Firmware::Grub | Firmware::Plain)
    }
}
