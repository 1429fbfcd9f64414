//! Administrative commands of NVMe, by the kernel's passthrough (linux/nvme_ioctl.h).

use std::fs::File;

use anyhow::{Context, Result};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

// NVM Express Base Specification 2.0, figure 138.
pub const GET_LOG_PAGE: u8 = 0x02;
pub const IDENTIFY: u8 = 0x06;
pub const FORMAT_NVM: u8 = 0x80;
pub const SANITIZE: u8 = 0x84;

/// What we say of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    pub opcode: u8,
    /// 0 for one that is about the controller.
    pub namespace: u32,
    /// Its dword 10.
    pub setting: u32,
    /// 0 for the kernel's own patience, a minute.
    pub timeout_ms: u32,
}

/// Whoever takes such commands.
pub trait Admin {
    /// Fills `data` where the command answers with any.
    fn send(&self, command: Command, data: &mut [u8]) -> Result<()>;
}

impl Admin for File {
    fn send(&self, command: Command, data: &mut [u8]) -> Result<()> {
        let Command { opcode, namespace, setting, timeout_ms } = command;
        let mut passed = Passed {
            opcode,
            namespace,
            address: if data.is_empty() { 0 } else { data.as_mut_ptr() as u64 },
            data_length: u32::try_from(data.len()).context("an answer of more than 4 GiB")?,
            dwords_10_15: [setting, 0, 0, 0, 0, 0],
            timeout_ms,
            ..Passed::default()
        };
        // SAFETY: the kernel reads this command, writes its result, and fills `data_length` bytes at `address`, which are
        // ours for as long as this call lasts.
        let status = unsafe { ioctl(self, Updater::<ADMIN, Passed>::new(&mut passed)) };
        status.context("the controller refused the command")
    }
}

/// As `struct nvme_passthru_cmd` of the kernel lays it out.
#[repr(C)]
#[derive(Default)]
struct Passed {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    dwords_2_3: [u32; 2],
    metadata: u64,
    address: u64,
    metadata_length: u32,
    data_length: u32,
    dwords_10_15: [u32; 6],
    timeout_ms: u32,
    result: u32,
}

const ADMIN: Opcode = opcode::read_write::<Passed>(b'N', 0x41);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_as_the_kernel_expects_it() {
        assert_eq!(std::mem::size_of::<Passed>(), 72);
        assert_eq!(std::mem::offset_of!(Passed, dwords_10_15), 40);
        assert_eq!(std::mem::offset_of!(Passed, timeout_ms), 64);
        assert_eq!(ADMIN, 0xc048_4e41, "_IOWR('N', 0x41, 72 bytes)");
    }
}
