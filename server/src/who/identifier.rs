//! What tells one machine from another, out of its facts; and what looks like that and does not.

use std::collections::BTreeSet;
use std::str::FromStr;

use api::facts::{Facts, Product};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Mac,
    Uuid,
    System,
    Board,
    Chassis,
    Disk,
}

impl Kind {
    pub const ALL: [Kind; 6] = [Kind::Mac, Kind::Uuid, Kind::System, Kind::Board, Kind::Chassis, Kind::Disk];

    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Mac => "mac",
            Kind::Uuid => "uuid",
            Kind::System => "system",
            Kind::Board => "board",
            Kind::Chassis => "chassis",
            Kind::Disk => "disk",
        }
    }

    pub const fn in_words(self) -> &'static str {
        match self {
            Kind::Mac => "a port",
            Kind::Uuid => "UUID",
            Kind::System => "system serial",
            Kind::Board => "board serial",
            Kind::Chassis => "chassis serial",
            Kind::Disk => "a disk",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Kind, ()> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    pub kind: Kind,
    pub value: String,
}

impl Identifier {
    pub fn new(kind: Kind, value: impl Into<String>) -> Identifier {
        Identifier { kind, value: value.into() }
    }
}

/// Ports that a BMC plugs into its machine by USB. Some makers give all of them the same address.
const BMC_DRIVERS: [&str; 4] = ["cdc_ether", "cdc_ncm", "cdc_subset", "rndis_host"];

pub fn identifiers(facts: &Facts) -> BTreeSet<Identifier> {
    let ports = facts.interfaces.iter().filter(|port| !BMC_DRIVERS.contains(&port.driver.as_str()));
    let macs = ports.map(|port| Identifier::new(Kind::Mac, port.mac.to_string()));
    let uuid = facts.uuid.iter().filter(|uuid| uuid_counts(uuid));
    let uuid = uuid.map(|uuid| Identifier::new(Kind::Uuid, uuid.to_lowercase()));
    let products =
        [(Kind::System, &facts.system), (Kind::Board, &facts.board), (Kind::Chassis, &facts.chassis)];
    let serials = products.into_iter().filter_map(|(kind, product)| serial(kind, product));
    let disks = facts.disks.iter().filter_map(|disk| {
        let name = [disk.wwn.trim(), disk.serial.trim()].into_iter().find(|name| !name.is_empty())?;
        Some(Identifier::new(Kind::Disk, format!("{} {name}", disk.model.trim())))
    });
    macs.chain(uuid).chain(serials).chain(disks).collect()
}

/// A number is given by a maker: another maker's machine may have the same.
fn serial(kind: Kind, product: &Product) -> Option<Identifier> {
    let serial = product.serial.trim();
    (!serial.is_empty()).then(|| Identifier::new(kind, format!("{} {serial}", product.manufacturer.trim())))
}

/// UUIDs that firmware is shipped with and factories forgot to set: the same on every board of a batch.
pub fn uuid_counts(uuid: &str) -> bool {
    const DEFAULTS: [&str; 6] = [
        // AMI's and its customers'.
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "03020100-0504-0706-0809-0a0b0c0d0e0f",
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        // Dell's, of a board whose service tag was never set: the bytes spell DELL and blanks.
        "4c4c4544-0000-2010-8020-80c04f202020",
    ];
    let uuid = uuid.trim().to_lowercase();
    let digits: Vec<char> = uuid.chars().filter(|c| *c != '-').collect();
    let all_alike = digits.windows(2).all(|pair| pair[0] == pair[1]);
    !all_alike && !DEFAULTS.contains(&uuid.as_str())
}
