//! How a disk is erased: what it can do by itself comes first, and each way that fails leads to the next.

use std::fmt;

/// What a disk can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Can {
    pub format: Option<Format>,
    pub discard: bool,
}

/// An NVMe Format that erases one namespace and keeps its layout of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    pub namespace: u32,
    /// Command dword 10, with the secure erase setting.
    pub setting: u32,
    /// The key goes, not the data.
    pub cryptographic: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Format(Format),
    Discard,
    /// Over all of it.
    Zeros,
    /// Zeros where tables and signatures lie.
    Tables,
    ReadBack,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Format(Format { cryptographic: true, .. }) => "NVMe format with cryptographic erase",
            Way::Format(_) => "NVMe format with user data erase",
            Way::Discard => "discard of all blocks",
            Way::Zeros => "zeros over all blocks",
            Way::Tables => "zeros over tables and signatures",
            Way::ReadBack => "reading back that they are gone",
        })
    }
}

/// The ways to erase all of a disk, best first; the first that works is enough. Without any, tables and signatures are all
/// that goes. A discard is no proof that data is gone, so `full` does without.
pub fn ways(can: &Can, full: bool) -> Vec<Way> {
    let last = match full {
        true => Some(Way::Zeros),
        false => can.discard.then_some(Way::Discard),
    };
    can.format.map(Way::Format).into_iter().chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_disk_does_by_itself_comes_first() {
        let format = Format { namespace: 1, setting: 0x200, cryptographic: false };
        let nvme = Can { format: Some(format), discard: true };
        assert_eq!(ways(&nvme, false), [Way::Format(format), Way::Discard]);
        assert_eq!(ways(&nvme, true), [Way::Format(format), Way::Zeros]);
        let ssd = Can { discard: true, ..Can::default() };
        assert_eq!(ways(&ssd, false), [Way::Discard]);
        assert_eq!(ways(&ssd, true), [Way::Zeros]);
        assert_eq!(ways(&Can::default(), false), []);
        assert_eq!(ways(&Can::default(), true), [Way::Zeros]);
    }
}
