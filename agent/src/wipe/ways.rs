//! How a disk is erased: what it can do by itself comes first, and each way that fails leads to the next.

use std::fmt;

use super::sanitize::Sanitize;
use super::security::SecureErase;

/// What a disk can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Can {
    /// Best first.
    pub sanitize: Vec<Sanitize>,
    pub format: Option<Format>,
    /// Best first.
    pub secure: Vec<SecureErase>,
    pub discard: bool,
    pub barred: Vec<Barred>,
}

/// A way that the disk has and that is not gone, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    pub way: String,
    pub why: String,
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
    Sanitize(Sanitize),
    Format(Format),
    Secure(SecureErase),
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
            Way::Sanitize(sanitize) => return sanitize.fmt(f),
            Way::Secure(erase) => return erase.fmt(f),
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
    let own = can.sanitize.iter().copied().map(Way::Sanitize).chain(can.format.map(Way::Format));
    own.chain(can.secure.iter().copied().map(Way::Secure)).chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_disk_does_by_itself_comes_first() {
        let format = Format { namespace: 1, setting: 0x200, cryptographic: false };
        let nvme = Can { format: Some(format), discard: true, ..Can::default() };
        assert_eq!(ways(&nvme, false), [Way::Format(format), Way::Discard]);
        assert_eq!(ways(&nvme, true), [Way::Format(format), Way::Zeros]);
        let newer = Can { sanitize: vec![Sanitize::Crypto, Sanitize::Blocks], ..nvme };
        let sanitizes = [Way::Sanitize(Sanitize::Crypto), Way::Sanitize(Sanitize::Blocks)];
        assert_eq!(ways(&newer, true), [&sanitizes[..], &[Way::Format(format), Way::Zeros]].concat());
        let sata = Can { secure: vec![SecureErase::Enhanced], discard: true, ..Can::default() };
        assert_eq!(ways(&sata, false), [Way::Secure(SecureErase::Enhanced), Way::Discard]);
        let ssd = Can { discard: true, ..Can::default() };
        assert_eq!(ways(&ssd, false), [Way::Discard]);
        assert_eq!(ways(&ssd, true), [Way::Zeros]);
        assert_eq!(ways(&Can::default(), false), []);
        assert_eq!(ways(&Can::default(), true), [Way::Zeros]);
    }
}
