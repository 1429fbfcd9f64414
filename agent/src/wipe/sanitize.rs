//! NVMe's Sanitize (NVM Express Base Specification 2.0, 5.24): what a controller can do of it, how it is asked, and what
//! its log says of one that runs. It reaches all of the NVM subsystem, so a disk with a neighbour is left to Format.

use std::fmt;

/// In the order of preference: a key is gone in a second, blocks take minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitize {
    /// The key goes, not the data.
    Crypto,
    Blocks,
}

/// "Allow Unrestricted Sanitize Exit": without it a controller whose sanitize fails takes no other command for ever, and
/// no other way of erasing could follow.
const UNRESTRICTED: u32 = 1 << 3;

/// Command dword 10 that leaves the failure behind.
pub const EXIT_FAILURE: u32 = 0b001;

impl Sanitize {
    /// Command dword 10.
    pub const fn setting(self) -> u32 {
        UNRESTRICTED
            | match self {
                Sanitize::Crypto => 0b100,
                Sanitize::Blocks => 0b010,
            }
    }
}

impl fmt::Display for Sanitize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sanitize::Crypto => "NVMe sanitize with cryptographic erase",
            Sanitize::Blocks => "NVMe sanitize with block erase",
        })
    }
}

/// What the controller's IDENTIFY (SANICAP) offers. Overwriting is not taken: zeros do the same and can be stopped.
pub fn offered(controller: &[u8]) -> Vec<Sanitize> {
    let Some(can) = controller.get(328) else { return Vec::new() };
    let each = [(0b01, Sanitize::Crypto), (0b10, Sanitize::Blocks)];
    each.into_iter().filter(|(bit, _)| can & bit != 0).map(|(_, sanitize)| sanitize).collect()
}

/// What the log page says of the newest sanitize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Never,
    /// How far it is, of 65,536. It goes on through a reset and a power cut.
    Runs(u16),
    Done,
    Failed,
}

/// From log page 0x81; None where it is not one.
pub fn status(page: &[u8]) -> Option<Status> {
    let [progress_low, progress_high, status, ..] = page else { return None };
    match status & 0b111 {
        0 => Some(Status::Never),
        1 | 4 => Some(Status::Done),
        2 => Some(Status::Runs(u16::from_le_bytes([*progress_low, *progress_high]))),
        3 => Some(Status::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sanicap` as `nvme id-ctrl` prints it, in its place: bytes 328 to 331.
    fn controller(sanicap: u32) -> Vec<u8> {
        let mut page = vec![0; 4096];
        page[328..332].copy_from_slice(&sanicap.to_le_bytes());
        page
    }

    #[test]
    fn what_a_controller_offers_is_in_its_sanicap() {
        // `sanicap` of `nvme id-ctrl` in reports from the field: 0 by QEMU, 0x3 by Samsung's and WD's, 0x40000002 and
        // 0xa0000002 by disks that erase blocks alone and tell what becomes of them, and made up ones with overwriting.
        assert_eq!(offered(&controller(0)), []);
        assert_eq!(offered(&controller(0x3)), [Sanitize::Crypto, Sanitize::Blocks]);
        assert_eq!(offered(&controller(0x4000_0002)), [Sanitize::Blocks]);
        assert_eq!(offered(&controller(0xa000_0002)), [Sanitize::Blocks]);
        assert_eq!(offered(&controller(0x7)), [Sanitize::Crypto, Sanitize::Blocks]);
        assert_eq!(offered(&controller(0x4)), [], "overwriting alone is no better than zeros");
        assert_eq!(offered(&[0; 100]), []);
    }

    #[test]
    fn the_command_says_what_and_that_a_failure_may_be_left() {
        assert_eq!(Sanitize::Crypto.setting(), 0xc);
        assert_eq!(Sanitize::Blocks.setting(), 0xa);
    }

    #[test]
    fn the_log_tells_how_it_goes() {
        // SPROG and SSTAT of `nvme sanitize-log` in such reports: 65535 and 0x101 after one that ended well, 3761 and 0x2
        // while one runs, 65535 and 0 where none ever ran.
        assert_eq!(status(&[0xff, 0xff, 0x01, 0x01, 0x0a]), Some(Status::Done));
        assert_eq!(status(&[0xb1, 0x0e, 0x02, 0x00, 0x02]), Some(Status::Runs(3761)));
        assert_eq!(status(&[0xff, 0xff, 0x00, 0x00]), Some(Status::Never));
        assert_eq!(status(&[0xff, 0xff, 0x03, 0x00]), Some(Status::Failed));
        assert_eq!(status(&[0xff, 0xff, 0x04, 0x01]), Some(Status::Done), "and deallocated all the same");
        assert_eq!(status(&[0xff, 0xff, 0x07]), None);
        assert_eq!(status(&[]), None);
    }
}
